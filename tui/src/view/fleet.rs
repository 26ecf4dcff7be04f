//! The fleet: all clusters, and under them the last warnings and errors.

use ops_api::ClusterStatus;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;

use super::look::{Look, Role};
use super::table::{self, Column};
use super::{chart, empty, logs, number, panel};
use crate::state::logs::Row;
use crate::state::{Link, SPAN_MS, State};

/// Cells of a sparkline.
const TREND: usize = 15;

const COLUMNS: [Column; 10] = [
    Column::text("CLUSTER", 10),
    Column::text("READY", 5),
    Column::text("HEALTH", 9),
    Column::number("RATE", 5),
    Column::number("ERR%", 5),
    Column::number("P99ms", 5),
    Column::number("QUEUE", 5),
    Column::number("RESTARTS", 8),
    Column::text("TREND 15m", 15).from(78),
    Column::rest("REASON").from(100),
];

/// Draws the screen.
pub(super) fn draw(state: &State, look: Look, frame: &mut Frame<'_>, area: Rect) {
    let clusters = state.clusters();
    let table = u16::try_from(clusters.len().max(1))
        .unwrap_or(u16::MAX)
        .saturating_add(3);
    // The table comes first; a tail of less than two lines says nothing.
    let tail = area.height.saturating_sub(table);
    let tail = if tail >= 4 { tail } else { 0 };
    let [upper, lower] = Layout::vertical([Constraint::Fill(1), Constraint::Length(tail)]).areas(area);
    clusters_table(state, look, frame, upper, &clusters);
    if tail > 0 {
        draw_tail(state, look, frame, lower, None);
    }
}

fn clusters_table(state: &State, look: Look, frame: &mut Frame<'_>, area: Rect, clusters: &[&ClusterStatus]) {
    let order = if state.by_health {
        "by health"
    } else {
        "by start order"
    };
    let block = panel(look, format!("Clusters ({}) {order}", clusters.len()));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    if clusters.is_empty() {
        let text = match (&state.fleet, &state.link) {
            (Some(_), _) => "the control plane knows no cluster",
            (None, Link::Down { .. }) => {
                "nothing is known yet; `ops up` starts the stack, and this screen keeps trying"
            }
            (None, _) => "waiting for the first picture",
        };
        return empty(frame, inner, look, text);
    }
    let selected = clusters
        .iter()
        .position(|cluster| Some(&cluster.name) == state.cluster.as_ref());
    let rows = clusters.iter().map(|cluster| row(state, look, cluster)).collect();
    table::draw(frame, inner, look, &COLUMNS, rows, selected);
}

fn row(state: &State, look: Look, cluster: &ClusterStatus) -> Vec<Line<'static>> {
    let role = Look::health_role(cluster.health);
    let trend = state
        .trends
        .series(&cluster.name, TREND, SPAN_MS, state.now.ms, |sample| sample.rate);
    let short_of_nodes = cluster.ready < cluster.total;
    let warn = |bad: bool| look.style(if bad { Role::Warn } else { Role::Plain });
    vec![
        Line::styled(cluster.name.clone(), look.style(Role::Strong)),
        Line::styled(
            format!("{}/{}", cluster.ready, cluster.total),
            warn(short_of_nodes),
        ),
        Line::styled(
            format!("{} {}", look.health_mark(cluster.health), cluster.health.name()),
            look.style(role),
        ),
        Line::raw(number::short(cluster.rate)),
        Line::styled(percent(cluster.error_percent), warn(cluster.error_percent >= 0.1)),
        Line::raw(number::short(cluster.p99_ms)),
        Line::raw(number::count(cluster.queue)),
        Line::styled(number::count(cluster.restarts), warn(cluster.restarts > 0)),
        Line::styled(chart::spark(look, &trend), look.chart(Role::Info)),
        Line::raw(cluster.reason.clone()),
    ]
}

/// Failed ones in a hundred: `0.00`, `8.10`, `100`.
pub(super) fn percent(value: f64) -> String {
    if value < 99.995 {
        format!("{value:.2}")
    } else {
        "100".to_owned()
    }
}

/// The last warnings and errors, of all or of one cluster.
pub(super) fn draw_tail(state: &State, look: Look, frame: &mut Frame<'_>, area: Rect, only: Option<&str>) {
    let dot = look.dot();
    let block = panel(
        look,
        format!("Logs{dot}{}{dot}warn and above", only.unwrap_or("all")),
    );
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let wanted = |row: &&Row| match (row, only) {
        (Row::Record(record, _), Some(cluster)) => record.cluster == cluster,
        (_, only) => only.is_none(),
    };
    let newest: Vec<&Row> = state
        .tail
        .iter()
        .rev()
        .filter(wanted)
        .take(usize::from(inner.height))
        .collect();
    if newest.is_empty() {
        let text = match (&state.tail_error, state.tail_loaded) {
            (Some(error), _) => error,
            (None, false) => "searching",
            (None, true) => "no warning or error in the last 15 minutes",
        };
        return empty(frame, inner, look, text);
    }
    for (y, row) in (inner.y..).zip(newest.into_iter().rev()) {
        let line = Rect {
            y,
            height: 1,
            ..inner
        };
        frame.render_widget(logs::line(row, None, look, inner.width), line);
    }
}

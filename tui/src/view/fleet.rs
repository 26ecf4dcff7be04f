//! The fleet: all clusters, and under them the last warnings and errors.

use super::canvas::Canvas;
use ops_api::ClusterStatus;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;

use super::look::{Look, Role};
use super::table::{self, Column, Rows};
use super::{chart, empty, logs, number, pane, table_title};
use crate::state::grid::Table;
use crate::state::logs::Row;
use crate::state::{Link, SPAN_MS, Screen, State};

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
pub(super) fn draw(state: &State, look: Look, frame: &mut Canvas<'_, '_>, area: Rect) {
    let clusters = state.clusters();
    if state.zoomed {
        return match state.pane {
            0 => clusters_table(state, look, frame, area, &clusters),
            _ => draw_tail(state, look, frame, area, None),
        };
    }
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

fn clusters_table(
    state: &State,
    look: Look,
    frame: &mut Canvas<'_, '_>,
    area: Rect,
    clusters: &[&ClusterStatus],
) {
    let grid = state.grids.of(Table::Clusters);
    let title = table_title(format!("Clusters ({})", clusters.len()), grid.words(), look);
    let block = pane(look, title, state.pane == 0);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    if clusters.is_empty() {
        let text = match (&state.fleet, &state.link) {
            (Some(_), _) if grid.words().is_empty() => "the control plane knows no cluster",
            (Some(_), _) => "no cluster matches; / and an empty line shows all, ! those without faults too",
            (None, Link::Down { .. }) => {
                "nothing is known yet; `ops up` starts the stack, and this screen keeps trying"
            }
            (None, _) => "waiting for the first picture",
        };
        return empty(frame, inner, look, text);
    }
    let selected = clusters
        .iter()
        .position(|cluster| Some(&cluster.name) == state.cluster.as_ref())
        .unwrap_or(0);
    let rows = clusters.iter().map(|cluster| row(state, look, cluster)).collect();
    let ids = clusters.iter().map(|cluster| cluster.name.as_str());
    let rows = Rows::of(state, grid, rows, ids, selected);
    table::draw(frame, inner, look, &COLUMNS, rows);
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

/// How many panes the screen has.
fn panes(state: &State) -> usize {
    match state.screens.current() {
        Screen::Fleet => 2,
        _ => 3,
    }
}

/// Failed ones in a hundred: `0.00`, `8.10`, `100`.
pub(super) fn percent(value: f64) -> String {
    if value < 99.995 {
        format!("{value:.2}")
    } else {
        "100".to_owned()
    }
}

/// The last warnings and errors, of all or of one cluster or node; the last pane of its screen.
pub(super) fn draw_tail(
    state: &State,
    look: Look,
    frame: &mut Canvas<'_, '_>,
    area: Rect,
    only: Option<&str>,
) {
    let dot = look.dot();
    let title = format!("Logs{dot}{}{dot}warn and above", only.unwrap_or("all"));
    let block = pane(look, title, state.pane > 0 && state.pane + 1 == panes(state));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let wanted = |row: &&Row| match (row, only) {
        (Row::Record(record, _), Some(name)) => record.cluster == name || record.origin == name,
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
        frame.render_widget(logs::line(state, row, None, look, inner.width), line);
    }
}

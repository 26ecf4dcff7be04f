//! One cluster: its nodes, and rate, errors, latency and queue over the last minutes.

use super::canvas::Canvas;
use ops_api::{ClusterStatus, NodeStatus};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::fleet::{self, percent};
use super::look::{Look, Role};
use super::table::{self, Column, Rows};
use super::{chart, empty, lines, number, pane, panel};
use crate::state::grid::Table;
use crate::state::{Sample, State};

/// The charts show this long.
const CHART_MS: u64 = 5 * 60_000;
/// Two rows of charts, each of a title and five cells.
const MAX_CHARTS: u16 = 14;

const COLUMNS: [Column; 13] = [
    Column::text("NODE", 11),
    Column::text("STATE", 10),
    Column::text("HEALTH", 9),
    Column::number("PID", 7).from(86),
    Column::number("HOLDS", 14).from(70),
    Column::number("RATE", 5),
    Column::number("ERR%", 5),
    Column::number("P99ms", 5),
    Column::number("QUEUE", 5).from(62),
    Column::number("MEM", 5).from(96),
    Column::number("UP", 6).from(102),
    Column::number("RESTARTS", 8).from(110),
    Column::rest("REASON").from(140),
];

/// Draws the screen.
pub(super) fn draw(state: &State, look: Look, frame: &mut Canvas<'_, '_>, area: Rect, name: &str) {
    let Some(cluster) = state.fleet.as_ref().and_then(|fleet| fleet.cluster(name)) else {
        let block = panel(look, format!("Cluster {name}"));
        let inner = block.inner(area);
        frame.render_widget(block, area);
        return empty(
            frame,
            inner,
            look,
            "the control plane no longer lists this cluster",
        );
    };
    if state.zoomed && state.pane > 0 {
        return match state.pane {
            1 => charts(state, look, frame, area, cluster),
            _ => fleet::draw_tail(state, look, frame, area, Some(name)),
        };
    }
    let nodes = state.nodes(cluster);
    let rows = u16::try_from(nodes.len()).unwrap_or(u16::MAX).saturating_add(3);
    // What the nodes say is shown in words where the table has no column for it.
    let reasons = reasons(state, cluster, look, area.width);
    let notes = u16::try_from(reasons.len()).unwrap_or(0).min(4);
    let rows = rows
        .saturating_add(notes)
        .min(area.height.saturating_sub(6).max(5));
    let left = area.height.saturating_sub(rows);
    // Taller charts tell no more; what is left is for what the cluster says.
    let charts_height = if left >= MAX_CHARTS + 4 { MAX_CHARTS } else { left };
    let rows = if state.zoomed { area.height } else { rows };
    let [upper, lower, tail] = Layout::vertical([
        Constraint::Length(rows),
        Constraint::Length(charts_height),
        Constraint::Fill(1),
    ])
    .areas(area);

    let grid = state.grids.of(Table::Nodes);
    let mut title = Line::from(vec![
        Span::styled(name.to_owned(), look.style(Role::Strong)),
        Span::raw(format!("  {}/{} ready  ", cluster.ready, cluster.total)),
        Span::styled(
            format!("{} {}", look.health_mark(cluster.health), cluster.health.name()),
            look.style(Look::health_role(cluster.health)),
        ),
    ]);
    for words in grid.words() {
        title.spans.push(Span::raw(format!("{}{words}", look.dot())));
    }
    let block = pane(look, title, state.pane == 0);
    let inner = block.inner(upper);
    frame.render_widget(block, upper);
    let [table, words] = Layout::vertical([Constraint::Fill(1), Constraint::Length(notes)]).areas(inner);
    let selected = nodes
        .iter()
        .position(|node| Some(&node.name) == state.node.as_ref())
        .unwrap_or(0);
    let cells: Vec<_> = nodes.iter().map(|node| row(look, node)).collect();
    if cells.is_empty() {
        empty(frame, table, look, "no node matches");
    } else {
        let ids = nodes.iter().map(|node| node.name.as_str());
        let rows = Rows::of(state, grid, cells, ids, selected);
        table::draw(frame, table, look, &COLUMNS, rows);
    }
    lines(frame, words, reasons);
    charts(state, look, frame, lower, cluster);
    if tail.height > 0 {
        fleet::draw_tail(state, look, frame, tail, Some(name));
    }
}

fn row(look: Look, node: &NodeStatus) -> Vec<Line<'static>> {
    let (mark, role) = look.state_mark(&node.state);
    let health = Look::health_role(node.health);
    let pid = if node.pid == 0 {
        "-".to_owned()
    } else {
        node.pid.to_string()
    };
    vec![
        Line::styled(node.name.clone(), look.style(Role::Strong)),
        Line::styled(format!("{mark} {}", node.state), look.style(role)),
        Line::styled(
            format!("{} {}", look.health_mark(node.health), node.health.name()),
            look.style(health),
        ),
        Line::raw(pid),
        Line::raw(format!("{} {}", number::count(node.holds), node.holds_unit)),
        Line::raw(number::short(node.rate)),
        Line::raw(percent(node.error_percent)),
        Line::raw(number::short(node.p99_ms)),
        Line::raw(number::count(node.queue)),
        Line::raw(number::bytes(node.rss_bytes)),
        Line::raw(number::duration(node.uptime_ms)),
        Line::raw(number::count(node.restarts)),
        Line::raw(node.reason.clone()),
    ]
}

fn reasons(state: &State, cluster: &ClusterStatus, look: Look, width: u16) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let word = |text: String, role| Line::styled(text, look.style(role));
    if !cluster.reason.is_empty() {
        let role = Look::health_role(cluster.health);
        lines.push(word(format!("{}: {}", cluster.name, cluster.reason), role));
    }
    let selected = cluster
        .nodes
        .iter()
        .find(|node| Some(&node.name) == state.node.as_ref());
    if let Some(node) = selected.filter(|node| !node.reason.is_empty() && width < 142) {
        lines.push(word(
            format!("{}: {}", node.name, node.reason),
            Look::health_role(node.health),
        ));
    }
    lines
}

fn charts(state: &State, look: Look, frame: &mut Canvas<'_, '_>, area: Rect, cluster: &ClusterStatus) {
    type Value = fn(&Sample) -> f64;
    let errors = format!("{}%", percent(cluster.error_percent));
    let charts: [(&str, String, Value, f64, Role); 4] = [
        (
            "rate",
            format!("{}/s", number::short(cluster.rate)),
            |sample| sample.rate,
            1.0,
            Role::Ok,
        ),
        ("errors", errors, |sample| sample.error_percent, 1.0, Role::Crit),
        (
            "p99",
            format!("{}ms", number::short(cluster.p99_ms)),
            |sample| sample.p99_ms,
            10.0,
            Role::Warn,
        ),
        (
            "queue",
            number::count(cluster.queue),
            |sample| sample.queue,
            100.0,
            Role::Info,
        ),
    ];
    let block = pane(look, "last 5 minutes", state.pane == 1);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let [upper, lower] = Layout::vertical([Constraint::Fill(1); 2]).areas(inner);
    for (index, (name, now, value, least, role)) in charts.into_iter().enumerate() {
        let half = if index < 2 { upper } else { lower };
        let [left, _, right] =
            Layout::horizontal([Constraint::Fill(1), Constraint::Length(2), Constraint::Fill(1)]).areas(half);
        let place = if index % 2 == 0 { left } else { right };
        if place.height < 2 {
            continue;
        }
        let series = state.trends.series(
            &cluster.name,
            usize::from(place.width),
            CHART_MS,
            state.now.ms,
            value,
        );
        let top = number::short(chart::top(&series));
        let title = Line::from(vec![
            Span::styled(format!("{name} {now}"), look.style(Role::Strong)),
            Span::styled(format!("  max {top}"), look.style(Role::Muted)),
        ]);
        frame.render_widget(title, Rect { height: 1, ..place });
        let bars = Rect {
            y: place.y + 1,
            height: place.height - 1,
            ..place
        };
        chart::bars(look, &series, least, bars, look.chart(role), frame.buffer_mut());
    }
}

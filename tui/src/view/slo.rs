//! Objectives. The control plane keeps none yet, and this screen says so: what stands here is what it measures,
//! without a budget and without a burn rate, which nobody has computed.

use ops_api::ClusterStatus;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;

use super::canvas::Canvas;
use super::fleet::percent;
use super::look::{Look, Role};
use super::table::{self, Column, Rows};
use super::{chart, empty, number, panel, table_title};
use crate::state::grid::Table;
use crate::state::{SPAN_MS, State};

const TREND: usize = 15;

const COLUMNS: [Column; 6] = [
    Column::text("CLUSTER", 10),
    Column::number("ERR%", 5),
    Column::number("WORST 15m", 9),
    Column::text("ERR% 15m", 15),
    Column::number("P99ms", 5),
    Column::number("WORST 15m", 9).from(62),
];

/// Draws the screen.
pub(super) fn draw(state: &State, look: Look, frame: &mut Canvas<'_, '_>, area: Rect) {
    let clusters = state.clusters();
    let grid = state.grids.of(Table::Clusters);
    let block = panel(look, table_title("Objectives".to_owned(), grid.words(), look));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let [words, below] = Layout::vertical([Constraint::Length(2), Constraint::Fill(1)]).areas(inner);
    let text = "this control plane keeps no objectives: no budget, no burn rate; what it measures:";
    empty(frame, words, look, text);
    let rows = clusters.iter().map(|cluster| row(state, cluster, look)).collect();
    let selected = clusters
        .iter()
        .position(|cluster| Some(&cluster.name) == state.cluster.as_ref())
        .unwrap_or(0);
    let ids = clusters.iter().map(|cluster| cluster.name.as_str());
    table::draw(
        frame,
        below,
        look,
        &COLUMNS,
        Rows::of(state, grid, rows, ids, selected),
    );
}

fn row(state: &State, cluster: &ClusterStatus, look: Look) -> Vec<Line<'static>> {
    let now = state.now.ms;
    let errors = state
        .trends
        .series(&cluster.name, TREND, SPAN_MS, now, |sample| sample.error_percent);
    let slow = state
        .trends
        .series(&cluster.name, TREND, SPAN_MS, now, |sample| sample.p99_ms);
    vec![
        Line::styled(cluster.name.clone(), look.style(Role::Strong)),
        Line::raw(percent(cluster.error_percent)),
        Line::raw(percent(chart::top(&errors))),
        Line::styled(chart::spark(look, &errors), look.chart(Role::Crit)),
        Line::raw(number::short(cluster.p99_ms)),
        Line::raw(number::short(chart::top(&slow))),
    ]
}

//! Pulses: for every cluster a sparkline of each golden signal, all on one screen.

use ops_api::ClusterStatus;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::canvas::{Canvas, Hit};
use super::fleet::percent;
use super::look::{Look, Role};
use super::{chart, empty, number, panel, table, table_title};
use crate::state::grid::Table;
use crate::state::{SPAN_MS, Sample, State};

/// Cells of a cluster's name and of a number.
const NAME: usize = 13;
const NUMBER: usize = 6;

struct Signal {
    title: &'static str,
    now: fn(&ClusterStatus) -> String,
    sample: fn(&Sample) -> f64,
    role: Role,
}

const SIGNALS: [Signal; 4] = [
    Signal {
        title: "RATE",
        now: |cluster| number::short(cluster.rate),
        sample: |sample| sample.rate,
        role: Role::Info,
    },
    Signal {
        title: "ERR%",
        now: |cluster| percent(cluster.error_percent),
        sample: |sample| sample.error_percent,
        role: Role::Crit,
    },
    Signal {
        title: "P99ms",
        now: |cluster| number::short(cluster.p99_ms),
        sample: |sample| sample.p99_ms,
        role: Role::Warn,
    },
    Signal {
        title: "QUEUE",
        now: |cluster| number::count(cluster.queue),
        sample: |sample| sample.queue,
        role: Role::Info,
    },
];

/// Draws the screen.
pub(super) fn draw(state: &State, look: Look, frame: &mut Canvas<'_, '_>, area: Rect) {
    let clusters = state.clusters();
    let grid = state.grids.of(Table::Clusters);
    let title = table_title("Pulses, last 15 minutes".to_owned(), grid.words(), look);
    let block = panel(look, title);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    if clusters.is_empty() || inner.height < 2 {
        return empty(frame, inner, look, "no cluster to show");
    }
    // On a narrow screen fewer signals, rather than signals without a line.
    let room = usize::from(inner.width).saturating_sub(NAME);
    let count = (room / (NUMBER + 8)).clamp(1, SIGNALS.len());
    let spark = (room / count).saturating_sub(NUMBER + 2);
    let signals = &SIGNALS[..count];
    let mut heading = vec![Span::raw(format!("{:<NAME$}", "CLUSTER"))];
    heading.extend(signals.iter().map(|signal| {
        let width = NUMBER + 1 + spark;
        Span::raw(format!(
            "{:>NUMBER$}{:blank$}",
            signal.title,
            "",
            blank = width - NUMBER + 1
        ))
    }));
    let top = Rect { height: 1, ..inner };
    frame.render_widget(Line::from(heading).style(look.style(Role::Muted)), top);
    let selected = clusters
        .iter()
        .position(|cluster| Some(&cluster.name) == state.cluster.as_ref())
        .unwrap_or(0);
    let height = usize::from(inner.height - 1);
    // With room to spare every other line stays empty, so that tall bars do not run together.
    let step: u16 = if clusters.len() * 2 <= height { 2 } else { 1 };
    let rows = height / usize::from(step);
    let first = table::window(clusters.len(), selected, rows);
    let visible = clusters.iter().enumerate().skip(first).take(rows);
    for (y, (index, cluster)) in (inner.y + 1..).step_by(usize::from(step)).zip(visible) {
        let row = Rect {
            y,
            height: 1,
            ..inner
        };
        let mark = look.health_mark(cluster.health);
        let health = look.style(Look::health_role(cluster.health));
        let name: String = cluster.name.chars().take(NAME - 3).collect();
        let mut spans = vec![
            Span::styled(format!("{mark} "), health),
            Span::styled(
                format!("{name:<width$}", width = NAME - 2),
                look.style(Role::Strong),
            ),
        ];
        for signal in signals {
            let series = state
                .trends
                .series(&cluster.name, spark, SPAN_MS, state.now.ms, signal.sample);
            spans.push(Span::raw(format!("{:>NUMBER$} ", (signal.now)(cluster))));
            spans.push(Span::styled(chart::spark(look, &series), look.chart(signal.role)));
            spans.push(Span::raw(" "));
        }
        frame.render_widget(Line::from(spans), row);
        if index == selected {
            frame.buffer_mut().set_style(row, look.style(Role::Selected));
        }
        frame.hit(row, Hit::Row(index));
    }
}

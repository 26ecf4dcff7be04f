//! The screen of `punt top`. It draws what [`State`] says, and knows no network.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row as TableRow, Table};

use super::state::{Row, State};

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Columns of the sparkline.
const SPARK: usize = 16;

pub(super) fn draw(frame: &mut Frame<'_>, state: &State) {
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(2), Constraint::Min(1), Constraint::Length(1)])
            .areas(frame.area());
    frame.render_widget(Paragraph::new(header(state)), head);
    frame.render_widget(table(state), body);
    let keys = format!(
        "q quit   sort: f flow  n name  r rate  l lost   (by {})",
        state.sort.name()
    );
    frame.render_widget(Paragraph::new(keys).style(muted(state)), foot);
}

fn header(state: &State) -> Vec<Line<'_>> {
    let stats = &state.stats;
    let mut first = vec![
        Span::styled(stats.node.as_str(), Style::new().add_modifier(Modifier::BOLD)),
        Span::raw(format!(
            "  up {} s   queue {}/{} batches   ",
            stats.uptime_seconds, stats.queue_depth, stats.queue_capacity
        )),
    ];
    first.push(match &state.stale {
        Some(reason) => Span::styled(format!("STALE since {}: {reason}", stats.time), alarm(state)),
        None => Span::raw(format!("as of {}", stats.time)),
    });
    let lost: u64 = state.rows().iter().map(|row| row.lost).sum();
    let second = match lost {
        0 => Line::raw("nothing lost"),
        lost => Line::styled(format!("{lost} events LOST since the start"), alarm(state)),
    };
    vec![Line::from(first), second]
}

fn table(state: &State) -> Table<'_> {
    let head = [
        "KIND", "NAME", "IN/s", "OUT/s", "TREND", "BUFFERED", "FULL", "LAG", "RETRIED", "DEAD", "FAILED",
        "LOST",
    ];
    let rows: Vec<TableRow<'_>> = state.rows().into_iter().map(|row| line(state, row)).collect();
    let widths = [
        Constraint::Length(9),
        Constraint::Min(8),
        Constraint::Length(8),
        Constraint::Length(8),
        Constraint::Length(SPARK as u16),
        Constraint::Length(9),
        Constraint::Length(4),
        Constraint::Length(7),
        Constraint::Length(8),
        Constraint::Length(6),
        Constraint::Length(7),
        Constraint::Min(6),
    ];
    Table::new(rows, widths)
        .header(TableRow::new(head).style(Style::new().add_modifier(Modifier::BOLD)))
        .column_spacing(1)
}

fn line(state: &State, row: Row) -> TableRow<'static> {
    let (buffered, full) = match row.buffered {
        Some((events, share)) => (short(events as f64), format!("{:.0}%", share * 100.0)),
        None => (String::new(), String::new()),
    };
    let lag = match (row.buffered, row.lag_ms) {
        (None, _) => String::new(),
        (Some(_), lag @ 0..10_000) => format!("{:.1}s", lag as f64 / 1000.0),
        (Some(_), lag) => format!("{}s", lag / 1000),
    };
    let lost = match (row.lost, &row.reason) {
        (0, _) => "0".to_owned(),
        (lost, Some(reason)) => format!("{lost} {}", reason.replace('_', " ")),
        (lost, None) => lost.to_string(),
    };
    let lost_style = if row.lost > 0 { alarm(state) } else { Style::new() };
    TableRow::new(vec![
        Cell::new(row.kind),
        Cell::new(row.name),
        Cell::new(short(row.came)),
        Cell::new(short(row.went)),
        Cell::new(spark(&row.history)).style(accent(state)),
        Cell::new(buffered),
        Cell::new(full),
        Cell::new(lag),
        Cell::new(short(row.retried as f64)),
        Cell::new(short(row.dead_lettered as f64)),
        Cell::new(short(row.failed as f64)),
        Cell::new(lost).style(lost_style),
    ])
}

/// A number in at most six characters.
fn short(number: f64) -> String {
    match number {
        n if n >= 1e9 => format!("{:.1}G", n / 1e9),
        n if n >= 1e6 => format!("{:.1}M", n / 1e6),
        n if n >= 1e4 => format!("{:.1}k", n / 1e3),
        n => format!("{n:.0}"),
    }
}

fn spark(history: &[u64]) -> String {
    let shown = &history[history.len().saturating_sub(SPARK)..];
    let most = shown.iter().copied().max().unwrap_or_default().max(1);
    shown
        .iter()
        .map(|value| BARS[(value * (BARS.len() as u64 - 1) / most) as usize])
        .collect()
}

fn alarm(state: &State) -> Style {
    let style = Style::new().add_modifier(Modifier::BOLD);
    if state.colour { style.fg(Color::Red) } else { style }
}

fn accent(state: &State) -> Style {
    if state.colour {
        Style::new().fg(Color::Cyan)
    } else {
        Style::new()
    }
}

fn muted(state: &State) -> Style {
    match state.colour {
        true => Style::new().fg(Color::DarkGray),
        false => Style::new().add_modifier(Modifier::DIM),
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::state::tests::stats;
    use super::*;

    fn screen(state: &State, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, state)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn the_screen_says_rates_buffers_and_losses() {
        let mut state = State::new(stats(1, 1000, 0), false);
        state.take(stats(2, 41_000, 4));
        let screen = screen(&state, 120, 10);
        for part in [
            "punt-0",
            "queue 3/16",
            "40.0k",
            "50%",
            "1.5s",
            "4 events LOST",
            "4 buffer full",
            "q quit",
        ] {
            assert!(screen.contains(part), "{part} in\n{screen}");
        }
    }

    #[test]
    fn counters_that_are_old_are_called_stale() {
        let mut state = State::new(stats(1, 1000, 0), false);
        state.lost("cannot talk to punt".to_owned());
        assert!(screen(&state, 120, 10).contains("STALE since 2026"));
    }

    #[test]
    fn no_size_is_too_small_to_draw() {
        let state = State::new(stats(1, 1000, 9), true);
        for (width, height) in [(1, 1), (10, 3), (40, 8), (200, 60)] {
            screen(&state, width, height);
        }
    }
}

//! The help screen: the keys of the screen one came from, then all others, straight from the table that dispatches
//! them; and what the columns mean.

use super::canvas::Canvas;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::look::{Look, Role};
use super::panel;
use crate::keymap::{Context, rows};
use crate::state::{Screen, State};

/// Every column of every table.
const GLOSSARY: [(&str, &str); 26] = [
    ("READY", "nodes that serve, of those there should be"),
    ("HEALTH", "the control plane's verdict; no data is unknown"),
    ("RATE", "requests or events a second"),
    ("ERR%", "failed ones in a hundred"),
    ("P99ms", "99 of 100 took at most this; the worst node's"),
    ("QUEUE", "what waits, all nodes together"),
    ("RESTARTS", "by the supervisor, after a crash"),
    ("TREND", "the rate; a gap is no data"),
    ("REASON", "why it is not green; why it was asked for"),
    ("STATE", "where a node or an operation is"),
    ("PID", "its process"),
    ("HOLDS", "what a node would have to hand over"),
    ("MEM", "resident memory"),
    ("UP", "since it was started"),
    ("DRAIN", "how much a node has handed over"),
    ("HANDED OVER", "of what a node held when its turn came"),
    ("BAKE", "watched for a moment after it came back"),
    (
        "SEV",
        "CRIT: users notice; WARN: it serves, but at risk; ????: unknown",
    ),
    ("SEEN", "since this console has seen it"),
    ("WHAT", "the node or cluster it is about"),
    ("SYMPTOM", "what is seen, in the control plane's words"),
    ("WORST 15m", "the greatest value of the last 15 minutes"),
    ("life", "which process of a node it is: one more at each start"),
    ("FROZEN", "what is shown stands still; p lets it go on"),
    ("lag", "age of the picture when it arrived"),
    ("STALE", "no sign of life for 3 s: do not trust it"),
];

/// Draws the screen.
pub(super) fn draw(state: &State, look: Look, frame: &mut Canvas<'_, '_>, area: Rect) {
    let block = panel(look, "Help");
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let keys = keys(state, look);
    let words = glossary(look);
    if inner.width >= 100 {
        let [left, right] = Layout::horizontal([Constraint::Fill(1); 2]).areas(inner);
        scroll(frame, left, &keys, state.help_row);
        scroll(frame, right, &words, 0);
    } else {
        let all: Vec<Line<'static>> = keys.into_iter().chain([Line::raw("")]).chain(words).collect();
        scroll(frame, inner, &all, state.help_row);
    }
}

fn scroll(frame: &mut Canvas<'_, '_>, area: Rect, lines: &[Line<'static>], first: usize) {
    let height = usize::from(area.height);
    let first = first.min(lines.len().saturating_sub(height));
    for (y, line) in (area.y..area.bottom()).zip(lines.iter().skip(first)) {
        frame.render_widget(line, Rect { y, height: 1, ..area });
    }
    let below = lines.len().saturating_sub(first + height);
    if below > 0 && height > 0 {
        let more = Line::from(format!(" {below} more below ")).right_aligned();
        let place = Rect {
            y: area.bottom() - 1,
            height: 1,
            ..area
        };
        frame.render_widget(more, place);
    }
}

fn keys(state: &State, look: Look) -> Vec<Line<'static>> {
    let mut order = vec![
        Context::Tables,
        Context::Lists,
        Context::Everywhere,
        Context::Fleet,
        Context::Cluster,
        Context::Node,
        Context::Incidents,
        Context::Logs,
        Context::Chips,
        Context::Operations,
        Context::Operation,
        Context::Pulses,
        Context::Xray,
        Context::Slo,
        Context::Menu,
        Context::Plain,
        Context::Sheet,
        Context::Line,
        Context::Palette,
    ];
    let here = match state.screens.previous() {
        Screen::Fleet => Some(Context::Fleet),
        Screen::Cluster(_) => Some(Context::Cluster),
        Screen::Node(_) => Some(Context::Node),
        Screen::Incidents => Some(Context::Incidents),
        Screen::Pulses => Some(Context::Pulses),
        Screen::Xray => Some(Context::Xray),
        Screen::Slo => Some(Context::Slo),
        Screen::Logs => Some(Context::Logs),
        Screen::Operations => Some(Context::Operations),
        Screen::Operation(_) => Some(Context::Operation),
        Screen::Audit => Some(Context::Tables),
        Screen::Help => None,
    };
    // Stable: the others keep their order.
    order.sort_by_key(|context| Some(*context) != here);
    let mut lines = Vec::new();
    for context in order {
        if !lines.is_empty() {
            lines.push(Line::raw(""));
        }
        lines.push(Line::styled(
            context.title().to_uppercase(),
            look.style(Role::Strong),
        ));
        lines.extend(context_keys(context, look));
    }
    lines
}

/// One line an action, with all its keys.
fn context_keys(context: Context, look: Look) -> Vec<Line<'static>> {
    let mut actions: Vec<(Vec<String>, &'static str)> = Vec::new();
    for row in rows(context) {
        match actions.iter_mut().find(|(_, label)| *label == row.label) {
            Some((keys, _)) => keys.push(row.key.to_string()),
            None => actions.push((vec![row.key.to_string()], row.label)),
        }
    }
    let line = |(keys, label): (Vec<String>, &'static str)| {
        Line::from(vec![
            Span::styled(format!("  {:<14}", keys.join(" ")), look.style(Role::Info)),
            Span::raw(label),
        ])
    };
    actions.into_iter().map(line).collect()
}

fn glossary(look: Look) -> Vec<Line<'static>> {
    let mut lines = vec![Line::styled("WORDS", look.style(Role::Strong))];
    lines.extend(GLOSSARY.iter().map(|(word, meaning)| {
        Line::from(vec![
            Span::styled(format!("  {word:<12}"), look.style(Role::Info)),
            Span::raw(*meaning),
        ])
    }));
    lines
}

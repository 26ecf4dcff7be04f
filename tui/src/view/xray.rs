//! Xray: who needs whom, as a tree, worst first.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::canvas::{Canvas, Hit};
use super::look::{Look, Role};
use super::{empty, panel, table};
use crate::state::State;
use crate::state::xray::Branch;

/// Draws the screen.
pub(super) fn draw(state: &State, look: Look, frame: &mut Canvas<'_, '_>, area: Rect) {
    let block = panel(look, format!("Xray{}who needs whom, worst first", look.dot()));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let branches = state.branches();
    if branches.is_empty() {
        return empty(frame, inner, look, "nothing is known yet");
    }
    let selected = state.branch.min(branches.len() - 1);
    let room = usize::from(inner.height);
    let first = table::window(branches.len(), selected, room);
    let visible = branches.iter().enumerate().skip(first).take(room);
    for (y, (index, branch)) in (inner.y..).zip(visible) {
        let row = Rect {
            y,
            height: 1,
            ..inner
        };
        frame.render_widget(line(branch, look), row);
        if index == selected {
            frame.buffer_mut().set_style(row, look.style(Role::Selected));
        }
        frame.hit(row, Hit::Row(index));
    }
}

fn line(branch: &Branch, look: Look) -> Line<'static> {
    let [through, fork, end] = look.tree();
    let mut stem = String::from(" ");
    for (level, more) in branch.more.iter().enumerate() {
        let last = level + 1 == branch.more.len();
        stem.push_str(match (last, *more) {
            (true, true) => fork,
            (true, false) => end,
            (false, true) => through,
            (false, false) => "  ",
        });
    }
    let health = look.style(Look::health_role(branch.health));
    let note = if branch.root_cause { Role::Hit } else { Role::Muted };
    Line::from(vec![
        Span::styled(stem, look.style(Role::Muted)),
        Span::styled(format!("{} ", look.health_mark(branch.health)), health),
        Span::styled(branch.name.clone(), look.style(Role::Strong)),
        Span::raw(format!(" {} ", branch.ready)),
        Span::styled(format!(" {}", branch.note), look.style(note)),
    ])
}

//! The palette: every command that makes sense now, found by any letters of it.

use super::canvas::Canvas;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Clear;

use super::look::{Look, Role};
use super::{panel, table};
use crate::state::{Line as Typed, State, command};

/// Draws the palette over the middle of the screen.
pub(super) fn draw(state: &State, line: &Typed, look: Look, frame: &mut Canvas<'_, '_>, area: Rect) {
    let found = command::matching(state, line.input.value());
    let width = area.width.min(60);
    let height = area.height.min(16);
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    let block = panel(look, format!("Find ({})", found.len()));
    let inner = block.inner(place);
    frame.render_widget(Clear, place);
    frame.render_widget(block, place);
    let typed = Line::from(vec![
        Span::styled("> ", look.style(Role::Strong)),
        Span::raw(line.input.value().to_owned()),
        Span::styled("_", look.style(Role::Muted)),
    ]);
    frame.render_widget(
        typed,
        Rect {
            height: inner.height.min(1),
            ..inner
        },
    );
    let room = usize::from(inner.height.saturating_sub(1));
    let first = table::window(found.len(), line.picked, room);
    for (offset, (index, text)) in found.into_iter().enumerate().skip(first).take(room).enumerate() {
        let role = if index == line.picked {
            Role::Selected
        } else {
            Role::Plain
        };
        let row = Rect {
            y: inner.y + 1 + u16::try_from(offset).unwrap_or(0),
            height: 1,
            ..inner
        };
        frame.render_widget(Line::styled(format!("  {text}"), look.style(role)), row);
    }
}

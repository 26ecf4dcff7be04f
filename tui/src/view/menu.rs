//! A small menu in the middle of the screen.

use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Clear;

use super::canvas::Canvas;
use super::look::{Look, Role};
use super::{panel, table};
use crate::state::menu::Menu;

/// Draws the menu.
pub(super) fn draw(menu: &Menu, look: Look, frame: &mut Canvas<'_, '_>, area: Rect) {
    let longest = menu.entries.iter().map(|entry| entry.label.chars().count()).max();
    let wanted = longest.unwrap_or(0).max(menu.title.chars().count() + 2) + 6;
    let width = u16::try_from(wanted).unwrap_or(u16::MAX).min(area.width);
    let rows = u16::try_from(menu.entries.len()).unwrap_or(u16::MAX);
    let height = rows.saturating_add(2).min(area.height);
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    let block = panel(look, menu.title.clone());
    let inner = block.inner(place);
    frame.render_widget(Clear, place);
    frame.render_widget(block, place);
    let room = usize::from(inner.height);
    let first = table::window(menu.entries.len(), menu.picked, room);
    let visible = menu.entries.iter().enumerate().skip(first).take(room);
    for (y, (index, entry)) in (inner.y..).zip(visible) {
        let role = if index == menu.picked {
            Role::Selected
        } else {
            Role::Plain
        };
        let line = Line::styled(format!("  {}", entry.label), look.style(role));
        let row = Rect {
            y,
            height: 1,
            ..inner
        };
        frame.render_widget(line, row);
    }
}

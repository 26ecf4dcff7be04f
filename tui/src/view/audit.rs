//! The audit log: who changed what, why, and how it ended.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::look::{Look, Role};
use super::table::{self, Column};
use super::{empty, panel};
use crate::state::State;

const COLUMNS: [Column; 6] = [
    Column::text("WHEN", 14),
    Column::text("BY", 14),
    Column::text("ACTION", 18),
    Column::text("OUTCOME", 8),
    Column::text("OPERATION", 16).from(100),
    Column::rest("REASON").from(70),
];

/// Draws the screen.
pub(super) fn draw(state: &State, look: Look, frame: &mut Frame<'_>, area: Rect) {
    let count = state.audit.as_ref().map_or(0, Vec::len);
    let block = panel(look, format!("Audit ({count} newest)"));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let Some(entries) = &state.audit else {
        return empty(frame, inner, look, "asking the control plane");
    };
    if entries.is_empty() {
        return empty(frame, inner, look, "nothing has been changed yet");
    }
    let rows = entries.iter().map(|entry| {
        let role = match entry.outcome.as_str() {
            "success" => Role::Ok,
            "failure" => Role::Crit,
            _ => Role::Muted,
        };
        vec![
            Line::raw(entry.at.strftime("%m-%d %H:%M:%S").to_string()),
            Line::styled(entry.by.clone(), look.style(Role::Strong)),
            Line::raw(entry.action.clone()),
            Line::styled(entry.outcome.clone(), look.style(role)),
            Line::raw(entry.operation.clone().unwrap_or_default()),
            Line::raw(entry.reason.clone()),
        ]
    });
    table::draw(
        frame,
        inner,
        look,
        &COLUMNS,
        rows.collect(),
        Some(state.audit_row),
    );
}

//! The audit log: who changed what, why, and how it ended.

use ops_api::AuditEntry;

use super::canvas::Canvas;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::look::{Look, Role};
use super::table::{self, Column, Rows};
use super::{empty, panel, table_title};
use crate::state::State;
use crate::state::grid::Table;

const COLUMNS: [Column; 6] = [
    Column::text("WHEN", 14),
    Column::text("BY", 14),
    Column::text("ACTION", 18),
    Column::text("OUTCOME", 8),
    Column::text("OPERATION", 16).from(100),
    Column::rest("REASON").from(70),
];

/// Whether each entry names the hash of the one before it, as far as they are here; `ops audit verify` computes
/// the hashes of the whole log anew.
fn chain(entries: &[AuditEntry]) -> String {
    let linked: Vec<&AuditEntry> = entries.iter().filter(|entry| entry.number > 0).collect();
    let broken = linked
        .windows(2)
        .find(|pair| pair[0].number != pair[1].number + 1 || pair[0].prev != pair[1].hash);
    match (linked.len(), broken) {
        (0, _) => String::new(),
        (_, Some(pair)) => format!("CHAIN BROKEN at number {}", pair[0].number),
        (count, None) => format!("{count} links hold"),
    }
}

/// Draws the screen.
pub(super) fn draw(state: &State, look: Look, frame: &mut Canvas<'_, '_>, area: Rect) {
    let grid = state.grids.of(Table::Audit);
    let entries = state.shown_audit();
    let mut words = grid.words();
    words.insert(0, chain(state.audit.as_deref().unwrap_or_default()));
    words.retain(|word| !word.is_empty());
    let title = table_title(format!("Audit ({} newest)", entries.len()), words, look);
    let block = panel(look, title);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    if entries.is_empty() {
        let text = match (&state.audit, grid.words().is_empty()) {
            (None, _) => "asking the control plane",
            (Some(_), true) => "nothing has been changed yet",
            (Some(_), false) => "no entry matches",
        };
        return empty(frame, inner, look, text);
    }
    let rows = entries.iter().map(|entry| {
        let role = match entry.outcome.as_str() {
            "success" => Role::Ok,
            "failure" => Role::Crit,
            _ => Role::Muted,
        };
        vec![
            Line::raw(state.time(entry.at, "%m-%d %H:%M:%S")),
            Line::styled(entry.by.clone(), look.style(Role::Strong)),
            Line::raw(entry.action.clone()),
            Line::styled(entry.outcome.clone(), look.style(role)),
            Line::raw(entry.operation.clone().unwrap_or_default()),
            Line::raw(entry.reason.clone()),
        ]
    });
    let ids: Vec<String> = (0..entries.len()).map(|row| row.to_string()).collect();
    let selected = state.audit_row.min(entries.len() - 1);
    let ids = ids.iter().map(String::as_str);
    let rows = Rows::of(state, grid, rows.collect(), ids, selected);
    table::draw(frame, inner, look, &COLUMNS, rows);
}

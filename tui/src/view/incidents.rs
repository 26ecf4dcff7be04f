//! What is wrong now: the list, and of the selected one who feels it, what speaks for it and what can be done.

use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::canvas::Canvas;
use super::look::{Look, Role};
use super::sheet::labelled;
use super::table::{self, Column, Rows};
use super::{empty, lines, number, panel, table_title};
use crate::state::State;
use crate::state::grid::Table;
use crate::state::incidents::Incident;

const COLUMNS: [Column; 4] = [
    Column::text("SEV", 6),
    Column::text("WHAT", 12),
    Column::number("SEEN", 6),
    Column::rest("SYMPTOM"),
];

/// Draws the screen.
pub(super) fn draw(state: &State, look: Look, frame: &mut Canvas<'_, '_>, area: Rect) {
    let grid = state.grids.of(Table::Incidents);
    let incidents = state.shown_incidents();
    let title = table_title(format!("Incidents ({})", incidents.len()), grid.words(), look);
    let selected = incidents
        .iter()
        .position(|incident| Some(&incident.name) == state.incident.as_ref())
        .unwrap_or(0);
    let width = usize::from(area.width.saturating_sub(2));
    let about = incidents
        .get(selected)
        .map(|incident| words(state, incident, look, width));
    let rows = u16::try_from(incidents.len().max(1))
        .unwrap_or(u16::MAX)
        .saturating_add(3);
    let wanted = about.as_ref().map_or(0, |about| about.len() + 2);
    let wanted = u16::try_from(wanted)
        .unwrap_or(u16::MAX)
        .min(area.height.saturating_sub(5));
    let [upper, lower] = Layout::vertical([
        Constraint::Length(rows.min(area.height.saturating_sub(wanted))),
        Constraint::Fill(1),
    ])
    .areas(area);
    let block = panel(look, title);
    let inner = block.inner(upper);
    frame.render_widget(block, upper);
    if incidents.is_empty() {
        let text = match (&state.fleet, grid.filter.is_some()) {
            (None, _) => "nothing is known yet",
            (Some(_), true) => "nothing that is wrong matches; / and an empty line shows all",
            (Some(_), false) => "nothing is wrong: every cluster and node is green",
        };
        return empty(frame, inner, look, text);
    }
    let cells = incidents
        .iter()
        .map(|incident| row(state, incident, look))
        .collect();
    let ids = incidents.iter().map(|incident| incident.name.as_str());
    table::draw(
        frame,
        inner,
        look,
        &COLUMNS,
        Rows::of(state, grid, cells, ids, selected),
    );
    if let (Some(about), Some(incident)) = (about, incidents.get(selected)) {
        let block = panel(look, incident.name.clone());
        let inner = block.inner(lower);
        frame.render_widget(block, lower);
        lines(frame, inner, about);
    }
}

fn role(incident: &Incident) -> Role {
    Look::health_role(incident.health)
}

fn lasts(state: &State, incident: &Incident) -> String {
    let ms = state.now.wall.duration_since(incident.since).as_millis();
    number::duration(u64::try_from(ms).unwrap_or(0))
}

fn row(state: &State, incident: &Incident, look: Look) -> Vec<Line<'static>> {
    let mark = look.health_mark(incident.health);
    vec![
        Line::styled(
            format!("{mark} {}", incident.severity()),
            look.style(role(incident)),
        ),
        Line::styled(incident.name.clone(), look.style(Role::Strong)),
        Line::raw(lasts(state, incident)),
        Line::raw(incident.symptom.clone()),
    ]
}

fn words(state: &State, incident: &Incident, look: Look, width: usize) -> Vec<Line<'static>> {
    let label = |name: &str, text: String, role: Role| {
        Line::from(vec![
            Span::styled(format!("{name:<9}"), look.style(Role::Muted)),
            Span::styled(text, look.style(role)),
        ])
    };
    let part = |name: &str, text: &str, role: Role| labelled(look, name, text, role, width);
    let mut lines = part("IMPACT", &incident.impact, role(incident));
    if incident.root_cause {
        let text = "most likely it begins here: the earliest of those that need nothing unwell";
        lines.extend(part("CAUSE", text, Role::Strong));
    }
    let chosen = state.action.min(incident.actions.len().saturating_sub(1));
    for (index, action) in incident.actions.iter().enumerate() {
        let name = if index == 0 { "ACTIONS" } else { "" };
        let chosen = index == chosen;
        let sign = if chosen { "<enter>" } else { "       " };
        lines.push(label(
            name,
            format!("{} {sign} {}", index + 1, action.label),
            if chosen { Role::Selected } else { Role::Plain },
        ));
    }
    let since = state.time(incident.since, "%H:%M:%S");
    lines.extend(part("EVIDENCE", &incident.evidence, Role::Plain));
    let text = format!("since {since}; no detection is recorded before this console looked");
    lines.extend(part("SEEN", &text, Role::Muted));
    lines
}

//! The cursor: what it is on, moving it, opening what it is on.

use ops_api::ServiceKind;

use super::travel::{open, open_cluster, open_node};
use super::typing::obey_line;
use crate::state::grid::Table;
use crate::state::menu::table_of;
use crate::state::screen::Screen;
use crate::state::{Cmd, State};

/// The cluster or node that the cursor is on.
pub(super) fn selected(state: &State) -> Option<String> {
    match state.screens.current() {
        Screen::Fleet | Screen::Pulses | Screen::Slo => row_id(state, Table::Clusters),
        Screen::Cluster(_) => row_id(state, Table::Nodes),
        Screen::Node(name) => Some(name.clone()),
        Screen::Incidents => row_id(state, Table::Incidents),
        Screen::Xray => state
            .branches()
            .get(state.branch)
            .map(|branch| branch.name.clone()),
        Screen::Operation(id) => {
            let cluster = &state.operations.get(id)?.request.cluster;
            (cluster != ops_api::EVERYTHING).then(|| cluster.clone())
        }
        _ => None,
    }
}

/// The names of the rows of a table, from the top.
pub(super) fn row_ids(state: &State, table: Table) -> Vec<String> {
    match table {
        Table::Clusters => state.clusters().iter().map(|row| row.name.clone()).collect(),
        Table::Nodes => {
            let cluster = state.shown_cluster();
            let nodes = cluster.map(|cluster| state.nodes(cluster)).unwrap_or_default();
            nodes.iter().map(|row| row.name.clone()).collect()
        }
        Table::Operations => state
            .shown_operations()
            .iter()
            .map(|row| row.id.clone())
            .collect(),
        Table::Incidents => state.shown_incidents().into_iter().map(|row| row.name).collect(),
        // Entries have no name: their place from the top stands for it.
        Table::Audit => (0..state.shown_audit().len())
            .map(|row| row.to_string())
            .collect(),
    }
}

/// The name of the row that has the cursor: the first one when the cursor's own row is not shown.
pub(super) fn row_id(state: &State, table: Table) -> Option<String> {
    let ids = row_ids(state, table);
    let cursor = match table {
        Table::Clusters => state.cluster.clone(),
        Table::Nodes => state.node.clone(),
        Table::Operations => state.operations.selected.clone(),
        Table::Incidents => state.incident.clone(),
        Table::Audit => Some(state.audit_row.to_string()),
    };
    let at = ids.iter().position(|id| Some(id) == cursor.as_ref()).unwrap_or(0);
    ids.into_iter().nth(at)
}

fn place(state: &mut State, table: Table, id: Option<String>) {
    match table {
        Table::Clusters => state.cluster = id,
        Table::Nodes => state.node = id,
        Table::Operations => state.operations.selected = id,
        Table::Incidents => {
            if state.incident != id {
                state.action = 0;
            }
            state.incident = id;
        }
        Table::Audit => state.audit_row = id.and_then(|id| id.parse().ok()).unwrap_or(0),
    }
}

/// Moves the cursor of the list that is shown.
pub(in crate::state) fn step(state: &mut State, steps: i64) {
    let moved = |row: usize, count: usize| {
        let row = i64::try_from(row).unwrap_or(0).saturating_add(steps).max(0);
        usize::try_from(row).unwrap_or(0).min(count.saturating_sub(1))
    };
    if let Some(table) = table_of(state.screens.current()) {
        let ids = row_ids(state, table);
        let cursor = row_id(state, table);
        let row = ids.iter().position(|id| Some(id) == cursor.as_ref()).unwrap_or(0);
        let id = ids.get(moved(row, ids.len())).cloned();
        return place(state, table, id);
    }
    match state.screens.current() {
        Screen::Logs if steps == i64::MIN => state.logs.to_end(false),
        Screen::Logs if steps == i64::MAX => state.logs.to_end(true),
        Screen::Logs => state.logs.step(steps),
        Screen::Xray => state.branch = moved(state.branch, state.branches().len()),
        Screen::Help => state.help_row = moved(state.help_row, crate::keymap::KEYMAP.len()),
        _ => {}
    }
}

/// Puts the cursor on a row by its number from the top; on the row that has it already: opens it.
pub(in crate::state) fn pick(state: &mut State, row: usize) -> Vec<Cmd> {
    if let Some(table) = table_of(state.screens.current()) {
        let ids = row_ids(state, table);
        let cursor = row_id(state, table);
        return match ids.get(row) {
            // A click never carries out what an incident proposes: it could be a change.
            Some(id) if Some(id) == cursor.as_ref() && table != Table::Incidents => open_selected(state),
            Some(id) => {
                place(state, table, Some(id.clone()));
                Vec::new()
            }
            None => Vec::new(),
        };
    }
    match state.screens.current() {
        Screen::Logs => {
            if state.logs.position() == Some(row) && !state.logs.follow {
                return open_selected(state);
            }
            state.logs.go(row);
        }
        Screen::Xray if state.branch == row => return open_selected(state),
        Screen::Xray => state.branch = row.min(state.branches().len().saturating_sub(1)),
        _ => {}
    }
    Vec::new()
}

/// Opens what the cursor is on.
pub(super) fn open_selected(state: &mut State) -> Vec<Cmd> {
    match state.screens.current() {
        Screen::Fleet | Screen::Pulses | Screen::Slo => match selected(state) {
            Some(name) => open_cluster(state, &name),
            None => Vec::new(),
        },
        Screen::Cluster(_) | Screen::Xray => match selected(state) {
            Some(name) => open_named(state, &name),
            None => Vec::new(),
        },
        Screen::Operations => match row_id(state, Table::Operations) {
            Some(id) => open(state, Screen::Operation(id)),
            None => Vec::new(),
        },
        Screen::Incidents => act(state),
        Screen::Logs => {
            state.logs.detail = !state.logs.detail;
            state.logs.detail_scroll = 0;
            if state.logs.detail && state.logs.follow {
                // Fields that change under the reader's eyes cannot be read.
                state.logs.toggle_follow();
            }
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// Opens the screen of a cluster or of a node.
pub(super) fn open_named(state: &mut State, name: &str) -> Vec<Cmd> {
    let cluster = state
        .fleet
        .as_ref()
        .is_some_and(|fleet| fleet.cluster(name).is_some());
    if cluster && !matches!(state.screens.current(), Screen::Cluster(_)) {
        open_cluster(state, name)
    } else {
        open_node(state, name)
    }
}

/// Does what the selected incident proposes: a command line like any other, through the same gate.
fn act(state: &mut State) -> Vec<Cmd> {
    let name = row_id(state, Table::Incidents);
    let incidents = state.shown_incidents();
    let incident = incidents
        .iter()
        .find(|incident| Some(&incident.name) == name.as_ref());
    let Some(incident) = incident else {
        state.notify("nothing is wrong that is known: nothing to do", false);
        return Vec::new();
    };
    let action = incident.actions.get(state.action).or(incident.actions.first());
    match action.map(|action| action.line.clone()) {
        Some(line) => obey_line(state, &line),
        None => Vec::new(),
    }
}

/// How many actions the selected incident has.
pub(super) fn action_count(state: &State) -> usize {
    let name = row_id(state, Table::Incidents);
    let incidents = state.shown_incidents();
    let incident = incidents
        .iter()
        .find(|incident| Some(&incident.name) == name.as_ref());
    incident.map_or(0, |incident| incident.actions.len())
}

/// Where the cursor starts: the first cluster of the chat stack.
pub(in crate::state) fn first_cluster(state: &State) -> Option<String> {
    let clusters = state.clusters();
    let chat = clusters.iter().find(|cluster| cluster.kind == ServiceKind::Chat);
    chat.or(clusters.first()).map(|cluster| cluster.name.clone())
}

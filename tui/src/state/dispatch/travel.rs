//! Screens and what is selected on them: going there, moving, opening, and asking for what the new screen needs.

use ops_api::ServiceKind;

use crate::state::logs::Logs;
use crate::state::screen::Screen;
use crate::state::{Cmd, Feed, State};

/// Opens a screen over the current one.
pub(super) fn open(state: &mut State, screen: Screen) -> Vec<Cmd> {
    travel(state, |state| state.screens.open(screen))
}

pub(super) fn jump(state: &mut State, screen: Screen) -> Vec<Cmd> {
    travel(state, |state| state.screens.jump(screen))
}

pub(super) fn back(state: &mut State) -> Vec<Cmd> {
    travel(state, |state| {
        state.screens.back();
    })
}

/// Changes the screen, and asks for what the new one needs.
fn travel(state: &mut State, change: impl FnOnce(&mut State)) -> Vec<Cmd> {
    let before = state.screens.current().clone();
    change(state);
    let after = state.screens.current().clone();
    if before == after {
        return Vec::new();
    }
    let mut cmds = Vec::new();
    if before == Screen::Logs {
        state.logs.chip = None;
        cmds.push(Cmd::Unfollow(Feed::Logs));
    }
    match after {
        Screen::Logs => cmds.extend(follow(state)),
        Screen::Operations => cmds.push(Cmd::FetchOperations),
        Screen::Audit => cmds.push(Cmd::FetchAudit),
        Screen::Operation(id) if state.operations.get(&id).is_none() => cmds.push(Cmd::FetchOperations),
        _ => {}
    }
    cmds
}

/// Follows the query of the logs screen as it is.
fn follow(state: &State) -> Vec<Cmd> {
    let logs = &state.logs;
    let mut cmds = vec![Cmd::Follow(Feed::Logs, logs.generation, logs.query.clone())];
    if logs.show_histogram {
        cmds.push(Cmd::Count(logs.generation, logs.query.clone()));
    }
    cmds
}

/// Changes the query of the logs screen, and asks anew.
pub(super) fn requery(state: &mut State, change: impl FnOnce(&mut Logs)) -> Vec<Cmd> {
    let before = state.logs.query.clone();
    change(&mut state.logs);
    if state.logs.query == before {
        return Vec::new();
    }
    state.logs.restart();
    if *state.screens.current() == Screen::Logs {
        follow(state)
    } else {
        Vec::new()
    }
}

/// The cluster or node that the cursor is on.
pub(super) fn selected(state: &State) -> Option<String> {
    match state.screens.current() {
        Screen::Fleet => state.cluster.clone(),
        Screen::Cluster(_) => state.node.clone(),
        Screen::Operation(id) => Some(state.operations.get(id)?.request.cluster.clone()),
        _ => None,
    }
}

/// Moves the cursor of the list that is shown.
pub(super) fn step(state: &mut State, steps: i64) {
    let moved = |row: usize, count: usize| {
        let row = i64::try_from(row).unwrap_or(0).saturating_add(steps).max(0);
        usize::try_from(row).unwrap_or(0).min(count.saturating_sub(1))
    };
    match state.screens.current().clone() {
        Screen::Fleet => {
            let names: Vec<String> = state
                .clusters()
                .iter()
                .map(|cluster| cluster.name.clone())
                .collect();
            let row = names
                .iter()
                .position(|name| Some(name) == state.cluster.as_ref())
                .unwrap_or(0);
            state.cluster = names.get(moved(row, names.len())).cloned();
        }
        Screen::Cluster(_) => {
            let nodes = state
                .shown_cluster()
                .map(|cluster| cluster.nodes.as_slice())
                .unwrap_or_default();
            let names: Vec<String> = nodes.iter().map(|node| node.name.clone()).collect();
            let row = names
                .iter()
                .position(|name| Some(name) == state.node.as_ref())
                .unwrap_or(0);
            state.node = names.get(moved(row, names.len())).cloned();
        }
        Screen::Logs if steps == i64::MIN => state.logs.to_end(false),
        Screen::Logs if steps == i64::MAX => state.logs.to_end(true),
        Screen::Logs => state.logs.step(steps),
        Screen::Operations => {
            let row = moved(state.operations.row(), state.operations.list.len());
            state.operations.select(row);
        }
        Screen::Audit => {
            state.audit_row = moved(state.audit_row, state.audit.as_ref().map_or(0, Vec::len));
        }
        Screen::Help => state.help_row = moved(state.help_row, crate::keymap::KEYMAP.len()),
        Screen::Operation(_) => {}
    }
}

pub(super) fn open_selected(state: &mut State) -> Vec<Cmd> {
    match state.screens.current() {
        Screen::Fleet => match state.cluster.clone() {
            Some(name) => open_cluster(state, &name),
            None => Vec::new(),
        },
        Screen::Operations => {
            let row = state.operations.row();
            match state
                .operations
                .list
                .get(row)
                .map(|operation| operation.id.clone())
            {
                Some(id) => open(state, Screen::Operation(id)),
                None => Vec::new(),
            }
        }
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

pub(super) fn open_cluster(state: &mut State, name: &str) -> Vec<Cmd> {
    let cluster = state.fleet.as_ref().and_then(|fleet| fleet.cluster(name));
    let first = cluster
        .and_then(|cluster| cluster.nodes.first())
        .map(|node| node.name.clone());
    let here = cluster.is_some_and(|cluster| {
        cluster
            .nodes
            .iter()
            .any(|node| Some(&node.name) == state.node.as_ref())
    });
    if !here {
        state.node = first;
    }
    state.cluster = Some(name.to_owned());
    open(state, Screen::Cluster(name.to_owned()))
}

pub(super) fn logs_of_selected(state: &mut State) -> Vec<Cmd> {
    match selected(state) {
        Some(name) => logs_of(state, &name),
        None => jump(state, Screen::Logs),
    }
}

/// Opens the logs of a cluster or of a node.
pub(super) fn logs_of(state: &mut State, name: &str) -> Vec<Cmd> {
    let node = state
        .find_node(name)
        .map(|node| (node.cluster.clone(), node.name.clone()));
    let (cluster, node) = match node {
        // A platform process that is alone in its cluster has the cluster's name.
        Some((cluster, node)) if cluster != node => (cluster, Some(node)),
        _ => (name.to_owned(), None),
    };
    let mut cmds = requery(state, |logs| {
        logs.query.clusters = [cluster].into();
        logs.query.node = node;
    });
    cmds.extend(open(state, Screen::Logs));
    cmds
}

/// Where the cursor starts: the first cluster of the chat stack.
pub(in crate::state) fn first_cluster(state: &State) -> Option<String> {
    let clusters = state.clusters();
    let chat = clusters.iter().find(|cluster| cluster.kind == ServiceKind::Chat);
    chat.or(clusters.first()).map(|cluster| cluster.name.clone())
}

/// Goes to an operation that this console has just started.
pub(in crate::state) fn show_operation(state: &mut State, id: &str) -> Vec<Cmd> {
    state.sheet = None;
    open(state, Screen::Operation(id.to_owned()))
}

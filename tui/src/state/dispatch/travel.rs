//! Going from screen to screen, and asking for what the new one needs.

use super::select::{row_id, selected};
use crate::state::grid::Table;
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
pub(super) fn travel(state: &mut State, change: impl FnOnce(&mut State)) -> Vec<Cmd> {
    let before = state.screens.current().clone();
    change(state);
    let after = state.screens.current().clone();
    if before == after {
        return Vec::new();
    }
    state.pane = 0;
    state.columns_skipped = 0;
    state.zoomed = false;
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
        cmds.push(count(logs));
    }
    cmds
}

/// Asks for the histogram.
pub(super) fn count(logs: &Logs) -> Cmd {
    Cmd::Count(logs.generation, logs.query.clone(), logs.bucket_ms())
}

/// Changes the query of the logs screen, and asks anew.
pub(super) fn requery(state: &mut State, change: impl FnOnce(&mut Logs)) -> Vec<Cmd> {
    let before = state.logs.query.clone();
    change(&mut state.logs);
    if state.logs.query == before {
        return Vec::new();
    }
    search_again(state)
}

/// Forgets what is loaded and asks anew.
pub(super) fn search_again(state: &mut State) -> Vec<Cmd> {
    state.logs.restart();
    if *state.screens.current() == Screen::Logs {
        follow(state)
    } else {
        Vec::new()
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

pub(super) fn open_node(state: &mut State, name: &str) -> Vec<Cmd> {
    let Some(node) = state.node_called(name) else {
        return Vec::new();
    };
    let cluster = node.cluster.clone();
    state.node = Some(name.to_owned());
    state.cluster = Some(cluster);
    open(state, Screen::Node(name.to_owned()))
}

pub(super) fn logs_of_selected(state: &mut State) -> Vec<Cmd> {
    let marks = &state.grids.of(Table::Clusters).marks;
    if *state.screens.current() == Screen::Fleet && !marks.is_empty() {
        let marks = marks.clone();
        let mut cmds = requery(state, |logs| {
            logs.query.clusters = marks;
            logs.query.node = None;
        });
        cmds.extend(open(state, Screen::Logs));
        return cmds;
    }
    let name = match state.screens.current() {
        Screen::Incidents => row_id(state, Table::Incidents),
        _ => selected(state),
    };
    match name {
        Some(name) => logs_of(state, &name),
        None => jump(state, Screen::Logs),
    }
}

/// Opens the logs of a cluster or of a node.
pub(super) fn logs_of(state: &mut State, name: &str) -> Vec<Cmd> {
    let node = state
        .node_called(name)
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

/// Goes to an operation that this console has just started.
pub(in crate::state) fn show_operation(state: &mut State, id: &str) -> Vec<Cmd> {
    state.sheet = None;
    open(state, Screen::Operation(id.to_owned()))
}

//! Lines that are typed: commands, the palette, the expression over the records.

use tui_input::Input;

use super::confirm::{open_restart, open_turn};
use super::looking::{filter, mouse};
use super::travel::{jump, logs_of, open, open_cluster, open_node, requery};
use super::{arm, dispatch, permitted};
use crate::keymap::Action;
use crate::state::command::{self, Command};
use crate::state::menu::{Menu, table_of};
use crate::state::screen::Screen;
use crate::state::{Cmd, Line, Purpose, State};

pub(super) fn begin(state: &mut State, purpose: Purpose, text: &str) {
    state.line = Some(Line {
        purpose,
        input: Input::new(text.to_owned()),
        picked: 0,
    });
}

pub(super) fn line(state: &mut State, action: Action) {
    let Some(mut line) = state.line.take() else { return };
    match action {
        Action::PickDown => {
            let last = command::matching(state, line.input.value())
                .len()
                .saturating_sub(1);
            line.picked = (line.picked + 1).min(last);
        }
        Action::PickUp => line.picked = line.picked.saturating_sub(1),
        _ if line.purpose == Purpose::Command => {
            line.input = Input::new(command::complete(state, line.input.value()));
        }
        _ => {}
    }
    state.line = Some(line);
}

pub(super) fn cancel_line(state: &mut State) {
    if let Some(Line {
        purpose: Purpose::Filter,
        ..
    }) = state.line.take()
    {
        filter(state, "");
    }
}

pub(super) fn accept_line(state: &mut State) -> Vec<Cmd> {
    let Some(line) = state.line.take() else {
        return Vec::new();
    };
    let typed = line.input.value();
    match line.purpose {
        Purpose::Filter => filter(state, typed),
        Purpose::Arm => arm(state, None, typed),
        Purpose::Command => return obey_line(state, typed),
        Purpose::Palette => match command::matching(state, typed).get(line.picked) {
            Some(offer) => return obey_line(state, offer),
            None => state.notify(format!("nothing matches {typed:?}"), true),
        },
    }
    Vec::new()
}

/// Carries out a command line, wherever it comes from.
pub(super) fn obey_line(state: &mut State, line: &str) -> Vec<Cmd> {
    match Command::parse(line) {
        Ok(command) => obey(state, command),
        Err(why) => {
            state.notify(why, true);
            Vec::new()
        }
    }
}

fn obey(state: &mut State, command: Command) -> Vec<Cmd> {
    let known = |state: &State, name: &str| {
        state
            .fleet
            .as_ref()
            .is_some_and(|fleet| fleet.cluster(name).is_some())
    };
    match command {
        Command::Fleet => return dispatch(state, Action::GoFleet),
        Command::Cluster(name) if known(state, &name) => {
            let mut cmds = jump(state, Screen::Fleet);
            cmds.extend(open_cluster(state, &name));
            return cmds;
        }
        Command::Cluster(name) => state.notify(format!("no cluster is called {name:?}"), true),
        Command::Node(name) => match state.node_called(&name).map(|node| node.cluster.clone()) {
            Some(cluster) => {
                let mut cmds = obey(state, Command::Cluster(cluster));
                cmds.extend(open_node(state, &name));
                return cmds;
            }
            None => state.notify(format!("no node is called {name:?}"), true),
        },
        Command::Logs(None) => return dispatch(state, Action::GoLogs),
        Command::Logs(Some(name)) => return logs_of(state, &name),
        Command::Level(level) => return requery(state, |logs| logs.query.level = level),
        Command::Since(minutes) => return requery(state, |logs| logs.query.since_minutes = minutes),
        Command::Query(text) => {
            let mut cmds = requery(state, |logs| logs.query.text = text);
            cmds.extend(open(state, Screen::Logs));
            return cmds;
        }
        Command::Find(text) => {
            let cmds = open(state, Screen::Logs);
            filter(state, &text);
            return cmds;
        }
        Command::Filter(text) => filter(state, &text),
        Command::Sort(column) => sort(state, &column),
        Command::Incidents => return dispatch(state, Action::GoIncidents),
        Command::Operations => return dispatch(state, Action::GoOperations),
        Command::Operation(id) => return open(state, Screen::Operation(id)),
        Command::Pulses => return dispatch(state, Action::GoPulses),
        Command::Xray => return dispatch(state, Action::GoXray),
        Command::Slo => return dispatch(state, Action::GoSlo),
        Command::Audit => return dispatch(state, Action::GoAudit),
        Command::Restart(name, cold) if permitted(state, Action::Restart) => {
            let mode = if cold {
                ops_api::Mode::Cold
            } else {
                ops_api::Mode::Rolling
            };
            return open_restart(state, &name, mode);
        }
        Command::RebootAll if permitted(state, Action::Restart) => {
            return open_restart(state, ops_api::EVERYTHING, ops_api::Mode::Rolling);
        }
        Command::Turn(turn, id) if permitted(state, Action::AbortOperation) => open_turn(state, turn, &id),
        Command::Restart(..) | Command::RebootAll | Command::Turn(..) => {}
        Command::Theme(None) => state.menu = Some(Menu::themes()),
        Command::Theme(theme) => state.theme = theme,
        Command::Write(None, reason) if reason.is_empty() => return dispatch(state, Action::ToggleWrite),
        Command::Write(minutes, reason) => arm(state, minutes, &reason),
        Command::Dump(path) => return vec![Cmd::Dump(path)],
        Command::Save(path) => return super::reading::save(state, path),
        Command::Mouse => return mouse(state),
        Command::Help => return dispatch(state, Action::Help),
        Command::Quit => return vec![Cmd::Quit],
    }
    Vec::new()
}

fn sort(state: &mut State, column: &str) {
    let Some(table) = table_of(state.screens.current()) else {
        state.notify("there is no table on this screen", true);
        return;
    };
    let columns = crate::state::rows::columns(table);
    if column == "none" {
        state.grids.of_mut(table).sort = None;
    } else if columns.contains(&column) {
        state.grids.of_mut(table).sort_by(column);
    } else {
        let text = format!("no column is called {column:?}: {}", columns.join(", "));
        state.notify(text, true);
    }
}

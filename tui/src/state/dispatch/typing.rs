//! Lines that are typed: commands, the palette, the expression over the records.

use regex::Regex;
use tui_input::Input;

use super::confirm::open_restart;
use super::travel::{jump, logs_of, open, open_cluster, requery};
use super::{dispatch, permitted};
use crate::keymap::Action;
use crate::state::command::{self, Command};
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
        purpose: Purpose::Regex,
        ..
    }) = state.line.take()
    {
        state.logs.highlight(None);
    }
}

pub(super) fn accept_line(state: &mut State) -> Vec<Cmd> {
    let Some(line) = state.line.take() else {
        return Vec::new();
    };
    let typed = line.input.value();
    let command = match line.purpose {
        Purpose::Regex => {
            find(state, typed);
            return Vec::new();
        }
        Purpose::Command => Command::parse(typed),
        Purpose::Palette => match command::matching(state, typed).get(line.picked) {
            Some(offer) => Command::parse(offer),
            None => Err(format!("nothing matches {typed:?}")),
        },
    };
    match command {
        Ok(command) => obey(state, command),
        Err(why) => {
            state.notify(why, true);
            Vec::new()
        }
    }
}

pub(super) fn find(state: &mut State, typed: &str) {
    if typed.is_empty() {
        state.logs.highlight(None);
        return;
    }
    // Smart case, as in ripgrep: capitals mean themselves.
    let insensitive = if typed.chars().any(char::is_uppercase) {
        ""
    } else {
        "(?i)"
    };
    match Regex::new(&format!("{insensitive}{typed}")) {
        Ok(expression) => state.logs.highlight(Some(expression)),
        Err(_) => state.notify(format!("not a regular expression: {typed}"), true),
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
        Command::Fleet => dispatch(state, Action::GoFleet),
        Command::Cluster(name) if known(state, &name) => {
            let mut cmds = jump(state, Screen::Fleet);
            cmds.extend(open_cluster(state, &name));
            cmds
        }
        Command::Cluster(name) => {
            state.notify(format!("no cluster is called {name:?}"), true);
            Vec::new()
        }
        Command::Node(name) => match state.find_node(&name).map(|node| node.cluster.clone()) {
            Some(cluster) => {
                state.node = Some(name);
                obey(state, Command::Cluster(cluster))
            }
            None => {
                state.notify(format!("no node is called {name:?}"), true);
                Vec::new()
            }
        },
        Command::Logs(None) => dispatch(state, Action::GoLogs),
        Command::Logs(Some(name)) => logs_of(state, &name),
        Command::Level(level) => requery(state, |logs| logs.query.level = level),
        Command::Since(minutes) => requery(state, |logs| logs.query.since_minutes = minutes),
        Command::Find(text) => {
            let cmds = open(state, Screen::Logs);
            find(state, &text);
            cmds
        }
        Command::Operations => dispatch(state, Action::GoOperations),
        Command::Operation(id) => open(state, Screen::Operation(id)),
        Command::Audit => dispatch(state, Action::GoAudit),
        Command::Restart(name) if permitted(state, Action::Restart) => open_restart(state, &name),
        Command::Restart(_) => Vec::new(),
        Command::Write => dispatch(state, Action::ToggleWrite),
        Command::Help => dispatch(state, Action::Help),
        Command::Quit => vec![Cmd::Quit],
    }
}

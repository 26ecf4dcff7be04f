//! Carries out an action. This is the one gate of every change: whatever key, command or palette entry asks,
//! it comes through [`permitted`], which refuses what needs write while the console is read-only or its picture
//! is stale. No screen guards its own keys.

use ops_api::ServiceKind;
use regex::Regex;
use tui_input::Input;

use super::command::{self, Command};
use super::logs::Logs;
use super::msg::Feed;
use super::plan::{Danger, Plan, Target};
use super::screen::Screen;
use super::sheet::{Field, Planned, Sheet, Subject};
use super::{ARMED_MS, Cmd, Line, Purpose, State};
use crate::keymap::Action;

/// Carries out an action on what is selected.
pub(super) fn dispatch(state: &mut State, action: Action) -> Vec<Cmd> {
    if !permitted(state, action) {
        return Vec::new();
    }
    match action {
        Action::Interrupt => return vec![Cmd::Quit],
        Action::Quit if *state.screens.current() == Screen::Fleet => return vec![Cmd::Quit],
        Action::Quit | Action::Back => return back(state),
        Action::Redraw => return vec![Cmd::Redraw],
        Action::GoFleet => return jump(state, Screen::Fleet),
        Action::GoLogs => return jump(state, Screen::Logs),
        Action::GoOperations => return jump(state, Screen::Operations),
        Action::GoAudit => return jump(state, Screen::Audit),
        Action::Help => {
            state.help_row = 0;
            return open(state, Screen::Help);
        }
        Action::Command => begin(state, Purpose::Command, ""),
        Action::Palette => begin(state, Purpose::Palette, ""),
        Action::ToggleWrite => toggle_write(state),
        Action::CopyCommand => return copy(state),
        Action::Sort => state.by_health = !state.by_health,
        Action::Down => step(state, 1),
        Action::Up => step(state, -1),
        Action::PageDown => step(state, i64::from(state.size.1 / 2)),
        Action::PageUp => step(state, -i64::from(state.size.1 / 2)),
        Action::First => step(state, i64::MIN),
        Action::Last => step(state, i64::MAX),
        Action::Open => return open_selected(state),
        Action::LogsOf => return logs_of_selected(state),
        Action::Restart => {
            if let Some(name) = selected(state) {
                return open_restart(state, &name);
            }
        }
        Action::AbortOperation => open_abort(state),
        Action::SheetRun
        | Action::SheetNext
        | Action::SheetPrevious
        | Action::SheetAccept
        | Action::SheetClose => {
            return sheet(state, action);
        }
        Action::LineAccept => return accept_line(state),
        Action::LineCancel => cancel_line(state),
        Action::LineComplete | Action::PickDown | Action::PickUp => line(state, action),
        _ => return logs(state, action),
    }
    Vec::new()
}

/// Whether an action may be carried out now; says why not, if not.
fn permitted(state: &mut State, action: Action) -> bool {
    match state.may_write() {
        Err(why) if action.needs_write() => {
            state.notify(why, true);
            false
        }
        _ => true,
    }
}

/// Opens a screen over the current one.
fn open(state: &mut State, screen: Screen) -> Vec<Cmd> {
    travel(state, |state| state.screens.open(screen))
}

fn jump(state: &mut State, screen: Screen) -> Vec<Cmd> {
    travel(state, |state| state.screens.jump(screen))
}

fn back(state: &mut State) -> Vec<Cmd> {
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
fn requery(state: &mut State, change: impl FnOnce(&mut Logs)) -> Vec<Cmd> {
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

fn toggle_write(state: &mut State) {
    if state.armed_ms().is_some() {
        state.armed_until_ms = None;
        state.notify("read-only", false);
    } else {
        state.armed_until_ms = Some(state.now.ms + ARMED_MS);
        state.notify("changes are allowed for 15 minutes; W ends it", false);
    }
}

/// The cluster or node that the cursor is on.
fn selected(state: &State) -> Option<String> {
    match state.screens.current() {
        Screen::Fleet => state.cluster.clone(),
        Screen::Cluster(_) => state.node.clone(),
        Screen::Operation(id) => Some(state.operations.get(id)?.request.cluster.clone()),
        _ => None,
    }
}

/// Moves the cursor of the list that is shown.
fn step(state: &mut State, steps: i64) {
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

fn open_selected(state: &mut State) -> Vec<Cmd> {
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

fn open_cluster(state: &mut State, name: &str) -> Vec<Cmd> {
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

fn logs_of_selected(state: &mut State) -> Vec<Cmd> {
    match selected(state) {
        Some(name) => logs_of(state, &name),
        None => jump(state, Screen::Logs),
    }
}

/// Opens the logs of a cluster or of a node.
fn logs_of(state: &mut State, name: &str) -> Vec<Cmd> {
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

fn open_restart(state: &mut State, name: &str) -> Vec<Cmd> {
    let Some(fleet) = &state.fleet else {
        return Vec::new();
    };
    let target = match Target::resolve(fleet, name) {
        Ok(target) => target,
        Err(why) => {
            state.notify(why, true);
            return Vec::new();
        }
    };
    let Some(plan) = Plan::of(fleet, &target) else {
        return Vec::new();
    };
    let sheet = open_sheet(state, Subject::Restart(target), plan.danger);
    let request = sheet.request(&state.settings.by, true);
    let id = sheet.id;
    state.sheet = Some(sheet);
    request
        .map(|request| Cmd::Plan(id, request))
        .into_iter()
        .collect()
}

fn open_abort(state: &mut State) {
    let Screen::Operation(id) = state.screens.current().clone() else {
        return;
    };
    match state.operations.get(&id) {
        Some(operation) if !operation.state.ended() => {
            let sheet = open_sheet(state, Subject::Abort(id), Danger::L1);
            state.sheet = Some(sheet);
        }
        _ => state.notify("this operation has ended: there is nothing to abort", true),
    }
}

fn open_sheet(state: &mut State, subject: Subject, danger: Danger) -> Sheet {
    state.next_sheet += 1;
    Sheet::new(state.next_sheet, state.now, subject, danger)
}

fn sheet(state: &mut State, action: Action) -> Vec<Cmd> {
    let Some(sheet) = &mut state.sheet else {
        return Vec::new();
    };
    match (action, sheet.focus) {
        (Action::SheetNext, _) => sheet.turn(true),
        (Action::SheetPrevious, _) => sheet.turn(false),
        (Action::SheetClose, _) | (Action::SheetAccept, Field::Cancel) => state.sheet = None,
        // An accepted reason leads back to Cancel, from where `y` runs, or on to the typed name.
        (Action::SheetAccept, Field::Reason | Field::Name) => sheet.turn(true),
        (Action::SheetAccept, Field::Run) => return dispatch(state, Action::SheetRun),
        (Action::SheetRun, focus) => {
            if sheet.danger == Danger::L3 && focus != Field::Run {
                state.notify("this one needs the cluster's name: Tab to the field", true);
            } else {
                return run(state);
            }
        }
        _ => {}
    }
    Vec::new()
}

/// Sends what the sheet asks for. Only [`dispatch`] leads here.
fn run(state: &mut State) -> Vec<Cmd> {
    let Some(sheet) = &mut state.sheet else {
        return Vec::new();
    };
    if sheet.sent {
        return Vec::new();
    }
    if let Some(missing) = sheet.missing() {
        state.notify(missing, true);
        return Vec::new();
    }
    sheet.sent = true;
    sheet.refusal = None;
    let by = state.settings.by.clone();
    match &sheet.subject {
        Subject::Abort(operation) => vec![Cmd::Abort(sheet.id, operation.clone(), by)],
        Subject::Restart(_) => {
            // One key a sheet: pressing again after a lost answer finds the same operation.
            let key = format!("console-{}-{}", state.settings.session, sheet.id);
            let request = sheet.request(&by, false);
            request
                .map(|request| Cmd::Start(sheet.id, request, key))
                .into_iter()
                .collect()
        }
    }
}

fn copy(state: &mut State) -> Vec<Cmd> {
    let text = match (&state.sheet, state.screens.current()) {
        (Some(sheet), _) => sheet.command(),
        (None, Screen::Operation(id)) => format!("ops op watch {id}"),
        (None, Screen::Operations) => "ops op list".to_owned(),
        (None, Screen::Fleet | Screen::Cluster(_)) => "ops status".to_owned(),
        (None, _) => {
            state.notify("this screen has no command of its own", true);
            return Vec::new();
        }
    };
    state.notify(format!("copied: {text}"), false);
    vec![Cmd::Copy(text)]
}

fn begin(state: &mut State, purpose: Purpose, text: &str) {
    state.line = Some(Line {
        purpose,
        input: Input::new(text.to_owned()),
        picked: 0,
    });
}

fn line(state: &mut State, action: Action) {
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

fn cancel_line(state: &mut State) {
    if let Some(Line {
        purpose: Purpose::Regex,
        ..
    }) = state.line.take()
    {
        state.logs.highlight(None);
    }
}

fn accept_line(state: &mut State) -> Vec<Cmd> {
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

fn find(state: &mut State, typed: &str) {
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

fn logs(state: &mut State, action: Action) -> Vec<Cmd> {
    match action {
        Action::Follow => state.logs.toggle_follow(),
        Action::Regex => {
            let current = state
                .logs
                .expression
                .as_ref()
                .map(|expression| expression.as_str().to_owned());
            let current = current.unwrap_or_default();
            begin(
                state,
                Purpose::Regex,
                current.strip_prefix("(?i)").unwrap_or(&current),
            );
        }
        Action::Level => return requery(state, |logs| logs.query.level = logs.query.level.next()),
        Action::Since => return requery(state, |logs| logs.query.next_window()),
        Action::Context if state.logs.expression.is_none() => {
            state.notify("find something first, with /", true)
        }
        Action::Context => state.logs.only_hits = !state.logs.only_hits,
        Action::NextHit | Action::PreviousHit => {
            let found = state.logs.seek(action == Action::NextHit, |_, hit| hit);
            none(state, found, "no further match is loaded");
        }
        Action::NextError | Action::PreviousError => {
            let error = super::logs::Level::Error;
            let found = state
                .logs
                .seek(action == Action::NextError, |record, _| record.level == error);
            none(state, found, "no further error is loaded");
        }
        Action::NextTrace | Action::PreviousTrace => {
            let trace = state
                .logs
                .current()
                .map(|record| record.trace.clone())
                .unwrap_or_default();
            let found = !trace.is_empty()
                && state
                    .logs
                    .seek(action == Action::NextTrace, |record, _| record.trace == trace);
            none(state, found, "no further record of this trace is loaded");
        }
        Action::Histogram => {
            state.logs.show_histogram = !state.logs.show_histogram;
            if state.logs.show_histogram {
                return vec![Cmd::Count(state.logs.generation, state.logs.query.clone())];
            }
        }
        Action::DetailDown => state.logs.detail_scroll = state.logs.detail_scroll.saturating_add(1),
        Action::DetailUp => state.logs.detail_scroll = state.logs.detail_scroll.saturating_sub(1),
        _ => return chips(state, action),
    }
    Vec::new()
}

fn none(state: &mut State, found: bool, text: &str) {
    if !found {
        state.notify(text, false);
    }
}

fn chips(state: &mut State, action: Action) -> Vec<Cmd> {
    let chips = state.chips();
    let last = chips.len().saturating_sub(1);
    let at = state.logs.chip.unwrap_or(0).min(last);
    match action {
        Action::Chips if !chips.is_empty() => state.logs.chip = Some(at),
        Action::ChipLeft => state.logs.chip = Some(at.saturating_sub(1)),
        Action::ChipRight => state.logs.chip = Some((at + 1).min(last)),
        Action::ChipsDone => state.logs.chip = None,
        Action::ChipToggle => {
            if let Some(name) = chips.get(at).cloned() {
                return requery(state, |logs| {
                    // A node's logs widened by a cluster are no longer that node's.
                    logs.query.node = None;
                    if !logs.query.clusters.remove(&name) {
                        logs.query.clusters.insert(name);
                    }
                });
            }
        }
        _ => {}
    }
    Vec::new()
}

/// Keeps the danger of an open sheet in step with the fleet: it only rises.
pub(super) fn reassess(state: &mut State) {
    let Some(fleet) = &state.fleet else { return };
    let Some(sheet) = &mut state.sheet else { return };
    let Subject::Restart(target) = &sheet.subject else {
        return;
    };
    if let Some(plan) = Plan::of(fleet, target) {
        sheet.danger = sheet.danger.max(plan.danger);
    }
}

/// Whether the plan of an open sheet is still awaited.
pub(super) fn awaits_plan(state: &State, id: u64) -> bool {
    matches!(&state.sheet, Some(sheet) if sheet.id == id && matches!(sheet.planned, Planned::Asking))
}

/// Goes to an operation that this console has just started.
pub(super) fn show_operation(state: &mut State, id: &str) -> Vec<Cmd> {
    state.sheet = None;
    open(state, Screen::Operation(id.to_owned()))
}

/// Where the cursor starts: the first cluster of the chat stack.
pub(super) fn first_cluster(state: &State) -> Option<String> {
    let clusters = state.clusters();
    let chat = clusters.iter().find(|cluster| cluster.kind == ServiceKind::Chat);
    chat.or(clusters.first()).map(|cluster| cluster.name.clone())
}

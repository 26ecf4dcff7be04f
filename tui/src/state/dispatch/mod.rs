//! Carries out an action. This is the one gate of every change: whatever key, command, menu or palette entry asks,
//! it comes through [`permitted`], which refuses what needs write while the console is read-only or its picture
//! is stale. No screen guards its own keys; and what would change the system all the same is stopped once more
//! where requests leave ([`super::update`]).

mod confirm;
mod looking;
mod reading;
mod select;
mod travel;
mod typing;

use super::menu::Menu;
use super::screen::Screen;
use super::{ARMED_MS, Cmd, Purpose, State, Turn};
use crate::keymap::Action;
pub(super) use confirm::{awaits_plan, count_down, reassess};
use confirm::{open_restart, open_turn, sheet};
use looking::look;
use reading::logs;
pub(super) use select::{first_cluster, pick, step};
use select::{open_selected, selected};
pub(super) use travel::show_operation;
use travel::{back, jump, logs_of_selected, open, travel};
use typing::{accept_line, begin, cancel_line, line, obey_line};

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
        Action::GoIncidents => return jump(state, Screen::Incidents),
        Action::GoOperations => return jump(state, Screen::Operations),
        Action::GoPulses => return jump(state, Screen::Pulses),
        Action::GoXray => return jump(state, Screen::Xray),
        Action::GoSlo => return jump(state, Screen::Slo),
        Action::GoAudit => return jump(state, Screen::Audit),
        Action::LastScreen => return wander(state, super::Screens::swap),
        Action::Earlier => return wander(state, super::Screens::earlier),
        Action::Later => return wander(state, super::Screens::later),
        Action::Help => {
            state.help_row = 0;
            return open(state, Screen::Help);
        }
        Action::Command => begin(state, Purpose::Command, ""),
        Action::Palette => begin(state, Purpose::Palette, ""),
        Action::ToggleWrite => toggle_write(state),
        Action::CopyCommand => return copy(state),
        Action::CopyId => return copy_id(state),
        Action::Down => step(state, 1),
        Action::Up => step(state, -1),
        Action::PageDown => step(state, i64::from(state.size.1 / 2)),
        Action::PageUp => step(state, -i64::from(state.size.1 / 2)),
        Action::First => step(state, i64::MIN),
        Action::Last => step(state, i64::MAX),
        Action::Open => return open_selected(state),
        Action::LogsOf => return logs_of_selected(state),
        Action::XrayOf => return open(state, Screen::Xray),
        Action::Restart => {
            if let Some(name) = selected(state) {
                return open_restart(state, &name, ops_api::Mode::Rolling);
            }
        }
        Action::Admin => admin(state),
        Action::AbortOperation | Action::PauseOperation | Action::ResumeOperation => {
            let turn = match action {
                Action::PauseOperation => Turn::Pause,
                Action::ResumeOperation => Turn::Resume,
                _ => Turn::Abort,
            };
            if let Screen::Operation(id) = state.screens.current().clone() {
                open_turn(state, turn, &id);
            }
        }
        Action::SheetRun
        | Action::SheetNext
        | Action::SheetPrevious
        | Action::SheetAccept
        | Action::SheetDown
        | Action::SheetUp
        | Action::SheetClose => {
            return sheet(state, action);
        }
        Action::MenuAccept | Action::MenuClose | Action::MenuDown | Action::MenuUp => {
            return menu(state, action);
        }
        Action::LineAccept => return accept_line(state),
        Action::LineCancel => cancel_line(state),
        Action::LineComplete | Action::PickDown | Action::PickUp => line(state, action),
        _ => return look(state, action).unwrap_or_else(|| logs(state, action)),
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

/// Goes to a top screen by its command; nowhere when there is none of that name.
pub(super) fn go(state: &mut State, screen: &str) -> Vec<Cmd> {
    let action = match screen {
        "logs" => Action::GoLogs,
        "incidents" => Action::GoIncidents,
        "operations" => Action::GoOperations,
        "pulses" => Action::GoPulses,
        "xray" => Action::GoXray,
        "slo" => Action::GoSlo,
        "audit" => Action::GoAudit,
        _ => Action::GoFleet,
    };
    dispatch(state, action)
}

fn wander(state: &mut State, walk: fn(&mut super::Screens) -> bool) -> Vec<Cmd> {
    let mut moved = false;
    let cmds = travel(state, |state| moved = walk(&mut state.screens));
    if !moved {
        state.notify("there is no other screen in that direction", false);
    }
    cmds
}

fn toggle_write(state: &mut State) {
    if state.armed_ms().is_some() {
        disarm(state);
    } else {
        begin(state, Purpose::Arm, "");
    }
}

fn disarm(state: &mut State) {
    state.armed_until_ms = None;
    state.armed_reason.clear();
    state.notify("read-only", false);
}

/// Allows changes. The longest is what the key gives: a console that was left open must not stay dangerous.
fn arm(state: &mut State, minutes: Option<u64>, reason: &str) {
    let reason = reason.trim();
    if reason.is_empty() {
        state.notify(
            "say why changes are needed: it becomes the reason in the audit log",
            true,
        );
        return;
    }
    let ms = minutes.map_or(ARMED_MS, |minutes| minutes.saturating_mul(60_000));
    let ms = ms.min(ARMED_MS);
    state.armed_until_ms = Some(state.now.ms + ms);
    reason.clone_into(&mut state.armed_reason);
    state.notify(
        format!("changes are allowed for {} minutes; W ends it", ms / 60_000),
        false,
    );
}

fn admin(state: &mut State) {
    let Some(name) = selected(state) else { return };
    match Menu::admin(state, &name) {
        Some(menu) => state.menu = Some(menu),
        None => state.notify(
            format!("{name} is part of the platform: nothing is changed from here"),
            true,
        ),
    }
}

fn menu(state: &mut State, action: Action) -> Vec<Cmd> {
    let Some(mut menu) = state.menu.take() else {
        return Vec::new();
    };
    let last = menu.entries.len().saturating_sub(1);
    match action {
        Action::MenuAccept => {
            let line = menu.entries.get(menu.picked).map(|entry| entry.line.clone());
            return line.map_or_else(Vec::new, |line| obey_line(state, &line));
        }
        Action::MenuClose => return Vec::new(),
        Action::MenuDown => menu.picked = (menu.picked + 1).min(last),
        _ => menu.picked = menu.picked.saturating_sub(1),
    }
    state.menu = Some(menu);
    Vec::new()
}

fn copy(state: &mut State) -> Vec<Cmd> {
    let text = match (&state.sheet, state.screens.current()) {
        (Some(sheet), _) => sheet.command(),
        (None, Screen::Operation(id)) => format!("ops op watch {id}"),
        (None, Screen::Operations) => "ops op list".to_owned(),
        (None, Screen::Audit) => "ops audit".to_owned(),
        (None, Screen::Cluster(name)) => format!("ops status {name}"),
        (None, Screen::Logs) => state.logs.query.command(),
        (None, Screen::Help) => {
            state.notify("this screen has no command of its own", true);
            return Vec::new();
        }
        (None, _) => "ops status".to_owned(),
    };
    copied(state, text)
}

fn copy_id(state: &mut State) -> Vec<Cmd> {
    let text = match state.screens.current() {
        Screen::Logs => state.logs.current().map(|record| record.id.clone()),
        Screen::Operation(id) => Some(id.clone()),
        Screen::Operations => {
            let row = state.operations.row(&state.shown_operations());
            state
                .shown_operations()
                .get(row)
                .map(|operation| operation.id.clone())
        }
        Screen::Audit => {
            let entries = state.shown_audit();
            entries
                .get(state.audit_row)
                .and_then(|entry| entry.operation.clone())
        }
        _ => selected(state),
    };
    match text {
        Some(text) => copied(state, text),
        None => {
            state.notify("nothing is selected that has a name", true);
            Vec::new()
        }
    }
}

fn copied(state: &mut State, text: String) -> Vec<Cmd> {
    state.notify(format!("copied: {text}"), false);
    vec![Cmd::Copy(text)]
}

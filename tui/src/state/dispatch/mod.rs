//! Carries out an action. This is the one gate of every change: whatever key, command or palette entry asks,
//! it comes through [`permitted`], which refuses what needs write while the console is read-only or its picture
//! is stale. No screen guards its own keys.

mod confirm;
mod reading;
mod travel;
mod typing;

use super::screen::Screen;
use super::{ARMED_MS, Cmd, Purpose, State};
use crate::keymap::Action;
pub(super) use confirm::{awaits_plan, reassess};
use confirm::{open_abort, open_restart, sheet};
use reading::logs;
use travel::{back, jump, logs_of_selected, open, open_selected, selected, step};
pub(super) use travel::{first_cluster, show_operation};
use typing::{accept_line, begin, cancel_line, line};

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

fn toggle_write(state: &mut State) {
    if state.armed_ms().is_some() {
        state.armed_until_ms = None;
        state.notify("read-only", false);
    } else {
        state.armed_until_ms = Some(state.now.ms + ARMED_MS);
        state.notify("changes are allowed for 15 minutes; W ends it", false);
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

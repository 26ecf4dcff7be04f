//! The sheet: opening it, moving on it, sending what it asks for.

use super::dispatch;
use crate::keymap::Action;
use crate::state::plan::{Danger, Plan, Target};
use crate::state::screen::Screen;
use crate::state::sheet::{Field, Planned, Sheet, Subject};
use crate::state::{Cmd, State};

pub(super) fn open_restart(state: &mut State, name: &str) -> Vec<Cmd> {
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

pub(super) fn open_abort(state: &mut State) {
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

pub(super) fn sheet(state: &mut State, action: Action) -> Vec<Cmd> {
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

/// Keeps the danger of an open sheet in step with the fleet: it only rises.
pub(in crate::state) fn reassess(state: &mut State) {
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
pub(in crate::state) fn awaits_plan(state: &State, id: u64) -> bool {
    matches!(&state.sheet, Some(sheet) if sheet.id == id && matches!(sheet.planned, Planned::Asking))
}

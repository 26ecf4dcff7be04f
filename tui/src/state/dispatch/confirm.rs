//! The sheet: opening it, moving on it, sending what it asks for.

use ops_api::{Mode, OperationState};

use super::dispatch;
use crate::keymap::Action;
use crate::state::plan::{Danger, Plan, Target};
use crate::state::sheet::{Field, Planned, Sheet, Subject, Turn};
use crate::state::{COUNTDOWN_MS, Cmd, State};
use tui_input::Input;

/// No plan has more lines.
const MAX_SCROLL: u16 = 200;

pub(super) fn open_restart(state: &mut State, name: &str, mode: Mode) -> Vec<Cmd> {
    let Some(fleet) = &state.fleet else {
        return Vec::new();
    };
    let target = match Target::resolve(fleet, name) {
        Ok(target) => Target { mode, ..target },
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

pub(super) fn open_turn(state: &mut State, turn: Turn, id: &str) {
    let why_not = match state.operations.get(id).map(|operation| operation.state) {
        None => format!("no operation is called {id:?}"),
        Some(now) if now.ended() => format!("this operation has ended: there is nothing to {}", turn.name()),
        Some(OperationState::Paused) if turn == Turn::Pause => "this operation is paused already".to_owned(),
        Some(now) if turn == Turn::Resume && now != OperationState::Paused => {
            "this operation is not paused".to_owned()
        }
        Some(_) => {
            let sheet = open_sheet(state, Subject::Turn(turn, id.to_owned()), Danger::L1);
            state.sheet = Some(sheet);
            return;
        }
    };
    state.notify(why_not, true);
}

fn open_sheet(state: &mut State, subject: Subject, danger: Danger) -> Sheet {
    state.next_sheet += 1;
    let mut sheet = Sheet::new(state.next_sheet, state.now, subject, danger);
    // Why changes were allowed is why they are made, until somebody says otherwise.
    sheet.reason = Input::new(state.armed_reason.clone());
    let environment = state.fleet.as_ref().map(|fleet| fleet.environment.clone());
    sheet.environment = environment.unwrap_or_default();
    sheet
}

pub(super) fn sheet(state: &mut State, action: Action) -> Vec<Cmd> {
    let Some(sheet) = &mut state.sheet else {
        return Vec::new();
    };
    match (action, sheet.focus) {
        (Action::SheetNext, _) => sheet.turn(true),
        (Action::SheetPrevious, _) => sheet.turn(false),
        // The first Esc stops the countdown, the next one leaves.
        (Action::SheetClose, _) if sheet.countdown.is_some() && !sheet.sent => {
            sheet.countdown = None;
            state.notify("stopped: nothing was sent", false);
        }
        (Action::SheetClose, _) | (Action::SheetAccept, Field::Cancel) => state.sheet = None,
        (Action::SheetDown, _) => sheet.scroll = sheet.scroll.saturating_add(1).min(MAX_SCROLL),
        (Action::SheetUp, _) => sheet.scroll = sheet.scroll.saturating_sub(1),
        // An accepted reason leads back to Cancel, from where `y` runs, or on to the typed name.
        (Action::SheetAccept, Field::Reason | Field::Name) => sheet.turn(true),
        (Action::SheetAccept, Field::Run) => return dispatch(state, Action::SheetRun),
        (Action::SheetRun, focus) => {
            if sheet.danger >= Danger::L3 && focus != Field::Run {
                state.notify("this one needs a name to be typed: Tab to the field", true);
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
    if sheet.danger == Danger::L4 && sheet.countdown_ms(state.now) != Some(0) {
        sheet.countdown.get_or_insert(state.now);
        return Vec::new();
    }
    sheet.countdown = None;
    sheet.sent = true;
    sheet.refusal = None;
    let by = state.settings.by.clone();
    match &sheet.subject {
        Subject::Turn(turn, operation) => vec![Cmd::Turn(sheet.id, *turn, operation.clone(), by)],
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

/// Goes on with a countdown: when it has run out, what it was for is sent, through the same gate as any key.
pub(in crate::state) fn count_down(state: &mut State) -> Vec<Cmd> {
    let now = state.now;
    let Some(sheet) = &mut state.sheet else {
        return Vec::new();
    };
    match sheet.countdown {
        // What is late by more than the countdown itself was not watched by anybody: the console slept.
        Some(began) if now.since(began) > 2 * COUNTDOWN_MS => sheet.countdown = None,
        Some(began) if now.since(began) >= COUNTDOWN_MS => return dispatch(state, Action::SheetRun),
        _ => {}
    }
    Vec::new()
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

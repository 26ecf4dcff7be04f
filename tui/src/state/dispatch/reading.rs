//! Reading logs: following, seeking, narrowing the query.

use super::travel::requery;
use super::typing::begin;
use crate::keymap::Action;
use crate::state::logs::Level;
use crate::state::{Cmd, Purpose, State};

pub(super) fn logs(state: &mut State, action: Action) -> Vec<Cmd> {
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
            let error = Level::Error;
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

//! Reading logs: following, seeking, narrowing the query, keeping what was found.

use super::looking::plain;
use super::select::action_count;
use super::travel::{count, requery};
use crate::keymap::Action;
use crate::state::logs::{Level, LogRecord};
use crate::state::{Cmd, State};

pub(super) fn logs(state: &mut State, action: Action) -> Vec<Cmd> {
    match action {
        Action::Follow => state.logs.toggle_follow(),
        Action::Level => return requery(state, |logs| logs.query.level = logs.query.level.next()),
        Action::Since => return requery(state, |logs| logs.query.next_window()),
        Action::Context if state.logs.filter.is_none() => state.notify("find something first, with /", true),
        Action::Context => state.logs.show = state.logs.show.next(),
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
        Action::Bookmark => {
            if !state.logs.bookmark() {
                state.notify("there is no record to bookmark", true);
            }
        }
        Action::NextBookmark => {
            let marks = state.logs.bookmarks.clone();
            let kept = |record: &LogRecord, _: bool| marks.contains(&record.id);
            // From the last one round to the first.
            let found = state.logs.seek(true, kept) || state.logs.seek_first(kept);
            none(state, found, "no bookmark is loaded; b sets one");
        }
        Action::Wrap => state.logs.wrap = !state.logs.wrap,
        Action::Save => return save(state, None),
        Action::Plain => return plain(state, true),
        Action::Histogram => {
            state.logs.show_histogram = !state.logs.show_histogram;
            if state.logs.show_histogram {
                return vec![count(&state.logs)];
            }
        }
        Action::Finer | Action::Coarser => {
            state.logs.show_histogram = true;
            if state.logs.turn_bucket(action == Action::Finer) {
                return vec![count(&state.logs)];
            }
            state.notify("columns cannot be of another width over this time", false);
        }
        Action::DetailDown => state.logs.detail_scroll = state.logs.detail_scroll.saturating_add(1),
        Action::DetailUp => state.logs.detail_scroll = state.logs.detail_scroll.saturating_sub(1),
        Action::NextAction => state.action = (state.action + 1) % action_count(state).max(1),
        Action::PreviousAction => {
            let count = action_count(state).max(1);
            state.action = (state.action + count - 1) % count;
        }
        _ => return chips(state, action),
    }
    Vec::new()
}

/// Saves the records that are loaded and shown, a JSON object a line.
pub(super) fn save(state: &mut State, path: Option<String>) -> Vec<Cmd> {
    let logs = &state.logs;
    let lines: Vec<String> = (0..logs.ring.len())
        .filter(|row| logs.shown(*row))
        .filter_map(|row| logs.ring.record(row))
        .map(LogRecord::json)
        .collect();
    if lines.is_empty() {
        state.notify("no record is loaded: nothing to save", true);
        return Vec::new();
    }
    let path =
        path.unwrap_or_else(|| format!("guildwatch-{}.ndjson", state.now.wall.strftime("%Y%m%dT%H%M%SZ")));
    vec![Cmd::Save(path, lines.join("\n") + "\n")]
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

//! How the state changes: one event in, wishes out. Pure, so that it is tested without a terminal and replayed
//! from a recording.

use ops_api::{Fleet, Operation};

use super::dispatch::{
    awaits_plan, count_down, dispatch, first_cluster, pick, reassess, show_operation, step,
};
use super::logs::{Batch, Bucket, Histogram, Level, LogQuery};
use super::msg::{Event, Feed, Msg, Refusal, Wheel};
use super::screen::Screen;
use super::sheet::{DEAF_MS, Planned, edit};
use super::{Cmd, Link, State};
use crate::key::Key;
use crate::keymap::{Action, lookup};

/// How often lists without news of their own are fetched again, in ticks.
const REFRESH_TICKS: u64 = 5;

/// What is asked for when the console starts.
pub fn start() -> Vec<Cmd> {
    let tail = LogQuery {
        level: Level::Warn,
        page: 50,
        ..LogQuery::recent()
    };
    vec![Cmd::Follow(Feed::Tail, 0, tail), Cmd::FetchOperations]
}

/// Lines that one notch of the wheel moves.
const WHEEL: i64 = 3;

/// Takes an event in. Whatever comes of it, nothing that changes the system leaves here while that is not allowed:
/// this is the last door, and the only one.
pub fn update(state: &mut State, event: Event) -> Vec<Cmd> {
    state.now = event.at;
    let msg = match &mut state.hold {
        Some(hold) => {
            // What is shown stands still, but that the control plane lives is seen.
            if matches!(event.msg, Msg::Fleet(_)) {
                state.heard = Some(state.now);
                state.pictured = Some(state.now);
                state.link = Link::Up;
            }
            hold.take(event.msg)
        }
        None => Some(event.msg),
    };
    let mut cmds = msg.map_or_else(Vec::new, |msg| take(state, msg));
    if let (Err(why), true) = (state.may_write(), cmds.iter().any(Cmd::mutates)) {
        state.notify(why, true);
        cmds.retain(|cmd| !cmd.mutates());
    }
    cmds
}

/// Takes a message in.
pub(super) fn take(state: &mut State, msg: Msg) -> Vec<Cmd> {
    match msg {
        Msg::Key(key) => return press(state, key),
        Msg::Paste(text) => paste(state, &text),
        // While something is open over the list, the list stays where it is.
        Msg::Wheel(_) | Msg::Pick(_) if state.covered() => {}
        Msg::Wheel(Wheel::Up) => step(state, -WHEEL),
        Msg::Wheel(Wheel::Down) => step(state, WHEEL),
        Msg::Pick(row) => return pick(state, row),
        Msg::Told { text, bad } => state.notify(text, bad),
        Msg::Resize(columns, rows) => state.size = (columns, rows),
        Msg::Tick => return tick(state),
        Msg::Fleet(fleet) => return picture(state, fleet),
        Msg::Operation(operation) => {
            alive(state);
            state.operations.put(*operation);
        }
        Msg::Heartbeat => alive(state),
        Msg::Unreachable { reason, retry_ms } => {
            state.link = Link::Down {
                reason,
                retry_at_ms: state.now.ms + retry_ms,
            };
        }
        Msg::Operations(list) => list
            .into_iter()
            .for_each(|operation| state.operations.put(operation)),
        Msg::Audit(entries) => {
            state.audit_row = state.audit_row.min(entries.len().saturating_sub(1));
            state.audit = Some(entries);
        }
        // While the stream is away the header says so already.
        Msg::ListFailed(refusal) if state.link == Link::Up => state.notify(refusal.title, true),
        Msg::ListFailed(_) => {}
        Msg::Logs(feed, generation, batch) => take_logs(state, feed, generation, batch),
        Msg::LogsFailed(Feed::Tail, _, reason) => state.tail_error = Some(reason),
        Msg::LogsFailed(Feed::Logs, generation, reason) if generation == state.logs.generation => {
            state.logs.error = Some(reason);
        }
        Msg::LogsFailed(..) => {}
        Msg::Counts {
            generation,
            from,
            bucket_ms,
            buckets,
        } if generation == state.logs.generation => take_counts(state, from, bucket_ms, buckets),
        Msg::Counts { .. } => {}
        Msg::CountsFailed(generation, _) if generation == state.logs.generation => state.logs.counted = None,
        Msg::CountsFailed(..) => {}
        Msg::Planned(id, answer) if awaits_plan(state, id) => {
            if let Some(sheet) = &mut state.sheet {
                sheet.planned = match answer {
                    Ok(operation) => Planned::Known(operation),
                    Err(refusal) => Planned::Refused(refusal),
                };
            }
        }
        Msg::Planned(..) => {}
        Msg::Started(id, answer) | Msg::Turned(id, answer) => return answered(state, id, answer),
    }
    Vec::new()
}

/// Pasted text is typed into what is being typed; it never means keys, so that no paste confirms anything.
fn paste(state: &mut State, text: &str) {
    let sheet = state.sheet.as_mut().filter(|sheet| !sheet.sent);
    let input = match (&mut state.line, sheet) {
        (Some(line), _) => Some(&mut line.input),
        (None, Some(sheet)) => sheet.input(),
        (None, None) => None,
    };
    let Some(input) = input else {
        state.notify("pasted text means nothing here", true);
        return;
    };
    for character in text.chars().filter(|character| !character.is_control()) {
        edit(input, Key::Char(character));
    }
}

fn press(state: &mut State, key: Key) -> Vec<Cmd> {
    // Leaving works everywhere, whatever is open.
    if key == Key::Ctrl('c') {
        return dispatch(state, Action::Interrupt);
    }
    if state.line.is_some()
        && let Some(action) = lookup(state.contexts(), key)
    {
        return dispatch(state, action);
    }
    if let Some(line) = &mut state.line {
        if edit(&mut line.input, key) {
            line.picked = 0;
        }
        return Vec::new();
    }
    if let Some(sheet) = &mut state.sheet {
        if state.now.since(sheet.opened) < DEAF_MS || sheet.sent && !matches!(key, Key::Esc) {
            return Vec::new();
        }
        // In a text field letters are text, `y` and `q` too.
        let typing = sheet.input().is_some_and(|input| edit(input, key));
        if typing {
            return Vec::new();
        }
    }
    match lookup(state.contexts(), key) {
        Some(action) => dispatch(state, action),
        None => Vec::new(),
    }
}

fn tick(state: &mut State) -> Vec<Cmd> {
    let now = state.now.ms;
    if state.notice.as_ref().is_some_and(|notice| notice.until_ms <= now) {
        state.notice = None;
    }
    if state.armed_until_ms.is_some_and(|until| until <= now) {
        state.armed_until_ms = None;
        state.armed_reason.clear();
        state.notify("read-only again: the time for changes has passed", false);
    }
    let sent = count_down(state);
    if !sent.is_empty() || !(now / 1000).is_multiple_of(REFRESH_TICKS) {
        return sent;
    }
    match state.screens.current() {
        Screen::Audit => vec![Cmd::FetchAudit],
        Screen::Logs if state.logs.show_histogram => {
            let logs = &state.logs;
            vec![Cmd::Count(logs.generation, logs.query.clone(), logs.bucket_ms())]
        }
        _ => Vec::new(),
    }
}

fn alive(state: &mut State) {
    state.heard = Some(state.now);
    state.link = Link::Up;
}

fn picture(state: &mut State, fleet: Box<Fleet>) -> Vec<Cmd> {
    let was_away = state.link != Link::Up;
    alive(state);
    state.trends.push(&fleet, state.now.ms);
    super::incidents::track(&mut state.unwell, &fleet);
    if let Some(operation) = &fleet.operation {
        state.operations.put(operation.clone());
    }
    state.fleet = Some(fleet);
    state.pictured = Some(state.now);
    if state.cluster.is_none() {
        state.cluster = first_cluster(state);
    }
    reassess(state);
    // What happened meanwhile was not heard.
    if was_away {
        vec![Cmd::FetchOperations]
    } else {
        Vec::new()
    }
}

fn take_logs(state: &mut State, feed: Feed, generation: u64, batch: Batch) {
    match feed {
        Feed::Tail => {
            state.tail_error = None;
            state.tail_loaded = true;
            state.tail.insert(batch, None);
        }
        Feed::Logs if generation == state.logs.generation => {
            let logs = &mut state.logs;
            logs.loaded = true;
            logs.error = None;
            logs.ring.insert(batch, logs.filter.as_ref());
        }
        Feed::Logs => {}
    }
}

fn take_counts(state: &mut State, from: jiff::Timestamp, bucket_ms: u64, buckets: Vec<Bucket>) {
    state.logs.counted = Some(Histogram {
        from,
        bucket_ms,
        buckets,
        whole: true,
    });
}

fn answered(state: &mut State, id: u64, answer: Result<Box<Operation>, Refusal>) -> Vec<Cmd> {
    let open = state.sheet.as_mut().filter(|sheet| sheet.id == id);
    match (answer, open) {
        (Ok(operation), sheet) => {
            let waited = sheet.is_some();
            let name = operation.id.clone();
            state.operations.put(*operation);
            if waited {
                return show_operation(state, &name);
            }
            state.notify(format!("{name} was accepted"), false);
        }
        (Err(refusal), Some(sheet)) => {
            sheet.sent = false;
            sheet.refusal = Some(refusal);
        }
        (Err(refusal), None) => state.notify(refusal.title, true),
    }
    Vec::new()
}

//! Finding a session: when it is new, after it moved, after its node was lost, and when its client is back.
//!
//! While this goes on the client's socket stays open and its heartbeats are answered: it notices nothing.

use std::time::Duration;

use chat_node::{CallError, Link};
use chat_proto::service::Refusal;
use chat_proto::service::sessions::{Ask, Reply};
use chat_proto::{NodeName, SessionId, UserId};
use tokio::time::Instant;

use crate::backend::Backend;
use crate::track::Track;

/// The first pause between two attempts, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// What happened to the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// It is new, or its node is gone: whoever owns it now makes it (again).
    Make,
    /// Its node handed it to another one.
    Follow(NodeName),
    /// Frames were lost on the way: the owner has them.
    Repeat,
}

/// How the search ended.
#[derive(Debug)]
pub(crate) enum Regained {
    /// Frames come over this connection.
    Attached(Link),
    /// Nobody has it, and it cannot be made again.
    Gone,
    /// Nobody could be asked for so long that the client had better start over.
    GaveUp(String),
}

/// Where the next attempt goes.
enum Next {
    AttachAt(NodeName),
    AttachAtOwner,
    Make,
}

/// Attaches the session of `track`, however long it takes within `patience`.
pub(crate) async fn regain<B: Backend>(backend: &B, track: &Track, way: Way, patience: Duration) -> Regained {
    let deadline = Instant::now() + patience;
    let mut pause = FIRST_PAUSE;
    let mut next = match way {
        // A session that was resumed at a node that did not say what made it can only be found.
        Way::Make if track.rebuild().is_some() => Next::Make,
        Way::Follow(node) => Next::AttachAt(node),
        Way::Make | Way::Repeat => Next::AttachAtOwner,
    };
    loop {
        let (at, ask) = match &next {
            Next::AttachAt(node) => (Some(node), track.attach()),
            Next::AttachAtOwner => (None, track.attach()),
            Next::Make => match track.rebuild() {
                Some(ask) => (None, ask),
                None => return Regained::Gone,
            },
        };
        let error = match backend.ask(track.session(), at, ask).await {
            Ok((link, _)) => return Regained::Attached(link),
            Err(error) => error,
        };
        match (&next, &error) {
            (Next::Make, CallError::Refused(Refusal::NotFound { .. })) => return Regained::Gone,
            (_, CallError::Refused(Refusal::NotFound { .. })) => {
                next = Next::Make;
                continue;
            }
            _ if !error.retry() => return Regained::GaveUp(error.to_string()),
            // Busy: the hand-over that announced it is still under way.
            (Next::AttachAt(_), CallError::Refused(Refusal::Unavailable { .. })) => {}
            (Next::AttachAt(_), _) => next = Next::AttachAtOwner,
            _ => {}
        }
        tracing::debug!(%error, labels.session_id = %track.session(), "session not attached yet");
        if Instant::now() + pause >= deadline {
            return Regained::GaveUp(error.to_string());
        }
        backend.pause(pause.mul_f64(rand::random_range(0.5..=1.0))).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Takes up a session again whose client is back on another socket with everything up to `seq`.
pub(crate) async fn take_up<B: Backend>(
    backend: &B,
    session: SessionId,
    user: UserId,
    seq: u64,
    patience: Duration,
) -> Result<Track, CallError> {
    let deadline = Instant::now() + patience;
    let mut pause = FIRST_PAUSE;
    loop {
        let ask = Ask::Resume {
            session: session.clone(),
            user,
            seq,
        };
        match backend.ask(&session, None, ask).await {
            Ok((link, reply)) => {
                let known = match reply {
                    Reply::Resumed { start, cursors } => Some((start, cursors)),
                    Reply::Done => None,
                };
                let mut track = Track::resumed(session, user, seq, known);
                track.attached(Some(link));
                return Ok(track);
            }
            Err(error) if error.retry() && Instant::now() + pause < deadline => {
                tracing::debug!(%error, labels.session_id = %session, "session not resumed yet");
                backend.pause(pause.mul_f64(rand::random_range(0.5..=1.0))).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            Err(error) => return Err(error),
        }
    }
}

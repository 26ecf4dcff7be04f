//! What happens to the console: keys, time, and what the control plane and the store say. Serialisable, so that
//! a bug report can be a recording that is replayed through [`super::update`].

use jiff::Timestamp;
use ops_api::{AuditEntry, Fleet, Operation};
use serde::{Deserialize, Serialize};

use super::logs::{Batch, Bucket};
use super::moment::Moment;
use crate::key::Key;

/// A message and when it came.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Moment,
    /// What.
    pub msg: Msg,
}

/// A message.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Msg {
    /// A key was pressed.
    Key(Key),
    /// The terminal has this many columns and rows.
    Resize(u16, u16),
    /// Text was pasted: it is typed where something is being typed, and means nothing elsewhere.
    Paste(String),
    /// The wheel of the mouse was turned.
    Wheel(Wheel),
    /// A row of what is shown was clicked, by its number from the top of the list.
    Pick(usize),
    /// Something that the terminal was asked for is done, or failed.
    Told {
        /// In one line.
        text: String,
        /// Whether it failed.
        bad: bool,
    },
    /// A second has passed.
    Tick,
    /// A new picture of everything.
    Fleet(Box<Fleet>),
    /// An operation changed.
    Operation(Box<Operation>),
    /// The watch stream lives.
    Heartbeat,
    /// The watch stream is gone; when the next try is.
    Unreachable {
        /// Why.
        reason: String,
        /// In how many milliseconds the next try is.
        retry_ms: u64,
    },
    /// All operations, newest first.
    Operations(Vec<Operation>),
    /// The newest entries of the audit log.
    Audit(Vec<AuditEntry>),
    /// New records of a stream.
    Logs(Feed, u64, Batch),
    /// Counts over time of a stream: from `from`, one bucket each `bucket_ms`.
    Counts {
        /// Which search they belong to.
        generation: u64,
        /// The start of the first bucket.
        from: Timestamp,
        /// The width of a bucket, in milliseconds.
        bucket_ms: u64,
        /// One entry a bucket.
        buckets: Vec<Bucket>,
    },
    /// The store cannot count (it is then done over the loaded records).
    CountsFailed(u64, String),
    /// The store gave no records.
    LogsFailed(Feed, u64, String),
    /// The control plane's own plan for a sheet.
    Planned(u64, Result<Box<Operation>, Refusal>),
    /// The answer to a start.
    Started(u64, Result<Box<Operation>, Refusal>),
    /// The answer to an abort, a pause or a resume.
    Turned(u64, Result<Box<Operation>, Refusal>),
    /// A list could not be fetched.
    ListFailed(Refusal),
}

/// Which way the wheel of the mouse was turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wheel {
    /// Away from the hand.
    Up,
    /// To the hand.
    Down,
}

/// Which stream of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Feed {
    /// Warnings and errors of everything, at the foot of the fleet screen.
    Tail,
    /// The logs screen.
    Logs,
}

/// Why a call was refused or failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What was wrong, in one line.
    pub title: String,
    /// What to do; may be empty.
    pub hint: String,
    /// The operation in the way.
    pub operation: Option<String>,
}

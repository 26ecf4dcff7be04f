//! What an operation means to do, what it found before, and what it watches while it goes on.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The plan of an operation: computed before anything is touched.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Plan {
    /// The nodes that are disturbed together, batch by batch.
    pub batches: Vec<Vec<String>>,
    /// How long the slowest node is expected to hand over, in milliseconds.
    pub handoff_ms: u64,
    /// From the cordon to the kill, in milliseconds.
    pub grace_ms: u64,
    /// How long all of it is expected to take, in milliseconds.
    pub total_ms: u64,
    /// What is held by the nodes that are restarted: 1200 `sessions`.
    pub held: u64,
    /// The unit.
    pub held_unit: String,
    /// Clusters that would feel it, which the guard watches.
    pub downstream: Vec<String>,
    /// What users lose, in words; empty when nothing.
    pub loss: String,
}

/// What the guard of a running operation sees.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GuardView {
    /// `ok`, `worse` (a limit is exceeded, not for long enough yet), `paused`, `aborted`, `blind`, `off`.
    pub state: String,
    /// Why, in one line; empty when all is well.
    pub reason: String,
    /// The clusters that it watches.
    pub watched: Vec<Watched>,
}

/// One cluster that a guard watches.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Watched {
    /// Its name.
    pub cluster: String,
    /// Failed requests in a hundred before the operation began.
    pub error_percent_before: f64,
    /// Failed requests in a hundred now.
    pub error_percent: f64,
    /// The 99th percentile of the duration before, in milliseconds.
    pub p99_ms_before: f64,
    /// The 99th percentile of the duration now, in milliseconds.
    pub p99_ms: f64,
}

/// How far a whole-system reboot has let its clients in again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Admission {
    /// The share of the identify budget that is open, in a hundred.
    pub percent: u8,
    /// Clients that were connected before.
    pub before: u64,
    /// Clients that are connected now.
    pub now: u64,
    /// From the moment when the last one was cut off: half of them are back after this, in milliseconds.
    pub p50_ms: Option<u64>,
    /// Nine of ten.
    pub p90_ms: Option<u64>,
    /// All but one in a hundred.
    pub p99_ms: Option<u64>,
}

/// Who holds a part of the stack. `ops lock list` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// What is held: `chain` (data, guilds, presence, sessions, gateway), or a cluster by its name.
    pub scope: String,
    /// The operation that holds it.
    pub operation: String,
    /// Who asked for that.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Its fencing number: nodes refuse a lower one than they have seen.
    pub fence: u64,
    /// Since when.
    pub since: Timestamp,
    /// When it ends unless it is renewed.
    pub expires: Timestamp,
}

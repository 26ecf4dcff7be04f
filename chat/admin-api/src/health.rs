//! What a node says about itself. The verdict over it is the control plane's.

use chat_proto::{Cluster, Generation, Incarnation, NodeName};
use serde::{Deserialize, Serialize};

/// Where a node is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeState {
    /// Not serving yet.
    Starting,
    /// Serving.
    Ready,
    /// Handing over what it holds.
    Draining,
    /// On its way out.
    Stopping,
}

/// A node's own account of its health.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NodeHealth {
    /// The node.
    pub node: NodeName,
    /// Its cluster.
    pub cluster: Cluster,
    /// Which life of it.
    pub incarnation: Incarnation,
    /// Its process id.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// Where it is in its life.
    pub state: NodeState,
    /// What it checks about itself; all must be ok for it to be healthy.
    pub checks: Vec<Check>,
    /// The newest membership it has.
    pub generation: Generation,
    /// Rate, errors, duration.
    pub red: RedSnapshot,
    /// How much waits in its fullest queue.
    pub queue: u64,
    /// How many things it holds (guilds owned, sessions, users, connections; data: 0).
    pub holds: u64,
    /// What they are: `guilds`, `sessions`, `users`, `connections`.
    pub holds_unit: String,
    /// While it drains: how far it is.
    pub drain: Option<Drain>,
    /// How long it has been up, in milliseconds.
    pub uptime_ms: u64,
    /// Resident memory, in bytes.
    pub rss_bytes: u64,
}

/// One thing that a node checks about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What: `lease`, `data`, `watchdog`.
    pub name: String,
    /// Whether it holds.
    pub ok: bool,
    /// What was seen.
    pub detail: String,
}

/// Rate, errors and duration since the process started; rates are the reader's differences.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RedSnapshot {
    /// Requests or events served.
    pub requests_total: u64,
    /// Those that failed by our fault.
    pub errors_total: u64,
    /// The median of the last ten seconds or so, in milliseconds.
    pub p50_ms: f64,
    /// The 99th percentile of the last ten seconds or so, in milliseconds.
    pub p99_ms: f64,
}

/// How far a drain is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// The operation it belongs to.
    pub operation: String,
    /// What it held when it began.
    pub total: u64,
    /// What it still holds. 0: drained, it can be stopped.
    pub left: u64,
}

/// Asks a node to hand over what it holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DrainRequest {
    /// The operation it belongs to.
    pub operation: String,
    /// The fencing number of the operation's lock: a node refuses one lower than it has seen.
    pub fence: u64,
    /// The life of the node that is meant; another one refuses (409).
    pub incarnation: Incarnation,
}

//! The health of everything, computed once by the control plane; CLI and console only draw it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A verdict. No data is `unknown`, never green.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// All of it serves.
    Green,
    /// It serves, but redundancy or quality is at risk.
    Yellow,
    /// No answer, or an answer too old.
    Unknown,
    /// Some users fail.
    Red,
}

/// What kind of thing a cluster of the fleet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceKind {
    /// A cluster of the chat stack.
    Chat,
    /// `punt`, `logstore`, `control`: the platform's own processes.
    Platform,
}

/// Everything, as the control plane sees it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Fleet {
    /// `ops/v1`.
    #[serde(rename = "apiVersion")]
    pub api_version: String,
    /// `Fleet`.
    pub kind: String,
    /// Whose view it is: `control`, or `direct` for `ops --direct`.
    pub view: String,
    /// When it was computed.
    pub at: Timestamp,
    /// The environment's name from the topology.
    pub environment: String,
    /// The generation of the membership.
    pub generation: u64,
    /// The worst health of all.
    pub health: Health,
    /// Clusters in the order of starting, platform processes last.
    pub clusters: Vec<ClusterStatus>,
    /// The operation that runs, if any.
    pub operation: Option<crate::Operation>,
}

/// One cluster (or platform process).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClusterStatus {
    /// Its name: `guilds`.
    pub name: String,
    /// What it is.
    pub kind: ServiceKind,
    /// The verdict.
    pub health: Health,
    /// Why, in one line; empty when green.
    pub reason: String,
    /// Nodes that are ready.
    pub ready: u32,
    /// Nodes that there should be.
    pub total: u32,
    /// Requests or events a second.
    pub rate: f64,
    /// Failed ones in a hundred.
    pub error_percent: f64,
    /// 99th percentile of the duration, in milliseconds: the worst node's.
    pub p99_ms: f64,
    /// What waits in queues, all nodes together.
    pub queue: u64,
    /// Restarts by the supervisor after a crash, all nodes together.
    pub restarts: u64,
    /// Its nodes, by name.
    pub nodes: Vec<NodeStatus>,
}

/// One process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Its name: `guilds-0`.
    pub name: String,
    /// Its cluster.
    pub cluster: String,
    /// The verdict.
    pub health: Health,
    /// Why, in one line; empty when green.
    pub reason: String,
    /// `starting`, `ready`, `draining`, `stopping`, `stopped`, `lost`.
    pub state: String,
    /// Its process id, 0 when it has none.
    pub pid: u32,
    /// Which life of it.
    pub incarnation: u64,
    /// Its version.
    pub version: String,
    /// Where it serves.
    pub address: String,
    /// Its admin port.
    pub admin: String,
    /// Requests or events a second.
    pub rate: f64,
    /// Failed ones in a hundred.
    pub error_percent: f64,
    /// 99th percentile of the duration, in milliseconds.
    pub p99_ms: f64,
    /// What waits in its fullest queue.
    pub queue: u64,
    /// What it holds, with the unit: 12 `guilds`.
    pub holds: u64,
    /// The unit.
    pub holds_unit: String,
    /// Resident memory, in bytes.
    pub rss_bytes: u64,
    /// How long it has been up, in milliseconds.
    pub uptime_ms: u64,
    /// Restarts by the supervisor after a crash.
    pub restarts: u64,
    /// How old this observation is, in milliseconds.
    pub age_ms: u64,
}

impl Health {
    /// `green`, `yellow`, `red`, `unknown`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Yellow => "yellow",
            Self::Unknown => "unknown",
            Self::Red => "red",
        }
    }
}

impl Fleet {
    /// The cluster called `name`.
    pub fn cluster(&self, name: &str) -> Option<&ClusterStatus> {
        self.clusters.iter().find(|cluster| cluster.name == name)
    }

    /// All nodes of all clusters.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeStatus> {
        self.clusters.iter().flat_map(|cluster| &cluster.nodes)
    }
}

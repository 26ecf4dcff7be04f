//! punt's counters at one moment.
//!
//! The law that ties them together is [`Stats::balance`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// All components of one punt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// The node that answers, such as `punt-0`.
    pub node: String,
    /// When it counted, RFC 3339.
    pub time: String,
    /// How long it has been running.
    pub uptime_seconds: u64,
    /// Batches that wait between the sources and the buffers, and how many may.
    pub queue_depth: u64,
    /// The bound of that queue.
    pub queue_capacity: u64,
    /// Every component, in the order of the flow.
    pub components: Vec<ComponentStats>,
}

/// What a component is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Where events come in.
    Source,
    /// What works on events between.
    Transform,
    /// What decides which sinks an event goes to.
    Router,
    /// What tells somebody of events.
    Alert,
    /// Where alerts are sent.
    Action,
    /// Where events go out.
    Sink,
}

/// One component's counters since its start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComponentStats {
    /// What it is.
    pub kind: Kind,
    /// Its name in the configuration.
    pub name: String,
    /// Counters by name: `received`, `parsed`, `failed`, `buffered`, `sent`, `acknowledged`, `retried`, ...
    pub counters: BTreeMap<String, u64>,
    /// Events that are lost, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dropped: BTreeMap<String, u64>,
    /// The buffer of a sink.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buffer: Option<BufferStats>,
}

/// A sink's durable buffer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BufferStats {
    /// Events in it that are not acknowledged.
    pub events: u64,
    /// Bytes it takes on disk.
    pub bytes: u64,
    /// How many it may take.
    pub max_bytes: u64,
    /// For how long its oldest event has been waiting.
    pub lag_ms: u64,
}

// === impl Stats ===

impl Stats {
    /// The component of this kind and name.
    pub fn component(&self, kind: Kind, name: &str) -> Option<&ComponentStats> {
        self.components.iter().find(|c| c.kind == kind && c.name == name)
    }
}

// === impl ComponentStats ===

impl ComponentStats {
    /// A counter; one that never counted is zero.
    pub fn counter(&self, name: &str) -> u64 {
        self.counters.get(name).copied().unwrap_or_default()
    }

    /// All that was dropped, whatever the reason.
    pub fn dropped_total(&self) -> u64 {
        self.dropped.values().sum()
    }
}

// === impl Kind ===

impl Kind {
    /// The word for it, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Transform => "transform",
            Self::Router => "router",
            Self::Alert => "alert",
            Self::Action => "action",
            Self::Sink => "sink",
        }
    }
}

//! What a reload did.

use serde::{Deserialize, Serialize};

/// The parts of a topology that a reload touched, such as `source syslog` or `sink logs`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reload {
    /// New ones.
    pub added: Vec<String>,
    /// Those that run with other settings.
    pub changed: Vec<String>,
    /// Those that are no longer there.
    pub removed: Vec<String>,
    /// Sources and sinks that were left alone, with their connections.
    pub unchanged: u64,
    /// What an operator should know, such as a buffer that is left.
    pub notes: Vec<String>,
}

// === impl Reload ===

impl Reload {
    /// How many sources and sinks of those that run were added or changed.
    pub fn touched(&self) -> u64 {
        let parts = self.added.iter().chain(&self.changed);
        parts.filter(|part| part.contains(' ')).count() as u64
    }

    /// Whether nothing was touched.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

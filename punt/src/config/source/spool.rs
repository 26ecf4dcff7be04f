//! The spools of our own processes.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::{bytes_fault, duration, max_line_bytes, poll};

/// The spools of processes that log with `telemetry`: each sub-folder is one node's.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpoolConfig {
    /// The folder of the spools.
    pub(crate) dir: PathBuf,
    /// A longer record is cut here, marked and counted.
    #[serde(default = "max_line_bytes")]
    pub(crate) max_line_bytes: usize,
    /// How often spools are looked at.
    #[serde(default = "poll", with = "duration")]
    pub(crate) poll: Duration,
}

// === impl SpoolConfig ===

impl SpoolConfig {
    pub(super) fn faults(&self) -> Vec<String> {
        bytes_fault("max_line_bytes", self.max_line_bytes)
            .into_iter()
            .collect()
    }
}

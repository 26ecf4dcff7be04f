//! Standard input.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::Deserialize;

use super::{FileFormat, bytes_fault, max_line_bytes};

/// Standard input, a line an event. When it ends, punt delivers everything and ends.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StdinConfig {
    /// What a line is.
    #[serde(default)]
    pub(crate) format: FileFormat,
    /// Fields that every event of this source gets.
    #[serde(default)]
    pub(crate) fields: BTreeMap<String, String>,
    /// A longer line is cut here, marked and counted.
    #[serde(default = "max_line_bytes")]
    pub(crate) max_line_bytes: usize,
    /// No more events per second than this: the writer waits. Without it, no limit.
    pub(crate) max_events_per_second: Option<NonZeroU32>,
}

// === impl StdinConfig ===

impl StdinConfig {
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::from_iter(bytes_fault("max_line_bytes", self.max_line_bytes));
        if self.format == FileFormat::Json && !self.fields.is_empty() {
            faults.push("fields are for format = \"plain\"; a JSON record has its own".to_owned());
        }
        faults
    }
}

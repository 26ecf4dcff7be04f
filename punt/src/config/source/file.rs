//! Files that are appended to.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::{bytes_fault, duration, max_line_bytes, poll};

/// Files that are appended to, and rotated by renaming or truncating.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileConfig {
    /// Glob patterns, such as `/var/log/nginx/*.log`.
    pub(crate) paths: Vec<String>,
    /// What a line is.
    #[serde(default)]
    pub(crate) format: FileFormat,
    /// Fields that every event of this source gets, such as `"service.name" = "nginx"`.
    #[serde(default)]
    pub(crate) fields: BTreeMap<String, String>,
    /// A longer line is cut here, marked and counted.
    #[serde(default = "max_line_bytes")]
    pub(crate) max_line_bytes: usize,
    /// How often files are looked at.
    #[serde(default = "poll", with = "duration")]
    pub(crate) poll: Duration,
}

/// What a line of a file is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FileFormat {
    /// Text: it becomes `message`, at the time of reading.
    #[default]
    Plain,
    /// One log record (flat ECS JSON).
    Json,
}

// === impl FileConfig ===

impl FileConfig {
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        faults.extend(bytes_fault("max_line_bytes", self.max_line_bytes));
        if self.format == FileFormat::Json && !self.fields.is_empty() {
            faults.push("fields are for format = \"plain\"; a JSON record has its own".to_owned());
        }
        if self.paths.is_empty() {
            faults.push("paths is empty, and nothing would be read".to_owned());
        }
        for pattern in &self.paths {
            if let Err(error) = glob::Pattern::new(pattern) {
                faults.push(format!("{pattern:?} is no glob pattern: {error}"));
            }
        }
        faults
    }
}

//! Files that are appended to.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;

use super::{bytes_fault, duration, max_line_bytes, poll};

/// Files that are appended to, and rotated by renaming or truncating.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileConfig {
    /// Glob patterns, such as `/var/log/nginx/*.log`.
    pub(crate) paths: Vec<String>,
    /// Glob patterns of paths that are left out, such as `*.gz`.
    #[serde(default)]
    pub(crate) exclude: Vec<String>,
    /// What a line is.
    #[serde(default)]
    pub(crate) format: FileFormat,
    /// Where files are read from that are there at the very first start. Later ones are read from their beginning.
    #[serde(default)]
    pub(crate) read_from: ReadFrom,
    /// A file that was never read and was last written longer ago than this is left alone until it is written to.
    #[serde(default, with = "duration::optional")]
    pub(crate) ignore_older: Option<Duration>,
    /// Which lines belong together. Without it, each line is an event.
    pub(crate) multiline: Option<MultilineConfig>,
    /// Fields that every event of this source gets, such as `"service.name" = "nginx"`.
    #[serde(default)]
    pub(crate) fields: BTreeMap<String, String>,
    /// A longer line is cut here, marked and counted.
    #[serde(default = "max_line_bytes")]
    pub(crate) max_line_bytes: usize,
    /// No more events per second than this: the rest waits in the files. Without it, no limit.
    pub(crate) max_events_per_second: Option<NonZeroU32>,
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

/// Where a file is read from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReadFrom {
    #[default]
    Beginning,
    End,
}

/// Which lines belong together. A line goes to the event before it unless it matches `start`, and, where it is
/// given, only if it matches `continuation`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MultilineConfig {
    /// A regular expression: a line that matches begins an event.
    pub(crate) start: Option<String>,
    /// A regular expression: a line that matches belongs to the event before it.
    pub(crate) continuation: Option<String>,
    /// An event has no more lines than this; the next line begins another one.
    #[serde(default = "max_lines")]
    pub(crate) max_lines: usize,
    /// An event that got no further line for so long is whole.
    #[serde(default = "multiline_timeout", with = "duration")]
    pub(crate) timeout: Duration,
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
        if let Some(multiline) = &self.multiline {
            faults.extend(multiline.faults());
            if self.format == FileFormat::Json {
                faults.push("multiline is for format = \"plain\"; a JSON record is one line".to_owned());
            }
        }
        for pattern in self.paths.iter().chain(&self.exclude) {
            if let Err(error) = glob::Pattern::new(pattern) {
                faults.push(format!("{pattern:?} is no glob pattern: {error}"));
            }
        }
        faults
    }
}

// === impl MultilineConfig ===

impl MultilineConfig {
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.start.is_none() && self.continuation.is_none() {
            faults.push("multiline has neither start nor continuation, and would join all lines".to_owned());
        }
        for (key, pattern) in [("start", &self.start), ("continuation", &self.continuation)] {
            if let Some(Err(error)) = pattern.as_deref().map(regex::bytes::Regex::new) {
                faults.push(format!("multiline.{key} is no regular expression: {error}"));
            }
        }
        if self.max_lines == 0 {
            faults.push("multiline.max_lines is 0, and must be at least 1".to_owned());
        }
        faults
    }
}

fn max_lines() -> usize {
    500
}

fn multiline_timeout() -> Duration {
    Duration::from_secs(1)
}

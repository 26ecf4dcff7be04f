//! `type = "file"` and `type = "stdout"`: a line an event.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::config::duration;

/// A file that lines are appended to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileSinkConfig {
    /// Where it is. Its folder is created when missing.
    pub(crate) path: PathBuf,
    /// The form of a line.
    #[serde(default)]
    pub(crate) encoding: Encoding,
    /// A new file is begun once one has this many bytes; 0: never for that reason.
    #[serde(default = "rotate_bytes")]
    pub(crate) rotate_bytes: u64,
    /// A new file is begun once one is so old; 0: never for that reason.
    #[serde(default = "never", with = "duration")]
    pub(crate) rotate_every: Duration,
    /// How many full files are kept beside the one that is written to.
    #[serde(default = "keep")]
    pub(crate) keep: usize,
    /// Whether events count as delivered only once they are on stable storage.
    #[serde(default = "yes")]
    pub(crate) fsync: bool,
}

/// The standard output of punt. (Its own log goes to standard error.)
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StdoutConfig {
    /// The form of a line.
    #[serde(default)]
    pub(crate) encoding: Encoding,
}

/// The form of a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Encoding {
    /// The document.
    #[default]
    Json,
    /// Its `message` (or the document, where it has none).
    Text,
}

// === impl FileSinkConfig ===

impl FileSinkConfig {
    pub(super) fn faults(&self) -> Vec<String> {
        match self.path.file_name() {
            Some(_) => Vec::new(),
            None => vec![format!("path is {:?}, which names no file", self.path)],
        }
    }
}

fn rotate_bytes() -> u64 {
    256 << 20
}

fn never() -> Duration {
    Duration::ZERO
}

fn keep() -> usize {
    10
}

fn yes() -> bool {
    true
}

//! systemd's journal.

use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::Deserialize;

use super::{bytes_fault, max_line_bytes};

/// The journal in its export format, from a command or from a file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JournaldConfig {
    /// What writes the journal to its standard output. `--after-cursor=CURSOR` is added once there is a cursor.
    /// When it ends, it is started again.
    #[serde(default = "command")]
    pub(crate) command: Vec<String>,
    /// A file or pipe in export format instead of a command. A file is followed as it grows.
    pub(crate) path: Option<PathBuf>,
    /// Values that would make an entry longer than this are left out; the event is marked and counted.
    #[serde(default = "max_line_bytes")]
    pub(crate) max_entry_bytes: usize,
    /// No more events per second than this: the rest waits in the journal. Without it, no limit.
    pub(crate) max_events_per_second: Option<NonZeroU32>,
}

// === impl JournaldConfig ===

impl JournaldConfig {
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::from_iter(bytes_fault("max_entry_bytes", self.max_entry_bytes));
        if self.command.is_empty() && self.path.is_none() {
            faults.push("command is empty and path is not given, and nothing would be read".to_owned());
        }
        faults
    }
}

fn command() -> Vec<String> {
    ["journalctl", "-o", "export", "-f", "--no-tail"]
        .map(ToOwned::to_owned)
        .to_vec()
}

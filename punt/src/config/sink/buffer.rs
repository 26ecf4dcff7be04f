//! `buffer` of a sink: where its events wait, how many may, and what happens when they are too many.

use serde::Deserialize;

/// The bound of a buffer on disk when none is given.
const DISK_BYTES: u64 = 1 << 30;

/// The bound of a buffer in memory when none is given.
const MEMORY_BYTES: u64 = 4 << 20;

/// The buffer of a sink.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BufferConfig {
    /// Where the events wait.
    #[serde(rename = "type")]
    pub(crate) kind: BufferKind,
    /// How many bytes of them may wait: 1 GiB on disk, 4 MiB in memory when nothing is said.
    max_bytes: Option<u64>,
    /// What happens when they are more.
    pub(crate) when_full: WhenFull,
    /// When events on disk count as durable.
    pub(crate) fsync: Fsync,
}

/// Where events wait for their sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BufferKind {
    /// On disk: they outlive punt, and a sender has its acknowledgement once they are there.
    Disk,
    /// In memory: a sender has its acknowledgement once the sink has them, and what has no sender that would
    /// send again (syslog) is lost with punt.
    Memory,
}

/// What a full buffer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WhenFull {
    /// Nothing is read from the sources until there is room. UDP is then lost in the kernel.
    Block,
    /// What comes is dropped and counted.
    DropNewest,
    /// What has waited longest, and is not on its way, is dropped and counted.
    DropOldest,
}

/// When events count as durable, so that sources may forget them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fsync {
    /// Once written: survives the death of punt, not of the machine.
    Never,
    /// Once synced, which happens five times a second.
    Interval,
    /// Once synced, which happens with every write.
    Always,
}

// === impl BufferConfig ===

impl BufferConfig {
    pub(crate) fn max_bytes(&self) -> u64 {
        self.max_bytes.unwrap_or(match self.kind {
            BufferKind::Disk => DISK_BYTES,
            BufferKind::Memory => MEMORY_BYTES,
        })
    }
}

impl Default for BufferConfig {
    fn default() -> Self {
        Self {
            kind: BufferKind::Disk,
            max_bytes: None,
            when_full: WhenFull::Block,
            fsync: Fsync::Interval,
        }
    }
}

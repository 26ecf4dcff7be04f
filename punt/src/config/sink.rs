//! `[sinks.NAME]`: where events go.

use serde::Deserialize;

use super::IndexPattern;

/// A sink, by `type`.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum SinkConfig {
    Elasticsearch(ElasticsearchConfig),
}

/// Elasticsearch, OpenSearch, or the embedded store.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ElasticsearchConfig {
    /// Such as `http://127.0.0.1:9200`.
    pub(crate) url: String,
    /// The index of an event, from the event's own time.
    #[serde(default = "index")]
    pub(crate) index: IndexPattern,
    /// `create` (a re-send is stored once) or `index` (a re-send overwrites).
    #[serde(default)]
    pub(crate) op: Operation,
    /// A bulk request is sent once it has this many bytes,
    #[serde(default = "batch_bytes")]
    pub(crate) batch_bytes: usize,
    /// or this many events,
    #[serde(default = "batch_events")]
    pub(crate) batch_events: usize,
    /// or its first event has waited so long.
    #[serde(default = "batch_timeout_ms")]
    pub(crate) batch_timeout_ms: u64,
    /// Bulk requests in flight at once.
    #[serde(default = "concurrency")]
    pub(crate) concurrency: usize,
    /// How long a bulk request may take before it is tried again.
    #[serde(default = "request_timeout_ms")]
    pub(crate) request_timeout_ms: u64,
    /// The longest pause between two tries; the first is a hundredth of a second, and each doubles.
    #[serde(default = "retry_max_ms")]
    pub(crate) retry_max_ms: u64,
    /// Whether punt installs the index template.
    #[serde(default = "yes")]
    pub(crate) template: bool,
    /// The bound of the dead-letter file; beyond it, refused events are dropped and counted.
    #[serde(default = "dead_letter_max_bytes")]
    pub(crate) dead_letter_max_bytes: u64,
    /// The durable buffer.
    #[serde(default)]
    pub(crate) buffer: BufferConfig,
}

/// The bulk operation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Operation {
    #[default]
    Create,
    Index,
}

/// The durable buffer of a sink.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BufferConfig {
    /// The bound of the buffer on disk.
    pub(crate) max_bytes: u64,
    /// What happens when it is reached.
    pub(crate) when_full: WhenFull,
    /// When events count as durable.
    pub(crate) fsync: Fsync,
}

/// What a full buffer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WhenFull {
    /// Nothing is read from the sources until there is room. UDP is then lost in the kernel.
    Block,
    /// What comes is dropped and counted.
    DropNewest,
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

impl Default for BufferConfig {
    fn default() -> Self {
        Self {
            max_bytes: 1 << 30,
            when_full: WhenFull::Block,
            fsync: Fsync::Interval,
        }
    }
}

// === impl ElasticsearchConfig ===

impl ElasticsearchConfig {
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if let Err(error) = punt_elastic::Elastic::new(&self.url) {
            faults.push(error.to_string());
        }
        for (key, value) in [
            ("batch_bytes", self.batch_bytes as u64),
            ("batch_events", self.batch_events as u64),
            ("concurrency", self.concurrency as u64),
            ("request_timeout_ms", self.request_timeout_ms),
            ("retry_max_ms", self.retry_max_ms),
        ] {
            if value == 0 {
                faults.push(format!("{key} is 0, and nothing would ever be sent"));
            }
        }
        if self.buffer.max_bytes < 1 << 20 {
            faults.push(format!(
                "buffer.max_bytes is {}, and must be at least 1048576",
                self.buffer.max_bytes
            ));
        }
        faults
    }
}

fn index() -> IndexPattern {
    IndexPattern::try_from("guildwatch-%Y.%m.%d".to_owned()).expect("a valid pattern")
}

fn batch_bytes() -> usize {
    4 << 20
}

fn batch_events() -> usize {
    5000
}

fn batch_timeout_ms() -> u64 {
    200
}

fn concurrency() -> usize {
    2
}

fn request_timeout_ms() -> u64 {
    30_000
}

fn retry_max_ms() -> u64 {
    5_000
}

fn dead_letter_max_bytes() -> u64 {
    1 << 30
}

fn yes() -> bool {
    true
}

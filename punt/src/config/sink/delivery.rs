//! What every sink has, whatever takes its events: buffer, batches, tries, dead letters.

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::BufferConfig;

/// The keys of [`DeliveryConfig`] in a sink's table.
pub(super) const KEYS: &[&str] = &[
    "batch_bytes",
    "batch_events",
    "batch_timeout_ms",
    "concurrency",
    "concurrency_max",
    "in_flight_bytes",
    "request_timeout_ms",
    "retry_max_ms",
    "dead_letter_max_bytes",
    "dead_letter_rotate_bytes",
    "buffer",
];

/// How events are kept, batched and tried again.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DeliveryConfig {
    /// A request is sent once it has this many bytes,
    pub(crate) batch_bytes: usize,
    /// or this many events,
    pub(crate) batch_events: usize,
    /// or its first event has waited so long.
    pub(crate) batch_timeout_ms: u64,
    /// Requests in flight at once: a number, or `"adaptive"`.
    pub(crate) concurrency: Concurrency,
    /// How many `"adaptive"` may come to.
    pub(crate) concurrency_max: usize,
    /// How many bytes of requests may be in flight at once (one request always may). This bounds memory.
    pub(crate) in_flight_bytes: usize,
    /// How long a request may take before it is tried again.
    pub(crate) request_timeout_ms: u64,
    /// The longest pause between two tries; the first is a hundredth of a second, and each doubles.
    pub(crate) retry_max_ms: u64,
    /// The bound of the dead-letter files; beyond it, refused events are dropped and counted.
    pub(crate) dead_letter_max_bytes: u64,
    /// A new dead-letter file is begun once one has this many bytes.
    pub(crate) dead_letter_rotate_bytes: u64,
    /// Where events wait.
    pub(crate) buffer: BufferConfig,
}

/// How many requests are in flight at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Concurrency {
    /// As many as the other side takes without becoming slower.
    Adaptive,
    /// So many.
    Fixed(usize),
}

// === impl DeliveryConfig ===

impl DeliveryConfig {
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let fixed = match self.concurrency {
            Concurrency::Fixed(number) => number as u64,
            Concurrency::Adaptive => self.concurrency_max as u64,
        };
        for (key, value) in [
            ("batch_bytes", self.batch_bytes as u64),
            ("batch_events", self.batch_events as u64),
            ("concurrency", fixed),
            ("request_timeout_ms", self.request_timeout_ms),
            ("retry_max_ms", self.retry_max_ms),
        ] {
            if value == 0 {
                faults.push(format!("{key} is 0, and nothing would ever be sent"));
            }
        }
        if self.buffer.max_bytes() < 1 << 20 {
            faults.push(format!(
                "buffer.max_bytes is {}, and must be at least 1048576",
                self.buffer.max_bytes()
            ));
        }
        faults
    }
}

impl Default for DeliveryConfig {
    fn default() -> Self {
        Self {
            batch_bytes: 4 << 20,
            batch_events: 5000,
            batch_timeout_ms: 200,
            concurrency: Concurrency::Adaptive,
            concurrency_max: 4,
            in_flight_bytes: 4 << 20,
            request_timeout_ms: 30_000,
            retry_max_ms: 5_000,
            dead_letter_max_bytes: 1 << 30,
            dead_letter_rotate_bytes: 64 << 20,
            buffer: BufferConfig::default(),
        }
    }
}

// === impl Concurrency ===

impl<'de> Deserialize<'de> for Concurrency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrWord;
        impl Visitor<'_> for NumberOrWord {
            type Value = Concurrency;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number or \"adaptive\"")
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Concurrency, E> {
                usize::try_from(number)
                    .map(Concurrency::Fixed)
                    .map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))
            }
            fn visit_str<E: de::Error>(self, word: &str) -> Result<Concurrency, E> {
                match word {
                    "adaptive" => Ok(Concurrency::Adaptive),
                    other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
                }
            }
        }
        deserializer.deserialize_any(NumberOrWord)
    }
}

//! What is said over the socket.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::{Map, Value};

use crate::{Reload, Stats};

/// The fields that an event must have, with their values. Empty: every event.
pub type Filter = BTreeMap<String, String>;

/// The one line that a client sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Asks for one [`Stats`].
    Stats,
    /// Asks for the counters in Prometheus' text format, as `/metrics` has them.
    Metrics,
    /// Asks to read the configuration again, and for the outcome.
    Reload,
    /// Asks for the events that pass from now on.
    Tail {
        /// Only events with these fields. A value that ends in `*` matches what starts with it.
        #[serde(default)]
        filter: Filter,
        /// Only events for which this condition holds, in Lucene's syntax, such as
        /// `log.level:(error OR warn) AND NOT service.name:api`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expression: Option<String>,
        /// The share of matching events that is wanted, over 0 up to 1.
        #[serde(default = "everything")]
        sample: f64,
    },
}

/// One line that a server sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// An event that passed, as it will be stored.
    Event(Map<String, Value>),
    /// So many events passed that this client was too slow for.
    Dropped(u64),
    /// The answer to `stats`.
    Stats(Box<Stats>),
    /// The answer to `metrics`.
    Metrics(String),
    /// The answer to `reload`.
    Reloaded(Reload),
    /// The request could not be served; nothing follows.
    Error(String),
}

fn everything() -> f64 {
    1.0
}

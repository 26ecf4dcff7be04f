//! What takes events: one request at a time, with a verdict for each item.

use std::future::Future;
use std::time::Duration;

use punt_elastic::Verdict;

use super::elasticsearch::ElasticsearchTarget;
use super::failure::Failure;
use super::file::FileTarget;
use super::http::HttpTarget;
use super::loki::LokiTarget;
use super::stdout::StdoutTarget;
use crate::buffer::Payloads;
use crate::config::{IndexPattern, Operation, SinkConfig, TargetConfig};

/// What takes the events of a sink.
#[derive(Debug)]
pub(crate) enum Target {
    Elasticsearch(Box<ElasticsearchTarget>),
    Http(HttpTarget),
    Loki(LokiTarget),
    File(FileTarget),
    Stdout(StdoutTarget),
}

// === impl Target ===

impl Target {
    /// The target of this sink. Nothing is connected yet; a file is opened.
    pub(crate) fn new(sink: &str, config: &SinkConfig) -> anyhow::Result<Self> {
        let timeout = Duration::from_millis(config.delivery.request_timeout_ms);
        Ok(match &config.target {
            TargetConfig::Elasticsearch(target) => {
                Self::Elasticsearch(Box::new(ElasticsearchTarget::new(sink, target, timeout)?))
            }
            TargetConfig::Http(target) => Self::Http(HttpTarget::new(target, timeout)?),
            TargetConfig::Loki(target) => Self::Loki(LokiTarget::new(target, timeout)?),
            TargetConfig::File(target) => Self::File(FileTarget::open(target)?),
            TargetConfig::Stdout(target) => Self::Stdout(StdoutTarget::new(target.encoding)),
        })
    }

    /// The index of an event and the operation, for the action line; no index where there is none.
    pub(crate) fn action(config: &SinkConfig) -> (Option<IndexPattern>, Operation) {
        match &config.target {
            TargetConfig::Elasticsearch(target) => (Some(target.destination()), target.op),
            _ => (None, Operation::Create),
        }
    }

    /// Sends these items in one request. Gives a verdict for each, in order.
    pub(crate) async fn send(&self, items: &Payloads) -> Result<Vec<Verdict>, Failure> {
        match self {
            Self::Elasticsearch(target) => target.send(items).await,
            Self::Http(target) => target.send(items).await,
            Self::Loki(target) => target.send(items).await,
            Self::File(target) => target.send(items),
            Self::Stdout(target) => target.send(items),
        }
    }

    /// Whether one request at a time keeps the order, which a file should have.
    pub(crate) fn is_serial(&self) -> bool {
        matches!(self, Self::File(_) | Self::Stdout(_))
    }

    /// What the target does beside taking events, for as long as the sink runs.
    pub(crate) fn upkeep(&self) -> Option<impl Future<Output = ()> + Send + 'static> {
        match self {
            Self::Elasticsearch(target) => target.upkeep(),
            _ => None,
        }
    }
}

/// All of so many items are stored.
pub(crate) fn all_stored(items: &Payloads) -> Vec<Verdict> {
    vec![Verdict::Stored; items.len()]
}

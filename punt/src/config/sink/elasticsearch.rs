//! `type = "elasticsearch"`: Elasticsearch, OpenSearch, the embedded store, or another punt.

use std::time::Duration;

use serde::Deserialize;

use super::connection::{AuthConfig, CompressionConfig, ConnectionConfig, TlsConfig, Urls};
use crate::config::{IndexPattern, duration};

/// Elasticsearch from 5.6, OpenSearch, the embedded store, or the `http` source of another punt.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ElasticsearchConfig {
    /// Such as `http://127.0.0.1:9200`; several that belong to one engine share the load.
    #[serde(alias = "urls")]
    pub(crate) url: Urls,
    /// The index of an event, from the event's own time.
    #[serde(default = "index")]
    pub(crate) index: IndexPattern,
    /// The data stream that events go to instead, such as `logs-guildwatch-default`. A data stream knows an
    /// `_id` only within its newest backing index: an event that is sent again after a rollover is there twice.
    #[serde(default)]
    pub(crate) data_stream: Option<String>,
    /// `create` (a re-send is stored once) or `index` (a re-send overwrites).
    #[serde(default)]
    pub(crate) op: Operation,
    /// The engine's ingest pipeline that events go through first.
    #[serde(default)]
    pub(crate) pipeline: Option<String>,
    /// Whether punt installs the index template.
    #[serde(default = "yes")]
    pub(crate) template: bool,
    /// When old indices are deleted. Without it, never.
    #[serde(default)]
    pub(crate) retention: Option<Retention>,
    #[serde(default)]
    pub(crate) auth: Option<AuthConfig>,
    #[serde(default)]
    pub(crate) tls: Option<TlsConfig>,
    #[serde(default)]
    pub(crate) compression: CompressionConfig,
}

/// The bulk operation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Operation {
    #[default]
    Create,
    Index,
}

/// Which indices are deleted. Only those count whose names the sink's own pattern makes, to the letter.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retention {
    /// Those whose last moment is longer ago.
    #[serde(default, deserialize_with = "some_duration")]
    pub(crate) max_age: Option<Duration>,
    /// The oldest, while all together have more bytes (with their replicas). The newest stays.
    #[serde(default)]
    pub(crate) max_bytes: Option<u64>,
    /// How often punt looks.
    #[serde(default = "check_every", with = "duration")]
    pub(crate) check_every: Duration,
    /// Who deletes.
    #[serde(default)]
    pub(crate) by: RetentionBy,
}

/// Who deletes old indices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RetentionBy {
    /// punt, wherever events go.
    #[default]
    Punt,
    /// The engine, by a policy that punt installs: ILM of Elasticsearch from 7, ISM of OpenSearch. By age only.
    /// Where the engine has neither, punt does it.
    Engine,
}

// === impl ElasticsearchConfig ===

impl ElasticsearchConfig {
    pub(crate) fn connection(&self) -> ConnectionConfig<'_> {
        ConnectionConfig {
            auth: &self.auth,
            tls: &self.tls,
            compression: self.compression,
        }
    }

    /// Where the event goes: an index by its time, or the data stream.
    pub(crate) fn destination(&self) -> IndexPattern {
        match &self.data_stream {
            Some(stream) => IndexPattern::try_from(stream.clone()).unwrap_or_else(|_| self.index.clone()),
            None => self.index.clone(),
        }
    }

    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = self.connection().faults(&self.url);
        if let Some(stream) = &self.data_stream {
            if stream.contains('%') {
                faults.push(format!("data_stream is {stream:?}, and its name has no date"));
            } else if let Err(fault) = IndexPattern::try_from(stream.clone()) {
                faults.push(fault.replacen("index", "data_stream", 1));
            }
            if self.op == Operation::Index {
                faults.push("op is \"index\", and a data stream takes only \"create\"".to_owned());
            }
        }
        if let Some(pipeline) = &self.pipeline
            && (pipeline.is_empty() || pipeline.contains(['/', '?', '&', '#', '%']))
        {
            faults.push(format!(
                "pipeline is {pipeline:?}, which is no name of an ingest pipeline"
            ));
        }
        if let Some(retention) = &self.retention {
            faults.extend(self.retention_faults(retention));
        }
        faults
    }

    fn retention_faults(&self, retention: &Retention) -> Vec<String> {
        let mut faults = Vec::new();
        let engine = retention.by == RetentionBy::Engine;
        if retention.max_age.is_none() && retention.max_bytes.is_none() {
            faults.push("retention has neither max_age nor max_bytes, and would delete nothing".to_owned());
        }
        if engine && retention.max_age.is_none() {
            faults.push("retention.by is \"engine\", which deletes by max_age, and there is none".to_owned());
        }
        if engine && retention.max_bytes.is_some() {
            faults.push("retention.by is \"engine\", which does not know max_bytes".to_owned());
        }
        if self.data_stream.is_some() && !engine {
            faults.push(
                "retention of a data stream is the engine's business: say retention.by = \"engine\""
                    .to_owned(),
            );
        }
        if self.data_stream.is_none() && !self.index.is_dated() {
            faults.push("retention needs the date in the index: %Y, %m and %d at least".to_owned());
        }
        if retention.check_every.is_zero() {
            faults.push("retention.check_every is 0".to_owned());
        }
        faults
    }
}

fn some_duration<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    duration::deserialize(deserializer).map(Some)
}

fn index() -> IndexPattern {
    IndexPattern::try_from("guildwatch-%Y.%m.%d".to_owned()).expect("a valid pattern")
}

fn check_every() -> Duration {
    Duration::from_secs(15 * 60)
}

fn yes() -> bool {
    true
}

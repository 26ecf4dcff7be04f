//! `[sinks.NAME]`: where events go.
//!
//! A sink's table has the keys of its `type` beside those that every sink has (see [`DeliveryConfig`]). serde
//! cannot refuse unknown keys of a flattened table, so the table is parted by name here and each part is read
//! for itself.

mod buffer;
mod connection;
mod delivery;
mod elasticsearch;
mod file;
mod http;
mod loki;

use serde::de::{Deserialize, Deserializer, Error as _};

pub(crate) use buffer::{BufferConfig, BufferKind, Fsync, WhenFull};
pub(crate) use delivery::{Concurrency, DeliveryConfig};
pub(crate) use elasticsearch::{ElasticsearchConfig, Operation, Retention, RetentionBy};
pub(crate) use file::{Encoding, FileSinkConfig, StdoutConfig};
pub(crate) use http::{HttpEncoding, HttpSinkConfig};
pub(crate) use loki::{LokiConfig, LokiLine};

/// A sink.
#[derive(Debug, Clone)]
pub(crate) struct SinkConfig {
    /// How its events are kept, batched and tried again.
    pub(crate) delivery: DeliveryConfig,
    /// What takes them.
    pub(crate) target: TargetConfig,
}

/// What takes events, by `type`.
#[derive(Debug, Clone)]
pub(crate) enum TargetConfig {
    Elasticsearch(Box<ElasticsearchConfig>),
    Http(Box<HttpSinkConfig>),
    Loki(Box<LokiConfig>),
    File(FileSinkConfig),
    Stdout(StdoutConfig),
}

const TYPES: &[&str] = &["elasticsearch", "file", "http", "loki", "stdout"];

// === impl SinkConfig ===

impl SinkConfig {
    /// All that is wrong and that no single key shows.
    pub(in crate::config) fn faults(&self) -> Vec<String> {
        let mut faults = self.delivery.faults();
        faults.extend(match &self.target {
            TargetConfig::Elasticsearch(target) => target.faults(),
            TargetConfig::Http(target) => target.faults(),
            TargetConfig::Loki(target) => target.faults(),
            TargetConfig::File(target) => target.faults(),
            TargetConfig::Stdout(_) => Vec::new(),
        });
        faults
    }
}

impl<'de> Deserialize<'de> for SinkConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut table = toml::Table::deserialize(deserializer)?;
        let kind = match table.remove("type") {
            Some(toml::Value::String(kind)) => kind,
            Some(_) => return Err(D::Error::custom("type is no text")),
            None => return Err(D::Error::missing_field("type")),
        };
        let mut shared = toml::Table::new();
        for key in delivery::KEYS {
            if let Some(value) = table.remove(*key) {
                shared.insert((*key).to_owned(), value);
            }
        }
        let keys: Vec<String> = table.keys().cloned().collect();
        let wrong = |error: toml::de::Error| D::Error::custom(with_shared_keys(error.message(), &keys));
        let target = match kind.as_str() {
            "elasticsearch" => TargetConfig::Elasticsearch(table.try_into().map_err(wrong)?),
            "http" => TargetConfig::Http(table.try_into().map_err(wrong)?),
            "loki" => TargetConfig::Loki(table.try_into().map_err(wrong)?),
            "file" => TargetConfig::File(table.try_into().map_err(wrong)?),
            "stdout" => TargetConfig::Stdout(table.try_into().map_err(wrong)?),
            unknown => return Err(D::Error::unknown_variant(unknown, TYPES)),
        };
        Ok(Self {
            delivery: shared.try_into().map_err(wrong)?,
            target,
        })
    }
}

/// A complaint about an unknown key of the sink's own table names the shared keys as well, which are possible there.
fn with_shared_keys(message: &str, keys: &[String]) -> String {
    let named = message
        .strip_prefix("unknown field `")
        .and_then(|rest| rest.split('`').next());
    let is_own = named.is_some_and(|named| keys.iter().any(|key| key == named));
    match message.split_once(", expected ") {
        Some((head, expected)) if is_own => {
            let own = expected.split('`').skip(1).step_by(2);
            let all: Vec<&str> = own.chain(delivery::KEYS.iter().copied()).collect();
            format!("{head}, expected one of `{}`", all.join("`, `"))
        }
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SinkConfig, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn every_type_has_the_keys_of_delivery_and_its_own() {
        for (kind, own) in [
            ("elasticsearch", "url = \"http://a:1\""),
            ("http", "url = \"http://a:1\""),
            ("loki", "url = \"http://a:1\"\nlabels = { app = \"punt\" }"),
            ("file", "path = \"/tmp/x\""),
            ("stdout", ""),
        ] {
            let config = read(&format!("type = \"{kind}\"\nbatch_events = 7\n{own}")).unwrap();
            assert_eq!(config.delivery.batch_events, 7);
            assert_eq!(config.faults(), Vec::<String>::new(), "{kind}");
            let fault = read(&format!("type = \"{kind}\"\ncolour = 1\n{own}")).unwrap_err();
            assert!(fault.contains("unknown field `colour`"), "{fault}");
        }
        assert!(
            read("type = \"kafka\"")
                .unwrap_err()
                .contains("unknown variant `kafka`")
        );
    }

    #[test]
    fn what_would_never_send_anything_is_a_fault() {
        let config =
            read("type = \"http\"\nurl = \"http://a:1\"\nconcurrency = 0\nbatch_events = 0").unwrap();
        assert_eq!(config.faults().len(), 2);
        let config = read("type = \"elasticsearch\"\nurl = []").unwrap();
        assert_eq!(config.faults().len(), 1);
    }
}

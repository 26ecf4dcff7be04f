//! `type = "loki"`: Grafana Loki's push API.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::connection::{AuthConfig, CompressionConfig, ConnectionConfig, TlsConfig, Urls};

/// Loki, or what takes its push requests.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LokiConfig {
    /// Such as `http://127.0.0.1:3100`; events are posted to `/loki/api/v1/push` below it.
    #[serde(alias = "urls")]
    pub(crate) url: Urls,
    /// Labels and their values: a text, or `{{field}}` for a field of the event. An event without the field has
    /// no such label. Few values, please: each combination is a stream.
    #[serde(default = "labels")]
    pub(crate) labels: BTreeMap<String, String>,
    /// What is the line of an event.
    #[serde(default)]
    pub(crate) line: LokiLine,
    /// The tenant (`X-Scope-OrgID`).
    #[serde(default)]
    pub(crate) tenant: Option<String>,
    #[serde(default)]
    pub(crate) auth: Option<AuthConfig>,
    #[serde(default)]
    pub(crate) tls: Option<TlsConfig>,
    #[serde(default)]
    pub(crate) compression: CompressionConfig,
}

/// What is the line of an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LokiLine {
    /// The whole document.
    #[default]
    Json,
    /// Its `message`.
    Message,
}

// === impl LokiConfig ===

impl LokiConfig {
    pub(crate) fn connection(&self) -> ConnectionConfig<'_> {
        ConnectionConfig {
            auth: &self.auth,
            tls: &self.tls,
            compression: self.compression,
        }
    }

    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = self.connection().faults(&self.url);
        if self.labels.is_empty() {
            faults.push("labels is empty, and Loki takes no stream without a label".to_owned());
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        for label in self.labels.keys() {
            if label.is_empty()
                || !label.chars().all(plain)
                || label.starts_with(|c: char| c.is_ascii_digit())
            {
                faults.push(format!(
                    "labels.{label}: a label has letters, digits and '_' only, and no digit first"
                ));
            }
        }
        faults
    }
}

fn labels() -> BTreeMap<String, String> {
    BTreeMap::from([
        ("service_name".to_owned(), "{{service.name}}".to_owned()),
        ("source".to_owned(), "punt".to_owned()),
    ])
}

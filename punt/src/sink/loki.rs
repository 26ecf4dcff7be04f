//! The `loki` sink: Grafana Loki's push API, JSON.
//!
//! ```text
//! POST /loki/api/v1/push
//! {"streams":[{"stream":{"service_name":"guilds"},"values":[["1795513611123000000","{...}"],...]}]}
//! ```
//!
//! Events are grouped by their labels; within a stream they are in the order of their times. Loki takes the same
//! line at the same time only once, so a re-send stores nothing twice.

use std::collections::BTreeMap;
use std::time::Duration;

use punt_elastic::{Error, JSON, Transport, Verdict};
use serde_json::{Map, Value, json};

use super::endpoints::Endpoints;
use super::failure::Failure;
use super::http::post;
use super::item::Item;
use super::target::all_stored;
use crate::buffer::{Payloads, now_ms};
use crate::config::{LokiConfig, LokiLine};

/// A stream needs a label; this is that of an event that has none of the configured ones.
const NO_LABEL: (&str, &str) = ("source", "punt");

/// The servers of a `loki` sink.
#[derive(Debug)]
pub(crate) struct LokiTarget {
    endpoints: Endpoints<Transport>,
    labels: Vec<(String, Label)>,
    line: LokiLine,
}

#[derive(Debug)]
enum Label {
    Text(String),
    Field(String),
}

/// The lines of a stream: nanoseconds since 1970, and the line.
type Lines = Vec<(i128, String)>;

// === impl LokiTarget ===

impl LokiTarget {
    pub(super) fn new(config: &LokiConfig, timeout: Duration) -> Result<Self, Error> {
        let mut options = config.connection().options(timeout);
        if let Some(tenant) = &config.tenant {
            options.headers.push(("x-scope-orgid".to_owned(), tenant.clone()));
        }
        let made: Result<Vec<_>, _> = config
            .url
            .0
            .iter()
            .map(|url| Transport::new(url, &options))
            .collect();
        let label = |value: &String| match value.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")) {
            Some(field) => Label::Field(field.trim().to_owned()),
            None => Label::Text(value.clone()),
        };
        Ok(Self {
            endpoints: Endpoints::new(made?),
            labels: config
                .labels
                .iter()
                .map(|(name, value)| (name.clone(), label(value)))
                .collect(),
            line: config.line,
        })
    }

    pub(super) async fn send(&self, items: &Payloads) -> Result<Vec<Verdict>, Failure> {
        let body = self.body(items).to_string().into();
        post(&self.endpoints, "loki/api/v1/push", JSON, &body).await?;
        Ok(all_stored(items))
    }

    fn body(&self, items: &Payloads) -> Value {
        let mut streams: BTreeMap<Vec<(&str, String)>, Lines> = BTreeMap::new();
        for payload in items.iter() {
            let document = Item::read(payload).document;
            // What is no object has no fields, and its line is as it came.
            let fields: Map<String, Value> = serde_json::from_slice(document).unwrap_or_default();
            let message = match self.line {
                LokiLine::Json => None,
                LokiLine::Message => fields.get("message").and_then(Value::as_str),
            };
            let line = match message {
                Some(message) => message.to_owned(),
                None => String::from_utf8_lossy(document).into_owned(),
            };
            streams
                .entry(self.labels_of(&fields))
                .or_default()
                .push((nanoseconds(&fields), line));
        }
        let streams: Vec<Value> = streams
            .into_iter()
            .map(|(labels, mut lines)| {
                lines.sort_by_key(|(time, _)| *time);
                let labels: Map<String, Value> = labels
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value.into()))
                    .collect();
                let lines: Vec<Value> = lines
                    .into_iter()
                    .map(|(time, line)| json!([time.to_string(), line]))
                    .collect();
                json!({ "stream": labels, "values": lines })
            })
            .collect();
        json!({ "streams": streams })
    }

    fn labels_of(&self, fields: &Map<String, Value>) -> Vec<(&str, String)> {
        let mut labels: Vec<(&str, String)> = self
            .labels
            .iter()
            .filter_map(|(name, label)| {
                let value = match label {
                    Label::Text(text) => text.clone(),
                    Label::Field(field) => match fields.get(field)? {
                        Value::String(text) => text.clone(),
                        Value::Null => return None,
                        other => other.to_string(),
                    },
                };
                Some((name.as_str(), value))
            })
            .collect();
        if labels.is_empty() {
            labels.push((NO_LABEL.0, NO_LABEL.1.to_owned()));
        }
        labels
    }
}

fn nanoseconds(fields: &Map<String, Value>) -> i128 {
    let timestamp = fields.get("@timestamp").and_then(Value::as_str);
    match timestamp.and_then(|text| text.parse::<jiff::Timestamp>().ok()) {
        Some(timestamp) => timestamp.as_nanosecond(),
        None => i128::from(now_ms()) * 1_000_000,
    }
}

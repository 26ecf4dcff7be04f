//! One log record: flat ECS keys, in the order that the ecs-logging specification asks for.
//!
//! `@timestamp`, `log.level`, `message`, `ecs.version` come first; then who speaks; then the fields. A field
//! whose first segment is an ECS field set keeps its name; `error` is written as `error.message`; any other is
//! ours and goes under `labels.` (text, booleans) or `numeric_labels.` (numbers).

use serde_json::{Map, Value};

/// The ECS version that the records follow.
pub const ECS_VERSION: &str = "8.11.0";

/// Field sets of ECS (and our two label sets) whose dotted names pass as they are.
const FIELD_SETS: &[&str] = &[
    "client",
    "destination",
    "error",
    "event",
    "file",
    "host",
    "http",
    "labels",
    "log",
    "network",
    "numeric_labels",
    "process",
    "server",
    "service",
    "source",
    "span",
    "trace",
    "transaction",
    "url",
    "user",
    "user_agent",
];

/// Who speaks: the constant part of every record of a process.
#[derive(Debug, Clone)]
pub struct Identity {
    service: String,
    node: String,
    dataset: String,
    version: &'static str,
}

impl Identity {
    /// The identity of node `node` of service `service`.
    pub fn new(service: &str, node: &str) -> Self {
        Self {
            service: service.to_owned(),
            node: node.to_owned(),
            dataset: format!("{service}.log"),
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    /// Builds a record. `fields` may override `event.dataset`.
    pub fn record(
        &self,
        timestamp: jiff::Timestamp,
        level: &str,
        logger: &str,
        message: String,
        fields: Map<String, Value>,
    ) -> Map<String, Value> {
        let mut record = Map::with_capacity(10 + fields.len());
        record.insert("@timestamp".into(), format!("{timestamp:.6}").into());
        record.insert("log.level".into(), level.into());
        record.insert("message".into(), message.into());
        record.insert("ecs.version".into(), ECS_VERSION.into());
        record.insert("service.name".into(), self.service.as_str().into());
        record.insert("service.node.name".into(), self.node.as_str().into());
        record.insert("service.version".into(), self.version.into());
        record.insert("event.dataset".into(), self.dataset.as_str().into());
        record.insert("log.logger".into(), logger.into());
        for (name, value) in fields {
            record.insert(field_name(&name, &value), value);
        }
        record
    }
}

/// The name under which a tracing field is written.
pub fn field_name(name: &str, value: &Value) -> String {
    if name == "error" {
        return "error.message".to_owned();
    }
    match name.split_once('.') {
        Some((set, _)) if FIELD_SETS.contains(&set) => name.to_owned(),
        _ if value.is_number() => format!("numeric_labels.{name}"),
        _ => format!("labels.{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_go_where_design_section_5_puts_them() {
        assert_eq!(field_name("error", &json!("boom")), "error.message");
        assert_eq!(field_name("event.action", &json!("node-lost")), "event.action");
        assert_eq!(field_name("queue_depth", &json!(3)), "numeric_labels.queue_depth");
        assert_eq!(field_name("session", &json!("ab")), "labels.session");
        assert_eq!(field_name("labels.message_id", &json!("1")), "labels.message_id");
        assert_eq!(field_name("foo.bar", &json!("1")), "labels.foo.bar");
    }

    #[test]
    fn the_first_four_keys_stand_in_the_order_of_ecs_logging() {
        let record = Identity::new("guilds", "guilds-0").record(
            "2026-11-24T09:46:51.123456Z".parse().unwrap(),
            "info",
            "guilds::owner",
            "guild loaded".into(),
            Map::new(),
        );
        let keys: Vec<&str> = record.keys().take(4).map(String::as_str).collect();
        assert_eq!(keys, ["@timestamp", "log.level", "message", "ecs.version"]);
        assert_eq!(record["@timestamp"], "2026-11-24T09:46:51.123456Z");
        assert_eq!(record["event.dataset"], "guilds.log");
    }
}

//! One log record as the screen needs it: parsed once, when it arrives, never in a frame.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::filter::Facts;
use super::level::Level;

/// A record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRecord {
    /// Its id in the store: the same when the record was sent twice.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// How bad.
    pub level: Level,
    /// Which node, or which cluster when no node is named.
    pub origin: String,
    /// The cluster.
    pub cluster: String,
    /// The constant text, in one line.
    pub message: String,
    /// The trace it belongs to; may be empty.
    pub trace: String,
    /// All fields, flat, in the record's order.
    pub fields: Vec<(String, String)>,
}

/// Records of a stream that came together.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Batch {
    /// The records.
    pub records: Vec<LogRecord>,
    /// Records that the store had between the last batch and this one and that were too many to fetch; they
    /// lie before the first record of this batch.
    pub skipped: u64,
}

// === impl LogRecord ===

impl LogRecord {
    /// Reads a hit of the store. `None` when it has no readable `@timestamp`.
    pub fn read(id: &str, source: &Value) -> Option<Self> {
        let mut fields = Vec::new();
        flatten(source, &mut String::new(), &mut fields);
        let get = |name: &str| {
            fields
                .iter()
                .find(|(field, _)| field == name)
                .map(|(_, value)| value.as_str())
        };
        let cluster = get("service.name").unwrap_or_default().to_owned();
        let origin = get("service.node.name").or_else(|| get("host.name").filter(|_| cluster.is_empty()));
        Some(Self {
            id: id.to_owned(),
            at: get("@timestamp")?.parse().ok()?,
            level: Level::parse(get("log.level").unwrap_or_default()),
            origin: origin.unwrap_or(&cluster).to_owned(),
            message: one_line(get("message").unwrap_or_default()),
            trace: get("trace.id").unwrap_or_default().to_owned(),
            cluster,
            fields,
        })
    }

    /// The message with the error's text, if it has one that the message does not say.
    pub fn text(&self) -> String {
        match self.fields.iter().find(|(field, _)| field == "error.message") {
            Some((_, error)) if !self.message.contains(error.as_str()) => {
                format!("{}: {}", self.message, one_line(error))
            }
            _ => self.message.clone(),
        }
    }

    /// All fields as one JSON object in one line. Numbers are numbers again where the record's names say that they
    /// were (`numeric_labels.*`, `event.duration`).
    pub fn json(&self) -> String {
        let object: serde_json::Map<String, Value> = self
            .fields
            .iter()
            .map(|(name, text)| {
                let number = name.starts_with("numeric_labels.") || name == "event.duration";
                let value = match text.parse::<serde_json::Number>() {
                    Ok(value) if number => Value::Number(value),
                    _ => Value::String(text.clone()),
                };
                (name.clone(), value)
            })
            .collect();
        Value::Object(object).to_string()
    }

    /// About how much memory it takes.
    pub fn bytes(&self) -> usize {
        let fields: usize = self
            .fields
            .iter()
            .map(|(name, value)| name.len() + value.len() + 48)
            .sum();
        let rest =
            self.id.len() + self.origin.len() + self.cluster.len() + self.message.len() + self.trace.len();
        fields + rest + size_of::<Self>()
    }
}

impl Facts for LogRecord {
    fn line(&self) -> String {
        format!("{} {}", self.origin, self.text())
    }

    fn fact(&self, name: &str) -> Option<String> {
        match name {
            "node" => return Some(self.origin.clone()),
            "cluster" => return Some(self.cluster.clone()),
            "level" => return Some(self.level.name().to_owned()),
            "trace" => return Some(self.trace.clone()),
            _ => {}
        }
        // `guild_id` finds `labels.guild_id`.
        let named = |field: &str| {
            let field = field.to_ascii_lowercase();
            field == name || field.strip_suffix(name).is_some_and(|front| front.ends_with('.'))
        };
        let found = self.fields.iter().find(|(field, _)| named(field));
        found.map(|(_, value)| value.clone())
    }
}

/// Puts an object's leaves into `fields` under dotted names; foreign records nest where ours are flat.
fn flatten(value: &Value, path: &mut String, fields: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let length = path.len();
                if length > 0 {
                    path.push('.');
                }
                path.push_str(name);
                flatten(member, path, fields);
                path.truncate(length);
            }
        }
        Value::String(text) => fields.push((path.clone(), text.clone())),
        other => fields.push((path.clone(), other.to_string())),
    }
}

/// A log line must not move the cursor or ring the bell of the terminal that shows it.
fn one_line(text: &str) -> String {
    text.trim_end()
        .chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn flat_and_nested_records_read_the_same() {
        let flat = json!({"@timestamp": "2026-03-01T12:00:00.5Z", "log.level": "WARN", "service.name": "guilds",
            "service.node.name": "guilds-0", "message": "lease late", "numeric_labels.late_ms": 12});
        let nested = json!({"@timestamp": "2026-03-01T12:00:00.5Z", "log": {"level": "warning"},
            "service": {"name": "guilds", "node": {"name": "guilds-0"}}, "message": "lease late"});
        let flat = LogRecord::read("1", &flat).unwrap();
        let nested = LogRecord::read("1", &nested).unwrap();
        assert_eq!(
            (flat.level, &flat.origin, flat.at),
            (nested.level, &nested.origin, nested.at)
        );
        assert_eq!(
            flat.fields.last().unwrap(),
            &("numeric_labels.late_ms".to_owned(), "12".to_owned())
        );
    }

    #[test]
    fn control_characters_do_not_reach_the_screen() {
        let source = json!({"@timestamp": "2026-03-01T12:00:00Z", "message": "a\u{1b}[2Jb\nc\n"});
        assert_eq!(LogRecord::read("1", &source).unwrap().message, "a [2Jb c");
    }

    #[test]
    fn a_record_without_a_time_is_refused() {
        assert!(LogRecord::read("1", &json!({"message": "when?"})).is_none());
    }
}

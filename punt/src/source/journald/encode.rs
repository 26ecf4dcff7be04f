//! A journal entry into an ECS document.

use jiff::Timestamp;

use super::export::Entry;
use crate::event::{Batch, Document};
use crate::meter::{Count, Meter};
use crate::source::syslog::level;

/// The longest `_id` that Elasticsearch takes.
const MAX_ID: usize = 512;

/// Adds the event of an entry and gives its cursor. `fallback`: the id of an entry without one.
pub(super) fn push(batch: &mut Batch, meter: &Meter, entry: &Entry, fallback: &str) -> Option<String> {
    let raw = |name: &str| {
        let found = entry.fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_slice())
    };
    let text = |name: &str| raw(name).map(String::from_utf8_lossy);
    let received = Timestamp::now();
    let micros = |name: &str| text(name).and_then(|text| text.parse().ok());
    let timestamp = micros("_SOURCE_REALTIME_TIMESTAMP")
        .or_else(|| micros("__REALTIME_TIMESTAMP"))
        .and_then(|micros| Timestamp::from_microsecond(micros).ok())
        .unwrap_or(received);
    let cursor = text("__CURSOR").map(|cursor| cursor.into_owned());
    let id = cursor.as_ref().map(|cursor| format!("journald/{cursor}"));
    let id = id
        .filter(|id| id.len() <= MAX_ID)
        .unwrap_or_else(|| fallback.to_owned());
    let bytes: usize = entry
        .fields
        .iter()
        .map(|(name, value)| name.len() + value.len() + 2)
        .sum();
    let message = raw("MESSAGE").unwrap_or_default();
    let not_utf8 = std::str::from_utf8(message).is_err();
    meter.add(Count::Received, 1);
    meter.add(Count::ReceivedBytes, bytes as u64);
    meter.add(Count::Parsed, 1);
    meter.add(Count::Truncated, u64::from(entry.cut));
    meter.add(Count::NotUtf8, u64::from(not_utf8));
    let push_id = |out: &mut Vec<u8>| out.extend_from_slice(id.as_bytes());
    batch.push(timestamp.as_millisecond(), push_id, |out| {
        let mut document = Document::at(out, timestamp);
        let priority: Option<u8> = text("PRIORITY").and_then(|text| text.parse().ok());
        if let Some(priority) = priority {
            document.text("log.level", level(priority));
        }
        document.text("message", &String::from_utf8_lossy(message));
        document.text("ecs.version", telemetry::record::ECS_VERSION);
        document.text("event.dataset", "journald");
        if let Some(name) = text("SYSLOG_IDENTIFIER").or_else(|| text("_COMM")) {
            document.text("service.name", &name);
        }
        if let Some(priority) = priority {
            document.number("log.syslog.severity.code", priority.into());
        }
        for (name, key) in [
            ("_PID", "process.pid"),
            ("SYSLOG_FACILITY", "log.syslog.facility.code"),
        ] {
            if let Some(number) = text(name).and_then(|text| text.parse().ok()) {
                document.number(key, number);
            }
        }
        for (name, key) in [
            ("_HOSTNAME", "host.name"),
            ("_COMM", "process.name"),
            ("_EXE", "process.executable"),
            ("_CMDLINE", "process.command_line"),
            ("_SYSTEMD_UNIT", "systemd.unit"),
            ("_BOOT_ID", "host.boot.id"),
            ("_MACHINE_ID", "host.id"),
            ("_TRANSPORT", "systemd.transport"),
            ("_UID", "user.id"),
            ("CODE_FILE", "log.origin.file.name"),
            ("CODE_FUNC", "log.origin.function"),
        ] {
            if let Some(value) = text(name) {
                document.text(key, &value);
            }
        }
        // What applications add has no prefix; the first of a name is taken, since a key can stand once only.
        for (at, (name, value)) in entry.fields.iter().enumerate() {
            let first = !entry.fields[..at].iter().any(|(known, _)| known == name);
            if first && is_custom(name) {
                let key = format!("labels.{}", name.to_ascii_lowercase());
                document.named_text(&key, &String::from_utf8_lossy(value));
            }
        }
        if entry.cut {
            document.text("labels.truncated", "true");
        }
        if not_utf8 {
            document.base64("labels.original_base64", message);
        }
        document.end();
    });
    cursor
}

/// Whether an application named this field, and nothing above has taken it.
fn is_custom(name: &str) -> bool {
    const TAKEN: [&str; 11] = [
        "MESSAGE",
        "PRIORITY",
        "SYSLOG_IDENTIFIER",
        "SYSLOG_FACILITY",
        "SYSLOG_PID",
        "SYSLOG_TIMESTAMP",
        "SYSLOG_RAW",
        "CODE_FILE",
        "CODE_FUNC",
        "TRUNCATED",
        "ORIGINAL_BASE64",
    ];
    !name.is_empty() && !name.starts_with('_') && !TAKEN.contains(&name)
}

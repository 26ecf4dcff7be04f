//! A syslog frame into an ECS document, written straight into the batch.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use punt_syslog::Message;

use crate::event::{Batch, Document, pipeline_error};
use crate::meter::{Count, Meter};
use crate::source::ids::Ids;

/// Makes events of frames. Shared by all connections of a source.
#[derive(Debug)]
pub(crate) struct Encoder {
    ids: Ids,
    max_clock_skew: Duration,
}

/// What was counted of the frames of one read: counters that every connection shares are touched once a read,
/// not once a frame.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    received: u64,
    bytes: u64,
    parsed: u64,
    failed: u64,
    clock_skewed: u64,
    not_utf8: u64,
}

// === impl Tally ===

impl Tally {
    /// Hands the counts over. Before the events: what came in is never less than what went on.
    pub(super) fn settle(&mut self, meter: &Meter) {
        let tally = std::mem::take(self);
        meter.add(Count::Received, tally.received);
        meter.add(Count::ReceivedBytes, tally.bytes);
        meter.add(Count::Parsed, tally.parsed);
        meter.add(Count::Failed, tally.failed);
        meter.add(Count::ClockSkewed, tally.clock_skewed);
        meter.add(Count::NotUtf8, tally.not_utf8);
    }
}

// === impl Encoder ===

impl Encoder {
    pub(crate) fn new(max_clock_skew: Duration) -> Self {
        Self {
            ids: Ids::new(),
            max_clock_skew,
        }
    }

    /// Adds the event of one frame. `cut`: bytes of it are missing.
    pub(crate) fn push(
        &self,
        batch: &mut Batch,
        tally: &mut Tally,
        frame: &[u8],
        cut: bool,
        peer: Option<&str>,
        received: Timestamp,
    ) {
        tally.received += 1;
        tally.bytes += frame.len() as u64;
        let number = self.ids.next();
        let id = |out: &mut Vec<u8>| self.ids.write(number, out);
        // The check alone is much faster than the search for what to replace.
        let text = match str::from_utf8(frame) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => {
                tally.not_utf8 += 1;
                String::from_utf8_lossy(frame)
            }
        };
        let bytes = matches!(text, Cow::Owned(_)).then_some(frame);
        match punt_syslog::parse(&text, received) {
            Ok(message) => {
                tally.parsed += 1;
                let timestamp = message.timestamp.unwrap_or(received);
                let skew = timestamp.duration_since(received).unsigned_abs();
                let index_time = if skew > self.max_clock_skew {
                    tally.clock_skewed += 1;
                    received
                } else {
                    timestamp
                };
                batch.push(index_time.as_millisecond(), id, |out| {
                    write(out, &message, timestamp, peer, cut, bytes);
                });
            }
            Err(unparsed) => {
                tally.failed += 1;
                let reason = unparsed.reason.to_string();
                batch.push(received.as_millisecond(), id, |out| {
                    pipeline_error(out, received, "syslog", &reason, frame);
                });
            }
        }
    }
}

/// The address of a peer as it is written; an IPv4 address in IPv6 clothes as IPv4.
pub(super) fn peer(address: IpAddr) -> String {
    address.to_canonical().to_string()
}

/// `bytes`: the frame, if its text is not all of it.
fn write(
    out: &mut Vec<u8>,
    message: &Message<'_>,
    timestamp: Timestamp,
    peer: Option<&str>,
    cut: bool,
    bytes: Option<&[u8]>,
) {
    let mut document = Document::at(out, timestamp);
    if let Some(priority) = message.priority {
        document.text("log.level", level(priority.severity().code()));
    }
    document.text("message", message.message);
    document.text("ecs.version", telemetry::record::ECS_VERSION);
    document.text("event.dataset", "syslog");
    if let Some(appname) = message.appname {
        document.text("service.name", appname);
        document.text("log.syslog.appname", appname);
    }
    if let Some(hostname) = message.hostname {
        document.text("host.name", hostname);
        document.text("log.syslog.hostname", hostname);
    }
    if let Some(procid) = message.procid {
        // `process.pid` is a number to the engine; a PROCID may be any text.
        if let Ok(pid) = procid.parse::<u32>() {
            document.number("process.pid", pid.into());
        }
        document.text("log.syslog.procid", procid);
    }
    if let Some(priority) = message.priority {
        document.number("log.syslog.priority", priority.value().into());
        document.number("log.syslog.facility.code", priority.facility().into());
        document.number("log.syslog.severity.code", priority.severity().code().into());
        document.text("log.syslog.severity.name", priority.severity().name());
    }
    if let Some(sequence) = message.sequence {
        document.number("event.sequence", sequence);
    }
    if let Some(msgid) = message.msgid {
        document.text("log.syslog.msgid", msgid);
    }
    for element in &message.structured_data {
        for (name, value) in &element.params {
            let key = format!("log.syslog.structured_data.{}.{name}", element.id);
            document.named_text(&key, value);
        }
        if element.params.is_empty() {
            document.named_text(&format!("log.syslog.structured_data.{}", element.id), "");
        }
    }
    if cut {
        document.text("labels.truncated", "true");
    }
    if let Some(bytes) = bytes {
        document.base64("labels.original_base64", bytes);
    }
    if let Some(peer) = peer {
        document.text("source.ip", peer);
    }
    document.end();
}

/// The level words of our own records, so that one search finds both.
pub(crate) fn level(severity: u8) -> &'static str {
    match severity {
        0..=2 => "critical",
        3 => "error",
        4 => "warn",
        5 | 6 => "info",
        _ => "debug",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(line: &[u8]) -> (serde_json::Value, i64) {
        let mut tally = Tally::default();
        let mut batch = Batch::default();
        let received = "2026-11-24T12:00:00Z".parse().unwrap();
        let encoder = Encoder::new(Duration::from_secs(86_400));
        encoder.push(&mut batch, &mut tally, line, false, Some("10.0.0.1"), received);
        let event = batch.events().next().unwrap();
        (
            serde_json::from_slice(event.document).unwrap(),
            event.index_time_ms,
        )
    }

    #[test]
    fn a_message_becomes_an_ecs_document() {
        let line = b"<165>1 2026-11-24T11:14:15.003Z web-1 nginx 812 ID47 [o@1 k=\"a\\\"b\"] GET /";
        let (document, _) = document(line);
        assert_eq!(
            document,
            serde_json::json!({
                "@timestamp": "2026-11-24T11:14:15.003Z", "log.level": "info", "message": "GET /",
                "ecs.version": "8.11.0", "event.dataset": "syslog",
                "service.name": "nginx", "log.syslog.appname": "nginx",
                "host.name": "web-1", "log.syslog.hostname": "web-1",
                "process.pid": 812, "log.syslog.procid": "812",
                "log.syslog.priority": 165, "log.syslog.facility.code": 20,
                "log.syslog.severity.code": 5, "log.syslog.severity.name": "notice",
                "log.syslog.msgid": "ID47", "log.syslog.structured_data.o@1.k": "a\"b",
                "source.ip": "10.0.0.1",
            })
        );
    }

    #[test]
    fn a_clock_that_is_far_off_keeps_its_time_and_does_not_name_the_index() {
        let received: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let (document, index_time) = document(b"<13>1 1999-01-01T00:00:00Z h a - - - x");
        assert_eq!(document["@timestamp"], "1999-01-01T00:00:00.000Z");
        assert_eq!(index_time, received.as_millisecond());
    }

    #[test]
    fn bytes_that_are_no_utf8_are_kept_beside_the_text() {
        let (document, _) = document(b"<13>app: caf\xe9");
        assert_eq!(document["message"], "caf\u{fffd}");
        assert_eq!(document["labels.original_base64"], "PDEzPmFwcDogY2Fm6Q==");
    }

    #[test]
    fn what_cannot_be_parsed_is_kept_with_the_reason() {
        let (document, _) = document(b"<999>\xff nonsense");
        assert_eq!(document["event.kind"], "pipeline_error");
        assert_eq!(document["event.original"], "<999>\u{fffd} nonsense");
        assert_eq!(document["labels.original_base64"], "PDk5OT7/IG5vbnNlbnNl");
        assert!(document["error.message"].as_str().unwrap().contains("priority"));
    }
}

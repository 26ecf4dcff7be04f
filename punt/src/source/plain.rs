//! A line of text, from a file or standard input, into an event. What is not UTF-8 in it is kept beside the text.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;

use super::lines::Line;
use crate::event::{Batch, Document};
use crate::meter::{Count, Meter};

/// Adds the event of this line, with the source's own `fields`. `place` adds where the line stands.
pub(super) fn push(
    batch: &mut Batch,
    meter: &Meter,
    line: &Line<'_>,
    id: &str,
    dataset: &str,
    fields: &BTreeMap<String, String>,
    place: impl FnOnce(&mut Document<'_>),
) {
    if line.bytes.trim_ascii().is_empty() && line.cut == 0 {
        return;
    }
    let text = String::from_utf8_lossy(line.bytes);
    let not_utf8 = matches!(text, Cow::Owned(_));
    meter.add(Count::Received, 1);
    meter.add(Count::ReceivedBytes, line.end - line.offset);
    meter.add(Count::Parsed, 1);
    meter.add(Count::Truncated, u64::from(line.cut > 0));
    meter.add(Count::NotUtf8, u64::from(not_utf8));
    let received = Timestamp::now();
    batch.push(
        received.as_millisecond(),
        |out| out.extend_from_slice(id.as_bytes()),
        |out| {
            let mut document = Document::at(out, received);
            document.text("message", &text);
            document.text("ecs.version", telemetry::record::ECS_VERSION);
            for (name, value) in fields {
                document.named_text(name, value);
            }
            if !fields.contains_key("event.dataset") {
                document.text("event.dataset", dataset);
            }
            place(&mut document);
            if line.cut > 0 {
                document.text("labels.truncated", "true");
            }
            if not_utf8 {
                document.base64("labels.original_base64", line.bytes);
            }
            document.end();
        },
    );
}

//! What becomes of input that cannot be read: an event that says why and holds the input. Nothing is lost.

use std::borrow::Cow;

use jiff::Timestamp;

use super::Document;

/// Writes the event for `original`, which could not be read because of `reason`.
pub(crate) fn pipeline_error(
    out: &mut Vec<u8>,
    received: Timestamp,
    dataset: &str,
    reason: &str,
    original: &[u8],
) {
    let text = String::from_utf8_lossy(original);
    let mut document = Document::at(out, received);
    document.text("log.level", "warn");
    document.text("message", "input could not be read");
    document.text("ecs.version", telemetry::record::ECS_VERSION);
    document.text("event.dataset", dataset);
    document.text("event.kind", "pipeline_error");
    document.text("error.message", reason);
    document.text("event.original", &text);
    if matches!(text, Cow::Owned(_)) {
        document.base64("labels.original_base64", original);
    }
    document.end();
}

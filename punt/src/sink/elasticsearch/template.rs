//! The index template: what the fields of the log record are to the engine.

use std::time::Duration;

use punt_elastic::{Elastic, Retry};
use serde_json::{Value, json};
use tracing::{debug, info, warn};

use super::backoff::Backoff;

/// Text beyond this is kept in the document, and not searchable as a keyword.
const IGNORE_ABOVE: u32 = 8191;

/// How long to wait before a template is tried again that the engine refused.
const REFUSED_PAUSE: Duration = Duration::from_secs(60);

/// The template for indices whose names start with `prefix`.
pub(super) fn template(prefix: &str) -> Value {
    json!({
        "index_patterns": [format!("{prefix}*")],
        "priority": 200,
        "_meta": { "description": "log records, installed by punt" },
        "template": {
            "settings": { "index": { "refresh_interval": "1s", "mapping": { "ignore_malformed": true } } },
            "mappings": {
                "date_detection": false,
                "dynamic_templates": [
                    // Doubles only: the first value would decide between long and double for all that follow.
                    // (By value type, since a path alone would match objects as well.)
                    { "longs": {
                        "path_match": "numeric_labels.*",
                        "match_mapping_type": "long",
                        "mapping": { "type": "double" }
                    } },
                    { "doubles": {
                        "path_match": "numeric_labels.*",
                        "match_mapping_type": "double",
                        "mapping": { "type": "double" }
                    } },
                    { "booleans": {
                        "match_mapping_type": "boolean",
                        "mapping": { "type": "keyword" }
                    } },
                    { "texts": {
                        "match_mapping_type": "string",
                        "mapping": { "type": "keyword", "ignore_above": IGNORE_ABOVE }
                    } }
                ],
                "properties": {
                    "@timestamp": { "type": "date" },
                    "message": { "type": "text" },
                    "event": { "properties": {
                        "duration": { "type": "long" },
                        "original": { "type": "keyword", "index": false, "doc_values": false }
                    } }
                }
            }
        }
    })
}

/// Installs the template, for as long as it takes; returns early, to try again later, when the engine refuses
/// it. Nothing is sent before this returns, so that the first index already has the mappings.
pub(super) async fn install(engine: &Elastic, sink: &str, prefix: &str, retry_max: Duration) -> bool {
    let name = prefix.trim_end_matches(['-', '_', '.']);
    let name = if name.is_empty() { "punt" } else { name };
    let mut backoff = Backoff::new(retry_max);
    let mut waiting = false;
    loop {
        match engine.put_index_template(name, &template(prefix)).await {
            Ok(()) => {
                info!(
                    event.action = "template-installed",
                    labels.sink = sink,
                    labels.template = name,
                    "index template installed"
                );
                return true;
            }
            Err(error) if matches!(error.retry(), Retry::Never | Retry::Smaller) => {
                warn!(event.action = "template-refused", labels.sink = sink, labels.template = name, %error,
                      "the engine refused the index template, fields may get other types");
                return false;
            }
            Err(error) => {
                if std::mem::replace(&mut waiting, true) {
                    debug!(labels.sink = sink, %error, "the engine still does not answer");
                } else {
                    warn!(event.action = "engine-awaited", labels.sink = sink, %error,
                          "the engine does not answer yet, events stay in the buffer");
                }
                tokio::time::sleep(backoff.pause()).await;
            }
        }
    }
}

/// Tries again, now and then, to install a template that was refused.
pub(super) async fn install_later(engine: &Elastic, sink: &str, prefix: &str, retry_max: Duration) {
    loop {
        tokio::time::sleep(REFUSED_PAUSE).await;
        if install(engine, sink, prefix, retry_max).await {
            return;
        }
    }
}

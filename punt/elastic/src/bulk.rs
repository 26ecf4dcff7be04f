//! `_bulk`: one request, one verdict per item.

use bytes::Bytes;
use hyper::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::error::cause;
use crate::transport::NDJSON;
use crate::{Elastic, Error};

/// What became of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Stored now.
    Stored,
    /// `create` found its `_id` there already: an earlier try arrived.
    Duplicate,
    /// Not stored, and another try can help (429, 5xx).
    Retry(Rejection),
    /// Not stored, and it never will be: for the dead-letter file.
    Rejected(Rejection),
}

/// What the engine said about an item that it did not store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The item's status.
    pub status: u16,
    /// Elasticsearch's error type, such as `document_parsing_exception`.
    pub kind: String,
    /// Its reason.
    pub reason: String,
}

#[derive(Deserialize)]
struct Answer {
    items: Vec<Judged>,
}

/// The verdict, made while reading: of thousands of items only their verdicts are kept.
#[derive(Deserialize)]
#[serde(from = "Item")]
struct Judged(Verdict);

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Item {
    Create(Outcome),
    Index(Outcome),
    Update(Outcome),
    Delete(Outcome),
}

#[derive(Deserialize)]
struct Outcome {
    status: u16,
    error: Option<Value>,
    failure_store: Option<String>,
}

// === impl Elastic ===

impl Elastic {
    /// Sends a bulk body (action and document lines) of `items` items and judges each of them, in their order.
    /// With `pipeline`, the engine's ingest pipeline of that name sees them first.
    pub async fn bulk(
        &self,
        body: Bytes,
        items: usize,
        pipeline: Option<&str>,
    ) -> Result<Vec<Verdict>, Error> {
        let path = match pipeline {
            Some(pipeline) => format!("_bulk?pipeline={pipeline}"),
            None => "_bulk".to_owned(),
        };
        let answer = self.send(Method::POST, &path, NDJSON, Some(body)).await?;
        let unreadable = |reason: String| Error::Unreadable {
            operation: "POST /_bulk".to_owned(),
            reason,
        };
        let answer: Answer =
            serde_json::from_slice(&answer).map_err(|error| unreadable(error.to_string()))?;
        if answer.items.len() != items {
            // Without one verdict an item nobody knows which is whose; stable ids make sending again harmless.
            let got = answer.items.len();
            return Err(unreadable(format!(
                "{items} items were sent, {got} verdicts came back"
            )));
        }
        Ok(answer.items.into_iter().map(|judged| judged.0).collect())
    }
}

// === impl Judged ===

impl From<Item> for Judged {
    fn from(item: Item) -> Self {
        Self(item.verdict())
    }
}

// === impl Item ===

impl Item {
    fn verdict(self) -> Verdict {
        let (create, outcome) = match self {
            Self::Create(outcome) => (true, outcome),
            Self::Index(outcome) | Self::Update(outcome) | Self::Delete(outcome) => (false, outcome),
        };
        let rejection = |kind: &str| {
            let (found, reason) = outcome.error.as_ref().map(cause).unwrap_or_default();
            Rejection {
                status: outcome.status,
                kind: if found.is_empty() { kind.to_owned() } else { found },
                reason,
            }
        };
        match outcome.status {
            // Elasticsearch 9.1 says 201 and puts what it could not index aside: nobody will find it.
            200..=299 if outcome.failure_store.as_deref() == Some("used") => {
                Verdict::Rejected(rejection("failure_store_used"))
            }
            200..=299 => Verdict::Stored,
            409 if create => Verdict::Duplicate,
            408 | 429 | 500.. => Verdict::Retry(rejection("")),
            // The index is closed to writes for now, such as by the flood-stage watermark (before Elasticsearch 8,
            // which says 429): it opens again, and nothing is wrong with the document.
            403 if rejection("").kind == "cluster_block_exception" => Verdict::Retry(rejection("")),
            _ => Verdict::Rejected(rejection("")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(item: &str) -> Verdict {
        serde_json::from_str::<Item>(item).unwrap().verdict()
    }

    fn rejection(status: u16, kind: &str, reason: &str) -> Rejection {
        Rejection {
            status,
            kind: kind.into(),
            reason: reason.into(),
        }
    }

    #[test]
    fn each_item_gets_the_verdict_that_its_status_asks_for() {
        assert_eq!(verdict(r#"{"create":{"_id":"a","status":201}}"#), Verdict::Stored);
        assert_eq!(
            verdict(r#"{"create":{"status":409,"error":{"type":"version_conflict_engine_exception"}}}"#),
            Verdict::Duplicate
        );
        assert_eq!(
            verdict(r#"{"index":{"status":409,"error":{"type":"x","reason":"y"}}}"#),
            Verdict::Rejected(rejection(409, "x", "y"))
        );
        assert_eq!(
            verdict(
                r#"{"create":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"full"}}}"#
            ),
            Verdict::Retry(rejection(429, "es_rejected_execution_exception", "full"))
        );
        assert_eq!(
            verdict(
                r#"{"create":{"status":400,"error":{"type":"mapper_parsing_exception","reason":"failed",
                   "caused_by":{"type":"t","reason":"not a number"}}}}"#
            ),
            Verdict::Rejected(rejection(400, "mapper_parsing_exception", "failed: not a number"))
        );
    }

    #[test]
    fn an_index_that_is_closed_to_writes_for_now_is_waited_for() {
        let blocked =
            r#"{"create":{"status":403,"error":{"type":"cluster_block_exception","reason":"blocked"}}}"#;
        assert!(matches!(verdict(blocked), Verdict::Retry(_)));
        let denied = r#"{"create":{"status":403,"error":{"type":"security_exception","reason":"no"}}}"#;
        assert!(matches!(verdict(denied), Verdict::Rejected(_)));
    }

    #[test]
    fn what_went_to_the_failure_store_is_rejected_though_the_status_says_created() {
        assert_eq!(
            verdict(r#"{"create":{"status":201,"failure_store":"used"}}"#),
            Verdict::Rejected(rejection(201, "failure_store_used", ""))
        );
        assert_eq!(
            verdict(r#"{"create":{"status":201,"failure_store":"not_applicable_or_unknown"}}"#),
            Verdict::Stored
        );
    }
}

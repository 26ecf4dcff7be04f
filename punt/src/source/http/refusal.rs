//! Why a request, or an event of it, is refused: in the shape of Elasticsearch's errors.

use serde_json::{Value, json};

/// A status, Elasticsearch's name for what is wrong, and the reason in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) kind: &'static str,
    pub(super) reason: String,
}

// === impl Refusal ===

impl Refusal {
    pub(super) fn new(status: u16, kind: &'static str, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { status, kind, reason }
    }

    /// 400: the request cannot be understood.
    pub(super) fn argument(reason: impl Into<String>) -> Self {
        Self::new(400, "illegal_argument_exception", reason)
    }

    /// 413: over a limit, which is named.
    pub(super) fn too_large(what: &str, key: &str, limit: usize) -> Self {
        let reason = format!("{what} is over the limit of {limit} bytes ({key})");
        Self::new(413, "content_too_long_exception", reason)
    }

    /// 429: come back later.
    pub(super) fn busy(reason: impl Into<String>) -> Self {
        Self::new(429, "es_rejected_execution_exception", reason)
    }

    /// 503: not durable, and perhaps never will be.
    pub(super) fn unavailable(reason: impl Into<String>) -> Self {
        Self::new(503, "unavailable_shards_exception", reason)
    }

    /// The body of an answer to a whole request.
    pub(super) fn body(&self) -> Value {
        let cause = json!({"type": self.kind, "reason": self.reason});
        json!({
            "error": {"root_cause": [cause], "type": self.kind, "reason": self.reason},
            "status": self.status,
        })
    }
}

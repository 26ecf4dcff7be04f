//! What can go wrong with a request as a whole, and whether another try can help.

use std::time::Duration;

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::Value;

/// A request that gave no answer to work with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configured address is none.
    #[error("{url:?} cannot be used as an address: {reason}")]
    Address {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No answer: refused, reset, timed out.
    #[error("no answer to {operation}: {reason}")]
    Unreachable {
        /// Method and path.
        operation: String,
        /// The innermost cause, which is the one that helps.
        reason: String,
        /// Whether it took too long. The engine may have done what it was asked for.
        timed_out: bool,
    },
    /// The engine answered with an error.
    #[error("{operation} was answered with {status}{}{kind}: {reason}", if kind.is_empty() { "" } else { " " })]
    Refused {
        /// Method and path.
        operation: String,
        /// The HTTP status.
        status: u16,
        /// Elasticsearch's error type, such as `index_not_found_exception`; empty when it gave none.
        kind: String,
        /// Elasticsearch's reason, or the start of the body.
        reason: String,
        /// The engine's `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// The engine answered, and not in the shape of its API.
    #[error("the answer to {operation} cannot be read: {reason}")]
    Unreadable {
        /// Method and path.
        operation: String,
        /// What was unexpected.
        reason: String,
    },
}

/// Whether another try can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// No: the request or the configuration is wrong.
    Never,
    /// Yes, with back-off.
    Soon,
    /// Yes, but not before the engine said so.
    After(Duration),
    /// Yes, in smaller pieces: the request was too large, or one piece of it spoils the others.
    Smaller,
}

#[derive(Deserialize)]
struct Envelope {
    error: Value,
}

// === impl Error ===

impl Error {
    /// Whether another try can help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Address { .. } => Retry::Never,
            Self::Unreachable { .. } | Self::Unreadable { .. } => Retry::Soon,
            Self::Refused {
                retry_after: Some(after),
                status,
                ..
            } if *status == 429 || *status >= 500 => Retry::After(*after),
            // A 400 that is not Elasticsearch's own comes from somebody else at that address.
            Self::Refused {
                status: 400, kind, ..
            } if kind.is_empty() => Retry::Never,
            Self::Refused { status, .. } => match status {
                400 | 413 => Retry::Smaller,
                408 | 425 | 429 | 500.. => Retry::Soon,
                _ => Retry::Never,
            },
        }
    }

    /// Whether the engine was reached and took too long.
    pub fn timed_out(&self) -> bool {
        matches!(self, Self::Unreachable { timed_out: true, .. })
    }

    /// Whether the server does not know us, or does not let us (401, 403): the configuration is wrong, there or here.
    pub fn denied(&self) -> bool {
        matches!(self.status(), Some(401 | 403))
    }

    /// The HTTP status, where there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// A request that got no whole answer, for a reason that is not its own time limit.
    pub(crate) fn unreachable(operation: &str, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut reason = error;
        while let Some(source) = reason.source() {
            reason = source;
        }
        Self::Unreachable {
            operation: operation.to_owned(),
            reason: reason.to_string(),
            timed_out: false,
        }
    }

    pub(crate) fn refused(
        operation: &str,
        status: StatusCode,
        retry_after: Option<Duration>,
        body: &[u8],
    ) -> Self {
        let (kind, reason) = match serde_json::from_slice::<Envelope>(body) {
            Ok(envelope) => cause(&envelope.error),
            Err(_) => {
                let text = String::from_utf8_lossy(body);
                (String::new(), text.chars().take(200).collect())
            }
        };
        Self::Refused {
            operation: operation.to_owned(),
            status: status.as_u16(),
            kind,
            reason,
            retry_after,
        }
    }
}

/// Type and reason of an Elasticsearch error, which is an object, or text in some proxies and old versions.
pub(crate) fn cause(error: &Value) -> (String, String) {
    match error {
        Value::String(text) => (String::new(), text.clone()),
        Value::Object(fields) => {
            let text = |name| fields.get(name).and_then(Value::as_str).unwrap_or_default();
            let mut reason = text("reason").to_owned();
            if let Some(inner) = fields
                .get("caused_by")
                .and_then(|c| c.get("reason"))
                .and_then(Value::as_str)
            {
                reason = format!("{reason}: {inner}");
            }
            (text("type").to_owned(), reason)
        }
        other => (String::new(), other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &str) -> Error {
        let status = StatusCode::from_u16(status).unwrap();
        Error::refused("POST /_bulk", status, None, body.as_bytes())
    }

    #[test]
    fn an_error_says_whether_another_try_can_help() {
        let ours = r#"{"error":{"type":"illegal_argument_exception","reason":"bad line 3"},"status":400}"#;
        for (status, body, retry) in [
            (429, "", Retry::Soon),
            (503, "", Retry::Soon),
            (413, "", Retry::Smaller),
            (400, ours, Retry::Smaller),
            (400, "<html>who are you</html>", Retry::Never),
            (401, "", Retry::Never),
            (404, "", Retry::Never),
        ] {
            assert_eq!(refused(status, body).retry(), retry, "{status}");
        }
        let text = refused(400, ours).to_string();
        assert_eq!(
            text,
            "POST /_bulk was answered with 400 illegal_argument_exception: bad line 3"
        );
    }
}

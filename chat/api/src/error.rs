//! What clients get when something is wrong: Discord's error bodies and codes.

use std::time::Instant;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chat_node::CallError;
use chat_proto::service::Refusal;
use serde_json::{Map, Value, json};

use crate::answer::json_response;
use crate::seldom::Seldom;

/// An error as the client sees it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: u32,
    message: String,
    errors: Option<Value>,
}

// === impl ApiError ===

impl ApiError {
    fn new(status: StatusCode, code: u32, message: &str) -> Self {
        Self {
            status,
            code,
            message: message.to_owned(),
            errors: None,
        }
    }

    /// An error without a code of its own: `401: Unauthorized`.
    pub(crate) fn status(status: StatusCode) -> Self {
        let reason = status.canonical_reason().unwrap_or("Error");
        Self::new(status, 0, &format!("{}: {reason}", status.as_u16()))
    }

    pub(crate) fn unauthorized() -> Self {
        Self::status(StatusCode::UNAUTHORIZED)
    }

    /// There is no such thing: `Guild`, `Channel`, `Message`, `Member`, `User`.
    pub(crate) fn unknown(what: &str) -> Self {
        let code = match what {
            "Channel" => 10003,
            "Guild" => 10004,
            "Member" => 10007,
            "Message" => 10008,
            "User" => 10013,
            _ => 0,
        };
        Self::new(StatusCode::NOT_FOUND, code, &format!("Unknown {what}"))
    }

    pub(crate) fn missing_access() -> Self {
        Self::new(StatusCode::FORBIDDEN, 50001, "Missing Access")
    }

    pub(crate) fn not_yours_to_edit() -> Self {
        let message = "Cannot edit a message authored by another user";
        Self::new(StatusCode::FORBIDDEN, 50005, message)
    }

    pub(crate) fn missing_permissions() -> Self {
        Self::new(StatusCode::FORBIDDEN, 50013, "Missing Permissions")
    }

    pub(crate) fn bots_only() -> Self {
        Self::new(StatusCode::FORBIDDEN, 20002, "Only bots can use this endpoint")
    }

    pub(crate) fn empty_message() -> Self {
        Self::new(StatusCode::BAD_REQUEST, 50006, "Cannot send an empty message")
    }

    pub(crate) fn invalid_json() -> Self {
        let message = "The request body contains invalid JSON.";
        Self::new(StatusCode::BAD_REQUEST, 50109, message)
    }

    pub(crate) fn content_type() -> Self {
        let message =
            "Expected \"Content-Type\" header to be one of {'application/json', 'multipart/form-data'}.";
        Self::new(StatusCode::BAD_REQUEST, 50035, message)
    }

    /// Fields that are wrong: name to `(code, message)`.
    pub(crate) fn invalid_form(fields: impl IntoIterator<Item = (String, &'static str, String)>) -> Self {
        let mut errors = Map::new();
        for (name, code, message) in fields {
            let error = json!({"_errors": [{"code": code, "message": message}]});
            errors.insert(name, error);
        }
        Self {
            errors: Some(errors.into()),
            ..Self::new(StatusCode::BAD_REQUEST, 50035, "Invalid Form Body")
        }
    }

    /// What a failed call means to the client.
    pub(crate) fn from_call(error: CallError) -> Self {
        match error {
            CallError::Refused(Refusal::NotFound { what }) => Self::unknown(&what),
            CallError::Refused(Refusal::Forbidden { .. }) => Self::missing_access(),
            CallError::Refused(Refusal::Invalid { reason }) => Self::new(
                StatusCode::BAD_REQUEST,
                50035,
                &format!("Invalid Form Body: {reason}"),
            ),
            error if error.retry() => {
                static LATE: Seldom = Seldom::new();
                if let Some(more) = LATE.speak(Instant::now()) {
                    tracing::warn!(
                        %error,
                        event.action = "request-failed",
                        numeric_labels.held_back = more,
                        "a cluster behind did not answer in time"
                    );
                }
                Self::status(StatusCode::SERVICE_UNAVAILABLE)
            }
            error => {
                static BROKEN: Seldom = Seldom::new();
                if let Some(more) = BROKEN.speak(Instant::now()) {
                    tracing::error!(
                        %error,
                        event.action = "request-failed",
                        numeric_labels.held_back = more,
                        "a cluster behind failed"
                    );
                }
                Self::status(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }

    /// Whether it is the client's fault rather than ours.
    pub(crate) fn is_refusal(&self) -> bool {
        self.status.is_client_error()
    }

    /// An answer to another question than the one asked.
    pub(crate) fn unexpected(reply: &impl std::fmt::Debug) -> Self {
        tracing::error!(error = ?reply, event.action = "request-failed", "an answer to another question");
        Self::status(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl From<CallError> for ApiError {
    fn from(error: CallError) -> Self {
        Self::from_call(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut body = json!({"message": self.message, "code": self.code});
        if let Some(errors) = self.errors {
            body["errors"] = errors;
        }
        let mut response = json_response(self.status, &body);
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_become_the_codes_that_clients_know() {
        let seen = |error: CallError| {
            let error = ApiError::from_call(error);
            (error.status.as_u16(), error.code, error.message)
        };
        let refused = |refusal: Refusal| CallError::Refused(refusal);
        for (what, code) in [
            ("Guild", 10004),
            ("Channel", 10003),
            ("Message", 10008),
            ("User", 10013),
        ] {
            let expected = (404, code, format!("Unknown {what}"));
            assert_eq!(seen(refused(Refusal::not_found(what))), expected);
        }
        let forbidden = Refusal::Forbidden {
            reason: "no member".to_owned(),
        };
        assert_eq!(
            seen(refused(forbidden)),
            (403, 50001, "Missing Access".to_owned())
        );
        let busy = seen(refused(Refusal::unavailable("draining")));
        assert_eq!(busy, (503, 0, "503: Service Unavailable".to_owned()));
        assert_eq!(seen(refused(Refusal::internal("disk"))).0, 500);
    }
}

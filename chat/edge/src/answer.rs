//! Answers that the edge gives itself, in the shapes that Discord's clients read.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};

/// A body of ours or one that a node is still sending.
pub(crate) type Body = BoxBody<Bytes, hyper::Error>;

/// What somebody sees who opens the edge in a browser.
const ABOUT: &str = "This is the edge of a Guildwatch chat stack.\n\
    REST is under /api/v10 and /api/v9; the gateway is a WebSocket on this address.\n";

/// A text that is here already.
pub(crate) fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).map_err(|never| match never {}).boxed()
}

/// What this is, as plain text.
pub(crate) fn about() -> Response<Body> {
    let mut response = Response::new(full(ABOUT));
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

/// An error of the edge's own. What may be tried again says when.
pub(crate) fn error(status: StatusCode) -> Response<Body> {
    let reason = status.canonical_reason().unwrap_or("Error");
    let message = format!("{}: {reason}", status.as_u16());
    let retry = status == StatusCode::SERVICE_UNAVAILABLE;
    let mut body = serde_json::json!({"message": message, "code": 0});
    if retry {
        body["retry_after"] = 1.0.into();
    }
    let mut response = Response::new(full(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if retry {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

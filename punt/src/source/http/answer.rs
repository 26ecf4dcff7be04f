//! Answers: JSON with the headers that Elasticsearch's clients look for.

use bytes::Bytes;
use http::header::{ACCEPT, ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde_json::Value;

use super::refusal::Refusal;

/// How soon a refused request may come again, in seconds.
const COME_AGAIN: HeaderValue = HeaderValue::from_static("1");

/// The media type of Elasticsearch 8's clients, which want to see it again.
const VENDOR: &str = "application/vnd.elasticsearch+json";

/// What is sent back.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// With 405: what would be allowed.
    pub(super) allow: Option<&'static str>,
}

// === impl Answer ===

impl Answer {
    pub(super) fn json(status: u16, value: &Value) -> Self {
        Self::bytes(status, value.to_string().into_bytes())
    }

    pub(super) fn bytes(status: u16, body: Vec<u8>) -> Self {
        Self {
            status,
            body,
            allow: None,
        }
    }

    /// The response, for a request with these headers.
    pub(super) fn respond(self, request: &HeaderMap, head: bool) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(Bytes::from(if head { Vec::new() } else { self.body })));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert("x-elastic-product", HeaderValue::from_static("Elasticsearch"));
        headers.insert(CONTENT_TYPE, media_type(request));
        match self.status {
            401 => drop(headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"punt\", charset=\"UTF-8\", Bearer, ApiKey"),
            )),
            429 | 503 => drop(headers.insert(RETRY_AFTER, COME_AGAIN)),
            _ => {}
        }
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self::json(refusal.status, &refusal.body())
    }
}

fn media_type(request: &HeaderMap) -> HeaderValue {
    let accept = request.get(ACCEPT).and_then(|value| value.to_str().ok());
    match accept.and_then(|accept| accept.split("compatible-with=").nth(1)) {
        Some(version) if accept.is_some_and(|accept| accept.contains(VENDOR)) => {
            let version: String = version.chars().take_while(char::is_ascii_digit).collect();
            HeaderValue::from_str(&format!("{VENDOR};compatible-with={version}"))
                .unwrap_or(HeaderValue::from_static("application/json"))
        }
        _ => HeaderValue::from_static("application/json; charset=UTF-8"),
    }
}

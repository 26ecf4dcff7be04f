//! What is not Elasticsearch's: `/metrics`; and the answers to what does not exist.

use axum::extract::Request;
use axum::http::{HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};

use crate::error::ApiError;

/// `GET /metrics`, in Prometheus' text format.
pub async fn metrics() -> Response {
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], telemetry::metrics::render()).into_response()
}

/// Any endpoint that does not exist.
pub async fn unknown(request: Request) -> ApiError {
    ApiError::new(
        400,
        "illegal_argument_exception",
        format!(
            "no handler found for uri [{}] and method [{}]",
            request.uri(),
            request.method()
        ),
    )
}

/// An endpoint that exists, with a method that does not.
pub async fn wrong_method(method: Method, request: Request) -> ApiError {
    ApiError::new(
        405,
        "method_not_allowed_exception",
        format!(
            "Incorrect HTTP method for uri [{}] and method [{method}]",
            request.uri()
        ),
    )
}

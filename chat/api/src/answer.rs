//! Writing answers. The content type is exactly `application/json`: discord.py compares it as it is.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::error::ApiError;

/// What a route gives.
pub(crate) type Outcome = Result<Answer, ApiError>;

/// A good answer.
#[derive(Debug)]
pub(crate) enum Answer {
    /// 200
    Ok(Value),
    /// 201
    Created(Value),
    /// 204
    Nothing,
}

pub(crate) fn json_response(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        match self {
            Self::Ok(body) => json_response(StatusCode::OK, &body),
            Self::Created(body) => json_response(StatusCode::CREATED, &body),
            Self::Nothing => StatusCode::NO_CONTENT.into_response(),
        }
    }
}

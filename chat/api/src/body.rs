//! Reading request bodies: a JSON object, alone or as `payload_json` in a form.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use http_body_util::{BodyExt, Limited};

use crate::error::ApiError;
use crate::form::Form;
use crate::multipart;

/// The longest body; the edge refuses longer ones before.
const MAX_BYTES: usize = 1 << 20;

impl<S: Sync> FromRequest<S> for Form {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let content_type = parts
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("");
        let bytes = read(body).await?;
        if let Some(boundary) = multipart::boundary(content_type) {
            let json =
                multipart::part(&bytes, boundary, "payload_json").ok_or_else(ApiError::invalid_json)?;
            return parse(json);
        }
        let mime = content_type.split(';').next().unwrap_or("").trim();
        // Requests without fields, such as adding a member, often come without a body.
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        if !mime.eq_ignore_ascii_case("application/json") {
            return Err(ApiError::content_type());
        }
        parse(&bytes)
    }
}

async fn read(body: Body) -> Result<bytes::Bytes, ApiError> {
    match Limited::new(body, MAX_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(ApiError::status(StatusCode::PAYLOAD_TOO_LARGE))
        }
        Err(_) => Err(ApiError::status(StatusCode::BAD_REQUEST)),
    }
}

fn parse(bytes: &[u8]) -> Result<Form, ApiError> {
    serde_json::from_slice(bytes)
        .map(Form::new)
        .map_err(|_| ApiError::invalid_json())
}

//! Request bodies: read up to the limit, unpacked, parsed.

use std::io::Read as _;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::Value;

use crate::error::{ApiError, ApiResult};

/// The length that a request announces, if it does.
pub fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads a body whole. One that is longer than the limit is refused, by its announced length if it has one.
pub async fn read(headers: &HeaderMap, body: Body, limit: usize) -> ApiResult<Bytes> {
    let announced = announced(headers);
    if announced.is_some_and(|length| length > limit) {
        return Err(ApiError::too_large(limit));
    }
    let bytes = match Limited::new(body, limit).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(ApiError::too_large(limit)),
        Err(error) => {
            return Err(ApiError::argument(format!(
                "the request body ended early: {error}"
            )));
        }
    };
    Ok(bytes)
}

/// Whether a body is packed; an encoding other than gzip is refused.
pub fn is_gzip(headers: &HeaderMap) -> ApiResult<bool> {
    match headers
        .get(header::CONTENT_ENCODING)
        .map(|v| v.to_str().unwrap_or("?"))
    {
        None | Some("identity" | "") => Ok(false),
        Some("gzip" | "x-gzip") => Ok(true),
        Some(other) => Err(ApiError::new(
            415,
            "illegal_argument_exception",
            format!("Content-Encoding [{other}] is not supported, use gzip or none"),
        )),
    }
}

/// Unpacks a body; the limit holds for what comes out, too. Blocks.
pub fn gunzip(bytes: &[u8], limit: usize) -> ApiResult<Bytes> {
    let mut out = Vec::with_capacity(bytes.len().saturating_mul(4).min(limit));
    let mut reader = flate2::read::MultiGzDecoder::new(bytes).take(limit as u64 + 1);
    reader
        .read_to_end(&mut out)
        .map_err(|error| ApiError::argument(format!("cannot decompress the gzip request body: {error}")))?;
    if out.len() > limit {
        return Err(ApiError::too_large(limit));
    }
    Ok(out.into())
}

/// A body as JSON; an empty one is null.
pub fn json(bytes: &[u8]) -> ApiResult<Value> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    serde_json::from_slice(bytes).map_err(|error| {
        ApiError::parsing(format!("cannot parse the request body as JSON: {error}"))
            .with("line", error.line())
            .with("col", error.column())
    })
}

/// Reads, unpacks and parses a body.
pub async fn read_json(headers: &HeaderMap, body: Body, limit: usize) -> ApiResult<Value> {
    let packed = is_gzip(headers)?;
    let bytes = read(headers, body, limit).await?;
    if packed {
        return json(&gunzip(&bytes, limit)?);
    }
    json(&bytes)
}

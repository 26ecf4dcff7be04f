//! The ids in a path.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::StatusCode;
use axum::http::request::Parts;

use crate::error::ApiError;

/// The `N` ids of a path, in its order.
#[derive(Debug)]
pub(crate) struct Ids<const N: usize>(pub(crate) [u64; N]);

impl<S: Send + Sync, const N: usize> FromRequestParts<S> for Ids<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let not_found = || ApiError::status(StatusCode::NOT_FOUND);
        let parameters = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| not_found())?;
        let mut ids = [0; N];
        let mut found = 0;
        for (slot, (name, text)) in ids.iter_mut().zip(&parameters) {
            *slot = text.parse().map_err(|_| {
                let message = format!("Value \"{text}\" is not snowflake.");
                ApiError::invalid_form([(format!("{name}_id"), "NUMBER_TYPE_COERCE", message)])
            })?;
            found += 1;
        }
        if found == N {
            Ok(Self(ids))
        } else {
            Err(not_found())
        }
    }
}

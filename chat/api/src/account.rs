//! Who asks: the `Authorization` header.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use chat_proto::service::data::User;

use crate::app::App;
use crate::error::ApiError;

/// The account that a request is made by; put there by the layer that admits requests.
#[derive(Debug, Clone)]
pub(crate) struct Account(pub(crate) Arc<User>);

/// Authenticates a request. Bots show `Bot TOKEN`, users a bare token, and neither the other.
pub(crate) async fn authenticate(app: &App, headers: &HeaderMap) -> Result<Account, ApiError> {
    let shown = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("")
        .trim();
    let (token, as_bot) = match shown.strip_prefix("Bot ") {
        Some(token) => (token.trim(), true),
        None => (shown, false),
    };
    if token.is_empty() {
        return Err(ApiError::unauthorized());
    }
    match app.authenticate(token).await? {
        Some(user) if user.bot == as_bot => Ok(Account(user)),
        _ => Err(ApiError::unauthorized()),
    }
}

impl<S: Sync> FromRequestParts<S> for Account {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(ApiError::unauthorized)
    }
}

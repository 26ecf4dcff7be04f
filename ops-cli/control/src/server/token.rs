//! Who may ask: operators show the operator token, nodes the fabric token. Compared in constant time.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use subtle::ConstantTimeEq as _;

use super::Api;
use super::answer::No;

/// Lets operators through.
pub(crate) async fn operator(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let hint = "show the token in DATA/run/control.token as a bearer token; `ops` does so by itself";
    check(&api.operator_token, hint, request, next).await
}

/// Lets nodes through.
pub(crate) async fn fabric(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let hint = "show the token in DATA/run/fabric.token as a bearer token";
    check(&api.fabric_token, hint, request, next).await
}

async fn check(wanted: &str, hint: &str, request: Request, next: Next) -> Response {
    let header = request.headers().get(header::AUTHORIZATION);
    let shown = header
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    match shown {
        Some(shown) if bool::from(shown.as_bytes().ct_eq(wanted.as_bytes())) => next.run(request).await,
        Some(_) => No::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "the token is wrong",
            hint,
        )
        .into_response(),
        None => No::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "a token is needed",
            hint,
        )
        .into_response(),
    }
}

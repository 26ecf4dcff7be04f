//! The control plane's HTTP API (`ops-cli/api` lists it).

mod answer;
mod routes;
mod token;
mod watch;

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::{get, post};
use ops_api::Fleet;

use crate::accounts::Accounts;
use crate::audit::Audit;
use crate::membership::registry::Registry;
use crate::operation::Desk;

/// What the routes need.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) registry: Registry,
    pub(crate) pictures: tokio::sync::watch::Receiver<Arc<Fleet>>,
    pub(crate) desk: Desk,
    pub(crate) audit: Audit,
    pub(crate) accounts: Accounts,
    /// What operators show.
    pub(crate) operator_token: String,
    /// What nodes show.
    pub(crate) fabric_token: String,
    /// Ends the watch streams.
    pub(crate) stop: tokio_util::sync::CancellationToken,
}

/// All routes.
pub(crate) fn router(api: Arc<Api>) -> Router {
    let nodes = Router::new()
        .route("/v1/lease", post(routes::lease))
        .layer(middleware::from_fn_with_state(api.clone(), token::fabric));
    let operators = Router::new()
        .route("/v1/status", get(routes::status))
        .route("/v1/watch", get(watch::watch))
        .route("/v1/operations", get(routes::operations).post(routes::submit))
        .route("/v1/operations/{id}", get(routes::operation))
        .route("/v1/operations/{id}/abort", post(routes::abort))
        .route("/v1/audit", get(routes::audit))
        .route(
            "/v1/accounts",
            get(routes::accounts).post(routes::create_accounts),
        )
        .route("/v1/accounts/{id}/token", post(routes::create_token))
        .route("/v1/membership", get(routes::membership))
        .layer(middleware::from_fn_with_state(api.clone(), token::operator));
    Router::new()
        .route("/livez", get(|| async { "[+]control ok\n" }))
        .route("/readyz", get(|| async { "[+]ready\n" }))
        .route("/metrics", get(|| async { telemetry::metrics::render() }))
        .merge(nodes)
        .merge(operators)
        .fallback(|| async { answer::not_found() })
        .with_state(api)
}

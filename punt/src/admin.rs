//! The small HTTP listener: `/metrics`, `/livez`, `/readyz`.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::meter::Meters;

/// Serves until `stopped`. Ready means: the sources listen; it ends with the stop signal, `draining`, so that
/// nobody new is sent here. The engine being down does not make punt unready: it buffers.
pub(crate) async fn serve(
    listener: TcpListener,
    meters: Arc<Meters>,
    draining: CancellationToken,
    stopped: CancellationToken,
) -> std::io::Result<()> {
    let ready = move || async move {
        if draining.is_cancelled() {
            (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
        } else {
            (StatusCode::OK, "ready\n")
        }
    };
    let metrics = move || async move { meters.prometheus() + &telemetry::metrics::render() };
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(ready));
    axum::serve(listener, router)
        .with_graceful_shutdown(stopped.cancelled_owned())
        .await
}

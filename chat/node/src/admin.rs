//! The admin port: liveness, readiness, metrics; and with the token: health, drain, undrain.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Json;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use chat_admin::{DrainRequest, NodeHealth, NodeState};
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;

use crate::Node;

/// `/livez` fails when the runtime has not run the watchdog's task for this long.
const STALL: Duration = Duration::from_secs(3);

/// How often the watchdog ticks.
const TICK: Duration = Duration::from_millis(250);

struct Admin {
    node: Node,
    began: Instant,
    /// Milliseconds since `began` at the last tick.
    ticked: AtomicU64,
}

/// Serves until the node stops.
pub(crate) async fn serve(node: Node, listener: TcpListener) -> std::io::Result<()> {
    let stop = node.stop().clone();
    let admin = Arc::new(Admin {
        node,
        began: Instant::now(),
        ticked: AtomicU64::new(0),
    });
    let guarded = Router::new()
        .route("/admin/health", get(health))
        .route("/admin/drain", post(drain))
        .route("/admin/undrain", post(undrain))
        .layer(middleware::from_fn_with_state(admin.clone(), authorize));
    let router = Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/startupz", get(readyz))
        .route("/metrics", get(|| async { telemetry::metrics::render() }))
        .merge(guarded)
        .with_state(admin.clone());
    let watchdog = async {
        loop {
            admin.ticked.store(admin.elapsed_ms(), Ordering::Relaxed);
            tokio::time::sleep(TICK).await;
        }
    };
    tokio::select! {
        served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()) => served,
        () = watchdog => Ok(()),
    }
}

impl Admin {
    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

async fn authorize(State(admin): State<Arc<Admin>>, request: Request, next: Next) -> Response {
    let shown = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let shown = shown
        .and_then(|value| value.strip_prefix("Bearer "))
        .unwrap_or("");
    if bool::from(shown.as_bytes().ct_eq(admin.node.options().token.as_bytes())) {
        next.run(request).await
    } else {
        (
            StatusCode::UNAUTHORIZED,
            "this needs the fabric token as a bearer token\n",
        )
            .into_response()
    }
}

async fn livez(State(admin): State<Arc<Admin>>) -> (StatusCode, String) {
    let silent = admin
        .elapsed_ms()
        .saturating_sub(admin.ticked.load(Ordering::Relaxed));
    if Duration::from_millis(silent) > STALL {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("[-]watchdog silent for {silent} ms\n"),
        )
    } else {
        (StatusCode::OK, "[+]watchdog ok\n".to_owned())
    }
}

async fn readyz(State(admin): State<Arc<Admin>>) -> (StatusCode, String) {
    match admin.node.state() {
        NodeState::Ready => (StatusCode::OK, "[+]ready\n".to_owned()),
        state => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("[-]{state:?}\n").to_lowercase(),
        ),
    }
}

async fn health(State(admin): State<Arc<Admin>>) -> Json<NodeHealth> {
    Json(admin.node.health())
}

async fn drain(State(admin): State<Arc<Admin>>, Json(request): Json<DrainRequest>) -> Response {
    match admin.node.drain(request) {
        Ok(()) => Json(admin.node.health()).into_response(),
        Err(refused) => (StatusCode::CONFLICT, format!("{refused}\n")).into_response(),
    }
}

async fn undrain(State(admin): State<Arc<Admin>>) -> Json<NodeHealth> {
    admin.node.undrain();
    Json(admin.node.health())
}

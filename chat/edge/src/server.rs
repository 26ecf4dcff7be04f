//! The listening side: connections, and which way each request goes.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::HeaderValue;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::answer::{self, Body};
use crate::forward::Forward;
use crate::limits::Limits;
use crate::trace::{REQUEST_ID, request_id};
use crate::tunnel::{self, Tunnels};
use crate::upstreams::Upstreams;

/// How long accepting pauses when the system has no socket to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long requests in flight may take after a stop.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// Told of every request: when it began, and whether it did not fail by our fault.
type Observe = dyn Fn(Instant, bool) + Send + Sync;

/// The proxy; clones are the same one.
#[derive(Clone)]
pub struct Edge {
    shared: Arc<Shared>,
}

struct Shared {
    upstreams: Upstreams,
    limits: Limits,
    forward: Forward,
    tunnels: Tunnels,
    observe: Box<Observe>,
}

// === impl Edge ===

impl Edge {
    /// A proxy to `upstreams`.
    pub fn new(
        upstreams: Upstreams,
        limits: Limits,
        observe: impl Fn(Instant, bool) + Send + Sync + 'static,
    ) -> Self {
        let shared = Shared {
            forward: Forward::new(&limits),
            upstreams,
            limits,
            tunnels: Tunnels::default(),
            observe: Box::new(observe),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// How many WebSockets pass through.
    pub fn tunnels(&self) -> u64 {
        self.shared.tunnels.len()
    }

    /// Serves `listener` until `stop`; then requests in flight are finished and tunnels are closed.
    pub async fn serve(&self, listener: TcpListener, stop: CancellationToken) {
        let slots = Arc::new(Semaphore::new(self.shared.limits.connections));
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                Some(ended) = connections.join_next() => {
                    report(ended);
                    continue;
                }
                accepted = accept(&listener, &slots) => accepted,
            };
            match accepted {
                Ok((stream, slot)) => {
                    let edge = self.clone();
                    let stop = stop.clone();
                    connections.spawn(async move {
                        edge.connection(stream, &stop).await;
                        drop(slot);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(listener);
        let finishing = async {
            while let Some(ended) = connections.join_next().await {
                report(ended);
            }
        };
        if tokio::time::timeout(STOP_GRACE, finishing).await.is_err() {
            tracing::warn!("requests were cut off by the stop");
        }
        connections.shutdown().await;
        self.shared.tunnels.finish().await;
    }

    async fn connection(&self, stream: TcpStream, stop: &CancellationToken) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "the connection was gone at once");
            return;
        }
        let service = service_fn(|request| async {
            let edge = self.clone();
            Ok::<_, Infallible>(edge.answer(request, stop).await)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.shared.limits.client_time)
            .max_buf_size(self.shared.limits.head_bytes.max(8 << 10))
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a client's connection ended badly");
        }
    }

    async fn answer(&self, mut request: Request<Incoming>, stop: &CancellationToken) -> Response<Body> {
        let began = Instant::now();
        let id = request_id(request.headers());
        request.headers_mut().insert(REQUEST_ID.clone(), id.clone());
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let mut response = self.route(request, stop).await;
        response.headers_mut().insert(REQUEST_ID.clone(), id.clone());
        let status = response.status();
        (self.shared.observe)(began, !status.is_server_error());
        log(&method, &path, status, &id, began);
        response
    }

    async fn route(&self, request: Request<Incoming>, stop: &CancellationToken) -> Response<Body> {
        let Shared {
            upstreams,
            limits,
            forward,
            tunnels,
            ..
        } = &*self.shared;
        match request.uri().path() {
            path if path.starts_with("/api/") => forward.answer(request, upstreams, limits).await,
            "/" if tunnel::is_upgrade(&request) => tunnels.answer(request, upstreams, limits, stop).await,
            "/" if matches!(*request.method(), Method::GET | Method::HEAD) => answer::about(),
            "/" => answer::error(StatusCode::METHOD_NOT_ALLOWED),
            _ => answer::error(StatusCode::NOT_FOUND),
        }
    }
}

impl fmt::Debug for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edge")
            .field("tunnels", &self.tunnels())
            .finish_non_exhaustive()
    }
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let slot = slots
        .clone()
        .acquire_owned()
        .await
        .map_err(std::io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, slot))
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "the task of a connection broke");
    }
}

fn log(method: &Method, path: &str, status: StatusCode, id: &HeaderValue, began: Instant) {
    tracing::debug!(
        trace.id = id.to_str().unwrap_or(""),
        http.request.method = %method,
        url.path = path,
        http.response.status_code = status.as_u16(),
        event.duration = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX),
        "request answered"
    );
}

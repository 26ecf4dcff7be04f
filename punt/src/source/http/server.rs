//! The listener: HTTP/1.1 over accepted connections, each closed in order at the stop signal.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use lifecycle::Sockets;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::auth::Auth;
use super::body::Pending;
use super::facade::Facade;
use super::service::Service;
use crate::config::HttpConfig;
use crate::source::Intake;
use crate::source::ids::Ids;
use crate::source::net::{self, Acceptor, Connection, Listener};

/// A bound listener with its service.
pub(in crate::source) struct Http {
    acceptor: Acceptor,
    service: Arc<Service>,
}

// === impl Http ===

impl Http {
    /// Binds the listener. Needs a tokio runtime.
    pub(in crate::source) fn bind(
        config: &HttpConfig,
        intake: Intake,
        sockets: &mut Sockets,
    ) -> anyhow::Result<Self> {
        let tls = config
            .tls
            .as_ref()
            .map(|tls| net::acceptor(tls, &[b"http/1.1"]))
            .transpose()?;
        let listener = sockets.take_or_bind("http", config.listen)?;
        let address = listener.local_addr()?;
        info!(event.action = "listening", labels.source = intake.name, labels.protocol = "http-source",
              labels.address = %address, labels.tls = tls.is_some(), "listening for events by HTTP");
        let acceptor = Acceptor {
            listener: Listener::Tcp(listener),
            tls,
            proxy: false,
            max_connections: config.max_connections,
            intake: intake.clone(),
        };
        let service = Service {
            auth: Auth::new(&config.auth),
            facade: Facade {
                version: config.version.clone(),
                address: address.to_string(),
            },
            pending: Pending::new(config.max_pending_bytes),
            ids: Ids::new(),
            config: config.clone(),
            intake,
        };
        Ok(Self {
            acceptor,
            service: Arc::new(service),
        })
    }

    /// Serves until the stop signal, and finishes the requests in hand.
    pub(in crate::source) async fn run(self) -> anyhow::Result<()> {
        let service = self.service;
        let stop = service.intake.stop.clone();
        self.acceptor
            .run(move |connection| serve(connection, Arc::clone(&service), stop.clone()))
            .await;
        Ok(())
    }
}

async fn serve(connection: Connection, service: Arc<Service>, stop: CancellationToken) -> io::Result<()> {
    let idle = service.config.idle_timeout;
    let answer = service_fn(move |request| {
        let service = Arc::clone(&service);
        async move { Ok::<_, Infallible>(service.call(request).await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        // Also bounds how long a kept connection may be silent between two requests.
        .header_read_timeout(idle.max(Duration::from_secs(1)))
        .serve_connection(TokioIo::new(connection.stream), answer);
    tokio::pin!(serving);
    tokio::select! {
        served = serving.as_mut() => return served.map_err(io::Error::other),
        () = stop.cancelled() => serving.as_mut().graceful_shutdown(),
    }
    serving.await.map_err(io::Error::other)
}

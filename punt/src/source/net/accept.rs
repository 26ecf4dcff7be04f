//! Accepting connections: a bounded number at a time, each in a task that is waited for.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::proxy;
use crate::meter::Count;
use crate::source::Intake;

/// The pause after a failed accept: out of file descriptors, most likely, and that takes time to pass.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A handshake (PROXY header, TLS) takes a few round trips; who needs longer holds a slot for nothing.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// A socket that connections come from.
#[derive(Debug)]
pub(in crate::source) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A byte stream to a sender.
pub(in crate::source) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// An accepted connection, after its handshake.
pub(in crate::source) struct Connection {
    pub(in crate::source) stream: Box<dyn Stream>,
    /// Where it comes from; none on a Unix socket.
    pub(in crate::source) peer: Option<IpAddr>,
}

/// The accepting side of a source.
pub(in crate::source) struct Acceptor {
    pub(in crate::source) listener: Listener,
    pub(in crate::source) tls: Option<TlsAcceptor>,
    /// Each connection begins with a PROXY header, before TLS.
    pub(in crate::source) proxy: bool,
    pub(in crate::source) max_connections: usize,
    pub(in crate::source) intake: Intake,
}

// === impl Acceptor ===

impl Acceptor {
    /// Accepts until the stop signal, then waits for the connections to hand on what they have.
    pub(in crate::source) async fn run<F, T>(self, serve: F)
    where
        F: Fn(Connection) -> T + Clone + Send + 'static,
        T: Future<Output = io::Result<()>> + Send + 'static,
    {
        let connections = TaskTracker::new();
        let slots = Arc::new(Semaphore::new(self.max_connections));
        loop {
            let accepted = tokio::select! {
                () = self.intake.stop.cancelled() => break,
                accepted = self.accept(&slots) => accepted,
            };
            match accepted {
                Ok((stream, peer, slot)) => {
                    self.intake.meter.add(Count::Connections, 1);
                    let (tls, proxy) = (self.tls.clone(), self.proxy);
                    let (meter, stop) = (Arc::clone(&self.intake.meter), self.intake.stop.clone());
                    let serve = serve.clone();
                    connections.spawn(async move {
                        let shaking = timeout(HANDSHAKE, shake_hands(stream, peer, proxy, tls));
                        let shaken = tokio::select! {
                            shaken = shaking => shaken,
                            // It has sent no event yet.
                            () = stop.cancelled() => return,
                        };
                        let connection = match shaken.unwrap_or_else(|_| Err(too_slow())) {
                            Ok(connection) => connection,
                            Err(error) => {
                                meter.add(Count::FailedHandshakes, 1);
                                debug!(%error, source.ip = ?peer, "handshake failed");
                                return;
                            }
                        };
                        if let Err(error) = serve(connection).await {
                            debug!(%error, source.ip = ?peer, "connection ended");
                        }
                        drop(slot);
                    });
                }
                Err(error) => {
                    warn!(event.action = "accept-failed", labels.source = self.intake.name, %error,
                          "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        connections.close();
        // Their own end of the queue goes with them; ours must not outlive this.
        connections.wait().await;
    }

    /// With a free slot only: who does not get one waits in the kernel's backlog.
    async fn accept(
        &self,
        slots: &Arc<Semaphore>,
    ) -> io::Result<(Box<dyn Stream>, Option<IpAddr>, OwnedSemaphorePermit)> {
        let slot = Arc::clone(slots)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let (stream, peer): (Box<dyn Stream>, Option<SocketAddr>) = match &self.listener {
            Listener::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                (Box::new(stream), Some(address))
            }
            Listener::Unix(listener) => (Box::new(listener.accept().await?.0), None),
        };
        Ok((stream, peer.map(|peer| peer.ip()), slot))
    }
}

/// The PROXY header, then TLS.
async fn shake_hands(
    mut stream: Box<dyn Stream>,
    mut peer: Option<IpAddr>,
    proxy: bool,
    tls: Option<TlsAcceptor>,
) -> io::Result<Connection> {
    if proxy {
        peer = proxy::read(&mut stream).await?.or(peer);
    }
    if let Some(tls) = tls {
        stream = Box::new(tls.accept(stream).await?);
    }
    Ok(Connection { stream, peer })
}

fn too_slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the handshake took too long")
}

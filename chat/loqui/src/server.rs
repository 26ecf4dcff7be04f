//! The server's side: a handler for every connection of a listener, and a stop that loses no response.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::code::Code;
use crate::connection::{self, Connection, DRAIN_GRACE};
use crate::frame::Kind;
use crate::handshake;
use crate::in_flight::InFlight;
use crate::link::Link;
use crate::options::Options;
use crate::peer::Peer;
use crate::reader::Incoming;

/// The code of the ERROR that answers a request beyond `max_in_flight`; it was not begun, and may be sent again.
pub const OVERLOADED: u16 = 503;

/// How long accepting pauses when the system has no socket to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a server does with its connections.
pub trait Handler: Send + Sync + 'static {
    /// Decides, by the headers of its upgrade request, whether a client may connect.
    fn upgrade(&self, headers: &[(String, String)]) -> Result<(), Rejection>;
    /// A client has connected. Called before any of its requests and pushes.
    fn connected(&self, peer: &Peer);
    /// Answers a request. Requests of one connection run at the same time, and go on when it is lost.
    fn request(
        &self,
        peer: Peer,
        payload: Bytes,
    ) -> impl Future<Output = Result<Bytes, (u16, String)>> + Send;
    /// Takes a push. Pushes of one connection come one after another, in order.
    fn push(&self, peer: &Peer, payload: Bytes) -> impl Future<Output = ()> + Send;
    /// The connection has ended. Called once for each [`Handler::connected`].
    fn closed(&self, peer: &Peer);
}

/// A client that may not connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The HTTP status of the answer.
    pub status: u16,
    /// Its text.
    pub reason: String,
}

struct Server<H> {
    handler: Arc<H>,
    options: Options,
    stop: CancellationToken,
    /// Requests being worked on, of all connections.
    requests: TaskTracker,
    /// Cancelled when they have had their time.
    abort: CancellationToken,
}

/// Takes the frames of one connection.
struct Dispatch<H> {
    server: Arc<Server<H>>,
    peer: Peer,
    in_flight: InFlight,
    pushes: mpsc::Sender<Bytes>,
}

/// Owes a response: when the handler panics, the client is told.
struct Owed {
    link: Arc<Link>,
    seq: u32,
    settled: bool,
}

/// Serves `listener` until `stop`. Then every client gets GOAWAY, requests in flight are finished (for a few
/// seconds at most), and all tasks have ended when it returns.
pub async fn serve<H: Handler>(
    listener: TcpListener,
    handler: Arc<H>,
    options: Options,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let address = listener.local_addr()?;
    let server = Arc::new(Server {
        handler,
        options,
        stop: stop.clone(),
        requests: TaskTracker::new(),
        abort: CancellationToken::new(),
    });
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(ended) = connections.join_next() => report(ended),
            accepted = listener.accept() => match accepted {
                Ok((stream, from)) => {
                    connections.spawn(server.clone().connection(stream, from));
                }
                Err(error) => {
                    tracing::warn!(%error, "server.address" = %address, "cannot accept connections");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    // Whoever connects now should be refused at once rather than wait in a backlog that nobody serves.
    drop(listener);
    while let Some(ended) = connections.join_next().await {
        report(ended);
    }
    server.requests.close();
    if tokio::time::timeout(DRAIN_GRACE, server.requests.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            "numeric_labels.requests" = server.requests.len(),
            "requests were cut off by the stop"
        );
        server.abort.cancel();
        server.requests.wait().await;
    }
    Ok(())
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "the task of a connection broke");
    }
}

// === impl Server ===

impl<H: Handler> Server<H> {
    async fn connection(self: Arc<Self>, mut stream: TcpStream, address: SocketAddr) {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        let mut buffer = BytesMut::with_capacity(8 << 10);
        let shaking = async {
            stream.set_nodelay(true)?;
            let admit = |headers: &[(String, String)]| self.handler.upgrade(headers);
            handshake::answer(&mut stream, &mut buffer, &self.options, admit).await
        };
        let shaken = tokio::select! {
            shaken = tokio::time::timeout(self.options.handshake_timeout, shaking) => shaken,
            () = self.stop.cancelled() => return,
        };
        let headers = match shaken {
            Ok(Ok(headers)) => headers,
            Ok(Err(error)) => {
                tracing::debug!(%error, "client.address" = %address, "no connection: the handshake failed");
                return;
            }
            Err(_) => {
                tracing::debug!("client.address" = %address, "no connection: the handshake took too long");
                return;
            }
        };
        let (link, outgoing) = Link::new(self.options.queue_frames);
        let link = Arc::new(link);
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let max_payload_bytes = self.options.max_payload_bytes;
        let peer = Peer::new(id, address, headers, link.clone(), max_payload_bytes);
        let in_flight = InFlight::default();
        let (pushes, mut push_queue) = mpsc::channel(self.options.queue_frames.max(1));
        let dispatch = Dispatch {
            server: self.clone(),
            peer: peer.clone(),
            in_flight: in_flight.clone(),
            pushes,
        };
        self.handler.connected(&peer);
        let watch = async {
            tokio::select! {
                () = self.stop.cancelled() => link.close(Code::Normal, "the server is stopping"),
                () = link.closing.cancelled() => {}
            }
        };
        let pump = async {
            while let Some(payload) = push_queue.recv().await {
                self.handler.push(&peer, payload).await;
            }
        };
        let also = async {
            tokio::join!(watch, pump);
        };
        let connection = Connection {
            stream,
            buffer,
            outgoing,
            ping_interval: self.options.ping_interval,
            max_payload_bytes,
        };
        connection::run(connection, &link, dispatch, &in_flight, also).await;
        self.handler.closed(&peer);
    }
}

// === impl Dispatch ===

impl<H: Handler> Dispatch<H> {
    /// Starts a request; `false` when the connection has enough of them.
    fn begin(&self, seq: u32, payload: Bytes) -> bool {
        let Some(ticket) = self.in_flight.enter(self.server.options.max_in_flight) else {
            return false;
        };
        let server = self.server.clone();
        let peer = self.peer.clone();
        self.server.requests.spawn(async move {
            let _ticket = ticket;
            let mut owed = Owed {
                link: peer.link().clone(),
                seq,
                settled: false,
            };
            let working = server.handler.request(peer, payload);
            let outcome = server
                .abort
                .run_until_cancelled(working)
                .await
                .unwrap_or_else(|| {
                    Err((
                        Code::InternalServerError.into(),
                        "the server has stopped".to_owned(),
                    ))
                });
            owed.settle(outcome, server.options.max_payload_bytes).await;
        });
        true
    }
}

impl<H: Handler> Incoming for Dispatch<H> {
    async fn frame(&mut self, kind: Kind) -> Result<(), (Code, String)> {
        match kind {
            Kind::Request { seq, payload } => {
                if !self.begin(seq, payload) {
                    let limit = self.server.options.max_in_flight;
                    let message = format!("{limit} requests of this connection are in flight");
                    // Waits when the queue is full: who asks too much and does not read may wait.
                    let refused = Kind::Error {
                        seq,
                        code: OVERLOADED,
                        message: message.into(),
                    };
                    if self.peer.link().send(refused).await.is_err() {
                        tracing::trace!(seq, "connection lost before a request could be refused");
                    }
                }
            }
            Kind::Push { payload } => {
                if self.pushes.send(payload).await.is_err() {
                    tracing::trace!("push dropped: the connection is ending");
                }
            }
            other => return Err((Code::InvalidOp, format!("a client may not send {}", other.name()))),
        }
        Ok(())
    }
}

// === impl Owed ===

impl Owed {
    async fn settle(&mut self, outcome: Result<Bytes, (u16, String)>, max_payload_bytes: usize) {
        let seq = self.seq;
        let kind = match outcome {
            Ok(payload) if payload.len() <= max_payload_bytes => Kind::Response { seq, payload },
            Ok(payload) => Kind::Error {
                seq,
                code: Code::InternalServerError.into(),
                message: format!(
                    "the response of {} bytes is over the limit of {max_payload_bytes}",
                    payload.len()
                )
                .into(),
            },
            Err((code, message)) => Kind::Error {
                seq,
                code,
                message: message.into(),
            },
        };
        self.settled = true;
        if self.link.send(kind).await.is_err() {
            tracing::trace!(seq, "connection lost before a response could be sent");
        }
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        if !self.settled {
            let broken = Kind::Error {
                seq: self.seq,
                code: Code::InternalServerError.into(),
                message: Bytes::from_static(b"the handler broke"),
            };
            if self.link.try_send(broken).is_err() {
                tracing::trace!(
                    seq = self.seq,
                    "connection gone or full: a broken request stays unanswered"
                );
            }
        }
    }
}

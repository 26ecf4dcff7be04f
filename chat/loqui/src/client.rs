//! The client's side: one connection, many requests at a time.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::code::Code;
use crate::connection::{self, Connection};
use crate::frame::Kind;
use crate::handshake::{self, HandshakeError};
use crate::in_flight::InFlight;
use crate::link::Link;
use crate::options::Options;
use crate::reader::Incoming;

/// A handle on one connection; clones mean the same one, and it is closed when the last of them is dropped.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    tasks: TaskTracker,
    _last: Arc<DropGuard>,
}

/// What the server pushes over one connection, in order.
///
/// When pushes are not taken, the socket is no longer read, and responses wait behind them: do not await a
/// request on the same connection in the loop that takes its pushes.
#[derive(Debug)]
pub struct Pushes(mpsc::Receiver<Bytes>);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The socket failed.
    #[error("cannot connect: {0}")]
    Io(#[from] std::io::Error),
    /// The handshake took longer than `handshake_timeout`.
    #[error("cannot connect: no handshake within {0:?}")]
    Timeout(Duration),
    /// The server refused the upgrade.
    #[error("refused with status {status}: {reason}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What the server said.
        reason: String,
    },
    /// The two do not understand each other.
    #[error("protocol error, {code}: {reason}")]
    Protocol {
        /// The code of the GOAWAY that was sent or received.
        code: Code,
        /// Its text.
        reason: String,
    },
}

/// Why a request has no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The server answered with an error.
    #[error("the server answered with error {code}: {message}")]
    Remote {
        /// The handler's code.
        code: u16,
        /// Its text.
        message: String,
    },
    /// The connection ended first. Whether the request was worked on is not known.
    #[error("the connection is closed, {code}: {reason}")]
    Closed {
        /// Why.
        code: Code,
        /// And in words.
        reason: String,
    },
    /// The payload is over the limit and was not sent.
    #[error("a payload of {bytes} bytes is over the limit of {limit}")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

type Outcome = Result<Bytes, RequestError>;

struct Shared {
    link: Link,
    /// Requests without a response yet; `None` once the connection has ended.
    waiting: Mutex<Option<HashMap<u32, oneshot::Sender<Outcome>>>>,
    in_flight: InFlight,
    max_payload_bytes: usize,
}

/// Takes a request off the waiting list when its future is dropped.
struct Waiting<'a> {
    shared: &'a Shared,
    seq: u32,
}

struct Dispatch {
    shared: Arc<Shared>,
    pushes: mpsc::Sender<Bytes>,
}

// === impl Client ===

impl Client {
    /// Connects, upgrades and agrees on an encoding.
    pub async fn connect(address: SocketAddr, options: &Options) -> Result<(Self, Pushes), ConnectError> {
        let mut buffer = BytesMut::with_capacity(8 << 10);
        let shaking = async {
            let mut stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let interval = handshake::ask(&mut stream, &mut buffer, address, options).await?;
            Ok::<_, HandshakeError>((stream, interval))
        };
        let (stream, ping_interval) = tokio::time::timeout(options.handshake_timeout, shaking)
            .await
            .map_err(|_| ConnectError::Timeout(options.handshake_timeout))??;
        let (link, outgoing) = Link::new(options.queue_frames);
        let shared = Arc::new(Shared {
            link,
            waiting: Mutex::new(Some(HashMap::new())),
            in_flight: InFlight::default(),
            max_payload_bytes: options.max_payload_bytes,
        });
        let (pushes, push_queue) = mpsc::channel(options.queue_frames.max(1));
        let dispatch = Dispatch {
            shared: shared.clone(),
            pushes,
        };
        let last = CancellationToken::new();
        let tasks = TaskTracker::new();
        let connection = Connection {
            stream,
            buffer,
            outgoing,
            ping_interval,
            max_payload_bytes: options.max_payload_bytes,
        };
        tasks.spawn(drive(connection, dispatch, last.clone()));
        tasks.close();
        let client = Self {
            shared,
            tasks,
            _last: Arc::new(last.drop_guard()),
        };
        Ok((client, Pushes(push_queue)))
    }

    /// Asks, and waits for the response. Dropping the future forgets the response; the server may still do what
    /// it was asked.
    pub async fn request(&self, payload: Bytes) -> Result<Bytes, RequestError> {
        self.shared.check(&payload)?;
        let _ticket = self.shared.in_flight.enter(usize::MAX);
        let (waiting, outcome) = self.shared.wait()?;
        let seq = waiting.seq;
        if self
            .shared
            .link
            .send(Kind::Request { seq, payload })
            .await
            .is_err()
        {
            return Err(self.shared.closed());
        }
        outcome.await.unwrap_or_else(|_| Err(self.shared.closed()))
    }

    /// Sends what wants no answer. It waits for room in the outgoing queue; that it was sent says nothing more.
    pub async fn push(&self, payload: Bytes) -> Result<(), RequestError> {
        self.shared.check(&payload)?;
        let sent = self.shared.link.send(Kind::Push { payload }).await;
        sent.map_err(|_| self.shared.closed())
    }

    /// Whether the connection takes no more requests: either side said goodbye, or the socket is lost.
    pub fn is_closed(&self) -> bool {
        self.shared.link.closing.is_cancelled()
    }

    /// Waits until [`Client::is_closed`].
    pub async fn closed(&self) {
        self.shared.link.closing.cancelled().await;
    }

    /// Waits until the socket is gone as well, with all that was in flight.
    pub async fn ended(&self) {
        self.tasks.wait().await;
    }

    /// Says goodbye. Requests in flight still get their responses, within bounds.
    pub fn close(&self, code: Code, reason: &str) {
        self.shared.link.close(code, reason);
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

/// The task of a connection.
async fn drive(connection: Connection, dispatch: Dispatch, last: CancellationToken) {
    let shared = dispatch.shared.clone();
    let link = &shared.link;
    let watch = async {
        tokio::select! {
            () = last.cancelled() => link.close(Code::Normal, "the client is done"),
            () = link.closing.cancelled() => {}
        }
    };
    connection::run(connection, link, dispatch, &shared.in_flight, watch).await;
    // Dropping the senders tells every request that still waits.
    drop(shared.waiting().take());
}

// === impl Shared ===

impl Shared {
    fn waiting(&self) -> std::sync::MutexGuard<'_, Option<HashMap<u32, oneshot::Sender<Outcome>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a request on the waiting list, under a number that no other one on it has.
    fn wait(&self) -> Result<(Waiting<'_>, oneshot::Receiver<Outcome>), RequestError> {
        let (answer, outcome) = oneshot::channel();
        let mut waiting = self.waiting();
        let Some(list) = waiting.as_mut().filter(|_| !self.link.closing.is_cancelled()) else {
            drop(waiting);
            return Err(self.closed());
        };
        let mut seq = self.link.next_seq();
        while list.contains_key(&seq) {
            seq = self.link.next_seq();
        }
        list.insert(seq, answer);
        Ok((Waiting { shared: self, seq }, outcome))
    }

    fn settle(&self, seq: u32, outcome: Outcome) {
        let answer = self.waiting().as_mut().and_then(|list| list.remove(&seq));
        // No entry, or nobody behind it: the caller has stopped waiting.
        if answer.is_none_or(|answer| answer.send(outcome).is_err()) {
            tracing::trace!(seq, "response to a request that was given up");
        }
    }

    fn check(&self, payload: &Bytes) -> Result<(), RequestError> {
        if self.link.closing.is_cancelled() {
            return Err(self.closed());
        }
        if payload.len() > self.max_payload_bytes {
            return Err(RequestError::TooLarge {
                bytes: payload.len(),
                limit: self.max_payload_bytes,
            });
        }
        Ok(())
    }

    fn closed(&self) -> RequestError {
        let (code, reason) = self.link.why();
        RequestError::Closed { code, reason }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(list) = self.shared.waiting().as_mut() {
            drop(list.remove(&self.seq));
        }
    }
}

impl Incoming for Dispatch {
    async fn frame(&mut self, kind: Kind) -> Result<(), (Code, String)> {
        match kind {
            Kind::Response { seq, payload } => self.shared.settle(seq, Ok(payload)),
            Kind::Error { seq, code, message } => {
                let message = String::from_utf8_lossy(&message).into_owned();
                self.shared
                    .settle(seq, Err(RequestError::Remote { code, message }));
            }
            Kind::Push { payload } => {
                if self.pushes.send(payload).await.is_err() {
                    tracing::trace!("push dropped: nobody takes pushes of this connection");
                }
            }
            other => return Err((Code::InvalidOp, format!("a server may not send {}", other.name()))),
        }
        Ok(())
    }
}

// === impl Pushes ===

impl Pushes {
    /// The next push; `None` once the connection has ended and all are taken.
    pub async fn recv(&mut self) -> Option<Bytes> {
        self.0.recv().await
    }
}

impl From<HandshakeError> for ConnectError {
    fn from(error: HandshakeError) -> Self {
        match error {
            HandshakeError::Io(error) => Self::Io(error),
            HandshakeError::Refused { status, reason } => Self::Refused { status, reason },
            HandshakeError::Protocol { code, reason } => Self::Protocol { code, reason },
        }
    }
}

//! A connected client, as the server's handler sees it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use crate::code::Code;
use crate::frame::Kind;
use crate::link::{Link, Unsent};
use crate::upgrade;

/// A handle on one connection of a server; clones mean the same one.
#[derive(Clone)]
pub struct Peer(Arc<Identity>);

struct Identity {
    id: u64,
    address: SocketAddr,
    headers: Vec<(String, String)>,
    link: Arc<Link>,
    max_payload_bytes: usize,
}

/// Why a push was not queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// The connection's outgoing queue is full: its client does not read.
    #[error("the connection's outgoing queue is full")]
    Full,
    /// The connection is closed.
    #[error("the connection is closed")]
    Closed,
    /// The payload is over the limit of `max_payload_bytes`.
    #[error("the payload is too large")]
    TooLarge,
}

// === impl Peer ===

impl Peer {
    pub(crate) fn new(
        id: u64,
        address: SocketAddr,
        headers: Vec<(String, String)>,
        link: Arc<Link>,
        max_payload_bytes: usize,
    ) -> Self {
        Self(Arc::new(Identity {
            id,
            address,
            headers,
            link,
            max_payload_bytes,
        }))
    }

    /// A number that no other connection of this process has.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Where it connected from.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// A header of its upgrade request, whatever the case of `name`.
    pub fn header(&self, name: &str) -> Option<&str> {
        upgrade::find(&self.0.headers, name)
    }

    /// Queues a push. Never waits: a client that does not read must not hold up those that do.
    pub fn push(&self, payload: Bytes) -> Result<(), PushError> {
        if payload.len() > self.0.max_payload_bytes {
            return Err(PushError::TooLarge);
        }
        if self.is_closed() {
            return Err(PushError::Closed);
        }
        self.0
            .link
            .try_send(Kind::Push { payload })
            .map_err(|unsent| match unsent {
                Unsent::Full => PushError::Full,
                Unsent::Closed => PushError::Closed,
            })
    }

    /// Whether the connection is ending or has ended.
    pub fn is_closed(&self) -> bool {
        self.0.link.closing.is_cancelled()
    }

    /// Says goodbye. What is queued and in flight still goes out, within bounds.
    pub fn close(&self, code: Code, reason: &str) {
        self.0.link.close(code, reason);
    }

    pub(crate) fn link(&self) -> &Arc<Link> {
        &self.0.link
    }
}

impl fmt::Debug for Peer {
    /// Without the headers: one of them is a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("id", &self.0.id)
            .field("address", &self.0.address)
            .finish_non_exhaustive()
    }
}

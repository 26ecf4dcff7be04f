//! Answering other nodes: from Loqui frames to a service's own messages.

use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use chat_proto::service::{Refusal, Service};
use chat_proto::{CodecError, NodeName};
use loqui::{Handler, Peer, PushError, Rejection};
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;
use tracing::{debug, error};

use crate::{NODE_HEADER, Node};

/// Error code of a Loqui ERROR frame for a payload that this version cannot read.
const UNREADABLE: u16 = 400;

/// What a service does with requests.
pub trait Serve<S: Service>: Send + Sync + 'static {
    /// Answers a request. Requests of one connection run concurrently.
    fn request(
        &self,
        from: &Caller<S>,
        request: S::Request,
    ) -> impl Future<Output = Result<S::Reply, Refusal>> + Send;

    /// A connection is gone, and with it whatever was subscribed on it.
    fn closed(&self, from: &Caller<S>) {
        let _: &Caller<S> = from;
    }
}

/// A connection from another node.
#[derive(Debug)]
pub struct Caller<S> {
    peer: Peer,
    node: NodeName,
    service: PhantomData<fn(S)>,
}

/// A push could not be queued. [`serve`]'s rule: a full queue closes the connection, so that slowness, death and
/// hand-over are one path for the other side: connect and subscribe again.
#[derive(Debug, thiserror::Error)]
pub enum PushFailed {
    /// The queue was full; unless it was [`Caller::try_push`], the connection is being closed.
    #[error("the connection's queue is full")]
    Full,
    /// The connection is gone.
    #[error("the connection is gone")]
    Closed,
    /// The push is larger than a frame may be.
    #[error("the push is larger than a frame may be")]
    TooLarge,
    /// The push could not be encoded.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

struct Adaptor<S, H> {
    node: Node,
    handler: Arc<H>,
    service: PhantomData<fn(S)>,
}

// === impl Caller ===

impl<S> Clone for Caller<S> {
    fn clone(&self) -> Self {
        Self {
            peer: self.peer.clone(),
            node: self.node.clone(),
            service: PhantomData,
        }
    }
}

impl<S: Service> Caller<S> {
    fn new(peer: Peer) -> Self {
        let node = NodeName::from(peer.header(NODE_HEADER).unwrap_or("unknown"));
        Self {
            peer,
            node,
            service: PhantomData,
        }
    }

    /// Unique among the connections of this process.
    pub fn id(&self) -> u64 {
        self.peer.id()
    }

    /// The node at the other end.
    pub fn node(&self) -> &NodeName {
        &self.node
    }

    /// Queues a push; never waits.
    pub fn push(&self, push: &S::Push) -> Result<(), PushFailed> {
        self.push_encoded(chat_proto::encode(push)?)
    }

    /// Queues a push if there is room; never waits, and a full queue costs nothing but this push. For services that
    /// keep what was not pushed and try again.
    pub fn try_push(&self, push: &S::Push) -> Result<(), PushFailed> {
        self.queue(chat_proto::encode(push)?)
    }

    /// Queues a push that was encoded before, so that many receivers share one encoding.
    pub fn push_encoded(&self, payload: Bytes) -> Result<(), PushFailed> {
        let queued = self.queue(payload);
        if matches!(queued, Err(PushFailed::Full)) {
            metrics::counter!("loqui_slow_peers_total").increment(1);
            self.close("queue full: subscribe again");
        }
        queued
    }

    /// Whether the connection is ending or has ended.
    pub fn is_closed(&self) -> bool {
        self.peer.is_closed()
    }

    /// Ends the connection: its node connects and subscribes again.
    pub fn close(&self, reason: &str) {
        self.peer.close(loqui::Code::Normal, reason);
    }

    fn queue(&self, payload: Bytes) -> Result<(), PushFailed> {
        self.peer.push(payload).map_err(|error| match error {
            PushError::Full => PushFailed::Full,
            PushError::Closed => PushFailed::Closed,
            PushError::TooLarge => PushFailed::TooLarge,
        })
    }
}

// === impl Adaptor ===

impl<S: Service + 'static, H: Serve<S>> Handler for Adaptor<S, H> {
    fn upgrade(&self, headers: &[(String, String)]) -> Result<(), Rejection> {
        let shown = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("authorization"))
            .and_then(|(_, value)| value.strip_prefix("Bearer "))
            .unwrap_or("");
        if bool::from(shown.as_bytes().ct_eq(self.node.options().token.as_bytes())) {
            Ok(())
        } else {
            Err(Rejection {
                status: 401,
                reason: "this needs the fabric token as a bearer token".into(),
            })
        }
    }

    fn connected(&self, peer: &Peer) {
        debug!(
            labels.peer = peer.header(NODE_HEADER).unwrap_or("unknown"),
            "connected"
        );
    }

    async fn request(&self, peer: Peer, payload: Bytes) -> Result<Bytes, (u16, String)> {
        let began = Instant::now();
        let request =
            chat_proto::decode::<S::Request>(&payload).map_err(|error| (UNREADABLE, error.to_string()))?;
        let answer = self.handler.request(&Caller::new(peer), request).await;
        if let Err(Refusal::Internal { reason }) = &answer {
            error!(error = %reason, "request failed");
        }
        self.node
            .red()
            .observe(began, !matches!(answer, Err(Refusal::Internal { .. })));
        chat_proto::encode(&answer).map_err(|error| (UNREADABLE, error.to_string()))
    }

    async fn push(&self, peer: &Peer, _payload: Bytes) {
        debug!(
            labels.peer = peer.header(NODE_HEADER).unwrap_or("unknown"),
            "a push that nobody expects"
        );
    }

    fn closed(&self, peer: &Peer) {
        self.handler.closed(&Caller::new(peer.clone()));
    }
}

/// Serves `handler` on `listener` until the node stops; requests in flight are finished.
pub async fn serve<S: Service + 'static, H: Serve<S>>(
    node: &Node,
    listener: TcpListener,
    handler: Arc<H>,
) -> std::io::Result<()> {
    let adaptor = Adaptor {
        node: node.clone(),
        handler,
        service: PhantomData,
    };
    let options = crate::peers::loqui_options(node.options());
    loqui::serve(listener, Arc::new(adaptor), options, node.stop().clone()).await
}

//! Calling other nodes: one Loqui connection to each, made when first needed and again when it broke.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chat_proto::service::{Refusal, Service};
use chat_proto::{Cluster, Incarnation, Member, Membership, NodeName};
use lifecycle::CancellationToken;
use loqui::{Client, Pushes};
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::{CallError, NODE_HEADER, NodeOptions};

/// What a service does with the pushes of another cluster.
pub trait Receive<S: Service>: Send + Sync + 'static {
    /// A push arrived. Pushes of one link come in order; the next one waits for this call.
    fn push(&self, link: &Link, push: S::Push) -> impl Future<Output = ()> + Send;

    /// The link is gone, and with it whatever was subscribed on it. No more pushes of it will come.
    fn lost(&self, link: &Link) -> impl Future<Output = ()> + Send;
}

/// One connection to another node. A new connection to the same node is another link.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Link {
    /// The node at the other end.
    pub node: NodeName,
    /// Unique in this process.
    pub id: u64,
}

/// The other nodes.
pub struct Peers {
    options: loqui::Options,
    stop: CancellationToken,
    tasks: TaskTracker,
    next: AtomicU64,
    slots: Mutex<HashMap<NodeName, Arc<Slot>>>,
    receivers: Mutex<HashMap<Cluster, Reader>>,
}

type Reader = Arc<dyn Fn(Link, Pushes) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

type Slot = tokio::sync::Mutex<Option<Connection>>;

#[derive(Clone)]
struct Connection {
    client: Client,
    link: Link,
    address: SocketAddr,
    incarnation: Incarnation,
}

pub(crate) fn loqui_options(options: &NodeOptions) -> loqui::Options {
    loqui::Options {
        headers: vec![
            ("authorization".to_owned(), format!("Bearer {}", options.token)),
            (NODE_HEADER.to_owned(), options.node.to_string()),
        ],
        ..loqui::Options::default()
    }
}

// === impl Peers ===

impl Peers {
    /// How long one call may take.
    pub const CALL_LIMIT: Duration = Duration::from_secs(3);

    pub(crate) fn new(options: &NodeOptions, stop: CancellationToken) -> Self {
        Self {
            options: loqui_options(options),
            stop,
            tasks: TaskTracker::new(),
            next: AtomicU64::new(1),
            slots: Mutex::new(HashMap::new()),
            receivers: Mutex::new(HashMap::new()),
        }
    }

    /// Sends the pushes of all nodes of `S`'s cluster to `receiver`. Call it before the first call to them.
    pub fn receive<S: Service + 'static, R: Receive<S>>(&self, receiver: Arc<R>) {
        let reader: Reader = Arc::new(move |link: Link, mut pushes: Pushes| {
            let receiver = receiver.clone();
            Box::pin(async move {
                while let Some(payload) = pushes.recv().await {
                    match chat_proto::decode::<S::Push>(&payload) {
                        Ok(push) => receiver.push(&link, push).await,
                        Err(error) => warn!(%error, labels.peer = %link.node, "cannot read a push"),
                    }
                }
                receiver.lost(&link).await;
            })
        });
        self.receivers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(S::CLUSTER, reader);
    }

    /// Calls `member`; the answer must come within `limit`.
    pub async fn call_within<S: Service>(
        &self,
        member: &Member,
        request: &S::Request,
        limit: Duration,
    ) -> Result<S::Reply, CallError> {
        self.call_on_within::<S>(member, request, limit)
            .await
            .map(|(_, reply)| reply)
    }

    /// Calls `member` and says over which link.
    pub async fn call_on_within<S: Service>(
        &self,
        member: &Member,
        request: &S::Request,
        limit: Duration,
    ) -> Result<(Link, S::Reply), CallError> {
        let payload = chat_proto::encode(request)?;
        let unreachable = |reason: String| CallError::Unreachable {
            node: member.node.clone(),
            reason,
        };
        let call = async {
            let connection = self.connection(member).await?;
            let answer = connection
                .client
                .request(payload)
                .await
                .map_err(|error| unreachable(error.to_string()))?;
            let answer: Result<S::Reply, Refusal> = chat_proto::decode(&answer)?;
            Ok((connection.link, answer?))
        };
        match tokio::time::timeout(limit, call).await {
            Ok(outcome) => outcome,
            Err(_) => Err(CallError::Timeout {
                node: member.node.clone(),
                millis: limit.as_millis(),
            }),
        }
    }

    /// Drops connections to nodes that are gone or have begun another life.
    pub(crate) fn retain(&self, membership: &Membership) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|node, slot| {
            let Some(member) = membership.member(node) else {
                return false;
            };
            let Ok(mut connection) = slot.try_lock() else {
                return true;
            };
            if let Some(old) = connection.take_if(|old| old.incarnation != member.incarnation) {
                old.client
                    .close(loqui::Code::Normal, "the node has begun another life");
            }
            true
        });
    }

    pub(crate) async fn finish(&self) {
        let slots = std::mem::take(&mut *self.slots.lock().unwrap_or_else(PoisonError::into_inner));
        for slot in slots.into_values() {
            if let Some(connection) = slot.lock().await.take() {
                connection.client.close(loqui::Code::Normal, "stopping");
            }
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn connection(&self, member: &Member) -> Result<Connection, CallError> {
        let slot = self
            .slots
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(member.node.clone())
            .or_default()
            .clone();
        let mut connection = slot.lock().await;
        if let Some(open) = &*connection
            && !open.client.is_closed()
            && open.address == member.address
        {
            return Ok(open.clone());
        }
        let connected = Client::connect(member.address, &self.options).await;
        let (client, pushes) = connected.map_err(|error| CallError::Unreachable {
            node: member.node.clone(),
            reason: error.to_string(),
        })?;
        let link = Link {
            node: member.node.clone(),
            id: self.next.fetch_add(1, Ordering::Relaxed),
        };
        debug!(labels.peer = %member.node, link = link.id, "connected to peer");
        let opened = Connection {
            client,
            link: link.clone(),
            address: member.address,
            incarnation: member.incarnation,
        };
        let reader = self
            .receivers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&member.cluster)
            .cloned();
        match reader {
            Some(reader) => self.tasks.spawn(reader(link, pushes)),
            None => self.tasks.spawn(discard(pushes, self.stop.clone())),
        };
        *connection = Some(opened.clone());
        Ok(opened)
    }
}

impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peers")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

async fn discard(mut pushes: Pushes, stop: CancellationToken) {
    while let Some(Some(_)) = stop.run_until_cancelled(pushes.recv()).await {}
}

//! The handle that a service holds.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use chat_admin::{Check, Drain, DrainRequest, NodeHealth, NodeState};
use chat_proto::service::Service;
use chat_proto::{Cluster, Generation, Incarnation, Member, MemberState, Membership, NodeName, Snowflakes};
use lifecycle::CancellationToken;
use tokio::sync::watch;
use tracing::{debug, info};

use crate::{CallError, NodeOptions, Peers, Red, View};

/// A node of the stack: cheap to clone, the same for all who hold it.
#[derive(Debug, Clone)]
pub struct Node {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    options: NodeOptions,
    incarnation: Incarnation,
    address: std::net::SocketAddr,
    admin: std::net::SocketAddr,
    started: Instant,
    stop: CancellationToken,
    snowflakes: Snowflakes,
    view: ArcSwap<View>,
    generation: watch::Sender<Generation>,
    state: watch::Sender<NodeState>,
    drain: Mutex<Option<DrainRequest>>,
    drain_total: AtomicU64,
    highest_fence: AtomicU64,
    holds: AtomicU64,
    queue: AtomicU64,
    checks: Mutex<BTreeMap<String, Check>>,
    red: Red,
    peers: Peers,
}

/// Why a drain was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DrainRefused {
    #[error("this is incarnation {is}, not {meant}", is = .is.0, meant = .meant.0)]
    OtherLife { is: Incarnation, meant: Incarnation },
    #[error("fence {fence} is older than {highest}")]
    Fenced { fence: u64, highest: u64 },
    #[error("the node is {0}")]
    State(&'static str),
}

// === impl Node ===

impl Node {
    pub(crate) fn new(
        options: NodeOptions,
        address: std::net::SocketAddr,
        admin: std::net::SocketAddr,
        stop: CancellationToken,
    ) -> Self {
        let incarnation = Incarnation::now();
        let peers = Peers::new(&options, stop.clone());
        let inner = Inner {
            snowflakes: Snowflakes::for_node(&options.node, incarnation),
            incarnation,
            address,
            admin,
            started: Instant::now(),
            stop,
            view: ArcSwap::from_pointee(View::default()),
            generation: watch::Sender::new(Generation::default()),
            state: watch::Sender::new(NodeState::Starting),
            drain: Mutex::new(None),
            drain_total: AtomicU64::new(0),
            highest_fence: AtomicU64::new(0),
            holds: AtomicU64::new(0),
            queue: AtomicU64::new(0),
            checks: Mutex::new(BTreeMap::new()),
            red: Red::default(),
            peers,
            options,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// What the node was told.
    pub fn options(&self) -> &NodeOptions {
        &self.inner.options
    }

    /// Its name.
    pub fn name(&self) -> &NodeName {
        &self.inner.options.node
    }

    /// Its cluster.
    pub fn cluster(&self) -> Cluster {
        self.inner.options.cluster
    }

    /// Which life of it this is.
    pub fn incarnation(&self) -> Incarnation {
        self.inner.incarnation
    }

    /// Where it serves.
    pub fn address(&self) -> std::net::SocketAddr {
        self.inner.address
    }

    /// Cancelled when the process is to stop. Only sources listen to it.
    pub fn stop(&self) -> &CancellationToken {
        &self.inner.stop
    }

    /// The node's maker of ids.
    pub fn snowflakes(&self) -> &Snowflakes {
        &self.inner.snowflakes
    }

    /// The node's figures. [`crate::serve`] observes every Loqui request; HTTP services do it themselves, and
    /// whoever has work that is no request counts it, too.
    pub fn red(&self) -> &Red {
        &self.inner.red
    }

    /// The other nodes.
    pub fn peers(&self) -> &Peers {
        &self.inner.peers
    }

    /// The newest view.
    pub fn view(&self) -> Arc<View> {
        self.inner.view.load_full()
    }

    /// Whether the newest view makes this node the owner of `key` in its own cluster's ring.
    pub fn owns(&self, key: &str) -> bool {
        self.inner.view.load().owns(self.cluster(), key, self.name())
    }

    /// Changes with each new view (also when only a member's state or incarnation changed).
    pub fn changes(&self) -> watch::Receiver<Generation> {
        self.inner.generation.subscribe()
    }

    /// Waits until the view is at least of `generation`, or `limit` has passed; returns the newest view.
    pub async fn wait_for(&self, generation: Generation, limit: Duration) -> Arc<View> {
        let mut changes = self.changes();
        // On a timeout the caller gets the view that there is.
        drop(tokio::time::timeout(limit, changes.wait_for(|have| *have >= generation)).await);
        self.view()
    }

    /// The node's state.
    pub fn state(&self) -> NodeState {
        *self.inner.state.borrow()
    }

    /// Changes with the node's state: gateway and edge watch it to begin draining.
    pub fn states(&self) -> watch::Receiver<NodeState> {
        self.inner.state.subscribe()
    }

    /// From now on the node serves: it enters its ring with the next generation.
    pub fn set_ready(&self) {
        let entered = self.inner.state.send_if_modified(|state| {
            let starting = *state == NodeState::Starting;
            if starting {
                *state = NodeState::Ready;
            }
            starting
        });
        if entered {
            let millis = u64::try_from(self.inner.started.elapsed().as_millis()).unwrap_or(u64::MAX);
            info!(event.action = "node-ready", address = %self.inner.address, after_ms = millis, "node ready");
        }
    }

    pub(crate) fn set_stopping(&self) {
        self.inner.state.send_replace(NodeState::Stopping);
    }

    /// How many things the node holds that a drain has to hand over. See [`NodeHealth::holds`].
    pub fn set_holds(&self, holds: u64) {
        self.inner.holds.store(holds, Ordering::Relaxed);
        metrics::gauge!("node_holds").set(holds as f64);
    }

    /// How much waits in the node's fullest queue.
    pub fn set_queue(&self, queue: u64) {
        self.inner.queue.store(queue, Ordering::Relaxed);
        metrics::gauge!("node_queue_depth").set(queue as f64);
    }

    /// Something that the node checks about itself, such as `data` reachable. A check that fails makes the node
    /// unhealthy, not unready.
    pub fn set_check(&self, name: &str, ok: bool, detail: impl Into<String>) {
        let check = Check {
            name: name.to_owned(),
            ok,
            detail: detail.into(),
        };
        self.inner
            .checks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.to_owned(), check);
    }

    /// Calls the owner of `key` in the ring of `S`, again and again until it succeeds, refuses for good, or
    /// `limit` has passed. `make` makes the request for the view in which the owner was found (requests carry its
    /// generation). Only for requests that are safe to repeat.
    pub async fn call_owner<S: Service>(
        &self,
        key: &str,
        limit: Duration,
        make: impl Fn(&View) -> S::Request,
    ) -> Result<S::Reply, CallError> {
        let deadline = Instant::now() + limit;
        let mut pause = Duration::from_millis(5);
        loop {
            let view = self.view();
            let outcome = match view.owner(S::CLUSTER, key) {
                None => Err(CallError::NoOwner(S::CLUSTER)),
                Some(owner) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    self.peers()
                        .call_within::<S>(owner, &make(&view), left.min(Peers::CALL_LIMIT))
                        .await
                }
            };
            match outcome {
                Err(error) if error.retry() && Instant::now() + pause < deadline => {
                    debug!(%error, key, labels.cluster = %S::CLUSTER, "call failed, trying again");
                    if let CallError::Refused(chat_proto::service::Refusal::NotOwner { generation }) = error
                        && generation > view.generation()
                    {
                        self.wait_for(generation, pause.max(Duration::from_millis(500)))
                            .await;
                    } else {
                        tokio::time::sleep(jittered(pause)).await;
                    }
                    pause = (pause * 2).min(Duration::from_millis(200));
                }
                outcome => return outcome,
            }
        }
    }

    /// Calls `node` by name, in the newest view; no retries.
    pub async fn call<S: Service>(
        &self,
        node: &NodeName,
        request: &S::Request,
    ) -> Result<S::Reply, CallError> {
        self.call_on::<S>(node, request).await.map(|(_, reply)| reply)
    }

    /// Like [`Node::call`], and says over which connection: the one on which pushes will come.
    pub async fn call_on<S: Service>(
        &self,
        node: &NodeName,
        request: &S::Request,
    ) -> Result<(crate::Link, S::Reply), CallError> {
        let view = self.view();
        let member = view
            .membership()
            .member(node)
            .ok_or_else(|| CallError::UnknownNode(node.clone()))?;
        self.peers()
            .call_on_within::<S>(member, request, Peers::CALL_LIMIT)
            .await
    }

    /// Takes over a newer membership.
    pub(crate) fn update(&self, membership: Membership) {
        let current = self.inner.view.load_full();
        if membership.generation <= current.generation() {
            return;
        }
        let generation = membership.generation;
        let view = View::new(membership, Some(&current));
        self.inner.peers.retain(view.membership());
        self.inner.view.store(Arc::new(view));
        self.inner.generation.send_replace(generation);
        debug!(generation = generation.0, "new membership");
    }

    /// The node as its lease says it.
    pub(crate) fn member(&self) -> Member {
        let state = match self.state() {
            NodeState::Starting => MemberState::Starting,
            NodeState::Ready => MemberState::Ready,
            NodeState::Draining | NodeState::Stopping => MemberState::Draining,
        };
        Member {
            node: self.name().clone(),
            cluster: self.cluster(),
            incarnation: self.incarnation(),
            state,
            address: self.inner.address,
            admin: self.inner.admin,
        }
    }

    pub(crate) fn drain(&self, request: DrainRequest) -> Result<(), DrainRefused> {
        if request.incarnation != self.incarnation() {
            return Err(DrainRefused::OtherLife {
                is: self.incarnation(),
                meant: request.incarnation,
            });
        }
        let highest = self
            .inner
            .highest_fence
            .fetch_max(request.fence, Ordering::Relaxed);
        if request.fence < highest {
            return Err(DrainRefused::Fenced {
                fence: request.fence,
                highest,
            });
        }
        match self.state() {
            NodeState::Starting => return Err(DrainRefused::State("starting")),
            NodeState::Stopping => return Err(DrainRefused::State("stopping")),
            NodeState::Draining => {}
            NodeState::Ready => {
                let total = self.inner.holds.load(Ordering::Relaxed);
                self.inner.drain_total.store(total, Ordering::Relaxed);
                info!(event.action = "drain-started", labels.op_id = %request.operation, holds = total, "drain started");
            }
        }
        *self.inner.drain.lock().unwrap_or_else(PoisonError::into_inner) = Some(request);
        self.inner.state.send_replace(NodeState::Draining);
        Ok(())
    }

    pub(crate) fn undrain(&self) {
        let was = self.inner.state.send_if_modified(|state| {
            let draining = *state == NodeState::Draining;
            if draining {
                *state = NodeState::Ready;
            }
            draining
        });
        if was {
            *self.inner.drain.lock().unwrap_or_else(PoisonError::into_inner) = None;
            info!(event.action = "drain-taken-back", "drain taken back");
        }
    }

    pub(crate) fn health(&self) -> NodeHealth {
        let holds = self.inner.holds.load(Ordering::Relaxed);
        let in_ring = self
            .view()
            .membership()
            .ready(self.cluster())
            .any(|member| member.node == *self.name());
        let drain = self
            .inner
            .drain
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .map(|request| Drain {
                operation: request.operation.clone(),
                total: self.inner.drain_total.load(Ordering::Relaxed),
                // As long as the ring still names this node, it may be given something more.
                left: if in_ring { holds.max(1) } else { holds },
            });
        let view = self.view();
        NodeHealth {
            node: self.name().clone(),
            cluster: self.cluster(),
            incarnation: self.incarnation(),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            state: self.state(),
            checks: self
                .inner
                .checks
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .values()
                .cloned()
                .collect(),
            generation: view.generation(),
            red: self.inner.red.snapshot(),
            queue: self.inner.queue.load(Ordering::Relaxed),
            holds,
            holds_unit: holds_unit(self.cluster()).to_owned(),
            drain,
            uptime_ms: u64::try_from(self.inner.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            rss_bytes: resident_bytes().unwrap_or(0),
        }
    }
}

fn holds_unit(cluster: Cluster) -> &'static str {
    match cluster {
        Cluster::Guilds => "guilds",
        Cluster::Sessions => "sessions",
        Cluster::Presence => "users",
        Cluster::Gateway | Cluster::Edge => "connections",
        Cluster::Data | Cluster::Api => "requests",
    }
}

/// Between half of `pause` and all of it.
pub(crate) fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.5..=1.0))
}

/// Resident memory from `/proc/self/statm`: its second field, in pages.
fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

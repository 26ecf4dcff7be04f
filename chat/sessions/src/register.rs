//! Keeping presence informed: in the background, and never in the way of a message.
//!
//! Presence is soft state. What it should know is what the registry holds; what it was told, and over which link,
//! is remembered here. Whenever the two differ (a session came, changed its status or its guilds; the ring moved a
//! user; the link is lost), the session is registered again. So nothing here needs to be durable or exact.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use chat_node::{Caller, Link, Node};
use chat_proto::service::presence::{Ask, Presence, Registration, Request};
use chat_proto::service::sessions::Sessions;
use chat_proto::{Cluster, NodeName, SessionId, UserId};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::cell::Cell;
use crate::limits::{
    LOST_LINKS, REGISTER_AGAIN, REGISTER_BATCH, REGISTER_DEBOUNCE, TICK, UNREGISTER_CALLS, UNREGISTER_QUEUE,
    VIEW_WAIT,
};
use crate::registry::Registry;

type Session = Arc<Cell<Caller<Sessions>>>;

/// What presence was told of a session, and when: it is told again after a while, in case two nodes that had the
/// session one after the other were heard in the wrong order.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    node: NodeName,
    link: u64,
    revision: u64,
    at: Instant,
}

/// What presence was told, and which links were lost lately: the answer of a call may be seen after the loss.
#[derive(Debug, Default)]
struct Memory {
    sessions: HashMap<SessionId, Told>,
    lost: VecDeque<u64>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Registrar {
    node: Node,
    registry: Arc<Registry<Caller<Sessions>>>,
    wake: Notify,
    told: Mutex<Memory>,
    gone: mpsc::Sender<(UserId, SessionId)>,
}

/// The queue of sessions to unregister.
pub(crate) type Gone = mpsc::Receiver<(UserId, SessionId)>;

// === impl Registrar ===

impl Registrar {
    /// A registrar of the sessions in `registry`; run it with [`Registrar::run`].
    pub(crate) fn new(node: Node, registry: Arc<Registry<Caller<Sessions>>>) -> (Arc<Self>, Gone) {
        let (gone, queue) = mpsc::channel(UNREGISTER_QUEUE);
        let registrar = Self {
            node,
            registry,
            wake: Notify::new(),
            told: Mutex::new(Memory::default()),
            gone,
        };
        (Arc::new(registrar), queue)
    }

    /// A session came or changed.
    pub(crate) fn changed(&self) {
        self.wake.notify_one();
    }

    /// A session is over, for good and not only here.
    pub(crate) fn over(&self, user: UserId, session: SessionId) {
        if self.gone.try_send((user, session)).is_err() {
            metrics::counter!("presence_unregister_dropped_total").increment(1);
        }
    }

    /// A link to presence is lost: what was registered over it is to be registered again.
    pub(crate) fn lost(&self, link: &Link) {
        let mut told = self.told();
        told.sessions.retain(|_, told| told.link != link.id);
        told.lost.push_back(link.id);
        if told.lost.len() > LOST_LINKS {
            told.lost.pop_front();
        }
        drop(told);
        self.wake.notify_one();
    }

    /// Works until `stop`.
    pub(crate) async fn run(self: Arc<Self>, gone: Gone, stop: CancellationToken) {
        tokio::join!(
            stop.run_until_cancelled(self.register()),
            stop.run_until_cancelled(self.unregister(gone)),
        );
    }

    async fn register(&self) {
        let mut changes = self.node.changes();
        loop {
            tokio::select! {
                () = self.wake.notified() => tokio::time::sleep(REGISTER_DEBOUNCE).await,
                Ok(()) = changes.changed() => {}
                () = tokio::time::sleep(TICK) => {}
            }
            self.register_all().await;
        }
    }

    async fn register_all(&self) {
        let mut batches: HashMap<NodeName, Vec<(u64, Registration)>> = HashMap::new();
        let cells = self.registry.all();
        let view = self.node.view();
        for cell in &cells {
            let Some(owner) = view.owner(Cluster::Presence, &cell.user().to_string()) else {
                return;
            };
            let told = self.told().sessions.get(cell.id()).cloned();
            let registration = cell.with(|session| {
                let current = told.as_ref().is_some_and(|told| {
                    told.node == owner.node
                        && told.revision == session.revision()
                        && told.at.elapsed() < REGISTER_AGAIN
                });
                let is_up = !session.is_over() && !session.is_frozen();
                (is_up && !current).then(|| {
                    let registration = Registration {
                        user: cell.user(),
                        session: cell.id().clone(),
                        status: session.start().status.clone(),
                        guilds: session.guilds().collect(),
                    };
                    (session.revision(), registration)
                })
            });
            if let Some(entry) = registration {
                batches.entry(owner.node.clone()).or_default().push(entry);
            }
        }
        self.forget_absent(&cells);
        for (owner, batch) in batches {
            for part in batch.chunks(REGISTER_BATCH) {
                if !self.register_part(&owner, part).await {
                    // The next tick tries again.
                    break;
                }
            }
        }
    }

    async fn register_part(&self, owner: &NodeName, part: &[(u64, Registration)]) -> bool {
        let sessions = part.iter().map(|(_, registration)| registration.clone());
        let request = Request {
            generation: self.node.view().generation(),
            ask: Ask::Register {
                node: self.node.name().clone(),
                sessions: sessions.collect(),
            },
        };
        match self.node.call_on::<Presence>(owner, &request).await {
            Ok((link, _)) => {
                let mut told = self.told();
                if told.lost.contains(&link.id) {
                    return false;
                }
                for (revision, registration) in part {
                    let entry = Told {
                        node: owner.clone(),
                        link: link.id,
                        revision: *revision,
                        at: Instant::now(),
                    };
                    told.sessions.insert(registration.session.clone(), entry);
                }
                true
            }
            Err(error) => {
                metrics::counter!("presence_register_failures_total").increment(1);
                debug!(%error, labels.peer = %owner, sessions = part.len(), "cannot register sessions at presence");
                false
            }
        }
    }

    async fn unregister(&self, mut gone: Gone) {
        let mut calls = JoinSet::new();
        while let Some((user, session)) = gone.recv().await {
            if calls.len() >= UNREGISTER_CALLS {
                drop(calls.join_next().await);
            }
            let node = self.node.clone();
            calls.spawn(async move {
                let make = |view: &chat_node::View| Request {
                    generation: view.generation(),
                    ask: Ask::Unregister {
                        user,
                        session: session.clone(),
                    },
                };
                let key = user.to_string();
                // Presence forgets it at the latest when this node's connection ends.
                if let Err(error) = node.call_owner::<Presence>(&key, VIEW_WAIT, make).await {
                    debug!(%error, "cannot unregister a session at presence");
                }
            });
        }
    }

    fn forget_absent(&self, cells: &[Session]) {
        let mut told = self.told();
        if told.sessions.len() > cells.len() {
            let present: HashSet<&SessionId> = cells.iter().map(|cell| cell.id()).collect();
            told.sessions.retain(|id, _| present.contains(id));
        }
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

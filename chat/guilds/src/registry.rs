//! The loaded guilds: one task each, started when first wanted, and all of them owned here.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chat_node::{Caller, Node};
use chat_proto::GuildId;
use chat_proto::service::Refusal;
use chat_proto::service::guilds::{Ask, Guilds};
use lifecycle::CancellationToken;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::guild;
use crate::journal::{Journal, Reach};
use crate::mail::{Answer, Mail, Waiter};
use crate::notices::Notices;

/// Letters that may wait for one guild; one more is refused, and its sender tries again.
const MAILBOX: usize = 1024;

/// How long a request may wait for its answer, loading and all. Callers give up sooner.
const ANSWER: Duration = Duration::from_secs(5);

/// Peers that are asked at the same time to take a guild over.
const HAND_OVERS: usize = 64;

/// How often it is told how many guilds came and went.
const REPORT: Duration = Duration::from_secs(1);

/// The loaded guilds.
#[derive(Debug, Clone)]
pub(crate) struct Registry {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    node: Node,
    guilds: Mutex<HashMap<GuildId, mpsc::Sender<Mail>>>,
    tasks: TaskTracker,
    /// Cancelled after the last request was answered.
    stop: CancellationToken,
    reach: Reach,
    notices: Notices,
    /// Peers being asked to take a guild over; one more waits.
    hand_overs_or_wait: Semaphore,
    loaded: AtomicU64,
    handed_over: AtomicU64,
    fenced: AtomicU64,
}

/// A guild's place in the registry: given back when its task ends, however it ends.
#[derive(Debug)]
pub(crate) struct Place {
    registry: Registry,
    guild: GuildId,
}

// === impl Registry ===

impl Registry {
    pub(crate) fn new(node: Node) -> Self {
        let tasks = TaskTracker::new();
        let inner = Inner {
            notices: Notices::new(node.clone(), tasks.clone()),
            guilds: Mutex::new(HashMap::new()),
            tasks,
            stop: CancellationToken::new(),
            reach: Reach::default(),
            hand_overs_or_wait: Semaphore::new(HAND_OVERS),
            loaded: AtomicU64::new(0),
            handed_over: AtomicU64::new(0),
            fenced: AtomicU64::new(0),
            node,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    pub(crate) fn node(&self) -> &Node {
        &self.inner.node
    }

    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.inner.stop
    }

    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.inner.tasks
    }

    pub(crate) fn hand_overs(&self) -> &Semaphore {
        &self.inner.hand_overs_or_wait
    }

    pub(crate) fn notices(&self) -> &Notices {
        &self.inner.notices
    }

    pub(crate) fn journal(&self, guild: GuildId) -> Journal {
        Journal::new(self.inner.node.clone(), guild, self.inner.reach.clone())
    }

    /// Asks a guild of this node, loading it when it is not.
    pub(crate) async fn ask(&self, guild: GuildId, ask: Ask, from: &Caller<Guilds>) -> Answer {
        let (waiter, answer) = Waiter::new();
        let mail = Mail::Ask {
            ask,
            from: from.clone(),
            waiter,
        };
        match self.mailbox(guild).try_send(mail) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(Refusal::unavailable("the guild's mailbox is full")),
            Err(TrySendError::Closed(_)) => return Err(Refusal::unavailable("the guild is being let go")),
        }
        match tokio::time::timeout(ANSWER, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Refusal::unavailable("the guild was let go")),
            Err(_) => Err(Refusal::unavailable("data has not answered yet")),
        }
    }

    /// A connection is gone.
    pub(crate) fn gone(&self, connection: u64) {
        let guilds = self.inner.guilds.lock().unwrap_or_else(PoisonError::into_inner);
        for mailbox in guilds.values() {
            // A full mailbox hears of it with the next push.
            drop(mailbox.try_send(Mail::Gone { connection }));
        }
    }

    /// Whether the guild is loaded or being loaded.
    pub(crate) fn has(&self, guild: GuildId) -> bool {
        let guilds = self.inner.guilds.lock().unwrap_or_else(PoisonError::into_inner);
        guilds.contains_key(&guild)
    }

    pub(crate) fn count_loaded(&self) {
        self.inner.loaded.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_handed_over(&self) {
        self.inner.handed_over.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_fenced(&self) {
        self.inner.fenced.fetch_add(1, Ordering::Relaxed);
    }

    /// Tells how many guilds came and went, until the registry finishes.
    pub(crate) fn report(&self) {
        let registry = self.clone();
        self.inner.tasks.spawn(async move {
            loop {
                let ended = tokio::time::timeout(REPORT, registry.inner.stop.cancelled())
                    .await
                    .is_ok();
                let loaded = registry.inner.loaded.swap(0, Ordering::Relaxed);
                let handed_over = registry.inner.handed_over.swap(0, Ordering::Relaxed);
                registry.inner.node.set_queue(registry.fullest_mailbox());
                if loaded + handed_over > 0 {
                    info!(
                        event.action = "guilds-moved",
                        loaded, handed_over, "guilds loaded or handed over"
                    );
                }
                let fenced = registry.inner.fenced.swap(0, Ordering::Relaxed);
                if fenced > 0 {
                    let generation = registry.inner.node.view().generation().0;
                    warn!(
                        event.action = "claims-refused",
                        claims = fenced,
                        generation,
                        "data has seen newer generations than this node, its claims are refused"
                    );
                }
                if ended {
                    return;
                }
            }
        });
    }

    /// Lets every guild finish what it is writing and waits for all tasks.
    pub(crate) async fn finish(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    fn fullest_mailbox(&self) -> u64 {
        let guilds = self.inner.guilds.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = guilds
            .values()
            .map(|mailbox| mailbox.max_capacity() - mailbox.capacity());
        waiting.max().unwrap_or(0) as u64
    }

    fn mailbox(&self, guild: GuildId) -> mpsc::Sender<Mail> {
        let mut guilds = self.inner.guilds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mailbox) = guilds.get(&guild) {
            return mailbox.clone();
        }
        let (mailbox, mail_or_refuse) = mpsc::channel(MAILBOX);
        guilds.insert(guild, mailbox.clone());
        self.inner.node.set_holds(guilds.len() as u64);
        let place = Place {
            registry: self.clone(),
            guild,
        };
        self.inner
            .tasks
            .spawn(guild::live(self.clone(), guild, mail_or_refuse, place));
        mailbox
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let inner = &self.registry.inner;
        let mut guilds = inner.guilds.lock().unwrap_or_else(PoisonError::into_inner);
        guilds.remove(&self.guild);
        inner.node.set_holds(guilds.len() as u64);
    }
}

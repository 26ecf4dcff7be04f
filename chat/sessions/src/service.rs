//! A sessions node: its sessions and what runs around them. How sessions come, go and are found.
//!
//! A session is changed under its lock; what has to wait (reading a user's guilds, joining feeds) is done before or
//! after, never under it. What it is asked: [`crate::requests`].

use std::sync::Arc;
use std::time::Instant;

use chat_node::{Caller, Node, View};
use chat_proto::service::Refusal;
use chat_proto::service::data::{self, Data};
use chat_proto::service::sessions::Sessions;
use chat_proto::{Cluster, GuildId, SessionId, UserId};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;

use crate::cell::{Cell, Pump};
use crate::dispatch::in_shard;
use crate::feed::Feeds;
use crate::limits::{
    ARRIVAL_POLL, ARRIVAL_WAIT, ARRIVAL_WINDOW, FLUSH_FRAMES, GUILDS_CALL, RECONCILE_CALLS, RECONCILE_PAUSE,
};
use crate::register::Registrar;
use crate::registry::Registry;
use crate::session::Session;

/// A session of this service.
pub(crate) type Held = Arc<Cell<Caller<Sessions>>>;

/// See the module.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) node: Node,
    pub(crate) registry: Arc<Registry<Caller<Sessions>>>,
    pub(crate) feeds: Arc<Feeds>,
    pub(crate) registrar: Arc<Registrar>,
    pub(crate) pump: Arc<Pump<Caller<Sessions>>>,
    /// When the membership last changed: sessions may be on their way from a peer.
    pub(crate) changed_at: std::sync::Mutex<Instant>,
    pub(crate) reconciling: Semaphore,
    /// Joins, leaves and reconciliations under way; each ends with its session or with `stop`.
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

// === impl Service ===

impl Service {
    /// A service without sessions. `feeds` tells it of sessions that left a guild by way of `left`, which is for
    /// [`Service::run_left`].
    pub(crate) fn new(
        node: Node,
        registry: Arc<Registry<Caller<Sessions>>>,
        feeds: Arc<Feeds>,
        registrar: Arc<Registrar>,
    ) -> Arc<Self> {
        let counter = node.clone();
        Arc::new(Self {
            node,
            registry,
            feeds,
            registrar,
            pump: Pump::new(move |frames| counter.red().count(frames, 0)),
            changed_at: std::sync::Mutex::new(Instant::now()),
            reconciling: Semaphore::new(RECONCILE_CALLS),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        })
    }

    // --- sessions come and go ---

    /// Puts a session in, attached to its gateway, in the place of one of the same id.
    pub(crate) fn admit(
        self: &Arc<Self>,
        mut session: Session<Caller<Sessions>>,
        gateway: Option<(&Caller<Sessions>, u64)>,
    ) -> Held {
        if let Some((from, seq)) = gateway {
            // A new session's outbox reaches back to where it begins.
            drop(session.attach(from.clone(), seq));
        }
        let cell = Cell::new(session, self.pump.clone());
        // Silent before the new one speaks: both have the same id.
        if let Some(before) = self.registry.get(cell.id()) {
            before.with(Session::close);
        }
        let before = self.registry.insert(cell.clone());
        cell.with(|session| session.flush(FLUSH_FRAMES));
        self.settle(&cell, before);
        self.holds_changed();
        cell
    }

    /// What follows from a session being put in.
    pub(crate) fn settle(self: &Arc<Self>, cell: &Held, before: Option<Held>) {
        if let Some(before) = before {
            before.with(Session::close);
            self.leave_feeds(before);
        }
        let guilds: Vec<GuildId> = cell.with(|session| session.guilds().collect());
        self.join_feeds(cell.clone(), guilds);
        self.registrar.changed();
    }

    /// Takes a session out that is over. `for_good`: not because it lives on at a peer.
    pub(crate) fn retire(&self, cell: &Held, for_good: bool) {
        if self.registry.remove(cell) && for_good {
            self.registrar.over(cell.user(), cell.id().clone());
        }
        self.leave_feeds(cell.clone());
        self.holds_changed();
    }

    pub(crate) fn join_feeds(&self, cell: Held, guilds: Vec<GuildId>) {
        let feeds = self.feeds.clone();
        self.tasks.spawn(async move {
            for guild in guilds {
                feeds.join(guild, cell.clone()).await;
            }
        });
    }

    fn leave_feeds(&self, cell: Held) {
        let feeds = self.feeds.clone();
        let guilds: Vec<GuildId> = cell.with(|session| session.guilds().collect());
        self.tasks.spawn(async move {
            for guild in guilds {
                feeds.leave(guild, cell.clone()).await;
            }
        });
    }

    /// Makes a session follow exactly its user's guilds, as data has them now; tries until it works.
    pub(crate) fn reconcile(self: &Arc<Self>, cell: Held) {
        let service = self.clone();
        self.tasks.spawn(async move {
            let stop = service.stop.clone();
            // Stopped: the session is over with the node.
            stop.run_until_cancelled(service.read_guilds_again(&cell)).await;
        });
    }

    async fn read_guilds_again(&self, cell: &Held) {
        let Ok(_permit) = self.reconciling.acquire().await else {
            return;
        };
        loop {
            let (over, frozen, revision, shard) = cell.with(|session| {
                let shard = session.start().shard;
                (session.is_over(), session.is_frozen(), session.revision(), shard)
            });
            if over {
                return;
            }
            if frozen {
                // Either it will be over here, or it goes on here and is to be made whole.
                tokio::time::sleep(RECONCILE_PAUSE).await;
                continue;
            }
            let mut guilds = match self.user_guilds(cell.user()).await {
                Ok(guilds) => guilds,
                Err(error) => {
                    debug!(%error, "cannot read a user's guilds, trying again");
                    tokio::time::sleep(RECONCILE_PAUSE).await;
                    continue;
                }
            };
            guilds.retain(|guild| in_shard(*guild, shard));
            // News that came while data was asked may be newer than its answer: ask again.
            let changes = cell.with(|session| {
                let same = session.revision() == revision && !session.is_frozen();
                same.then(|| session.reconcile(&guilds))
            });
            let Some((new, left)) = changes else { continue };
            for guild in new {
                self.feeds.join(guild, cell.clone()).await;
            }
            for guild in left {
                self.feeds.leave(guild, cell.clone()).await;
            }
            self.registrar.changed();
            return;
        }
    }

    /// Reads the guilds of sessions again that left a guild by one of its events.
    pub(crate) async fn run_left(self: Arc<Self>, mut left: mpsc::Receiver<Held>) {
        while let Some(Some(cell)) = self.stop.run_until_cancelled(left.recv()).await {
            self.reconcile(cell);
        }
    }

    // --- finding ---

    /// The session, if it is here and not on its way to a peer.
    pub(crate) fn held(&self, id: &SessionId) -> Result<Held, Refusal> {
        let cell = self.registry.get(id).ok_or_else(|| self.absent(id))?;
        cell.with(|session| match (session.is_over(), session.is_frozen()) {
            (true, _) => Err(Refusal::not_found("Session")),
            (_, true) => Err(handing_over()),
            _ => Ok(()),
        })?;
        Ok(cell)
    }

    /// The session, also when it is only just arriving from a peer that hands it over.
    pub(crate) async fn arriving(&self, id: &SessionId) -> Option<Held> {
        let deadline = tokio::time::Instant::now() + ARRIVAL_WAIT;
        loop {
            if let Some(cell) = self.registry.get(id) {
                return Some(cell);
            }
            let view = self.node.view();
            let changed_at = *self
                .changed_at
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            let alone = view.membership().of(Cluster::Sessions).count() < 2;
            let late = changed_at.elapsed() > ARRIVAL_WINDOW || tokio::time::Instant::now() >= deadline;
            if alone || late || !self.node.owns(id.as_str()) {
                return None;
            }
            tokio::time::sleep(ARRIVAL_POLL).await;
        }
    }

    pub(crate) fn check_owner(&self, id: &SessionId, view: &View) -> Result<(), Refusal> {
        if view.owns(Cluster::Sessions, id.as_str(), self.node.name()) {
            Ok(())
        } else {
            let generation = view.generation();
            Err(Refusal::NotOwner { generation })
        }
    }

    /// Why there is no such session here.
    pub(crate) fn absent(&self, id: &SessionId) -> Refusal {
        match self.check_owner(id, &self.node.view()) {
            Ok(()) => Refusal::not_found("Session"),
            Err(not_owner) => not_owner,
        }
    }

    pub(crate) async fn user_guilds(&self, user: UserId) -> Result<Vec<GuildId>, Refusal> {
        let key = user.to_string();
        let make = |_: &View| data::Request::ReadUserGuilds { user };
        match self.node.call_owner::<Data>(&key, GUILDS_CALL, make).await {
            Ok(data::Reply::Guilds(guilds)) => Ok(guilds),
            Ok(_) => Err(Refusal::internal(
                "data answered something else than a user's guilds",
            )),
            Err(error) => Err(error.into_refusal()),
        }
    }

    /// Pushes for the sessions that lag, until the node stops.
    pub(crate) async fn run_pump(self: Arc<Self>) {
        self.stop.run_until_cancelled(self.pump.run()).await;
    }

    /// Cancelled when the service ends.
    pub(crate) fn stopped(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Ends the feeds and everything under way, and waits for them.
    pub(crate) async fn finish(&self) {
        self.stop.cancel();
        self.feeds.finish().await;
        self.tasks.close();
        self.tasks.wait().await;
    }

    pub(crate) fn holds_changed(&self) {
        self.node
            .set_holds(u64::try_from(self.registry.len()).unwrap_or(u64::MAX));
    }
}

pub(crate) fn handing_over() -> Refusal {
    Refusal::unavailable("the session is being handed over")
}

//! What a sessions node does with the requests of gateways and peers.
//!
//! Each request finds its session and changes it under its lock; what has to wait (reading a user's guilds,
//! joining feeds) is done before or after, never under it.

use std::sync::Arc;
use std::time::Instant;

use chat_node::{Caller, Node, Serve, View};
use chat_proto::service::Refusal;
use chat_proto::service::data::{self, Data};
use chat_proto::service::sessions::{Ask, Push, Reply, Request, SessionState, Sessions, Start};
use chat_proto::{Cluster, EventNumber, GuildId, SessionId, UserId};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;

use crate::cell::{Cell, Pump};
use crate::dispatch::in_shard;
use crate::feed::Feeds;
use crate::limits::{
    ARRIVAL_POLL, ARRIVAL_WAIT, ARRIVAL_WINDOW, FLUSH_FRAMES, GUILDS_CALL, RECONCILE_CALLS, RECONCILE_PAUSE,
    VIEW_WAIT,
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
        Arc::new(Self {
            node,
            registry,
            feeds,
            registrar,
            pump: Pump::new(),
            changed_at: std::sync::Mutex::new(Instant::now()),
            reconciling: Semaphore::new(RECONCILE_CALLS),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        })
    }

    async fn start(
        self: &Arc<Self>,
        from: &Caller<Sessions>,
        start: Start,
        view: &View,
    ) -> Result<Reply, Refusal> {
        self.check_owner(&start.session, view)?;
        if let Some(cell) = self.registry.get(&start.session) {
            // The gateway asks again because it got no answer: what it got of the frames it drops by `seq`.
            let again = cell.with(|session| {
                let same =
                    session.start().user.id == start.user.id && !session.is_over() && !session.is_frozen();
                same && session.attach(from.clone(), 0).is_ok() && {
                    session.flush(FLUSH_FRAMES);
                    true
                }
            });
            if again {
                return Ok(Reply::Done);
            }
        }
        let mut guilds = self.user_guilds(start.user.id).await?;
        guilds.retain(|guild| in_shard(*guild, start.shard));
        let session = Session::begin(start, &guilds, Instant::now());
        self.admit(session, Some((from, 0)));
        Ok(Reply::Done)
    }

    async fn resume(
        self: &Arc<Self>,
        from: &Caller<Sessions>,
        id: &SessionId,
        user: UserId,
        seq: u64,
    ) -> Result<Reply, Refusal> {
        let counted =
            |result: &'static str| metrics::counter!("gateway_resume_total", "result" => result).increment(1);
        let Some(cell) = self.arriving(id).await else {
            counted("unknown");
            return Err(self.absent(id));
        };
        let resumed = cell.with(|session| {
            if session.is_frozen() {
                return Err(handing_over());
            }
            if session.is_over() || session.start().user.id != user {
                counted("unknown");
                return Err(Refusal::not_found("Session"));
            }
            match session.resume(from.clone(), seq) {
                Ok(before) => {
                    session.flush(FLUSH_FRAMES);
                    Ok(before)
                }
                // Its client starts over: nobody will ask for this session again.
                Err(_) => {
                    counted("out-of-reach");
                    session.close();
                    Err(Refusal::not_found("Session"))
                }
            }
        });
        if cell.with(|session| session.is_over()) {
            self.retire(&cell, true);
        }
        if let Some(before) = resumed?
            && before.node() != from.node()
        {
            let ended = Push::Ended {
                session: id.clone(),
                reason: "resumed at another gateway".to_owned(),
            };
            // That gateway may well be gone: then there is nobody to tell.
            drop(before.try_push(&ended));
        }
        counted("resumed");
        Ok(Reply::Done)
    }

    fn attach(&self, from: &Caller<Sessions>, id: &SessionId, seq: u64) -> Result<Reply, Refusal> {
        let cell = self.held(id)?;
        let attached = cell.with(|session| {
            session.attach(from.clone(), seq).map(|before| {
                drop(before);
                session.flush(FLUSH_FRAMES)
            })
        });
        match attached {
            Ok(_) => Ok(Reply::Done),
            Err(_) => {
                metrics::counter!("session_attach_refused_total").increment(1);
                Err(Refusal::not_found("Session"))
            }
        }
    }

    async fn rebuild(
        self: &Arc<Self>,
        from: &Caller<Sessions>,
        start: Start,
        seq: u64,
        cursors: Vec<(GuildId, EventNumber)>,
        view: &View,
    ) -> Result<Reply, Refusal> {
        if seq == 0 {
            return self.start(from, start, view).await;
        }
        self.check_owner(&start.session, view)?;
        if let Some(cell) = self.registry.get(&start.session) {
            // Only the connection broke: the session is still here, with an outbox that a rebuilt one would lack.
            let goes_on = cell.with(|session| {
                let fits = session.start().user.id == start.user.id && session.continues(seq, &cursors);
                fits && session.attach(from.clone(), seq).is_ok() && {
                    session.set_status(start.status.clone());
                    session.flush(FLUSH_FRAMES);
                    true
                }
            });
            if goes_on {
                return Ok(Reply::Done);
            }
        }
        metrics::counter!("sessions_rebuilt_total").increment(1);
        let session = Session::rebuild(start, seq, &cursors, Instant::now());
        let cell = self.admit(session, Some((from, seq)));
        self.reconcile(cell);
        Ok(Reply::Done)
    }

    fn detach(&self, from: &Caller<Sessions>, id: &SessionId, end: bool) -> Result<Reply, Refusal> {
        let cell = self.held(id)?;
        let over = cell.with(|session| {
            let elsewhere = session.wire().is_some_and(|wire| wire.node() != from.node());
            if elsewhere {
                // The client is back already, through another gateway.
                return false;
            }
            session.detach(Instant::now());
            if end {
                session.close();
            }
            end
        });
        if over {
            self.retire(&cell, true);
        }
        Ok(Reply::Done)
    }

    fn set_presence(&self, id: &SessionId, status: String) -> Result<Reply, Refusal> {
        if !matches!(
            status.as_str(),
            "online" | "idle" | "dnd" | "invisible" | "offline"
        ) {
            let reason = format!("there is no status '{status}'");
            return Err(Refusal::Invalid { reason });
        }
        self.held(id)?.with(|session| session.set_status(status));
        self.registrar.changed();
        Ok(Reply::Done)
    }

    /// Sessions from a peer: their feeds run from now on, and their gateways are about to attach.
    fn take_over(self: &Arc<Self>, states: Vec<SessionState>, view: &View) -> Result<Reply, Refusal> {
        for state in &states {
            self.check_owner(&state.start.session, view)?;
        }
        for state in states {
            let cell = Cell::new(Session::restore(state, Instant::now()), self.pump.clone());
            let stays = |there: &Held| there.with(|session| !session.is_provisional() && !session.is_over());
            // One that has been attached here is newer than what its old node knows.
            if let Ok(before) = self.registry.insert_unless(cell.clone(), stays) {
                self.settle(&cell, before);
                self.reconcile(cell);
            }
        }
        self.holds_changed();
        Ok(Reply::Done)
    }

    // --- sessions come and go ---

    /// Puts a session in, attached to its gateway, in the place of one of the same id.
    fn admit(
        self: &Arc<Self>,
        mut session: Session<Caller<Sessions>>,
        gateway: Option<(&Caller<Sessions>, u64)>,
    ) -> Held {
        if let Some((from, seq)) = gateway {
            // A new session's outbox reaches back to where it begins.
            drop(session.attach(from.clone(), seq));
        }
        let cell = Cell::new(session, self.pump.clone());
        let before = self.registry.insert(cell.clone());
        cell.with(|session| session.flush(FLUSH_FRAMES));
        self.settle(&cell, before);
        self.holds_changed();
        cell
    }

    /// What follows from a session being put in.
    fn settle(self: &Arc<Self>, cell: &Held, before: Option<Held>) {
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
            let (gone, revision, shard) = cell.with(|session| {
                (
                    session.is_over() || session.is_frozen(),
                    session.revision(),
                    session.start().shard,
                )
            });
            if gone {
                return;
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
            let changes =
                cell.with(|session| (session.revision() == revision).then(|| session.reconcile(&guilds)));
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
    fn held(&self, id: &SessionId) -> Result<Held, Refusal> {
        let cell = self.registry.get(id).ok_or_else(|| self.absent(id))?;
        cell.with(|session| match (session.is_over(), session.is_frozen()) {
            (true, _) => Err(Refusal::not_found("Session")),
            (_, true) => Err(handing_over()),
            _ => Ok(()),
        })?;
        Ok(cell)
    }

    /// The session, also when it is only just arriving from a peer that hands it over.
    async fn arriving(&self, id: &SessionId) -> Option<Held> {
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

    fn check_owner(&self, id: &SessionId, view: &View) -> Result<(), Refusal> {
        if view.owns(Cluster::Sessions, id.as_str(), self.node.name()) {
            Ok(())
        } else {
            let generation = view.generation();
            Err(Refusal::NotOwner { generation })
        }
    }

    /// Why there is no such session here.
    fn absent(&self, id: &SessionId) -> Refusal {
        match self.check_owner(id, &self.node.view()) {
            Ok(()) => Refusal::not_found("Session"),
            Err(not_owner) => not_owner,
        }
    }

    async fn user_guilds(&self, user: UserId) -> Result<Vec<GuildId>, Refusal> {
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

fn handing_over() -> Refusal {
    Refusal::unavailable("the session is being handed over")
}

/// The service as the node shell calls it.
#[derive(Debug)]
pub(crate) struct Front(pub(crate) Arc<Service>);

impl Serve<Sessions> for Front {
    async fn request(&self, from: &Caller<Sessions>, request: Request) -> Result<Reply, Refusal> {
        let service = &self.0;
        let view = service.node.wait_for(request.generation, VIEW_WAIT).await;
        match request.ask {
            Ask::Start(start) => service.start(from, start, &view).await,
            Ask::Resume { session, user, seq } => service.resume(from, &session, user, seq).await,
            Ask::Attach { session, seq } => service.attach(from, &session, seq),
            Ask::Rebuild { start, seq, cursors } => service.rebuild(from, start, seq, cursors, &view).await,
            Ask::Detach { session, end } => service.detach(from, &session, end),
            Ask::SetPresence { session, status } => service.set_presence(&session, status),
            Ask::HandOff { sessions } => service.take_over(sessions, &view),
        }
    }

    fn closed(&self, from: &Caller<Sessions>) {
        for cell in self.0.registry.all() {
            cell.with(|session| {
                if session.wire().is_some_and(|wire| wire.id() == from.id()) {
                    session.detach(Instant::now());
                }
            });
        }
    }
}

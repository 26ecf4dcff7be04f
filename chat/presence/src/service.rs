//! What a presence node does with requests, and its housekeeping.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chat_node::{Caller, Node, Serve, View};
use chat_proto::service::Refusal;
use chat_proto::service::presence::{Ask, News, Presence, Push, Registration, Reply, Request};
use chat_proto::{Cluster, NodeName, UserId};
use tracing::{info, warn};

use crate::limits::{DEBOUNCE, HAND_OFF_BATCH, LOST_GRACE, SETTLE, TICK, VIEW_WAIT};
use crate::status::Status;
use crate::teller::Teller;
use crate::users::{ConnectionId, Users};

/// See the module.
#[derive(Debug)]
pub(crate) struct Service {
    node: Node,
    users: Mutex<Users>,
    /// The sessions nodes' connections. At most as many as there are connections.
    connections: Mutex<HashMap<ConnectionId, Caller<Presence>>>,
    teller: Arc<Teller>,
    changed_at: Mutex<Instant>,
}

// === impl Service ===

impl Service {
    pub(crate) fn new(node: Node, teller: Arc<Teller>) -> Arc<Self> {
        Arc::new(Self {
            node,
            users: Mutex::new(Users::default()),
            connections: Mutex::new(HashMap::new()),
            teller,
            changed_at: Mutex::new(Instant::now()),
        })
    }

    fn register(
        &self,
        from: &Caller<Presence>,
        node: &NodeName,
        sessions: Vec<Registration>,
        view: &View,
    ) -> Result<Reply, Refusal> {
        lock(&self.connections)
            .entry(from.id())
            .or_insert_with(|| from.clone());
        // The request itself is counted by the shell: it stands for the first one.
        let more = sessions.len().saturating_sub(1);
        self.node.red().count(u64::try_from(more).unwrap_or(u64::MAX), 0);
        let mut moved = false;
        let mut users = lock(&self.users);
        for registration in sessions {
            if self.owns(registration.user, view) {
                users.register(node, from.id(), registration);
            } else {
                moved = true;
            }
        }
        drop(users);
        // Those that live here are registered all the same: repeating it costs nothing.
        if moved {
            Err(not_owner(view))
        } else {
            Ok(Reply::Done)
        }
    }

    fn notify(&self, user: UserId, news: &News, view: &View) -> Result<Reply, Refusal> {
        if !self.owns(user, view) {
            return Err(not_owner(view));
        }
        let reachable = lock(&self.users).reach(user);
        if reachable.over.is_empty() && reachable.lost == 0 && lock(&self.changed_at).elapsed() < SETTLE {
            return Err(Refusal::unavailable("sessions may still be registering here"));
        }
        let mut lost = reachable.lost;
        for (session, connection) in reachable.over {
            let caller = lock(&self.connections).get(&connection).cloned();
            let push = Push::News {
                session,
                news: news.clone(),
            };
            // A session that gets the same news twice does nothing the second time.
            let pushed = caller.is_some_and(|caller| caller.push(&push).is_ok());
            lost += usize::from(!pushed);
        }
        if lost > 0 {
            let reason = format!("{lost} sessions of the user have no connection now");
            return Err(Refusal::unavailable(reason));
        }
        Ok(Reply::Done)
    }

    fn read(&self, asked: &[UserId]) -> Reply {
        let users = lock(&self.users);
        let statuses = asked.iter().map(|user| (*user, users.status(*user)));
        let seen = statuses.filter(|(_, status)| *status != Status::Offline);
        Reply::Statuses(
            seen.map(|(user, status)| (user, status.name().to_owned()))
                .collect(),
        )
    }

    fn owns(&self, user: UserId, view: &View) -> bool {
        view.owns(Cluster::Presence, &user.to_string(), self.node.name())
    }

    // --- housekeeping ---

    /// Tells guilds what changed, a little later.
    pub(crate) async fn run_debounce(self: Arc<Self>) {
        loop {
            tokio::time::sleep(DEBOUNCE).await;
            self.tell_changes();
            self.holds_changed();
        }
    }

    fn tell_changes(&self) {
        let changes = lock(&self.users).take_changes();
        if !changes.is_empty() {
            self.node
                .red()
                .count(u64::try_from(changes.len()).unwrap_or(u64::MAX), 0);
            self.teller.tell(&changes);
        }
    }

    /// Hands over the users that the ring gives to others, and drops the sessions of lost nodes.
    pub(crate) async fn run_upkeep(self: Arc<Self>) {
        let mut changes = self.node.changes();
        loop {
            self.hand_over_all().await;
            self.expire(Instant::now());
            tokio::select! {
                Ok(()) = changes.changed() => *lock(&self.changed_at) = Instant::now(),
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }

    fn expire(&self, now: Instant) {
        // A connection that ended while its registration was being read.
        let closed: Vec<ConnectionId> = lock(&self.connections)
            .extract_if(|_, caller| caller.is_closed())
            .map(|(id, _)| id)
            .collect();
        let mut users = lock(&self.users);
        for id in closed {
            users.lost(id, now);
        }
        let expired = users.expire(now, LOST_GRACE);
        drop(users);
        if expired > 0 {
            metrics::counter!("presence_sessions_expired_total")
                .increment(u64::try_from(expired).unwrap_or(0));
            info!(
                event.action = "presence-expired",
                sessions = expired,
                "sessions of a lost sessions node dropped"
            );
        }
        self.holds_changed();
    }

    async fn hand_over_all(&self) {
        let view = self.node.view();
        let mut peers: HashMap<NodeName, Vec<UserId>> = HashMap::new();
        let ids: Vec<UserId> = lock(&self.users).ids().collect();
        for user in ids {
            if let Some(owner) = view.owner(Cluster::Presence, &user.to_string())
                && owner.node != *self.node.name()
            {
                peers.entry(owner.node.clone()).or_default().push(user);
            }
        }
        for (peer, users) in peers {
            let mut moved = 0usize;
            for part in users.chunks(HAND_OFF_BATCH) {
                if !self.hand_over(&peer, part).await {
                    break;
                }
                moved += part.len();
            }
            if moved > 0 {
                info!(event.action = "users-handed-over", labels.peer = %peer, users = moved, "users handed over");
            }
        }
    }

    async fn hand_over(&self, peer: &NodeName, part: &[UserId]) -> bool {
        // The peer takes it that guilds know the statuses that it is given.
        self.tell_changes();
        let sessions = {
            let users = lock(&self.users);
            part.iter().flat_map(|user| users.registrations(*user)).collect()
        };
        let request = Request {
            generation: self.node.view().generation(),
            ask: Ask::HandOff { sessions },
        };
        if let Err(error) = self.node.call::<Presence>(peer, &request).await {
            warn!(%error, labels.peer = %peer, users = part.len(), "cannot hand users over, trying again");
            return false;
        }
        {
            let mut users = lock(&self.users);
            part.iter().for_each(|user| users.forget(*user));
        }
        self.holds_changed();
        true
    }

    fn holds_changed(&self) {
        let users = lock(&self.users).len();
        metrics::gauge!("presence_users").set(users as f64);
        // Soft state that nobody can take (the ring is empty) is registered again later: nothing to wait for.
        let takers = self.node.view().has_ring(Cluster::Presence);
        self.node.set_holds(if takers {
            u64::try_from(users).unwrap_or(u64::MAX)
        } else {
            0
        });
        self.node
            .set_queue(u64::try_from(self.teller.depth()).unwrap_or(u64::MAX));
    }
}

impl Serve<Presence> for Service {
    async fn request(&self, from: &Caller<Presence>, request: Request) -> Result<Reply, Refusal> {
        let view = self.node.wait_for(request.generation, VIEW_WAIT).await;
        match request.ask {
            Ask::Register { node, sessions } => self.register(from, &node, sessions, &view),
            Ask::Unregister { user, session } => {
                if !self.owns(user, &view) {
                    return Err(not_owner(&view));
                }
                lock(&self.users).unregister(user, &session);
                Ok(Reply::Done)
            }
            Ask::Notify { user, news } => self.notify(user, &news, &view),
            Ask::Read { users } => Ok(self.read(&users)),
            Ask::HandOff { sessions } => {
                if !sessions.iter().all(|(_, session)| self.owns(session.user, &view)) {
                    return Err(not_owner(&view));
                }
                lock(&self.users).accept(sessions, Instant::now());
                Ok(Reply::Done)
            }
        }
    }

    fn closed(&self, from: &Caller<Presence>) {
        if lock(&self.connections).remove(&from.id()).is_some() {
            lock(&self.users).lost(from.id(), Instant::now());
        }
    }
}

fn not_owner(view: &View) -> Refusal {
    Refusal::NotOwner {
        generation: view.generation(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The users of this node and their sessions: a state machine without IO.
//!
//! Everything here is soft. A session is known because its sessions node registered it over a connection; without
//! the connection it is kept for a while, for the node or its successor to register it again. Guilds are told only
//! the difference between a user's status now and the one that they were told last.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use chat_proto::service::presence::Registration;
use chat_proto::{GuildId, NodeName, SessionId, UserId};

use crate::status::Status;

/// A sessions node's connection, by its number in this process.
pub(crate) type ConnectionId = u64;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Users {
    users: HashMap<UserId, User>,
    /// Users whose guilds may have to be told something.
    changed: HashSet<UserId>,
}

#[derive(Debug, Default)]
struct User {
    sessions: HashMap<SessionId, Known>,
    /// What guilds were told last.
    told: Status,
    /// Which guilds were.
    told_guilds: HashSet<GuildId>,
}

/// A session that is registered.
#[derive(Debug)]
struct Known {
    node: NodeName,
    registration: Registration,
    reach: Reach,
}

/// How a session can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Over(ConnectionId),
    /// Its connection was lost, or a peer handed it over and its node has not registered it here yet.
    Lost(Instant),
}

/// What a guild is to be told.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Change {
    pub(crate) guild: GuildId,
    pub(crate) user: UserId,
    pub(crate) status: Status,
}

/// Where the sessions of a user are reached.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Reachable {
    pub(crate) over: Vec<(SessionId, ConnectionId)>,
    /// How many sessions cannot be reached now.
    pub(crate) lost: usize,
}

// === impl User ===

impl User {
    fn status(&self) -> Status {
        let statuses = self
            .sessions
            .values()
            .map(|known| Status::of_session(&known.registration.status));
        statuses.max().unwrap_or_default()
    }

    fn guilds(&self) -> HashSet<GuildId> {
        let sessions = self.sessions.values();
        sessions
            .flat_map(|known| known.registration.guilds.iter().copied())
            .collect()
    }
}

// === impl Users ===

impl Users {
    /// How many users there are.
    pub(crate) fn len(&self) -> usize {
        self.users.len()
    }

    /// All users.
    pub(crate) fn ids(&self) -> impl Iterator<Item = UserId> + '_ {
        self.users.keys().copied()
    }

    /// A sessions node has this session. Repeating it is a no-op.
    pub(crate) fn register(&mut self, node: &NodeName, connection: ConnectionId, registration: Registration) {
        let id = registration.user;
        let known = Known {
            node: node.clone(),
            registration,
            reach: Reach::Over(connection),
        };
        let user = self.users.entry(id).or_default();
        user.sessions.insert(known.registration.session.clone(), known);
        self.changed.insert(id);
    }

    /// A session is over.
    pub(crate) fn unregister(&mut self, id: UserId, session: &SessionId) {
        if let Some(user) = self.users.get_mut(&id)
            && user.sessions.remove(session).is_some()
        {
            self.changed.insert(id);
        }
    }

    /// A peer that had these users hands them over; guilds know their statuses. What is registered is newer.
    pub(crate) fn accept(&mut self, sessions: Vec<(NodeName, Registration)>, now: Instant) {
        for (node, registration) in sessions {
            let user = self.users.entry(registration.user).or_default();
            user.told = user.told.max(Status::of_session(&registration.status));
            user.told_guilds.extend(&registration.guilds);
            self.changed.insert(registration.user);
            let id = registration.session.clone();
            user.sessions.entry(id).or_insert(Known {
                node,
                registration,
                reach: Reach::Lost(now),
            });
        }
    }

    /// The sessions of a user, as they are handed over.
    pub(crate) fn registrations(&self, user: UserId) -> impl Iterator<Item = (NodeName, Registration)> + '_ {
        let sessions = self.users.get(&user).map(|user| user.sessions.values());
        sessions
            .into_iter()
            .flatten()
            .map(|known| (known.node.clone(), known.registration.clone()))
    }

    /// A peer has the user now: forgotten here without a word to guilds.
    pub(crate) fn forget(&mut self, user: UserId) {
        self.users.remove(&user);
        self.changed.remove(&user);
    }

    /// A sessions node's connection is gone.
    pub(crate) fn lost(&mut self, connection: ConnectionId, now: Instant) {
        for user in self.users.values_mut() {
            for known in user.sessions.values_mut() {
                if known.reach == Reach::Over(connection) {
                    known.reach = Reach::Lost(now);
                }
            }
        }
    }

    /// Drops the sessions that could not be reached for `grace`; returns how many.
    pub(crate) fn expire(&mut self, now: Instant, grace: Duration) -> usize {
        let mut expired = 0;
        for (id, user) in &mut self.users {
            let before = user.sessions.len();
            user.sessions.retain(|_, known| match known.reach {
                Reach::Over(_) => true,
                Reach::Lost(since) => now.duration_since(since) < grace,
            });
            let gone = before - user.sessions.len();
            if gone > 0 {
                expired += gone;
                self.changed.insert(*id);
            }
        }
        expired
    }

    /// Where a user's sessions are reached.
    pub(crate) fn reach(&self, user: UserId) -> Reachable {
        let mut reachable = Reachable::default();
        for (id, known) in self.users.get(&user).iter().flat_map(|user| &user.sessions) {
            match known.reach {
                Reach::Over(connection) => reachable.over.push((id.clone(), connection)),
                Reach::Lost(_) => reachable.lost += 1,
            }
        }
        reachable
    }

    /// A user's status.
    pub(crate) fn status(&self, user: UserId) -> Status {
        self.users.get(&user).map(User::status).unwrap_or_default()
    }

    /// What guilds are to be told since the last call. Users without sessions are forgotten with it.
    pub(crate) fn take_changes(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        for id in std::mem::take(&mut self.changed) {
            let Some(user) = self.users.get_mut(&id) else {
                continue;
            };
            let (status, guilds) = (user.status(), user.guilds());
            let mut tell = |guild: GuildId, status| {
                changes.push(Change {
                    guild,
                    user: id,
                    status,
                });
            };
            // To a guild that no session follows any more the user is offline; a guild that is new to an invisible
            // user is told nothing, which would give them away.
            for guild in user.told_guilds.difference(&guilds) {
                if user.told != Status::Offline {
                    tell(*guild, Status::Offline);
                }
            }
            for guild in &guilds {
                let told = match user.told_guilds.contains(guild) {
                    true => user.told,
                    false => Status::Offline,
                };
                if told != status {
                    tell(*guild, status);
                }
            }
            user.told = status;
            user.told_guilds = guilds;
            if user.sessions.is_empty() {
                self.users.remove(&id);
            }
        }
        changes
    }
}

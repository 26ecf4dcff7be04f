//! Telling guilds of changes: bounded, at most once, and never two calls about one user and guild at a time.
//!
//! A change that waits is replaced by a later one of the same user and guild, so guilds may miss a status in
//! between but end with the last one. What cannot be delivered in time is dropped and counted: presence is soft.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use chat_node::Node;
use chat_proto::service::guilds::{Ask, Guilds, Request};
use chat_proto::{GuildId, UserId};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tracing::debug;

use crate::limits::{TELL_CALLS, TELL_GUILDS, TELL_LIMIT, TELL_QUEUE};
use crate::status::Status;
use crate::users::Change;

/// See the module.
#[derive(Debug)]
pub(crate) struct Teller {
    node: Node,
    waiting: Mutex<Waiting>,
    wake: Notify,
}

/// The changes that wait, by guild.
#[derive(Debug, Default)]
struct Waiting {
    changes: HashMap<GuildId, HashMap<UserId, Status>>,
    /// Guilds with changes that are not being told now, in turn.
    turns: VecDeque<GuildId>,
    /// Guilds that are being told something.
    busy: HashSet<GuildId>,
    len: usize,
}

// === impl Waiting ===

impl Waiting {
    /// False when there is no room.
    fn add(&mut self, change: &Change) -> bool {
        if let Some(waiting) = self
            .changes
            .get_mut(&change.guild)
            .and_then(|users| users.get_mut(&change.user))
        {
            *waiting = change.status;
            return true;
        }
        if self.len >= TELL_QUEUE {
            return false;
        }
        let users = self.changes.entry(change.guild).or_default();
        if users.is_empty() && !self.busy.contains(&change.guild) {
            self.turns.push_back(change.guild);
        }
        users.insert(change.user, change.status);
        self.len += 1;
        true
    }

    /// The next guild with all that it is to be told.
    fn next(&mut self) -> Option<(GuildId, HashMap<UserId, Status>)> {
        let guild = self.turns.pop_front()?;
        let users = self.changes.remove(&guild)?;
        self.len -= users.len();
        self.busy.insert(guild);
        Some((guild, users))
    }

    fn told(&mut self, guild: GuildId) {
        self.busy.remove(&guild);
        if self.changes.contains_key(&guild) {
            self.turns.push_back(guild);
        }
    }
}

// === impl Teller ===

impl Teller {
    pub(crate) fn new(node: Node) -> Arc<Self> {
        Arc::new(Self {
            node,
            waiting: Mutex::new(Waiting::default()),
            wake: Notify::new(),
        })
    }

    /// Queues changes.
    pub(crate) fn tell(&self, changes: &[Change]) {
        let mut waiting = self.waiting();
        let dropped = changes.iter().filter(|change| !waiting.add(change)).count();
        drop(waiting);
        count_dropped("queue-full", dropped);
        self.wake.notify_one();
    }

    /// How many changes wait.
    pub(crate) fn depth(&self) -> usize {
        self.waiting().len
    }

    /// Tells until it is dropped.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut guilds = JoinSet::new();
        loop {
            while guilds.len() < TELL_GUILDS {
                let Some((guild, users)) = self.waiting().next() else {
                    break;
                };
                let node = self.node.clone();
                guilds.spawn(async move {
                    tell_guild(&node, guild, users).await;
                    guild
                });
            }
            tokio::select! {
                () = self.wake.notified() => {}
                Some(told) = guilds.join_next(), if !guilds.is_empty() => {
                    if let Ok(guild) = told {
                        self.waiting().told(guild);
                    }
                }
            }
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn tell_guild(node: &Node, guild: GuildId, users: HashMap<UserId, Status>) {
    let mut calls = JoinSet::new();
    for (user, status) in users {
        if calls.len() >= TELL_CALLS {
            drop(calls.join_next().await);
        }
        let node = node.clone();
        calls.spawn(async move {
            let make = |view: &chat_node::View| Request {
                guild,
                generation: view.generation(),
                ask: Ask::PresenceChanged {
                    user,
                    status: status.name().to_owned(),
                },
            };
            let key = guild.to_string();
            if let Err(error) = node.call_owner::<Guilds>(&key, TELL_LIMIT, make).await {
                debug!(%error, %guild, "a change of presence is dropped");
                count_dropped("guild-unreachable", 1);
            }
        });
    }
    while calls.join_next().await.is_some() {}
}

fn count_dropped(reason: &'static str, dropped: usize) {
    if dropped > 0 {
        metrics::counter!("presence_changes_dropped_total", "reason" => reason)
            .increment(u64::try_from(dropped).unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(guild: u64, user: u64, status: Status) -> Change {
        Change {
            guild: GuildId(guild),
            user: UserId(user),
            status,
        }
    }

    #[test]
    fn a_guild_is_told_the_last_status_and_never_twice_at_a_time() {
        let mut waiting = Waiting::default();
        assert!(waiting.add(&change(1, 7, Status::Online)));
        assert!(waiting.add(&change(1, 7, Status::Idle)));
        let (guild, users) = waiting.next().unwrap();
        assert_eq!(users, HashMap::from([(UserId(7), Status::Idle)]));
        assert!(waiting.add(&change(1, 7, Status::Offline)));
        assert!(waiting.next().is_none(), "it is still being told");
        waiting.told(guild);
        let (_, users) = waiting.next().unwrap();
        assert_eq!(users, HashMap::from([(UserId(7), Status::Offline)]));
        assert_eq!(waiting.len, 0);
    }

    #[test]
    fn a_full_queue_refuses_new_changes_and_replaces_old_ones() {
        let mut waiting = Waiting::default();
        for user in 0..TELL_QUEUE as u64 {
            assert!(waiting.add(&change(1, user, Status::Online)));
        }
        assert!(!waiting.add(&change(2, 0, Status::Online)));
        assert!(waiting.add(&change(1, 0, Status::Offline)));
    }
}

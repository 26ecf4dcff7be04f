//! The subscribers of a guild: connections of sessions nodes. An event is encoded once for all of them.

use std::collections::HashMap;
use std::time::Instant;

use chat_node::Caller;
use chat_proto::service::guilds::{Guilds, Push};
use chat_proto::{GuildEvent, GuildId};
use tracing::debug;

/// The subscribers. There are no more of them than connections to this node.
#[derive(Debug, Default)]
pub(crate) struct Fanout {
    subscribers: HashMap<u64, Caller<Guilds>>,
}

impl Fanout {
    pub(crate) fn add(&mut self, subscriber: &Caller<Guilds>) {
        self.subscribers.insert(subscriber.id(), subscriber.clone());
    }

    pub(crate) fn remove(&mut self, connection: u64) {
        self.subscribers.remove(&connection);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.subscribers.is_empty()
    }

    /// Pushes an event to all. One whose queue is full or whose connection is gone is dropped: it subscribes again.
    pub(crate) fn publish(&mut self, event: GuildEvent) {
        if self.subscribers.is_empty() {
            return;
        }
        let began = Instant::now();
        self.push(&Push::Event(event));
        metrics::histogram!("guild_fanout_seconds").record(began.elapsed());
    }

    /// Tells all that the guild is elsewhere now, and forgets them.
    pub(crate) fn moved(&mut self, guild: GuildId) {
        self.push(&Push::Moved { guild });
        self.subscribers.clear();
    }

    fn push(&mut self, push: &Push) {
        let encoded = match chat_proto::encode(push) {
            Ok(encoded) => encoded,
            Err(error) => {
                // Cannot happen to a type of ours; if it does, everybody must read it from data.
                tracing::error!(%error, "cannot encode a push");
                self.subscribers.clear();
                return;
            }
        };
        self.subscribers
            .retain(|_, subscriber| match subscriber.push_encoded(encoded.clone()) {
                Ok(()) => true,
                Err(error) => {
                    debug!(%error, labels.peer = %subscriber.node(), "subscriber dropped");
                    false
                }
            });
    }
}

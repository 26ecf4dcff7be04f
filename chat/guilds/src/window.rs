//! The newest durable events of a guild, for subscribers that come back and for edits of young messages.

use std::collections::VecDeque;

use chat_proto::discord::Message;
use chat_proto::service::data::{Change, StoredEvent};
use chat_proto::{EventNumber, GuildEvent, MessageId};

/// Events that are kept: enough for who was away for a moment. Who was away for longer reads from data.
const EVENTS: usize = 256;

/// Payload that is kept, whichever bound is reached first: a node holds thousands of guilds.
const BYTES: usize = 256 << 10;

/// The newest events, contiguous, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Window {
    events: VecDeque<StoredEvent>,
    bytes: usize,
}

/// What the window knows of a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sight<'a> {
    /// Its newest state.
    Message(&'a Message),
    /// It was deleted.
    Deleted,
    /// Nothing happened to it in the window.
    Nothing,
}

impl Window {
    pub(crate) fn push(&mut self, stored: StoredEvent) {
        self.bytes += weight(&stored);
        self.events.push_back(stored);
        while self.events.len() > EVENTS || (self.bytes > BYTES && self.events.len() > 1) {
            if let Some(oldest) = self.events.pop_front() {
                self.bytes -= weight(&oldest);
            }
        }
    }

    /// The events after `since`, oldest first, when the window reaches back that far; `last` is the guild's newest.
    pub(crate) fn after(&self, since: EventNumber, last: EventNumber) -> Option<Vec<GuildEvent>> {
        if since >= last {
            return Some(Vec::new());
        }
        let first = self.events.front()?.event.number?;
        if first > since.next() {
            return None;
        }
        let skip = usize::try_from(since.0 + 1 - first.0).ok()?;
        Some(
            self.events
                .iter()
                .skip(skip)
                .map(|stored| stored.event.clone())
                .collect(),
        )
    }

    pub(crate) fn sight(&self, message: MessageId) -> Sight<'_> {
        for stored in self.events.iter().rev() {
            match &stored.change {
                Change::PutMessage(found) if found.id == message => return Sight::Message(found),
                Change::DeleteMessage { message: found, .. } if *found == message => return Sight::Deleted,
                _ => {}
            }
        }
        Sight::Nothing
    }
}

/// What an event weighs: both variants of its payload, and about as much again for its row.
pub(crate) fn weight(stored: &StoredEvent) -> usize {
    let payload = &stored.event.payload;
    payload.full.len() + payload.without_content.as_ref().map_or(0, bytes::Bytes::len)
}

//! Guilds, users and events to try a store with.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use chat_proto::discord::Message;
use chat_proto::service::Refusal;
use chat_proto::service::data::{Change, ChannelRecord, GuildRecord, StoredEvent, User};
use chat_proto::{
    ChannelId, Epoch, EventKind, EventNumber, GuildEvent, GuildId, MessageId, NodeName, Payload, UserId,
};

use crate::{Store, Write, Written};

/// A claim's and a page's bound on bytes that no case reaches.
pub(super) const PLENTY: usize = 64 << 20;

/// An id that no other case has, small enough to count on from.
pub(super) fn fresh_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let seconds = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    (seconds << 24) + (NEXT.fetch_add(1, Ordering::Relaxed) << 12)
}

pub(super) fn user(id: u64) -> User {
    User {
        id: UserId(id),
        name: format!("user-{id}"),
        bot: false,
    }
}

pub(super) fn channel(id: u64) -> ChannelRecord {
    ChannelRecord {
        id: ChannelId(id),
        name: "general".into(),
        position: 0,
        topic: None,
    }
}

/// A guild whose channel, owner and id all have the same number.
pub(super) fn guild(id: u64) -> GuildRecord {
    GuildRecord {
        id: GuildId(id),
        name: "a guild".into(),
        owner: UserId(id),
        channels: vec![channel(id)],
        members: vec![user(id)],
    }
}

pub(super) fn message(guild: u64, id: u64, number: u64) -> Message {
    Message {
        id: MessageId(id),
        channel: ChannelId(guild),
        guild: GuildId(guild),
        author: user(guild),
        content: format!("message {id}"),
        nonce: None,
        edited_ms: None,
        tts: false,
        reply_to: None,
        number: EventNumber(number),
    }
}

pub(super) fn event(guild: u64, number: u64, epoch: u64, change: Change) -> StoredEvent {
    StoredEvent {
        event: GuildEvent {
            guild: GuildId(guild),
            number: Some(EventNumber(number)),
            epoch: Epoch(epoch),
            kind: EventKind::MessageCreate,
            payload: Payload {
                full: Bytes::from(format!("{{\"n\":{number}}}")),
                without_content: None,
                author: None,
            },
        },
        change,
    }
}

/// The event that creates message `id`.
pub(super) fn posted(guild: u64, number: u64, epoch: u64, id: u64) -> StoredEvent {
    event(
        guild,
        number,
        epoch,
        Change::PutMessage(Box::new(message(guild, id, number))),
    )
}

/// One write alone.
pub(super) fn one(store: &dyn Store, write: Write) -> Result<Written, Refusal> {
    let mut answers = store.write(&[write]).expect("the store works");
    assert_eq!(answers.len(), 1, "one answer a write");
    answers.remove(0)
}

pub(super) fn claim(store: &dyn Store, guild: u64, epoch: u64, node: &str) -> Result<Written, Refusal> {
    one(
        store,
        Write::Claim {
            guild: GuildId(guild),
            epoch: Epoch(epoch),
            node: NodeName::from(node),
            recent: 100,
            max_bytes: PLENTY,
        },
    )
}

pub(super) fn append(guild: u64, epoch: u64, events: Vec<StoredEvent>) -> Write {
    Write::Append {
        guild: GuildId(guild),
        epoch: Epoch(epoch),
        events,
    }
}

/// A guild that is there and claimed with epoch 1.
pub(super) fn claimed_guild(store: &dyn Store) -> u64 {
    let id = fresh_id();
    one(store, Write::CreateGuild(guild(id))).expect("a new guild");
    claim(store, id, 1, "guilds-0").expect("nobody has claimed it");
    id
}

pub(super) fn appended(last: u64) -> Result<Written, Refusal> {
    Ok(Written::Appended {
        last: EventNumber(last),
    })
}

pub(super) fn numbers(events: &[StoredEvent]) -> Vec<u64> {
    events
        .iter()
        .map(|stored| stored.event.number.expect("it is stored").0)
        .collect()
}

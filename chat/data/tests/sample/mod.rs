//! Writes to try the writer with.

use std::ops::RangeInclusive;

use bytes::Bytes;
use chat_proto::service::data::{Change, ChannelRecord, GuildRecord, StoredEvent, User};
use chat_proto::{ChannelId, Epoch, EventKind, EventNumber, GuildEvent, GuildId, NodeName, Payload, UserId};
use chat_store::Write;

/// A guild.
pub(crate) fn create(guild: u64) -> Write {
    let user = User {
        id: UserId(guild),
        name: "owner".into(),
        bot: false,
    };
    let channel = ChannelRecord {
        id: ChannelId(guild),
        name: "general".into(),
        position: 0,
        topic: None,
    };
    Write::CreateGuild(GuildRecord {
        id: GuildId(guild),
        name: "a guild".into(),
        owner: user.id,
        channels: vec![channel],
        members: vec![user],
    })
}

/// A claim of it.
pub(crate) fn claim(guild: u64, epoch: u64) -> Write {
    Write::Claim {
        guild: GuildId(guild),
        epoch: Epoch(epoch),
        node: NodeName::from("guilds-0"),
        recent: 0,
        max_bytes: 0,
    }
}

/// Events of it.
pub(crate) fn append(guild: u64, epoch: u64, numbers: RangeInclusive<u64>) -> Write {
    let event = |number: u64| StoredEvent {
        event: GuildEvent {
            guild: GuildId(guild),
            number: Some(EventNumber(number)),
            epoch: Epoch(epoch),
            kind: EventKind::MessageCreate,
            payload: Payload {
                full: Bytes::from(format!("{{\"guild\":{guild},\"n\":{number}}}")),
                without_content: None,
                author: None,
            },
        },
        change: Change::None,
    };
    Write::Append {
        guild: GuildId(guild),
        epoch: Epoch(epoch),
        events: numbers.map(event).collect(),
    }
}

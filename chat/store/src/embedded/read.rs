//! Reading rows, the same for readers and for the writer.

use chat_proto::discord::Message;
use chat_proto::service::data::{GuildRecord, StoredEvent, User};
use chat_proto::{ChannelId, EventNumber, GuildId, MessageId, UserId};
use redb::ReadableTable;

use super::Failure;
use super::tables::{EventKey, GuildRow, Head, MessageKey, decode};
use crate::bucket;

type Row = &'static [u8];

pub(super) fn head(heads: &impl ReadableTable<u64, Row>, guild: GuildId) -> Result<Option<Head>, Failure> {
    heads
        .get(guild.0)?
        .map(|row| decode("heads", row.value()))
        .transpose()
}

pub(super) fn user(users: &impl ReadableTable<u64, Row>, user: UserId) -> Result<Option<User>, Failure> {
    users
        .get(user.0)?
        .map(|row| decode("users", row.value()))
        .transpose()
}

pub(super) fn message(
    messages: &impl ReadableTable<MessageKey, Row>,
    channel: ChannelId,
    message: MessageId,
) -> Result<Option<Message>, Failure> {
    messages
        .get(message_key(channel, message))?
        .map(|row| decode("messages", row.value()))
        .transpose()
}

pub(super) fn guild(
    guilds: &impl ReadableTable<u64, Row>,
    channels: &impl ReadableTable<(u64, u64), Row>,
    members: &impl ReadableTable<(u64, u64), Row>,
    guild: GuildId,
) -> Result<Option<GuildRecord>, Failure> {
    let Some(row) = guilds.get(guild.0)? else {
        return Ok(None);
    };
    let GuildRow { name, owner } = decode("guilds", row.value())?;
    let all = (guild.0, 0)..=(guild.0, u64::MAX);
    let channels = channels
        .range(all.clone())?
        .map(|row| decode("channels", row?.1.value()))
        .collect::<Result<_, Failure>>()?;
    let members = members
        .range(all)?
        .map(|row| decode("members", row?.1.value()))
        .collect::<Result<_, Failure>>()?;
    Ok(Some(GuildRecord {
        id: guild,
        name,
        owner,
        channels,
        members,
    }))
}

pub(super) fn event(
    events: &impl ReadableTable<EventKey, Row>,
    guild: GuildId,
    number: EventNumber,
) -> Result<Option<StoredEvent>, Failure> {
    events
        .get(event_key(guild, number))?
        .map(|row| decode("guild_events", row.value()))
        .transpose()
}

/// Events after a number, oldest first.
pub(super) fn events_after(
    events: &impl ReadableTable<EventKey, Row>,
    guild: GuildId,
    after: EventNumber,
    limit: usize,
    max_bytes: usize,
) -> Result<Vec<StoredEvent>, Failure> {
    let range = events.range(event_key(guild, after.next())..=(guild.0, u64::MAX, u64::MAX))?;
    let mut found = Vec::new();
    let mut bytes = 0;
    for row in range.take(limit) {
        let row = row?.1;
        bytes += row.value().len();
        if bytes > max_bytes && !found.is_empty() {
            break;
        }
        found.push(decode("guild_events", row.value())?);
    }
    Ok(found)
}

/// The newest events, oldest first.
pub(super) fn newest_events(
    events: &impl ReadableTable<EventKey, Row>,
    guild: GuildId,
    limit: usize,
    max_bytes: usize,
) -> Result<Vec<StoredEvent>, Failure> {
    let range = events.range((guild.0, 0, 0)..=(guild.0, u64::MAX, u64::MAX))?;
    let mut found = Vec::new();
    let mut bytes = 0;
    for row in range.rev().take(limit) {
        let row = row?.1;
        bytes += row.value().len();
        if bytes > max_bytes && !found.is_empty() {
            break;
        }
        found.push(decode("guild_events", row.value())?);
    }
    found.reverse();
    Ok(found)
}

/// Newest first within a bucket, as Cassandra's `CLUSTERING ORDER BY (message_id DESC)`.
pub(super) fn message_key(channel: ChannelId, message: MessageId) -> MessageKey {
    (channel.0, bucket::of_message(message), !message.0)
}

pub(super) fn event_key(guild: GuildId, number: EventNumber) -> EventKey {
    (guild.0, bucket::of_event(number), number.0)
}

//! Events from what was asked: their JSON, encoded once per variant.

use bytes::Bytes;
use chat_proto::discord::{Message, channel_json, member_json, user_json};
use chat_proto::service::data::{Change, ChannelRecord, StoredEvent, User};
use chat_proto::service::guilds::NewMessage;
use chat_proto::{ChannelId, Epoch, EventKind, EventNumber, GuildEvent, GuildId, MessageId, Payload, UserId};
use serde_json::{Value, json};

/// An event that has no number yet.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) kind: EventKind,
    pub(crate) payload: Payload,
    pub(crate) change: Change,
}

impl Draft {
    /// The event with its place.
    pub(crate) fn at(self, guild: GuildId, number: Option<EventNumber>, epoch: Epoch) -> StoredEvent {
        StoredEvent {
            event: GuildEvent {
                guild,
                number,
                epoch,
                kind: self.kind,
                payload: self.payload,
            },
            change: self.change,
        }
    }
}

/// The message that a send becomes under `number`.
pub(crate) fn message(guild: GuildId, new: NewMessage, number: EventNumber) -> Message {
    Message {
        id: new.id,
        channel: new.channel,
        guild,
        author: new.author,
        content: new.content,
        nonce: new.nonce,
        edited_ms: None,
        tts: new.tts,
        reply_to: new.reply_to,
        number,
    }
}

pub(crate) fn message_create(message: Message) -> Draft {
    Draft {
        kind: EventKind::MessageCreate,
        payload: message_payload(&message),
        change: Change::PutMessage(Box::new(message)),
    }
}

pub(crate) fn message_update(message: Message) -> Draft {
    Draft {
        kind: EventKind::MessageUpdate,
        payload: message_payload(&message),
        change: Change::PutMessage(Box::new(message)),
    }
}

pub(crate) fn message_delete(guild: GuildId, channel: ChannelId, message: MessageId) -> Draft {
    Draft {
        kind: EventKind::MessageDelete,
        payload: plain(&json!({"id": message, "channel_id": channel, "guild_id": guild})),
        change: Change::DeleteMessage { channel, message },
    }
}

pub(crate) fn channel_create(guild: GuildId, channel: ChannelRecord) -> Draft {
    Draft {
        kind: EventKind::ChannelCreate,
        payload: plain(&channel_json(guild, &channel)),
        change: Change::PutChannel(channel),
    }
}

pub(crate) fn member_add(guild: GuildId, user: User) -> Draft {
    let mut object = member_json(&user);
    object["guild_id"] = json!(guild);
    Draft {
        kind: EventKind::GuildMemberAdd,
        payload: plain(&object),
        change: Change::PutMember { user },
    }
}

pub(crate) fn member_remove(guild: GuildId, user: &User) -> Draft {
    Draft {
        kind: EventKind::GuildMemberRemove,
        payload: plain(&json!({"guild_id": guild, "user": user_json(user)})),
        change: Change::DeleteMember { user: user.id },
    }
}

pub(crate) fn typing(guild: GuildId, channel: ChannelId, user: &User, unix_seconds: u64) -> Draft {
    let object = json!({
        "channel_id": channel,
        "guild_id": guild,
        "user_id": user.id,
        "timestamp": unix_seconds,
        "member": member_json(user),
    });
    Draft {
        kind: EventKind::TypingStart,
        payload: plain(&object),
        change: Change::None,
    }
}

pub(crate) fn presence(guild: GuildId, user: UserId, status: &str) -> Draft {
    let object = json!({
        "user": {"id": user},
        "guild_id": guild,
        "status": status,
        "activities": [],
        "client_status": if status == "offline" { json!({}) } else { json!({"desktop": status}) },
    });
    Draft {
        kind: EventKind::PresenceUpdate,
        payload: plain(&object),
        change: Change::None,
    }
}

fn message_payload(message: &Message) -> Payload {
    let mut object = message.to_json(true);
    let full = text(&object);
    object["content"] = json!("");
    Payload {
        full,
        without_content: Some(text(&object)),
        author: Some(message.author.id),
    }
}

fn plain(object: &Value) -> Payload {
    Payload {
        full: text(object),
        without_content: None,
        author: None,
    }
}

fn text(object: &Value) -> Bytes {
    Bytes::from(object.to_string())
}

//! What happens in a guild: numbered, durable events and unnumbered, passing ones.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{Epoch, EventNumber, GuildId, Intents, UserId};

/// The dispatch names (`t`) of guild events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventKind {
    /// `MESSAGE_CREATE`
    MessageCreate,
    /// `MESSAGE_UPDATE`
    MessageUpdate,
    /// `MESSAGE_DELETE`
    MessageDelete,
    /// `CHANNEL_CREATE`
    ChannelCreate,
    /// `GUILD_MEMBER_ADD`
    GuildMemberAdd,
    /// `GUILD_MEMBER_REMOVE`
    GuildMemberRemove,
    /// `TYPING_START` (unnumbered)
    TypingStart,
    /// `PRESENCE_UPDATE` (unnumbered)
    PresenceUpdate,
}

/// An event of a guild, encoded once per variant by the guild's owner and shared by all receivers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuildEvent {
    /// The guild.
    pub guild: GuildId,
    /// Its place; `None` for typing and presence, which are sent at most once.
    pub number: Option<EventNumber>,
    /// The epoch of the owner that wrote it.
    pub epoch: Epoch,
    /// What happened.
    pub kind: EventKind,
    /// The `d` of the dispatch.
    pub payload: Payload,
}

/// The JSON text of an event's `d`, in the variants that sessions may see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// With message content.
    pub full: Bytes,
    /// Without message content, for sessions that lack `MESSAGE_CONTENT`; `None` where it would be the same.
    pub without_content: Option<Bytes>,
    /// Whose doing it is: an author always sees their own content.
    pub author: Option<UserId>,
}

impl EventKind {
    /// The dispatch name, the `t` of a gateway frame.
    pub fn name(self) -> &'static str {
        match self {
            Self::MessageCreate => "MESSAGE_CREATE",
            Self::MessageUpdate => "MESSAGE_UPDATE",
            Self::MessageDelete => "MESSAGE_DELETE",
            Self::ChannelCreate => "CHANNEL_CREATE",
            Self::GuildMemberAdd => "GUILD_MEMBER_ADD",
            Self::GuildMemberRemove => "GUILD_MEMBER_REMOVE",
            Self::TypingStart => "TYPING_START",
            Self::PresenceUpdate => "PRESENCE_UPDATE",
        }
    }

    /// The intent that a session needs to receive it.
    pub fn intent(self) -> Intents {
        match self {
            Self::MessageCreate | Self::MessageUpdate | Self::MessageDelete => Intents::GUILD_MESSAGES,
            Self::ChannelCreate => Intents::GUILDS,
            Self::GuildMemberAdd | Self::GuildMemberRemove => Intents::GUILD_MEMBERS,
            Self::TypingStart => Intents::GUILD_MESSAGE_TYPING,
            Self::PresenceUpdate => Intents::GUILD_PRESENCES,
        }
    }
}

impl Payload {
    /// The text that a session of `user` with `intents` may see.
    pub fn for_session(&self, user: UserId, bot: bool, intents: Intents) -> &Bytes {
        match &self.without_content {
            Some(bare) if bot && self.author != Some(user) && !intents.contains(Intents::MESSAGE_CONTENT) => {
                bare
            }
            _ => &self.full,
        }
    }
}

//! guilds: the owner of a guild orders and numbers what happens in it, has data write it, and fans it out.
//!
//! A guild lives on the node that the guilds ring names for its id. A node that is not the owner in its own view
//! answers [`super::Refusal::NotOwner`]; when the request carries a newer generation it first waits for its own
//! view to catch up.

use serde::{Deserialize, Serialize};

use super::Service;
use super::data::{ChannelRecord, GuildRecord, User};
use crate::discord::Message;
use crate::{ChannelId, Cluster, Epoch, EventNumber, Generation, GuildEvent, GuildId, MessageId, UserId};

/// The guilds service.
#[derive(Debug)]
pub struct Guilds;

impl Service for Guilds {
    const CLUSTER: Cluster = Cluster::Guilds;
    type Request = Request;
    type Reply = Reply;
    type Push = Push;
}

/// A request about one guild.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// The guild.
    pub guild: GuildId,
    /// The caller's membership generation.
    pub generation: Generation,
    /// What is asked.
    pub ask: Ask,
}

/// What a guild's owner can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Ask {
    /// Make the guild. Safe to repeat with the same record.
    Create(GuildRecord),
    /// This connection wants the guild's events from now on. From a sessions node; one subscription per
    /// connection and guild, however many sessions share it. The reply has what happened after `since`.
    Subscribe {
        /// The last number that the subscriber has; `None`: from now on.
        since: Option<EventNumber>,
    },
    /// No more events on this connection.
    Unsubscribe,
    /// Events after a number, for a subscriber that has to catch up further than its reply reached.
    ReadEvents {
        /// Exclusive lower bound.
        after: EventNumber,
        /// At most so many.
        limit: u32,
    },
    /// The guild as it is now, at a number.
    Snapshot,
    /// Send a message. Safe to repeat: the same message id, or the same author and nonce (with
    /// `enforce_nonce`) within five minutes, answers the first one again.
    Send(NewMessage),
    /// Change a message's content (its author only).
    EditMessage {
        /// Who asks.
        by: UserId,
        /// The channel.
        channel: ChannelId,
        /// The message.
        message: MessageId,
        /// The new content.
        content: String,
        /// When, in Unix milliseconds.
        edited_ms: u64,
    },
    /// Delete a message (its author or the guild's owner).
    DeleteMessage {
        /// Who asks.
        by: UserId,
        /// The channel.
        channel: ChannelId,
        /// The message.
        message: MessageId,
    },
    /// A new channel (the guild's owner only).
    CreateChannel {
        /// Who asks.
        by: UserId,
        /// The channel.
        channel: ChannelRecord,
    },
    /// A new member (the guild's owner, or `by == user.id`).
    AddMember {
        /// Who asks; `None` for the operator.
        by: Option<UserId>,
        /// The member.
        user: User,
    },
    /// A member goes.
    RemoveMember {
        /// Who asks; `None` for the operator.
        by: Option<UserId>,
        /// The member.
        user: UserId,
    },
    /// Somebody types: an unnumbered event.
    Typing {
        /// Who.
        user: UserId,
        /// Where.
        channel: ChannelId,
    },
    /// A member's presence changed: an unnumbered event. From presence.
    PresenceChanged {
        /// Who.
        user: UserId,
        /// `online`, `idle`, `dnd`, `offline`.
        status: String,
    },
    /// A peer that is going away, or that the ring no longer names, hands the guild over: load it now.
    Adopt {
        /// The epoch the peer had.
        epoch: Epoch,
        /// The last number the peer published.
        last: EventNumber,
    },
}

/// A message to be sent. The api gives it its id once, and sends it again under that id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewMessage {
    /// Its id.
    pub id: MessageId,
    /// Its channel.
    pub channel: ChannelId,
    /// Its author.
    pub author: User,
    /// Its text.
    pub content: String,
    /// The client's nonce.
    pub nonce: Option<String>,
    /// Whether the nonce makes it safe to repeat.
    pub enforce_nonce: bool,
    /// Spoken aloud.
    pub tts: bool,
    /// The message it replies to.
    pub reply_to: Option<MessageId>,
}

/// What a guild's owner answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Reply {
    /// Done, nothing to tell.
    Done,
    /// To `Subscribe`.
    Subscribed {
        /// The guild's epoch at its owner.
        epoch: Epoch,
        /// The number of the newest event at the time of subscribing.
        last: EventNumber,
        /// The events after `since`, oldest first, up to a bound: the first is `since + 1`. When the last one is
        /// below `last`, read on with `ReadEvents`.
        events: Vec<GuildEvent>,
    },
    /// To `ReadEvents`.
    Events {
        /// Oldest first.
        events: Vec<GuildEvent>,
        /// The number of the newest event.
        last: EventNumber,
    },
    /// To `Snapshot`.
    Snapshot {
        /// The guild with channels and members.
        guild: GuildRecord,
        /// The number of the newest event in it.
        last: EventNumber,
        /// The presence of members that are not offline: user and status.
        presences: Vec<(UserId, String)>,
    },
    /// To `Send` and `EditMessage`: stored.
    Message {
        /// As stored.
        message: Box<Message>,
        /// Its event number.
        number: EventNumber,
        /// Whether it had been stored before.
        repeated: bool,
    },
}

/// What a guild's owner pushes to its subscribers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Push {
    /// Something happened.
    Event(GuildEvent),
    /// This node no longer owns the guild: subscribe again at the new owner.
    Moved {
        /// The guild.
        guild: GuildId,
    },
}

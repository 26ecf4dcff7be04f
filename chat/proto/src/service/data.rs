//! data: the only cluster that opens the store.
//!
//! Messages are rows keyed ((channel, bucket), message id descending), bucket = 10 days; durable events are rows
//! keyed ((guild, bucket), number). [`Request::Append`] writes both in one batch.

use serde::{Deserialize, Serialize};

use super::{NoPush, Service};
use crate::discord::Message;
use crate::{ChannelId, Cluster, Epoch, EventNumber, GuildEvent, GuildId, MessageId, NodeName, UserId};

/// The data service.
#[derive(Debug)]
pub struct Data;

impl Service for Data {
    const CLUSTER: Cluster = Cluster::Data;
    type Request = Request;
    type Reply = Reply;
    type Push = NoPush;
}

/// What data can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Request {
    /// A new guild with its channels and its owner as first member. Repeating it with the same id is a no-op.
    CreateGuild(GuildRecord),
    /// An owner takes a guild: from now on lower epochs are refused. Equal epoch: only for the same node.
    Claim {
        /// The guild.
        guild: GuildId,
        /// The claimant's membership generation.
        epoch: Epoch,
        /// The claimant.
        node: NodeName,
        /// How many of the newest events to return with it (for publishing again and for the nonce window).
        recent: u32,
    },
    /// Durable events of one guild with the rows that they describe, in one batch: all or none.
    /// Idempotent: events that are stored already with the same content are accepted again.
    Append {
        /// The guild.
        guild: GuildId,
        /// The writer's epoch.
        epoch: Epoch,
        /// Contiguous numbers, the first one after the last stored (or stored already and equal).
        events: Vec<StoredEvent>,
    },
    /// Events after a number, oldest first.
    ReadEvents {
        /// The guild.
        guild: GuildId,
        /// Exclusive lower bound.
        after: EventNumber,
        /// At most so many.
        limit: u32,
    },
    /// A page of messages of a channel, newest first.
    ReadMessages {
        /// The channel.
        channel: ChannelId,
        /// Which page.
        page: Page,
        /// 1 to 100.
        limit: u32,
    },
    /// One message.
    ReadMessage {
        /// Its channel.
        channel: ChannelId,
        /// Its id.
        message: MessageId,
    },
    /// A guild as stored.
    ReadGuild {
        /// The guild.
        guild: GuildId,
    },
    /// Which guild a channel belongs to.
    ReadChannel {
        /// The channel.
        channel: ChannelId,
    },
    /// The guilds of a user.
    ReadUserGuilds {
        /// The user.
        user: UserId,
    },
    /// New accounts, all or none.
    CreateAccounts(Vec<NewAccount>),
    /// One account.
    ReadUser {
        /// The user.
        user: UserId,
    },
    /// All accounts (paged by id), for `ops`.
    ListUsers {
        /// Exclusive lower bound.
        after: UserId,
        /// At most so many.
        limit: u32,
    },
    /// Whose token has this SHA-256.
    Authenticate {
        /// The hash of the token's text.
        token_sha256: [u8; 32],
    },
    /// Another token for an account; earlier ones keep working.
    AddToken {
        /// The user.
        user: UserId,
        /// The hash of the token's text.
        token_sha256: [u8; 32],
    },
}

/// What data answers, in the order of the requests.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Reply {
    /// Done, nothing to tell.
    Done,
    /// To `Claim`.
    Claimed {
        /// The guild.
        guild: GuildRecord,
        /// The number of its newest event.
        last: EventNumber,
        /// The newest events, oldest first.
        recent: Vec<StoredEvent>,
    },
    /// To `Append`: now durable.
    Appended {
        /// The number of the newest event.
        last: EventNumber,
    },
    /// To `ReadEvents`.
    Events {
        /// Oldest first.
        events: Vec<StoredEvent>,
        /// The number of the guild's newest event.
        last: EventNumber,
    },
    /// To `ReadMessages`, newest first.
    Messages(Vec<Message>),
    /// To `ReadMessage`.
    Message(Box<Message>),
    /// To `ReadGuild`.
    Guild(GuildRecord),
    /// To `ReadChannel`.
    Channel {
        /// The channel's guild.
        guild: GuildId,
    },
    /// To `ReadUserGuilds`.
    Guilds(Vec<GuildId>),
    /// To `ReadUser` and `Authenticate`.
    User(User),
    /// To `ListUsers`.
    Users(Vec<User>),
}

/// Which page of a channel's messages.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum Page {
    /// The newest.
    Latest,
    /// Those before a message id (exclusive), newest first.
    Before(MessageId),
    /// The oldest ones after a message id (exclusive).
    After(MessageId),
    /// Those around a message id.
    Around(MessageId),
}

/// An event as it is stored, with the change of rows that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredEvent {
    /// What is published: guild, number, epoch, kind, payload.
    pub event: GuildEvent,
    /// The rows that change with it.
    pub change: Change,
}

/// The change of rows that an event describes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// No row.
    None,
    /// A message is written.
    PutMessage(Box<Message>),
    /// A message is deleted.
    DeleteMessage {
        /// Its channel.
        channel: ChannelId,
        /// Its id.
        message: MessageId,
    },
    /// A channel is added to the guild.
    PutChannel(ChannelRecord),
    /// A member joins.
    PutMember {
        /// The user.
        user: User,
    },
    /// A member leaves.
    DeleteMember {
        /// The user.
        user: UserId,
    },
}

/// A guild as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuildRecord {
    /// Its id.
    pub id: GuildId,
    /// Its name.
    pub name: String,
    /// Who owns it.
    pub owner: UserId,
    /// Its channels, by id.
    pub channels: Vec<ChannelRecord>,
    /// Its members, by id.
    pub members: Vec<User>,
}

/// A text channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelRecord {
    /// Its id.
    pub id: ChannelId,
    /// Its name.
    pub name: String,
    /// Where it stands in the list.
    pub position: u32,
    /// Its topic.
    pub topic: Option<String>,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Its name.
    pub name: String,
    /// A bot authenticates with `Bot TOKEN` and needs intents for content.
    pub bot: bool,
}

/// An account to create, with the hash of its first token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewAccount {
    /// The account.
    pub user: User,
    /// SHA-256 of the token's text: tokens are never stored.
    pub token_sha256: [u8; 32],
}

//! The trait of a backend, and the words of its writes.

use std::fmt;

use chat_proto::discord::Message;
use chat_proto::service::Refusal;
use chat_proto::service::data::{GuildRecord, NewAccount, Page, StoredEvent, User};
use chat_proto::{ChannelId, Epoch, EventNumber, GuildId, MessageId, NodeName, UserId};

use crate::StoreError;

/// A backend. Its calls block: data makes them on threads that may block, and a backend on the network waits
/// there for its own runtime.
///
/// A [`StoreError`] of [`Store::write`] means that the outcome of the *whole batch* is unknown; every write is
/// idempotent, so its sender sends it again.
pub trait Store: Send + Sync + fmt::Debug + 'static {
    /// Carries out `writes` in order and makes them durable together. Each one is all or nothing; one that is
    /// refused leaves the others alone.
    fn write(&self, writes: &[Write]) -> Result<Vec<Result<Written, Refusal>>, StoreError>;

    /// Events after `after`, oldest first, at most `limit` of them and `max_bytes` of payload (but at least one).
    /// The first one is later than `after + 1` when what lies between is kept no longer.
    fn events(
        &self,
        guild: GuildId,
        after: EventNumber,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Option<EventPage>, StoreError>;

    /// A page of a channel's messages, newest first.
    fn messages(&self, channel: ChannelId, page: Page, limit: usize) -> Result<Vec<Message>, StoreError>;

    /// One message.
    fn message(&self, channel: ChannelId, message: MessageId) -> Result<Option<Message>, StoreError>;

    /// A guild with its channels and members, both by id.
    fn guild(&self, guild: GuildId) -> Result<Option<GuildRecord>, StoreError>;

    /// The guild of a channel.
    fn guild_of(&self, channel: ChannelId) -> Result<Option<GuildId>, StoreError>;

    /// The guilds of a user, by id.
    fn guilds_of(&self, user: UserId) -> Result<Vec<GuildId>, StoreError>;

    /// An account.
    fn user(&self, user: UserId) -> Result<Option<User>, StoreError>;

    /// Accounts after `after`, by id.
    fn users(&self, after: UserId, limit: usize) -> Result<Vec<User>, StoreError>;

    /// Whose token has this SHA-256.
    fn user_of_token(&self, token_sha256: &[u8; 32]) -> Result<Option<User>, StoreError>;
}

/// One write, as [`chat_proto::service::data::Request`] describes it.
#[derive(Debug, Clone)]
pub enum Write {
    /// A new guild; a no-op when there is one with this id.
    CreateGuild(GuildRecord),
    /// An owner takes a guild.
    Claim {
        /// The guild.
        guild: GuildId,
        /// The claimant's generation.
        epoch: Epoch,
        /// The claimant.
        node: NodeName,
        /// How many of the newest events to return.
        recent: usize,
        /// The bound on their payload; the newest are kept.
        max_bytes: usize,
    },
    /// Events and their rows.
    Append {
        /// The guild.
        guild: GuildId,
        /// The writer's epoch.
        epoch: Epoch,
        /// Contiguous.
        events: Vec<StoredEvent>,
    },
    /// New accounts, all or none; a no-op for those that are there with the same token.
    CreateAccounts(Vec<NewAccount>),
    /// Another token of an account.
    AddToken {
        /// Whose.
        user: UserId,
        /// The hash of its text.
        token_sha256: [u8; 32],
    },
}

/// What a write did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// To all but the following.
    Done,
    /// To [`Write::Claim`].
    Claimed {
        /// The guild.
        guild: GuildRecord,
        /// Its newest number.
        last: EventNumber,
        /// Its newest events, oldest first.
        recent: Vec<StoredEvent>,
    },
    /// To [`Write::Append`].
    Appended {
        /// The guild's newest number.
        last: EventNumber,
    },
}

/// Some events of a guild.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPage {
    /// Oldest first.
    pub events: Vec<StoredEvent>,
    /// The number of the guild's newest event.
    pub last: EventNumber,
}

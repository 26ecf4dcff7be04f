//! The tables: their keys, their rows, and all of them opened for a writer.

use chat_proto::{Epoch, EventNumber, NodeName, UserId};
use redb::{Table, TableDefinition, WriteTransaction};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Failure;
use crate::StoreError;

type Row = &'static [u8];

pub(super) type EventKey = (u64, u64, u64);
pub(super) type MessageKey = (u64, u32, u64);

pub(super) const GUILDS: TableDefinition<'_, u64, Row> = TableDefinition::new("guilds");
pub(super) const HEADS: TableDefinition<'_, u64, Row> = TableDefinition::new("heads");
pub(super) const EVENTS: TableDefinition<'_, EventKey, Row> = TableDefinition::new("guild_events");
pub(super) const MESSAGES: TableDefinition<'_, MessageKey, Row> = TableDefinition::new("messages");
pub(super) const CHANNELS: TableDefinition<'_, (u64, u64), Row> = TableDefinition::new("channels");
pub(super) const CHANNEL_GUILDS: TableDefinition<'_, u64, u64> = TableDefinition::new("channel_guilds");
pub(super) const MEMBERS: TableDefinition<'_, (u64, u64), Row> = TableDefinition::new("members");
pub(super) const USER_GUILDS: TableDefinition<'_, (u64, u64), ()> = TableDefinition::new("user_guilds");
pub(super) const USERS: TableDefinition<'_, u64, Row> = TableDefinition::new("users");
pub(super) const TOKENS: TableDefinition<'_, &'static [u8; 32], u64> = TableDefinition::new("tokens");

/// A row of `guilds`; channels and members have their own.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct GuildRow {
    pub(super) name: String,
    pub(super) owner: UserId,
}

/// A row of `heads`: who may write to a guild, and where its events end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) epoch: Epoch,
    pub(super) node: Option<NodeName>,
    pub(super) last: EventNumber,
}

/// All tables of one write transaction.
pub(super) struct Writing<'t> {
    pub(super) guilds: Table<'t, u64, Row>,
    pub(super) heads: Table<'t, u64, Row>,
    pub(super) events: Table<'t, EventKey, Row>,
    pub(super) messages: Table<'t, MessageKey, Row>,
    pub(super) channels: Table<'t, (u64, u64), Row>,
    pub(super) channel_guilds: Table<'t, u64, u64>,
    pub(super) members: Table<'t, (u64, u64), Row>,
    pub(super) user_guilds: Table<'t, (u64, u64), ()>,
    pub(super) users: Table<'t, u64, Row>,
    pub(super) tokens: Table<'t, &'static [u8; 32], u64>,
}

impl<'t> Writing<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, Failure> {
        Ok(Self {
            guilds: transaction.open_table(GUILDS)?,
            heads: transaction.open_table(HEADS)?,
            events: transaction.open_table(EVENTS)?,
            messages: transaction.open_table(MESSAGES)?,
            channels: transaction.open_table(CHANNELS)?,
            channel_guilds: transaction.open_table(CHANNEL_GUILDS)?,
            members: transaction.open_table(MEMBERS)?,
            user_guilds: transaction.open_table(USER_GUILDS)?,
            users: transaction.open_table(USERS)?,
            tokens: transaction.open_table(TOKENS)?,
        })
    }
}

/// Reads a row.
pub(super) fn decode<T: DeserializeOwned>(table: &'static str, row: &[u8]) -> Result<T, Failure> {
    rmp_serde::from_slice(row).map_err(|error| {
        Failure::Row(StoreError::Row {
            action: "read",
            table,
            reason: error.to_string(),
        })
    })
}

/// Writes a row: as a map, so that a later version can add a field.
pub(super) fn encode<T: Serialize>(table: &'static str, row: &T) -> Result<Vec<u8>, Failure> {
    rmp_serde::to_vec_named(row).map_err(|error| {
        Failure::Row(StoreError::Row {
            action: "write",
            table,
            reason: error.to_string(),
        })
    })
}

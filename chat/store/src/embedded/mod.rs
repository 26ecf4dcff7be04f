//! The embedded backend: redb, one file, Cassandra's layout.
//!
//! ```text
//! guilds        guild                      -> name, owner
//! heads         guild                      -> epoch, its node, newest number       (the fence)
//! guild_events  (guild, bucket, number)    -> event with its change                (bucket = 4,096 numbers)
//! messages      (channel, bucket, !id)     -> message                              (bucket = 10 days; newest first)
//! channels      (guild, channel)           -> channel         channel_guilds  channel       -> guild
//! members       (guild, user)              -> user            user_guilds     (user, guild) -> nothing
//! users         user                       -> account         tokens          SHA-256       -> user
//! ```
//!
//! One redb transaction per [`Store::write`], committed with an fsync. Reads see the last commit and wait for
//! nobody.

mod append;
mod pages;
mod read;
mod tables;
mod write;

use std::fmt;
use std::path::{Path, PathBuf};

use chat_proto::discord::Message;
use chat_proto::service::Refusal;
use chat_proto::service::data::{GuildRecord, Page, User};
use chat_proto::{ChannelId, EventNumber, GuildId, MessageId, UserId};
use redb::{Database, ReadTransaction, ReadableDatabase as _};

use crate::{EventPage, Store, StoreError, Write, Written};

/// How a store works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How much memory redb may use for its pages. 128 MiB by default.
    pub cache_bytes: usize,
    /// From this size on a store saves with each commit what a repair needs. 256 MiB by default.
    pub quick_repair_from_bytes: u64,
}

/// A store in one file.
pub struct Embedded {
    database: Database,
    path: PathBuf,
    settings: Settings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cache_bytes: 128 << 20,
            quick_repair_from_bytes: 256 << 20,
        }
    }
}

impl Embedded {
    /// Opens the store in `folder`, making both when they are not there. It stays locked until it is dropped.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        Self::open_with(folder, Settings::default())
    }

    /// Like [`Embedded::open`].
    pub fn open_with(folder: &Path, settings: Settings) -> Result<Self, StoreError> {
        let path = folder.join("store.redb");
        std::fs::create_dir_all(folder).map_err(|error| StoreError::Io {
            action: "create",
            path: folder.to_owned(),
            reason: error.to_string(),
        })?;
        let opened = Database::builder()
            .set_cache_size(settings.cache_bytes)
            .create(&path);
        let database = opened.map_err(|error| StoreError::from_redb("open", &path, error.into()))?;
        let store = Self {
            database,
            path,
            settings,
        };
        // Readers need the tables to be there.
        store.commit(|transaction| {
            tables::Writing::open(transaction)?;
            Ok(())
        })?;
        Ok(store)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A store that was killed is repaired when it is opened, by walking through all of it; that is soon done while
    /// it is small. A large one saves what the repair needs with each commit, at the price of a second fsync: its
    /// node has only seconds to come back.
    fn is_large(&self) -> bool {
        // When in doubt, the safe answer.
        std::fs::metadata(&self.path).map_or(true, |file| file.len() >= self.settings.quick_repair_from_bytes)
    }

    fn commit<T>(
        &self,
        change: impl FnOnce(&redb::WriteTransaction) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let work = || -> Result<T, Failure> {
            let mut transaction = self.database.begin_write().map_err(redb::Error::from)?;
            transaction.set_quick_repair(self.is_large());
            let changed = change(&transaction)?;
            transaction.commit().map_err(redb::Error::from)?;
            Ok(changed)
        };
        work().map_err(|failure| failure.at("write", &self.path))
    }

    fn read<T>(&self, look: impl FnOnce(&ReadTransaction) -> Result<T, Failure>) -> Result<T, StoreError> {
        let transaction = self
            .database
            .begin_read()
            .map_err(|error| StoreError::from_redb("read", &self.path, error.into()))?;
        look(&transaction).map_err(|failure| failure.at("read", &self.path))
    }
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Store for Embedded {
    fn write(&self, writes: &[Write]) -> Result<Vec<Result<Written, Refusal>>, StoreError> {
        self.commit(|transaction| {
            let mut tables = tables::Writing::open(transaction)?;
            writes.iter().map(|write| tables.apply(write)).collect()
        })
    }

    fn events(
        &self,
        guild: GuildId,
        after: EventNumber,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Option<EventPage>, StoreError> {
        self.read(|transaction| {
            let heads = transaction.open_table(tables::HEADS)?;
            let events = transaction.open_table(tables::EVENTS)?;
            let Some(head) = read::head(&heads, guild)? else {
                return Ok(None);
            };
            let events = read::events_after(&events, guild, after, limit, max_bytes)?;
            Ok(Some(EventPage {
                events,
                last: head.last,
            }))
        })
    }

    fn messages(&self, channel: ChannelId, page: Page, limit: usize) -> Result<Vec<Message>, StoreError> {
        self.read(|transaction| {
            let messages = transaction.open_table(tables::MESSAGES)?;
            pages::page(&messages, channel, page, limit)
        })
    }

    fn message(&self, channel: ChannelId, message: MessageId) -> Result<Option<Message>, StoreError> {
        self.read(|transaction| read::message(&transaction.open_table(tables::MESSAGES)?, channel, message))
    }

    fn guild(&self, guild: GuildId) -> Result<Option<GuildRecord>, StoreError> {
        self.read(|transaction| {
            read::guild(
                &transaction.open_table(tables::GUILDS)?,
                &transaction.open_table(tables::CHANNELS)?,
                &transaction.open_table(tables::MEMBERS)?,
                guild,
            )
        })
    }

    fn guild_of(&self, channel: ChannelId) -> Result<Option<GuildId>, StoreError> {
        self.read(|transaction| {
            let found = transaction.open_table(tables::CHANNEL_GUILDS)?.get(channel.0)?;
            Ok(found.map(|guild| GuildId(guild.value())))
        })
    }

    fn guilds_of(&self, user: UserId) -> Result<Vec<GuildId>, StoreError> {
        self.read(|transaction| {
            let rows = transaction.open_table(tables::USER_GUILDS)?;
            rows.range((user.0, 0)..=(user.0, u64::MAX))?
                .map(|row| Ok(GuildId(row?.0.value().1)))
                .collect()
        })
    }

    fn user(&self, user: UserId) -> Result<Option<User>, StoreError> {
        self.read(|transaction| read::user(&transaction.open_table(tables::USERS)?, user))
    }

    fn users(&self, after: UserId, limit: usize) -> Result<Vec<User>, StoreError> {
        self.read(|transaction| {
            let Some(first) = after.0.checked_add(1) else {
                return Ok(Vec::new());
            };
            let rows = transaction.open_table(tables::USERS)?;
            rows.range(first..)?
                .take(limit)
                .map(|row| tables::decode("users", row?.1.value()))
                .collect()
        })
    }

    fn user_of_token(&self, token_sha256: &[u8; 32]) -> Result<Option<User>, StoreError> {
        self.read(|transaction| {
            let Some(user) = transaction.open_table(tables::TOKENS)?.get(token_sha256)? else {
                return Ok(None);
            };
            read::user(&transaction.open_table(tables::USERS)?, UserId(user.value()))
        })
    }
}

/// What can go wrong inside a transaction; [`StoreError`] without the path.
#[derive(Debug)]
enum Failure {
    Redb(Box<redb::Error>),
    Row(StoreError),
}

impl Failure {
    fn at(self, action: &'static str, path: &Path) -> StoreError {
        match self {
            Self::Redb(error) => StoreError::from_redb(action, path, *error),
            Self::Row(error) => error,
        }
    }
}

impl<E: Into<redb::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Redb(Box::new(error.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_opening_says_that_the_store_is_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let _first = Embedded::open(folder.path()).unwrap();
        let error = Embedded::open(folder.path()).unwrap_err();
        assert!(matches!(error, StoreError::Locked { .. }), "{error}");
        assert!(error.to_string().contains("only one data node"), "{error}");
    }

    #[test]
    fn a_file_that_is_no_store_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("store.redb"), vec![7; 8192]).unwrap();
        let error = Embedded::open(folder.path()).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    }
}

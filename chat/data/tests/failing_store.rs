//! A store that fails: nobody is told that a write is durable, and a bad row harms nobody else.

mod sample;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chat_data::Writer;
use chat_proto::discord::Message;
use chat_proto::service::Refusal;
use chat_proto::service::data::{GuildRecord, Page, User};
use chat_proto::{ChannelId, EventNumber, GuildId, MessageId, UserId};
use chat_store::{Embedded, EventPage, Store, StoreError, Write, Written};
use sample::{append, claim, create};

/// The guild whose rows cannot be written.
const BAD_ROW: u64 = 666;

/// The embedded store, until it breaks.
#[derive(Debug)]
struct Breaking {
    store: Embedded,
    broken: AtomicBool,
}

impl Breaking {
    fn open() -> (tempfile::TempDir, Arc<Self>) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Embedded::open(folder.path()).expect("a new store");
        let broken = AtomicBool::new(false);
        (folder, Arc::new(Self { store, broken }))
    }
}

impl Store for Breaking {
    fn write(&self, writes: &[Write]) -> Result<Vec<Result<Written, Refusal>>, StoreError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::Io {
                action: "write",
                path: self.store.path().to_owned(),
                reason: "the disk is full".into(),
            });
        }
        let bad = |write: &Write| matches!(write, Write::CreateGuild(guild) if guild.id.0 == BAD_ROW);
        if writes.iter().any(bad) {
            return Err(StoreError::Row {
                action: "write",
                table: "guilds",
                reason: "not this one".into(),
            });
        }
        self.store.write(writes)
    }

    fn events(
        &self,
        guild: GuildId,
        after: EventNumber,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Option<EventPage>, StoreError> {
        self.store.events(guild, after, limit, max_bytes)
    }

    fn messages(&self, channel: ChannelId, page: Page, limit: usize) -> Result<Vec<Message>, StoreError> {
        self.store.messages(channel, page, limit)
    }

    fn message(&self, channel: ChannelId, message: MessageId) -> Result<Option<Message>, StoreError> {
        self.store.message(channel, message)
    }

    fn guild(&self, guild: GuildId) -> Result<Option<GuildRecord>, StoreError> {
        self.store.guild(guild)
    }

    fn guild_of(&self, channel: ChannelId) -> Result<Option<GuildId>, StoreError> {
        self.store.guild_of(channel)
    }

    fn guilds_of(&self, user: UserId) -> Result<Vec<GuildId>, StoreError> {
        self.store.guilds_of(user)
    }

    fn user(&self, user: UserId) -> Result<Option<User>, StoreError> {
        self.store.user(user)
    }

    fn users(&self, after: UserId, limit: usize) -> Result<Vec<User>, StoreError> {
        self.store.users(after, limit)
    }

    fn user_of_token(&self, token_sha256: &[u8; 32]) -> Result<Option<User>, StoreError> {
        self.store.user_of_token(token_sha256)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_failure_every_write_is_told_to_try_again_and_the_writer_ends() {
    let (_folder, store) = Breaking::open();
    let writer = Writer::start(store.clone(), |_| {}).unwrap();
    writer.write(create(1)).await.unwrap();
    writer.write(claim(1, 1)).await.unwrap();
    store.broken.store(true, Ordering::SeqCst);
    let refusal = writer.write(append(1, 1, 1..=1)).await.unwrap_err();
    assert!(refusal.retry(), "{refusal}");
    writer.failed().await;
    // Also when the disk is well again: what was written is to be seen by opening it.
    store.broken.store(false, Ordering::SeqCst);
    let refusal = writer.write(append(1, 1, 1..=1)).await.unwrap_err();
    assert!(refusal.retry(), "{refusal}");
    let ended = tokio::task::spawn_blocking(move || writer.finish())
        .await
        .unwrap();
    assert!(matches!(ended, Err(StoreError::Io { .. })), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_cannot_be_written_fails_alone() {
    let (_folder, store) = Breaking::open();
    let writer = Arc::new(Writer::start(store, |_| {}).unwrap());
    let mut writes = tokio::task::JoinSet::new();
    for guild in (1..50).chain([BAD_ROW]) {
        let writer = writer.clone();
        writes.spawn(async move { (guild, writer.write(create(guild)).await) });
    }
    while let Some(written) = writes.join_next().await {
        let (guild, answer) = written.unwrap();
        if guild == BAD_ROW {
            assert!(matches!(answer, Err(Refusal::Internal { .. })), "{answer:?}");
        } else {
            assert_eq!(answer, Ok(Written::Done));
        }
    }
}

//! The clusters behind the api, as its routes use them.

use std::pin::Pin;
use std::time::Duration;

use chat_node::{CallError, Node};
use chat_proto::GuildId;
use chat_proto::service::data::{self, Data};
use chat_proto::service::guilds::{self, Guilds};

/// A call under way.
pub(crate) type Call<'a, T> = Pin<Box<dyn Future<Output = Result<T, CallError>> + Send + 'a>>;

/// How long reads and small changes are tried.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// What the routes ask of the other clusters. [`Node`] is the real one.
pub(crate) trait Backend: Send + Sync {
    /// Asks data; `key` says which of its nodes (a channel, guild or user id, a token's hash).
    fn data(&self, key: String, request: data::Request) -> Call<'_, data::Reply>;

    /// Asks a guild's owner, again and again until `limit`: only what is safe to repeat.
    fn guild(&self, guild: GuildId, ask: guilds::Ask, limit: Duration) -> Call<'_, guilds::Reply>;

    /// A new id.
    fn snowflake(&self) -> u64;
}

impl Backend for Node {
    fn data(&self, key: String, request: data::Request) -> Call<'_, data::Reply> {
        Box::pin(async move { self.call_owner::<Data>(&key, PATIENCE, |_| request.clone()).await })
    }

    fn guild(&self, guild: GuildId, ask: guilds::Ask, limit: Duration) -> Call<'_, guilds::Reply> {
        Box::pin(async move {
            self.call_owner::<Guilds>(&guild.to_string(), limit, |view| guilds::Request {
                guild,
                generation: view.generation(),
                ask: ask.clone(),
            })
            .await
        })
    }

    fn snowflake(&self) -> u64 {
        self.snowflakes().next()
    }
}

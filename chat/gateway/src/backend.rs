//! The clusters behind the gateway, as its sockets use them.

use std::time::Duration;

use chat_node::{CallError, Link, Node};
use chat_proto::service::Refusal;
use chat_proto::service::data::{self, Data, GuildRecord, User};
use chat_proto::service::guilds::{self, Guilds};
use chat_proto::service::sessions::{Ask, Reply, Request, Sessions};
use chat_proto::{Cluster, GuildId, NodeName, SessionId, UserId};
use sha2::{Digest, Sha256};

/// How long a token or a guild may be asked for.
const PATIENCE: Duration = Duration::from_secs(10);

/// A guild with the members that are not offline.
pub(crate) type Snapshot = (GuildRecord, Vec<(UserId, String)>);

/// What a socket asks of the other clusters. [`Node`] is the real one.
pub(crate) trait Backend: Clone + Send + Sync + 'static {
    /// Whose token it is.
    fn authenticate(&self, token: &str) -> impl Future<Output = Result<User, CallError>> + Send;

    /// Asks about a session, once: at node `at`, or at the owner in the newest view.
    fn ask(
        &self,
        session: &SessionId,
        at: Option<&NodeName>,
        ask: Ask,
    ) -> impl Future<Output = Result<(Link, Reply), CallError>> + Send;

    /// A guild as it is now.
    fn snapshot(&self, guild: GuildId) -> impl Future<Output = Result<Snapshot, CallError>> + Send;

    /// Waits before asking again: until the membership changes, but no longer than `limit`.
    fn pause(&self, limit: Duration) -> impl Future<Output = ()> + Send;
}

impl Backend for Node {
    async fn authenticate(&self, token: &str) -> Result<User, CallError> {
        let token_sha256: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let key: String = token_sha256[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let reply = self
            .call_owner::<Data>(&key, PATIENCE, |_| data::Request::Authenticate { token_sha256 })
            .await?;
        match reply {
            data::Reply::User(user) => Ok(user),
            other => Err(unexpected(&other)),
        }
    }

    async fn ask(
        &self,
        session: &SessionId,
        at: Option<&NodeName>,
        ask: Ask,
    ) -> Result<(Link, Reply), CallError> {
        let view = self.view();
        let request = Request {
            generation: view.generation(),
            ask,
        };
        let node = match at {
            Some(node) => node,
            None => {
                let owner = view.owner(Cluster::Sessions, session.as_str());
                &owner.ok_or(CallError::NoOwner(Cluster::Sessions))?.node
            }
        };
        self.call_on::<Sessions>(node, &request).await
    }

    async fn snapshot(&self, guild: GuildId) -> Result<Snapshot, CallError> {
        let reply = self
            .call_owner::<Guilds>(&guild.to_string(), PATIENCE, |view| guilds::Request {
                guild,
                generation: view.generation(),
                ask: guilds::Ask::Snapshot,
            })
            .await?;
        match reply {
            guilds::Reply::Snapshot { guild, presences, .. } => Ok((guild, presences)),
            other => Err(unexpected(&other)),
        }
    }

    async fn pause(&self, limit: Duration) {
        let mut changes = self.changes();
        changes.mark_unchanged();
        // Both ways of waking up mean the same: ask again.
        drop(tokio::time::timeout(limit, changes.changed()).await);
    }
}

fn unexpected(reply: &impl std::fmt::Debug) -> CallError {
    Refusal::internal(format_args!("an answer to another question: {reply:?}")).into()
}

//! A guild's way to data: claim, append until the outcome is known, read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chat_node::{CallError, Node};
use chat_proto::discord::Message;
use chat_proto::service::Refusal;
use chat_proto::service::data::{Data, GuildRecord, Reply, Request, StoredEvent};
use chat_proto::{ChannelId, Cluster, Epoch, EventNumber, Generation, GuildId, MessageId};
use tracing::{info, warn};

use crate::mail::Parting;

/// Events of one answer: of a claim, to know repeats by, and of a page, to catch up with.
pub(crate) const PAGE: usize = 1000;

/// How long one round of attempts lasts before a claimant looks again whether it is the owner.
const ROUND: Duration = Duration::from_secs(3);

/// How long a claimant that was fenced waits to see the membership that it was fenced by.
const CATCH_UP: Duration = Duration::from_secs(1);

/// How long a read may take, attempts and all.
const READ: Duration = Duration::from_secs(3);

/// A guild's way to data.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    node: Node,
    guild: GuildId,
    key: String,
    reach: Reach,
}

/// Whether data answers, for the node's health: one for all guilds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reach(Arc<AtomicBool>);

/// A guild as it was claimed.
#[derive(Debug)]
pub(crate) struct Claimed {
    pub(crate) epoch: Epoch,
    pub(crate) record: GuildRecord,
    pub(crate) last: EventNumber,
    pub(crate) recent: Vec<StoredEvent>,
}

// === impl Journal ===

impl Journal {
    pub(crate) fn new(node: Node, guild: GuildId, reach: Reach) -> Self {
        Self {
            node,
            guild,
            key: guild.to_string(),
            reach,
        }
    }

    /// Claims the guild in the newest generation, again and again while data is away and the ring names this node.
    pub(crate) async fn claim(&self, recent: usize) -> Result<Claimed, Refusal> {
        loop {
            let view = self.node.view();
            let generation = view.generation();
            if !view.owns(Cluster::Guilds, &self.key, self.node.name()) {
                return Err(Refusal::NotOwner { generation });
            }
            let epoch = Epoch(generation.0);
            let request = Request::Claim {
                guild: self.guild,
                epoch,
                node: self.node.name().clone(),
                recent: u32::try_from(recent).unwrap_or(u32::MAX),
            };
            match self.call(request, ROUND).await {
                Ok(Reply::Claimed { guild, last, recent }) => {
                    return Ok(Claimed {
                        epoch,
                        record: guild,
                        last,
                        recent,
                    });
                }
                Ok(_) => return Err(Refusal::internal("data answered a claim with something else")),
                Err(CallError::Refused(Refusal::Fenced { highest })) => {
                    // Somebody has seen a newer membership than this node: it is about to see it too.
                    let newer = Generation(highest.0.max(generation.0 + 1));
                    if self.node.wait_for(newer, CATCH_UP).await.generation() <= generation {
                        return Err(Refusal::Fenced { highest });
                    }
                }
                Err(error) if error.retry() => {}
                Err(error) => return Err(error.into_refusal()),
            }
        }
    }

    /// Appends until the outcome is known. Dropping it leaves the outcome open.
    pub(crate) async fn append(&self, epoch: Epoch, events: Vec<StoredEvent>) -> Result<(), Parting> {
        let request = Request::Append {
            guild: self.guild,
            epoch,
            events,
        };
        loop {
            match self.call(request.clone(), ROUND).await {
                Ok(Reply::Appended { .. }) => return Ok(()),
                Err(CallError::Refused(Refusal::Fenced { .. })) => return Err(Parting::Fenced),
                Err(error) if error.retry() => {}
                Ok(_) => return Err(Parting::Astray),
                Err(error) => {
                    // What data has is the truth, and this owner's picture of it is wrong.
                    warn!(%error, labels.guild = %self.guild, "data refused an append, loading the guild again");
                    return Err(Parting::Astray);
                }
            }
        }
    }

    /// A message, if there is one.
    pub(crate) async fn message(
        &self,
        channel: ChannelId,
        message: MessageId,
    ) -> Result<Option<Box<Message>>, Refusal> {
        match self.call(Request::ReadMessage { channel, message }, READ).await {
            Ok(Reply::Message(message)) => Ok(Some(message)),
            Ok(_) => Err(Refusal::internal("data answered a read with something else")),
            Err(CallError::Refused(Refusal::NotFound { .. })) => Ok(None),
            Err(error) => Err(error.into_refusal()),
        }
    }

    /// Events after a number.
    pub(crate) async fn events(
        &self,
        after: EventNumber,
        limit: usize,
    ) -> Result<(Vec<StoredEvent>, EventNumber), Refusal> {
        let request = Request::ReadEvents {
            guild: self.guild,
            after,
            limit: u32::try_from(limit.min(PAGE)).unwrap_or(u32::MAX),
        };
        match self.call(request, READ).await {
            Ok(Reply::Events { events, last }) => Ok((events, last)),
            Ok(_) => Err(Refusal::internal("data answered a read with something else")),
            Err(error) => Err(error.into_refusal()),
        }
    }

    /// Makes the guild.
    pub(crate) async fn create(&self, record: GuildRecord) -> Result<(), Refusal> {
        match self.call(Request::CreateGuild(record), READ).await {
            Ok(_) => Ok(()),
            Err(error) => Err(error.into_refusal()),
        }
    }

    async fn call(&self, request: Request, limit: Duration) -> Result<Reply, CallError> {
        let answer = self
            .node
            .call_owner::<Data>(&self.key, limit, |_| request.clone())
            .await;
        let reached = match &answer {
            Ok(_) | Err(CallError::Refused(_)) => Ok(()),
            Err(error) => Err(error),
        };
        self.reach.tell(&self.node, reached);
        answer
    }
}

// === impl Reach ===

impl Reach {
    fn tell(&self, node: &Node, reached: Result<(), &CallError>) {
        let away = reached.is_err();
        if self.0.swap(away, Ordering::Relaxed) == away {
            return;
        }
        match reached {
            Ok(()) => {
                node.set_check("data", true, "answers");
                info!(event.action = "data-found", "data answers again");
            }
            Err(error) => {
                node.set_check("data", false, error.to_string());
                warn!(event.action = "data-lost", %error, "data does not answer, writes wait");
            }
        }
    }
}

//! The calls of a feed to its guild's owner, one function each, and what comes of them.

use chat_node::{CallError, Node};
use chat_proto::service::Refusal;
use chat_proto::service::data::GuildRecord;
use chat_proto::service::guilds::{Ask, Guilds, Reply, Request};
use chat_proto::{Cluster, EventNumber, GuildEvent, GuildId, NodeName, UserId};
use tracing::debug;

use super::feeds::Feeds;
use super::state::LinkId;
use crate::limits::{OWNER_CALL, PAGE_EVENTS, RETRY_LONGEST};

/// What came of a call.
pub(super) enum Done {
    Subscribed {
        link: LinkId,
        node: NodeName,
        since: Option<EventNumber>,
        events: Vec<GuildEvent>,
        last: EventNumber,
    },
    NotSubscribed(CallError),
    Pictured {
        guild: GuildRecord,
        presences: Vec<(UserId, String)>,
        last: EventNumber,
    },
    NotPictured(CallError),
    Read {
        after: EventNumber,
        events: Vec<GuildEvent>,
        last: EventNumber,
    },
    NotRead(CallError),
}

fn request(feeds: &Feeds, guild: GuildId, ask: Ask) -> Request {
    let generation = feeds.node().view().generation();
    Request {
        guild,
        generation,
        ask,
    }
}

pub(super) async fn subscribe(feeds: &Feeds, guild: GuildId, since: Option<EventNumber>) -> Done {
    let _permit = feeds.permit().await;
    let node = feeds.node();
    let Some(owner) = owner(node, guild) else {
        return Done::NotSubscribed(CallError::NoOwner(Cluster::Guilds));
    };
    let request = request(feeds, guild, Ask::Subscribe { since });
    match node.call_on::<Guilds>(&owner, &request).await {
        Ok((link, Reply::Subscribed { events, last, .. })) => Done::Subscribed {
            link: link.id,
            node: link.node,
            since,
            events,
            last,
        },
        Ok((_, reply)) => Done::NotSubscribed(odd(&reply)),
        Err(error) => {
            if let CallError::Refused(Refusal::NotOwner { generation }) = &error {
                node.wait_for(*generation, RETRY_LONGEST).await;
            }
            Done::NotSubscribed(error)
        }
    }
}

pub(super) async fn snapshot(feeds: &Feeds, guild: GuildId) -> Done {
    match call(feeds, guild, Ask::Snapshot).await {
        Ok(Reply::Snapshot {
            guild,
            last,
            presences,
        }) => Done::Pictured {
            guild,
            presences,
            last,
        },
        Ok(reply) => Done::NotPictured(odd(&reply)),
        Err(error) => Done::NotPictured(error),
    }
}

pub(super) async fn read(feeds: &Feeds, guild: GuildId, after: EventNumber) -> Done {
    let limit = PAGE_EVENTS;
    match call(feeds, guild, Ask::ReadEvents { after, limit }).await {
        Ok(Reply::Events { events, last }) => Done::Read { after, events, last },
        Ok(reply) => Done::NotRead(odd(&reply)),
        Err(error) => Done::NotRead(error),
    }
}

pub(super) async fn unsubscribe(feeds: &Feeds, guild: GuildId) {
    let Some(owner) = owner(feeds.node(), guild) else {
        return;
    };
    let request = request(feeds, guild, Ask::Unsubscribe);
    // An owner that did not hear it pushes events that nobody here wants, until the connection ends.
    if let Err(error) = feeds.node().call::<Guilds>(&owner, &request).await {
        debug!(%error, %guild, "cannot unsubscribe");
    }
}

async fn call(feeds: &Feeds, guild: GuildId, ask: Ask) -> Result<Reply, CallError> {
    let _permit = feeds.permit().await;
    let make = |view: &chat_node::View| Request {
        guild,
        generation: view.generation(),
        ask: ask.clone(),
    };
    let key = guild.to_string();
    feeds.node().call_owner::<Guilds>(&key, OWNER_CALL, make).await
}

fn owner(node: &Node, guild: GuildId) -> Option<NodeName> {
    let view = node.view();
    let owner = view.owner(Cluster::Guilds, &guild.to_string())?;
    Some(owner.node.clone())
}

fn odd(reply: &Reply) -> CallError {
    CallError::Refused(Refusal::internal(format!(
        "the owner answered something else: {reply:?}"
    )))
}

//! Who joins a guild sees it come up, who is removed sees it go, and everybody sees who is online: by way of the
//! presence cluster, and again after its nodes have died.

use crate::{Gateway, Stack, until};
use chat_proto::{Cluster, Intents};

async fn comes_up(gateway: &Gateway, session: &str, guild: u64) {
    until("the guild comes up", async || {
        gateway.cursor(session, guild).is_some()
    })
    .await;
}

async fn goes(gateway: &Gateway, session: &str, guild: u64) {
    until("the guild goes", async || {
        gateway.cursor(session, guild).is_none()
    })
    .await;
}

async fn is_seen_as(gateway: &Gateway, session: &str, user: &str, status: &str) {
    until("the status is seen", async || {
        let updates = gateway.bodies(session, "PRESENCE_UPDATE");
        let last = updates.iter().rfind(|update| update["user"]["id"] == user);
        last.is_some_and(|update| update["status"] == status)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_come_and_go_while_they_are_connected() {
    let stack = Stack::start().await;
    let _data = stack.node(Cluster::Data, "data-0").await;
    let _guilds = stack.node(Cluster::Guilds, "guilds-0").await;
    let presence = stack.node(Cluster::Presence, "presence-0").await;
    let _sessions = stack.node(Cluster::Sessions, "sessions-0").await;
    let gateway = stack.gateway().await;
    gateway.create_guild(1, &[1]).await;
    gateway.create_guild(2, &[1, 2]).await;
    gateway.identify("s", 2, Intents::ALL).await;
    comes_up(&gateway, "s", 2).await;

    gateway.add_member(1, 2).await;
    comes_up(&gateway, "s", 1).await;
    let last = gateway.send(1, 1).await;
    until("what happens there arrives", async || {
        gateway.cursor("s", 1) == Some(last)
    })
    .await;

    gateway.remove_member(1, 2).await;
    goes(&gateway, "s", 1).await;
    gateway.send(1, 1).await;

    let name = presence.name().clone();
    presence.kill();
    stack.lease.expire(&name);
    let _presence = stack.node(Cluster::Presence, "presence-1").await;
    gateway.add_member(1, 2).await;
    comes_up(&gateway, "s", 1).await;

    let deleted = gateway
        .names("s")
        .iter()
        .filter(|name| *name == "GUILD_DELETE")
        .count();
    assert_eq!(deleted, 1);
    let messages = gateway
        .names("s")
        .iter()
        .filter(|name| *name == "MESSAGE_CREATE")
        .count();
    assert_eq!(
        messages, 1,
        "what was sent while it was no member is not its business"
    );
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_is_seen_to_come_change_and_go() {
    let stack = Stack::start().await;
    let _data = stack.node(Cluster::Data, "data-0").await;
    let _guilds = stack.node(Cluster::Guilds, "guilds-0").await;
    let first = stack.node(Cluster::Presence, "presence-0").await;
    let _second = stack.node(Cluster::Presence, "presence-1").await;
    let _sessions = stack.node(Cluster::Sessions, "sessions-0").await;
    let gateway = stack.gateway().await;
    gateway.create_guild(1, &[1, 2]).await;
    gateway.identify("viewer", 1, Intents::ALL).await;
    comes_up(&gateway, "viewer", 1).await;

    gateway.identify("s", 2, Intents::ALL).await;
    is_seen_as(&gateway, "viewer", "2", "online").await;
    gateway.set_presence("s", "dnd").await;
    is_seen_as(&gateway, "viewer", "2", "dnd").await;

    first.drain().await;
    first.stop().await;
    gateway.set_presence("s", "idle").await;
    is_seen_as(&gateway, "viewer", "2", "idle").await;

    gateway.close("s", true).await;
    is_seen_as(&gateway, "viewer", "2", "offline").await;
    gateway.stop().await;
}

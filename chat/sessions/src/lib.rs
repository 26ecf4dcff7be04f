//! sessions: what a client's session is, apart from its socket: intents, `s`, the outbox.
//!
//! Events come from the owners of guilds, one subscription a guild and node (`feed`), and go to the sessions
//! (`session`), which push them to their gateways as frames. Everything dedups by number, so death, hand-over and
//! slowness of either side are one path: subscribe again, attach again.
//!
//! | module | what it is |
//! |---|---|
//! | `session`, `outbox` | a session as a state machine, without IO |
//! | `cell`, `registry` | sessions behind their locks, by id; the pump of those that lag |
//! | `feed` | how a guild's events reach this node's sessions |
//! | `service`, `requests` | the node's sessions; what gateways and peers ask |
//! | `hand_off`, `sweep` | sessions that belong elsewhere; sessions that are over |
//! | `register`, `news` | to and from presence |
//! | `dispatch`, `wire`, `limits` | dispatch bodies; a gateway's connection; every bound by name |
//!
//! Not here: sockets, heartbeats, client rate limits (gateway); permissions and numbers (guilds).

mod cell;
mod dispatch;
mod feed;
mod hand_off;
mod limits;
mod news;
mod outbox;
mod register;
mod registry;
mod requests;
mod service;
mod session;
#[cfg(test)]
mod simulation;
mod sweep;
mod wire;

use std::sync::Arc;

use chat_node::Shell;
use chat_proto::service::guilds::Guilds;
use chat_proto::service::presence::Presence;
use chat_proto::service::sessions::Sessions;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Runs the node until it is stopped.
pub async fn run(mut shell: Shell) -> anyhow::Result<()> {
    let node = shell.node.clone();
    let listener = shell.take_listener();
    let registry = Arc::new(registry::Registry::default());
    let (leaving, left) = mpsc::channel(limits::LEFT_QUEUE);
    let feeds = feed::Feeds::new(node.clone(), leaving);
    let (registrar, gone) = register::Registrar::new(node.clone(), registry.clone());
    let service = service::Service::new(node.clone(), registry, feeds.clone(), registrar.clone());
    node.peers().receive::<Guilds, _>(feeds.clone());
    node.peers()
        .receive::<Presence, _>(Arc::new(news::Newsstand(service.clone())));

    let mut tasks = JoinSet::new();
    tasks.spawn(service.clone().run_left(left));
    tasks.spawn(service.clone().run_hand_off());
    tasks.spawn(service.clone().run_sweep());
    tasks.spawn(service.clone().run_pump());
    tasks.spawn(registrar.run(gone, service.stopped()));
    node.set_ready();

    let front = Arc::new(requests::Front(service.clone()));
    chat_node::serve::<Sessions, _>(&node, listener, front).await?;

    service.finish().await;
    while tasks.join_next().await.is_some() {}
    shell.finish().await;
    Ok(())
}

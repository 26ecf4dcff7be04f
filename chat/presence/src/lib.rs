//! presence: which users are online, in which sessions, on which sessions nodes; and the way to a user's sessions.
//!
//! | module | what it is |
//! |---|---|
//! | `users` | the users of this node and their sessions, as a state machine without IO |
//! | `status` | one status out of those of all sessions |
//! | `service` | the requests, and the upkeep: hand-over, sessions of lost nodes |
//! | `teller` | telling guilds of changes, bounded and at most once |
//! | `limits` | every bound by name |
//!
//! The state is soft: sessions nodes register again whenever the ring moves a user or a connection is lost, so
//! nothing here is stored, and nothing here can hold up a message.

mod limits;
mod service;
mod status;
mod teller;
#[cfg(test)]
mod tests;
mod users;

use chat_node::Shell;
use chat_proto::service::presence::Presence;
use tokio::task::JoinSet;

/// Runs the node until it is stopped.
pub async fn run(mut shell: Shell) -> anyhow::Result<()> {
    let node = shell.node.clone();
    let listener = shell.take_listener();
    let teller = teller::Teller::new(node.clone());
    let service = service::Service::new(node.clone(), teller.clone());
    let mut tasks = JoinSet::new();
    tasks.spawn(teller.run());
    tasks.spawn(service.clone().run_debounce());
    tasks.spawn(service.clone().run_upkeep());
    node.set_ready();

    chat_node::serve::<Presence, _>(&node, listener, service).await?;

    // Nothing of it outlives the node: what is left to be told is told by the users' next node.
    tasks.shutdown().await;
    shell.finish().await;
    Ok(())
}

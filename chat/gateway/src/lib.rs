//! gateway: clients' WebSockets. It owns the socket, heartbeats, client rate limits and compression; what a session
//! is (intents, `s`, the outbox) belongs to the sessions cluster.
//!
//! For each socket it keeps just enough to make the session again elsewhere ([`track`]): a sessions node that
//! restarts, moves its sessions or dies is searched for again ([`regain`]) while the socket stays open, and the
//! client notices nothing. A restart of this node costs its clients a Resume: a drain tells them in waves.

mod backend;
mod close;
mod deflate;
mod envelope;
mod event;
mod limits;
mod members;
mod query;
mod rate;
mod regain;
mod server;
mod socket;
mod sockets;
mod track;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use chat_admin::NodeState;
use chat_node::Shell;
use chat_proto::service::sessions::Sessions;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use limits::Limits;

use socket::Shared;
use sockets::Sockets;

/// How often the number of sockets and the fullest queue are told to the shell.
const COUNT_EVERY: Duration = Duration::from_millis(250);

/// Runs a gateway node until it is told to stop.
pub async fn run(mut shell: Shell) -> anyhow::Result<()> {
    let node = shell.node.clone();
    let listener = shell.take_listener();
    let sockets = Arc::new(Sockets::default());
    node.peers().receive::<Sessions, _>(sockets.clone());
    let (observer, writes) = (node.clone(), node.clone());
    let shared = Arc::new(Shared {
        backend: node.clone(),
        limits: Limits::default(),
        public_url: node.options().public_url.clone(),
        observe: Box::new(move |began, ok| observer.red().observe(began, ok)),
        observe_written: Box::new(move |arrived| writes.red().observe_all(arrived)),
    });
    let (drain, draining) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let mut states = node.states();
    tasks.spawn(async move {
        loop {
            let leaving = matches!(*states.borrow_and_update(), NodeState::Draining);
            drain.send_if_modified(|draining| std::mem::replace(draining, leaving) != leaving);
            if states.changed().await.is_err() {
                return;
            }
        }
    });
    let (counter, counted) = (node.clone(), sockets.clone());
    tasks.spawn(async move {
        let mut ticks = tokio::time::interval(COUNT_EVERY);
        loop {
            ticks.tick().await;
            counter.set_holds(counted.len() as u64);
            counter.set_queue(counted.fullest() as u64);
        }
    });
    node.set_ready();
    server::serve(listener, shared, sockets, draining, node.stop().clone()).await;
    tasks.shutdown().await;
    shell.finish().await;
    Ok(())
}

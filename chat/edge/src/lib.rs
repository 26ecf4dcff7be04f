//! edge: the reverse proxy in front of api and gateway, and the only address that clients know.
//!
//! `/api/…` goes to a ready api node, a WebSocket upgrade on `/` to a ready gateway node. When no node is ready the
//! request is held for a few seconds: a restart of the cluster behind it is slow for clients, not broken. No
//! permission, no token and no session is looked at here.
//!
//! A drain has nothing to hand over: a tunnel cannot move to another process. The listening socket belongs to the
//! supervisor, so clients that come while this process is replaced wait in its backlog.

mod answer;
mod forward;
mod limits;
mod server;
mod trace;
mod tunnel;
mod upstreams;

use std::time::Duration;

use chat_node::Shell;
use tokio::task::JoinSet;

pub use limits::Limits;
pub use server::Edge;
pub use upstreams::{Target, Targets, Upstreams};

/// How often the number of tunnels is told to the shell.
const COUNT_EVERY: Duration = Duration::from_millis(500);

/// Runs an edge node until it is told to stop.
pub async fn run(mut shell: Shell) -> anyhow::Result<()> {
    let node = shell.node.clone();
    let listener = shell.take_listener();
    let (sender, upstreams) = Upstreams::new();
    let mut tasks = JoinSet::new();
    let follower = node.clone();
    tasks.spawn(async move {
        let mut changes = follower.changes();
        loop {
            sender.send_replace(Targets::of(follower.view().membership()));
            if changes.changed().await.is_err() {
                return;
            }
        }
    });
    let observer = node.clone();
    let edge = Edge::new(upstreams, Limits::default(), move |began, ok| {
        observer.red().observe(began, ok);
    });
    let counted = edge.clone();
    let counter = node.clone();
    tasks.spawn(async move {
        let mut ticks = tokio::time::interval(COUNT_EVERY);
        loop {
            ticks.tick().await;
            let draining = counter.state() == chat_admin::NodeState::Draining;
            counter.set_holds(if draining { 0 } else { counted.tunnels() });
        }
    });
    node.set_ready();
    edge.serve(listener, node.stop().clone()).await;
    tasks.shutdown().await;
    shell.finish().await;
    Ok(())
}

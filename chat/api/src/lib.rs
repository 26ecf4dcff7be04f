//! api: REST as Discord's clients speak it, under /api/v9 and /api/v10.
//!
//! It authenticates, checks what was sent, and asks: guilds for whatever changes a guild, data for whatever is
//! only read. It keeps no state but caches. A message gets its id here, once; while its guild has no owner the send
//! is held and repeated under that id, so that a restart is slow for clients, not an error.

mod account;
mod answer;
mod app;
mod backend;
mod body;
mod cache;
mod error;
mod form;
mod ids;
mod multipart;
mod page;
mod rate;
mod routes;
mod seldom;
mod send;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::serve::ListenerExt as _;
use chat_node::Shell;

use app::{App, Settings};

/// Runs an api node until it is told to stop.
pub async fn run(mut shell: Shell) -> anyhow::Result<()> {
    let node = shell.node.clone();
    let listener = shell.take_listener();
    let settings = Settings {
        gateway_url: node.options().public_url.clone(),
        ..Settings::from_env()?
    };
    let observer = node.clone();
    let app = App::new(Arc::new(node.clone()), settings);
    let router = routes::router(app, move |began, ok| observer.red().observe(began, ok));
    node.set_ready();
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection was gone at once");
        }
    });
    // Requests in flight are finished; an edge sends no more once the membership says that this node leaves.
    axum::serve(listener, router)
        .with_graceful_shutdown(node.stop().clone().cancelled_owned())
        .await?;
    shell.finish().await;
    Ok(())
}

//! The server of the supervisor's control socket.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::stack::Stack;
use super::wire::{MAX_LINE, Reply, Request};

/// Connections at a time; further ones wait in the backlog.
const MAX_CONNECTIONS: usize = 64;

/// Opens the socket, in place of one that a killed supervisor left. Call it under the folder's lock.
pub(crate) fn open(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves until `end`; a `shutdown` cancels `stop`.
pub(crate) async fn serve(
    listener: UnixListener,
    stack: Arc<Stack>,
    stop: CancellationToken,
    end: CancellationToken,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = end.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    let (stack, stop) = (stack.clone(), stop.clone());
                    connections.spawn(async move {
                        if let Err(error) = converse(stream, &stack, &stop).await {
                            warn!(error = %error, "a conversation on the supervisor's socket broke");
                        }
                    });
                }
                Err(error) => {
                    warn!(error = %error, "cannot accept on the supervisor's socket");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    connections.shutdown().await;
}

async fn converse(stream: UnixStream, stack: &Stack, stop: &CancellationToken) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read.take(MAX_LINE)).lines();
    while let Some(line) = lines.next_line().await? {
        let reply = match serde_json::from_str(&line) {
            Ok(request) => perform(request, stack, stop).await,
            Err(error) => Reply::Error(format!("cannot understand the request: {error}")),
        };
        let mut answer = serde_json::to_vec(&reply).map_err(io::Error::other)?;
        answer.push(b'\n');
        match write.write_all(&answer).await {
            // It asked and did not wait for the answer.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            other => other?,
        }
    }
    Ok(())
}

async fn perform(request: Request, stack: &Stack, stop: &CancellationToken) -> Reply {
    match request {
        Request::List => Reply::Listing(stack.listing()),
        Request::Stop {
            node,
            incarnation,
            grace_ms,
        } => {
            stack
                .end_one(&node, incarnation, Duration::from_millis(grace_ms), false)
                .await
        }
        Request::Restart {
            node,
            incarnation,
            grace_ms,
        } => {
            stack
                .end_one(&node, incarnation, Duration::from_millis(grace_ms), true)
                .await
        }
        Request::Start { node } => stack.start_one(&node).await,
        Request::Shutdown => {
            info!(event.action = "stop-requested", "asked to stop everything");
            stop.cancel();
            Reply::Listing(stack.listing())
        }
    }
}

//! The listening side: WebSocket handshakes, drains in waves, and the stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_util::sync::CancellationToken;

use crate::backend::Backend;
use crate::query;
use crate::socket::{Shared, Socket};
use crate::sockets::Sockets;
use crate::wire::Wire;

/// How long accepting pauses when the system has no socket to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Messages over this are not even read; those over [`crate::Limits::payload_bytes`] are, to be refused politely.
const MESSAGE_BYTES: usize = 64 << 10;

/// Serves `listener` until `stop`. While `draining`, clients are told to reconnect, in waves.
pub(crate) async fn serve<B: Backend>(
    listener: TcpListener,
    shared: Arc<Shared<B>>,
    sockets: Arc<Sockets>,
    mut draining: watch::Receiver<bool>,
    stop: CancellationToken,
) {
    let mut connections = JoinSet::new();
    let mut waves = tokio::time::interval(shared.limits.wave_pause);
    waves.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let drain = *draining.borrow_and_update();
        tokio::select! {
            () = stop.cancelled() => break,
            // Without this the first wave would wait for another event to wake the loop.
            changed = draining.changed() => if changed.is_err() { break },
            _ = waves.tick(), if drain => {
                let told = sockets.wave(shared.limits.wave_sockets);
                if told > 0 {
                    tracing::info!(event.action = "drain-wave", numeric_labels.sockets = told, "clients told to reconnect");
                }
            }
            Some(ended) = connections.join_next() => report(ended),
            accepted = listener.accept(), if connections.len() < shared.limits.sockets => match accepted {
                Ok((stream, from)) => {
                    connections.spawn(connection(stream, from, shared.clone(), sockets.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    sockets.wave(usize::MAX);
    // Each socket ends within its goodbye, and as much again for the close.
    let parting = async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    };
    if tokio::time::timeout(shared.limits.goodbye_time * 3, parting)
        .await
        .is_err()
    {
        tracing::warn!("clients were cut off by the stop");
    }
    connections.shutdown().await;
}

async fn connection<B: Backend>(
    stream: TcpStream,
    from: SocketAddr,
    shared: Arc<Shared<B>>,
    sockets: Arc<Sockets>,
) {
    let mut asked = Err((crate::close::Close::Decode, ""));
    let shaking = accept(stream, |query| asked = query::read(query));
    let stream = match tokio::time::timeout(shared.limits.handshake_time, shaking).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!(%error, client.address = %from, "no WebSocket");
            return;
        }
        Err(_) => {
            tracing::debug!(client.address = %from, "a WebSocket handshake took too long");
            return;
        }
    };
    match asked {
        Ok(parameters) => {
            tracing::debug!(client.address = %from, version = parameters.version, zlib = parameters.zlib, "client connected");
            let wire = Wire::new(stream, parameters.zlib, shared.limits.write_time);
            let ticket = sockets.enter();
            Socket::new(shared, ticket, wire).run().await;
        }
        Err((close, reason)) => {
            let mut wire = Wire::new(stream, false, shared.limits.write_time);
            wire.close(Some(close.frame_saying(reason)), shared.limits.goodbye_time)
                .await;
        }
    }
}

async fn accept(
    stream: TcpStream,
    asked: impl FnOnce(Option<&str>) + Unpin,
) -> anyhow::Result<WebSocketStream<TcpStream>> {
    stream.set_nodelay(true)?;
    let mut config = WebSocketConfig::default();
    config.max_message_size = Some(MESSAGE_BYTES);
    config.max_frame_size = Some(MESSAGE_BYTES);
    #[expect(clippy::result_large_err, reason = "the library gives the callback its type")]
    let callback = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        asked(request.uri().query());
        Ok(response)
    };
    let accepted = tokio_tungstenite::accept_hdr_async_with_config(stream, callback, Some(config));
    Ok(accepted.await?)
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "the task of a socket broke");
    }
}

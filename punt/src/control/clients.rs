//! Serving the clients of a socket: a bounded number at a time, each in a task that is waited for.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

/// Clients of a socket at once; further ones wait in the kernel's backlog.
const CLIENTS: usize = 32;

/// The pause after a failed accept: out of file descriptors, most likely, and that takes time to pass.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A socket that clients come from.
pub(super) trait Listener {
    type Client;

    fn client(&self) -> impl Future<Output = io::Result<Self::Client>> + Send;
}

impl Listener for UnixListener {
    type Client = UnixStream;

    async fn client(&self) -> io::Result<UnixStream> {
        Ok(self.accept().await?.0)
    }
}

impl Listener for TcpListener {
    type Client = TcpStream;

    async fn client(&self) -> io::Result<TcpStream> {
        Ok(self.accept().await?.0)
    }
}

/// Serves until `stop`, then ends the clients. `socket` is what logs call it.
pub(super) async fn serve<L: Listener, S>(
    socket: &'static str,
    listener: &L,
    stop: &CancellationToken,
    serve: impl Fn(L::Client) -> S,
) where
    S: Future<Output = io::Result<()>> + Send + 'static,
{
    let clients = TaskTracker::new();
    let slots = Arc::new(Semaphore::new(CLIENTS));
    loop {
        let accepting = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot, listener.client().await)
        };
        let (slot, accepted) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accepting => accepted,
        };
        match accepted {
            Ok(client) => {
                let (serving, stop) = (serve(client), stop.clone());
                clients.spawn(async move {
                    tokio::select! {
                        () = stop.cancelled() => {}
                        served = serving => {
                            if let Err(error) = served {
                                debug!(labels.socket = socket, %error, "client ended");
                            }
                        }
                    }
                    drop(slot);
                });
            }
            Err(error) => {
                warn!(event.action = "accept-failed", labels.socket = socket, %error, "a client could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    clients.close();
    clients.wait().await;
}

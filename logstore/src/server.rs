//! The life of the process: lock the folder, open the store, listen, serve, stop.
//!
//! The housekeeping task outlives the server: it is stopped after the last request was answered, and its last
//! act is to commit everything.

use std::future::IntoFuture as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use lifecycle::{CancellationToken, Sockets};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::engine::disk::{self, DataFolder};
use crate::engine::refresher;
use crate::engine::store::Store;
use crate::flags::Flags;
use crate::http::{App, router};

/// How long requests in flight may take after the stop signal.
const GRACE: Duration = Duration::from_secs(10);

/// How often contexts that nobody asked for in time are looked for.
const REAP_EVERY: Duration = Duration::from_secs(1);

/// The name of the listening socket that a supervisor hands down.
const SOCKET: &str = "http";

/// Runs the store until it is told to stop.
pub async fn run(flags: Flags, mut sockets: Sockets, stop: CancellationToken) -> anyhow::Result<()> {
    let limits = flags.limits().map_err(|reason| anyhow!(reason))?;
    let folder = DataFolder::open(&flags.data)?;
    let listener = sockets.take_or_bind(SOCKET, flags.listen).with_context(|| {
        format!(
            "the port of {} may be taken by another process: stop that one, or choose another with --listen",
            flags.listen
        )
    })?;
    // A file of an earlier process must not be taken for ours.
    let address_file = flags.data.join("http.addr");
    if address_file.exists() {
        std::fs::remove_file(&address_file).context("removing the old DATA/http.addr")?;
    }
    let address = listener.local_addr().context("asking for the bound address")?;
    let store = tokio::task::spawn_blocking(move || Store::open(folder, limits))
        .await
        .context("opening the store")?
        .map_err(|error| {
            anyhow!(
                "cannot open the store in {}: {}",
                flags.data.display(),
                error.reason
            )
        })?;
    let store = Arc::new(store);
    // Written last: whoever waits for the file finds a store that answers.
    disk::replace(&address_file, address.to_string().as_bytes()).context("writing DATA/http.addr")?;
    info!(
        event.action = "listening",
        labels.address = %address,
        labels.data = %store.path().display(),
        labels.presents = flags.present_as.number(),
        "log store is ready"
    );
    let app = Arc::new(App::new(
        Arc::clone(&store),
        flags.present_as,
        flags.node,
        address.to_string(),
    ));
    let (housekeeping_stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
    tasks.spawn(refresher::run(store, housekeeping_stop.clone()));
    tasks.spawn(reap(Arc::clone(&app), housekeeping_stop.clone()));
    let served = serve(listener, app, stop).await;
    housekeeping_stop.cancel();
    while let Some(ended) = tasks.join_next().await {
        ended.context("the housekeeping task")?;
    }
    info!(event.action = "stopped", "log store stopped");
    served
}

/// Closes scrolls and points in time that nobody asked for in time.
async fn reap(app: Arc<App>, stop: CancellationToken) {
    while stop
        .run_until_cancelled(tokio::time::sleep(REAP_EVERY))
        .await
        .is_some()
    {
        app.held.reap();
    }
}

async fn serve(listener: TcpListener, app: Arc<App>, stop: CancellationToken) -> anyhow::Result<()> {
    let server = axum::serve(listener, router(app)).with_graceful_shutdown(stop.clone().cancelled_owned());
    let late = async {
        stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        served = server.into_future() => served.context("serving HTTP"),
        () = late => {
            warn!(grace_seconds = GRACE.as_secs(), "connections are still open after the grace period, they are closed");
            Ok(())
        }
    }
}

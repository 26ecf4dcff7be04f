//! The life of the process: lock the folder, open the store, listen, serve, stop.
//!
//! The housekeeping task outlives the servers: it is stopped after the last request was answered, and its last
//! act is to commit everything.

use std::future::IntoFuture as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use lifecycle::{CancellationToken, Sockets};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::engine::disk::{self, DataFolder};
use crate::engine::refresher;
use crate::engine::store::Store;
use crate::flags::{Flags, ListenerFlag};
use crate::http::{App, router};
use crate::machine;
use crate::present::Presented;
use crate::search::held::Held;
use crate::security::Registry;
use crate::tls::{self, TlsListener};

/// How long requests in flight may take after the stop signal.
const GRACE: Duration = Duration::from_secs(10);

/// How often contexts that nobody asked for in time are looked for.
const REAP_EVERY: Duration = Duration::from_secs(1);

/// The name of the listening socket that a supervisor hands down. That of another listener has the version
/// after it: `http-5.6`.
const SOCKET: &str = "http";

/// A socket that listens, and what it presents.
struct Door {
    socket: TcpListener,
    address: SocketAddr,
    presents: Presented,
    address_file: PathBuf,
}

impl Door {
    fn open(
        sockets: &mut Sockets,
        data: &Path,
        name: &str,
        flag: ListenerFlag,
        // Whether everybody may do everything there; `None`: nobody may without credentials.
        open_to_all: Option<bool>,
    ) -> anyhow::Result<Self> {
        let socket = sockets.take_or_bind(name, flag.listen).with_context(|| {
            format!(
                "the port of {} may be taken by another process: stop that one, or choose another with --listen",
                flag.listen
            )
        })?;
        let address = socket.local_addr().context("asking for the bound address")?;
        if !address.ip().is_loopback() && !open_to_all.is_none_or(|allowed| allowed) {
            bail!(
                "{address} can be reached by others, who could read and delete everything: listen on loopback, add --security, or say --allow-open if that is meant"
            );
        }
        // A file of an earlier process must not be taken for ours.
        let address_file = data.join(format!("{name}.addr"));
        if address_file.exists() {
            std::fs::remove_file(&address_file)
                .with_context(|| format!("removing the old {}", address_file.display()))?;
        }
        Ok(Self {
            socket,
            address,
            presents: flag.present_as,
            address_file,
        })
    }
}

/// Runs the store until it is told to stop.
pub async fn run(flags: Flags, mut sockets: Sockets, stop: CancellationToken) -> anyhow::Result<()> {
    machine::started();
    let limits = flags.limits().map_err(|reason| anyhow!(reason))?;
    let folder = DataFolder::open(&flags.data)?;
    let main = ListenerFlag {
        listen: flags.listen,
        present_as: flags.present_as,
    };
    let open_to_all = (!flags.security).then_some(flags.allow_open);
    let tls = match (&flags.tls_cert, &flags.tls_key) {
        (Some(certificate), Some(key)) => Some(tls::config(certificate, key)?),
        _ => None,
    };
    let mut doors = vec![Door::open(&mut sockets, &flags.data, SOCKET, main, open_to_all)?];
    for flag in &flags.listeners {
        let name = format!("{SOCKET}-{}", flag.present_as);
        doors.push(Door::open(&mut sockets, &flags.data, &name, *flag, open_to_all)?);
    }
    let data = flags.data.clone();
    let store = tokio::task::spawn_blocking(move || Store::open(folder, limits))
        .await
        .context("opening the store")?
        .map_err(|error| anyhow!("cannot open the store in {}: {}", data.display(), error.reason))?;
    let store = Arc::new(store);
    let mut first = App::new(
        Arc::clone(&store),
        flags.present_as,
        flags.node,
        doors[0].address.to_string(),
    );
    first.cors_origins = flags.cors_origins.into();
    if flags.security {
        let folder = flags.data.clone();
        let registry = tokio::task::spawn_blocking(move || Registry::open(&folder))
            .await
            .context("opening the registry of users")?
            .map_err(|error| anyhow!("cannot open the registry of users: {}", error.reason))?;
        first.security = Some(Arc::new(registry));
    }
    let (housekeeping_stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
    tasks.spawn(refresher::run(Arc::clone(&store), housekeeping_stop.clone()));
    tasks.spawn(reap(Arc::clone(&first.held), housekeeping_stop.clone()));
    let mut serving = JoinSet::new();
    for door in doors {
        info!(
            event.action = "listening",
            labels.address = %door.address,
            labels.data = %store.path().display(),
            labels.presents = door.presents.number(),
            "log store is ready"
        );
        let app = Arc::new(first.behind(door.presents, door.address.to_string()));
        // Written last: whoever waits for the file finds a store that answers.
        disk::replace(&door.address_file, door.address.to_string().as_bytes())
            .with_context(|| format!("writing {}", door.address_file.display()))?;
        match &tls {
            Some(config) => serving.spawn(serve(
                TlsListener::new(door.socket, Arc::clone(config)),
                app,
                stop.clone(),
            )),
            None => serving.spawn(serve(door.socket, app, stop.clone())),
        };
    }
    drop(store);
    let mut served = Ok(());
    while let Some(ended) = serving.join_next().await {
        let ended = ended.context("a listener")?;
        // One listener that fails ends the process: a half-reachable store helps nobody.
        if ended.is_err() {
            stop.cancel();
            served = served.and(ended);
        }
    }
    housekeeping_stop.cancel();
    while let Some(ended) = tasks.join_next().await {
        ended.context("the housekeeping task")?;
    }
    info!(event.action = "stopped", "log store stopped");
    served
}

/// Closes scrolls and points in time that nobody asked for in time.
async fn reap(held: Arc<Held>, stop: CancellationToken) {
    while stop
        .run_until_cancelled(tokio::time::sleep(REAP_EVERY))
        .await
        .is_some()
    {
        held.reap();
    }
}

async fn serve<L>(listener: L, app: Arc<App>, stop: CancellationToken) -> anyhow::Result<()>
where
    L: axum::serve::Listener,
    L::Addr: std::fmt::Debug,
{
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

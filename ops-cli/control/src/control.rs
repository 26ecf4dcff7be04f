//! The control plane's process: reads its journal, serves its API, looks at everything, and goes on with what a
//! crash interrupted.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use chat_proto::Membership;
use lifecycle::Sockets;
use ops_api::StackFile;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::accounts::Accounts;
use crate::audit::Audit;
use crate::folder::{self, Folder};
use crate::health::{Observer, Targets};
use crate::journal::{Journal, JournalError, Record};
use crate::membership::leases::{self, Change, What};
use crate::membership::registry::Registry;
use crate::operation::{Desk, Hands, Run};
use crate::server::{self, Api};
use crate::supervisor::wire::SupervisorClient;
use crate::topology::{Topology, TopologyError};

/// After the stop, open requests may take this long.
const LAST_REQUESTS: Duration = Duration::from_secs(2);

/// Why the control plane ended other than it was told to.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The topology in force cannot be read.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A file or socket cannot be used.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was tried.
        action: String,
        /// What the system said.
        source: io::Error,
    },
}

/// Runs the control plane of a data folder until `stop`.
pub async fn run(folder: &Folder, mut sockets: Sockets, stop: CancellationToken) -> Result<(), ControlError> {
    let topology = Topology::read(&folder.topology())?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, topology.ports.control));
    let listener = sockets
        .take_or_bind("main", address)
        .map_err(named("open the listening socket"))?;
    serve(folder, topology, listener, stop).await
}

/// Runs the control plane behind a socket that is open already.
pub async fn serve(
    folder: &Folder,
    topology: Topology,
    listener: TcpListener,
    stop: CancellationToken,
) -> Result<(), ControlError> {
    let stack =
        StackFile::read(folder.root()).map_err(named("read stack.json (written by `ops supervise`)"))?;
    let token =
        |path: &std::path::Path| folder::token(path).map_err(named(&format!("read {}", path.display())));
    let fabric_token = token(&folder.fabric_token())?;
    let operator_token = token(&folder.control_token())?;

    let state = folder.control();
    std::fs::create_dir_all(&state).map_err(named(&format!("create {}", state.display())))?;
    let audit = Audit::open(&state.join("audit.ndjson")).map_err(named("open the audit log"))?;
    let path = state.join("journal.ndjson");
    let (membership, runs) = replay(Journal::read(&path)?);
    let journal = Journal::compact(&path, &snapshot(&membership, &runs))?;

    let end = CancellationToken::new();
    let registry = Registry::new(membership, journal.clone());
    let http = reqwest::Client::new();
    let targets = Arc::new(Targets {
        topology,
        stack,
        supervisor: SupervisorClient::new(&folder.supervisor_socket()),
        http,
        fabric: fabric_token.clone(),
    });
    let hands = Hands {
        targets: targets.clone(),
        registry: registry.clone(),
    };
    let (current, operation) = watch::channel(None);
    let desk = Desk::new(runs, hands, journal, audit.clone(), current, end.clone());
    let observer = Observer::new(targets, registry.clone(), operation);
    let (pictures, seen) = watch::channel(Arc::new(observer.blank()));

    let tasks = TaskTracker::new();
    let (leases, ending) = (registry.clone(), end.clone());
    tasks.spawn(async move { leases.expire(ending).await });
    tasks.spawn(observer.run(pictures, end.clone()));
    tasks.close();
    desk.resume();

    let api = Arc::new(Api {
        accounts: Accounts::new(registry.clone(), audit.clone(), &fabric_token),
        registry,
        pictures: seen,
        desk: desk.clone(),
        audit,
        operator_token,
        fabric_token,
        stop: stop.clone(),
    });
    info!(event.action = "control-started", "control plane started");
    let served =
        axum::serve(listener, server::router(api)).with_graceful_shutdown(stop.clone().cancelled_owned());
    let ended = tokio::select! {
        served = served => served.map_err(named("serve")),
        // Nodes poll for long; they ask again elsewhere or later.
        () = after(&stop, LAST_REQUESTS) => Ok(()),
    };
    end.cancel();
    tasks.wait().await;
    desk.finish().await;
    info!(event.action = "control-stopped", "control plane stopped");
    ended
}

async fn after(stop: &CancellationToken, grace: Duration) {
    stop.cancelled().await;
    tokio::time::sleep(grace).await;
}

/// The membership and the operations that the journal's lines add up to.
fn replay(records: Vec<Record>) -> (Membership, Vec<Run>) {
    let mut membership = Membership::default();
    let mut runs: Vec<Run> = Vec::new();
    for record in records {
        let (generation, what) = match record {
            Record::Generation(generation) => {
                membership.generation = membership.generation.max(generation);
                continue;
            }
            Record::Operation(run) => {
                match runs
                    .iter_mut()
                    .find(|known| known.operation.id == run.operation.id)
                {
                    Some(known) => *known = *run,
                    None => runs.push(*run),
                }
                continue;
            }
            Record::Put { generation, member } => (generation, What::Put(member)),
            Record::Remove { generation, node } => (generation, What::Remove(node)),
        };
        if generation < membership.generation {
            warn!(
                generation = generation.0,
                "the journal's generations are out of order"
            );
        }
        leases::apply(&mut membership, Change { generation, what });
    }
    (membership, Desk::worth_keeping(runs))
}

fn snapshot(membership: &Membership, runs: &[Run]) -> Vec<Record> {
    let generation = membership.generation;
    let members = membership.members.iter().map(|member| Record::Put {
        generation,
        member: member.clone(),
    });
    let runs = runs.iter().map(|run| Record::Operation(Box::new(run.clone())));
    std::iter::once(Record::Generation(generation))
        .chain(members)
        .chain(runs)
        .collect()
}

fn named(action: &str) -> impl FnOnce(io::Error) -> ControlError {
    let action = action.to_owned();
    move |source| ControlError::Io { action, source }
}

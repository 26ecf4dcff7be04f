//! The supervisor: parent of all processes and owner of their listening sockets, with no logic worth a restart.
//!
//! It starts the processes of a [`Topology`] stage after stage, starts again what ends by itself, and stops what
//! it is told to stop: by the control plane and `ops down` over its control socket ([`wire`]), or by a signal.
//! The sockets live as long as the supervisor, so a replaced process has the address of the one before it, and
//! connections wait in the backlog meanwhile. No process outlives it: each watches a pipe whose other end dies
//! with us. Why something is restarted, and whether it may be, is the control plane's business.

mod backoff;
mod keeper;
mod kin;
mod lock;
mod plan;
pub mod preflight;
mod probe;
mod punt;
mod socket;
mod spec;
mod stack;
pub mod wire;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use ops_api::StackFile;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub use kin::KinError;
pub use lock::{Held, LockError, LockFile, holder};
pub use plan::{PROGRAMS, PlanError, missing_programs};
pub use spec::{ProcessSpec, Socket};

use crate::folder::Folder;
use crate::topology::Topology;
use kin::Kin;
use plan::Plan;
use stack::Stack;

/// Why a supervisor ended other than it was told to.
#[derive(Debug, thiserror::Error)]
pub enum SuperviseError {
    /// There is no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Processes of an earlier supervisor are in the way.
    #[error(transparent)]
    Kin(#[from] KinError),
    /// The control socket cannot be opened.
    #[error("cannot listen on {path}: {source}")]
    Socket {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Runs the stack of `topology` until `stop`, with the folder's lock held by the caller.
pub async fn run(
    folder: &Folder,
    topology: &Topology,
    programs: &Path,
    stop: CancellationToken,
) -> Result<(), SuperviseError> {
    raise_file_limit();
    let mut kin = Kin::open(folder)?;
    let kin = kin.take(folder).await?;
    let Plan { stages, file } = plan::plan(folder, topology, programs, Some(&kin.file))?;
    info!(
        event.action = "supervisor-started",
        labels.control = %file.control,
        labels.store = %file.store,
        labels.edge = %file.edge,
        "supervisor started"
    );
    let ended = supervise(&folder.supervisor_socket(), stages, stop).await;
    remove(&StackFile::path(folder.root()));
    info!(event.action = "supervisor-stopped", "supervisor stopped");
    ended
}

/// Keeps the processes of `stages` until `stop` or a `shutdown` on the control socket at `path`.
pub async fn supervise(
    path: &Path,
    stages: Vec<Vec<ProcessSpec>>,
    stop: CancellationToken,
) -> Result<(), SuperviseError> {
    let listener = socket::open(path).map_err(|source| SuperviseError::Socket {
        path: path.to_owned(),
        source,
    })?;
    let stack = Arc::new(Stack::new(stages, &reqwest::Client::new()));
    let end = CancellationToken::new();
    let server = tokio::spawn(socket::serve(listener, stack.clone(), stop.clone(), end.clone()));
    stack.start(&stop).await;
    stop.cancelled().await;
    stack.stop().await;
    end.cancel();
    if let Err(error) = server.await {
        warn!(error = %error, "the control socket's task failed");
    }
    remove(path);
    Ok(())
}

fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        warn!(error = %error, labels.path = %path.display(), "cannot remove a run file");
    }
}

/// Children inherit it: a gateway holds a descriptor per client.
fn raise_file_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        warn!(error = %error, "cannot raise the limit of open files");
    }
}

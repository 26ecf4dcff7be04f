//! `ops supervise`: the parent of all processes. `ops up` starts it; systemd may as well.

use std::path::PathBuf;

use clap::Args;
use ops_control::supervisor::{self, LockFile};
use ops_control::topology::Topology;

use crate::context::Context;
use crate::failure::{Code, Failure, Outcome};
use crate::output;

/// Runs the stack in the foreground, without a word.
#[derive(Debug, Args)]
pub(crate) struct Supervise {
    /// The topology; without it, the default one.
    #[arg(long, value_name = "FILE")]
    topology: Option<PathBuf>,
    /// Lead a session of its own, so that the end of the terminal's session does not end it.
    #[arg(long)]
    own_session: bool,
}

// === impl Supervise ===

impl Supervise {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        if self.own_session
            && let Err(error) = nix::unistd::setsid()
        {
            // It fails only for who leads a group already, and then there is no terminal to get rid of.
            output::say(&format!("cannot lead a session of its own: {error}"));
        }
        let topology = read_topology(self.topology.as_deref())?;
        let folder = context.folder();
        folder
            .create()
            .map_err(|error| Failure::plain(error.to_string()))?;
        let plain = |error: &dyn std::fmt::Display| Failure::plain(error.to_string());
        let mut lock = LockFile::open(folder).map_err(|error| plain(&error))?;
        let _held = lock
            .take(folder)
            .map_err(|error| Failure::new(Code::Failed, error.to_string(), "`ops down` stops it"))?;
        let spool = folder.spool("supervisor-0");
        let settings = telemetry::Settings::service("supervisor", "supervisor-0", Some(spool));
        telemetry::init(&settings).map_err(|error| plain(&error))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let stop = lifecycle::stop_token()?;
            let ended = supervisor::run(folder, &topology, &programs()?, stop).await;
            ended.map_err(|error| plain(&error))
        })
    }
}

/// The topology of a file, or the default one.
pub(crate) fn read_topology(path: Option<&std::path::Path>) -> Result<Topology, Failure> {
    match path {
        None => Ok(Topology::default()),
        Some(path) => Topology::read(path).map_err(|error| {
            Failure::new(
                Code::Usage,
                error.to_string(),
                "deploy/topology.toml shows every key with its default",
            )
        }),
    }
}

/// The folder in which the programs of the stack are: that of `ops` itself.
pub(crate) fn programs() -> Result<PathBuf, Failure> {
    let ops = std::env::current_exe()?;
    Ok(ops.parent().map(std::path::Path::to_owned).unwrap_or_default())
}

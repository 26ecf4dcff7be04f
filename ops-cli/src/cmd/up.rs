//! `ops up`: checks what must hold, starts the supervisor, waits until all is green, says where everything is.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use clap::Args;
use lifecycle::CancellationToken;
use ops_api::{Fleet, Health, StackFile};
use ops_control::folder::Folder;
use ops_control::supervisor::wire::{Listing, Phase, Process, SupervisorClient};
use ops_control::supervisor::{holder, preflight};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::Instant;

use super::supervise::{programs, read_topology};
use super::up_progress::Progress;
use crate::cli::Output;
use crate::context::Context;
use crate::failure::{Code, Failure, Outcome};
use crate::output;

/// The whole start may take this long.
const START_LIMIT: Duration = Duration::from_secs(60);
/// After every process is ready, the control plane's verdict may take this long to be green.
const GREEN_LIMIT: Duration = Duration::from_secs(20);
/// A process that ended this often before it was ever ready will not come up.
const MAX_DEATHS: u64 = 3;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);
/// Lines of a process's standard error that are shown when it cannot start.
const TAIL: usize = 15;

/// Starts the stack.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Return when all is green; `ops down` stops it.
    #[arg(long)]
    detach: bool,
    /// The topology; without it, the default one (deploy/topology.toml).
    #[arg(long, value_name = "FILE")]
    topology: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: Output,
}

// === impl Up ===

impl Up {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let folder = context.folder();
        let topology = read_topology(self.topology.as_deref())?;
        preflight::check(folder, &topology, &programs()?)
            .map_err(|obstacle| Failure::new(Code::Failed, obstacle.what, obstacle.hint))?;
        let stop = lifecycle::stop_token()?;
        let supervisor = SupervisorClient::new(&folder.supervisor_socket());
        let mut child = self.spawn(folder)?;
        // Its end tells the supervisor that we are gone. `Child::wait` would close it.
        let alive = child.stdin.take();

        let mut progress = Progress::new();
        let started = start(&mut child, &supervisor, context, &mut progress, &stop).await;
        progress.finish(started.is_ok());
        if let Err(failure) = started {
            end(child, alive, &supervisor).await;
            return Err(failure);
        }
        let stack = context.stack()?;
        if self.output.json() {
            output::object("Stack", &stack)?;
        } else {
            output::print(&summary(folder, &stack, self.detach))?;
        }
        if self.detach {
            return Ok(());
        }
        tokio::select! {
            () = stop.cancelled() => {
                output::say("stopping everything ...");
                end(child, alive, &supervisor).await;
                Ok(())
            }
            status = child.wait() => ended(folder, status?),
        }
    }

    fn spawn(&self, folder: &Folder) -> Result<Child, Failure> {
        let log = File::create(folder.stderr("supervisor"))?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("supervise")
            .arg("--data")
            .arg(folder.root())
            .stdout(log.try_clone()?)
            .stderr(log)
            // The terminal's Ctrl-C is for us: we say what happens, and stop everything in order.
            .env_remove("GUILDWATCH_DATA");
        if let Some(topology) = &self.topology {
            command.arg("--topology").arg(topology);
        }
        if self.detach {
            command
                .arg("--own-session")
                .env_remove(lifecycle::PARENT_ENV)
                .stdin(Stdio::null());
        } else {
            command
                .process_group(0)
                .env(lifecycle::PARENT_ENV, "stdin")
                .stdin(Stdio::piped());
        }
        command
            .spawn()
            .map_err(|error| Failure::plain(format!("cannot start the supervisor: {error}")))
    }
}

/// Returns when all is green.
async fn start(
    child: &mut Child,
    supervisor: &SupervisorClient,
    context: &Context,
    progress: &mut Progress,
    stop: &CancellationToken,
) -> Outcome {
    let mine = child.id().unwrap_or(0);
    let deadline = Instant::now() + START_LIMIT;
    loop {
        tokio::select! {
            status = child.wait() => return ended(context.folder(), status?),
            () = stop.cancelled() => {
                return Err(Failure::new(Code::Interrupted, "stopped before it was up", ""));
            }
            () = tokio::time::sleep(LOOK) => {}
        }
        let listing = supervisor
            .list()
            .await
            .ok()
            .filter(|listing| listing.supervisor == mine);
        if let Some(listing) = &listing {
            progress.show(listing);
            if listing.phase == Phase::Up {
                break;
            }
            if let Some(dead) = listing
                .processes
                .iter()
                .find(|p| !p.ready && p.restarts >= MAX_DEATHS)
            {
                return Err(cannot_start(dead));
            }
        }
        if Instant::now() >= deadline {
            return Err(too_slow(listing.as_ref()));
        }
    }
    green(context, progress, stop).await
}

async fn green(context: &Context, progress: &mut Progress, stop: &CancellationToken) -> Outcome {
    let control = context.control()?;
    let deadline = Instant::now() + GREEN_LIMIT;
    progress.note("waiting for the control plane's verdict");
    loop {
        let fleet = control.status().await;
        let verdict = fleet.as_ref().map(|fleet| fleet.health);
        if matches!(verdict, Ok(Health::Green)) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return match fleet {
                Ok(fleet) => Err(Failure::new(
                    Code::Unhealthy,
                    format!(
                        "every process is ready, but not all is green: {}",
                        reasons(&fleet)
                    ),
                    "everything was stopped again; the logs are in the data folder",
                )),
                Err(error) => Err(error.into()),
            };
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = stop.cancelled() => return Err(Failure::new(Code::Interrupted, "stopped before it was green", "")),
        }
    }
}

fn reasons(fleet: &Fleet) -> String {
    let ill = fleet
        .clusters
        .iter()
        .filter(|cluster| cluster.health != Health::Green);
    ill.map(|cluster| format!("{} {} ({})", cluster.name, cluster.health.name(), cluster.reason))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Asks for an orderly stop and waits for it; a supervisor that does not answer ends with its parent's pipe.
async fn end(mut child: Child, alive: Option<ChildStdin>, supervisor: &SupervisorClient) {
    if supervisor.shutdown().await.is_err() {
        terminate(&child);
        drop(alive);
    }
    // Its own graces are bounded; so is this.
    drop(child.wait().await);
}

fn terminate(child: &Child) {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        let pid = nix::unistd::Pid::from_raw(pid);
        match nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM) {
            Ok(()) | Err(nix::errno::Errno::ESRCH) => {}
            Err(error) => output::say(&format!("cannot end the supervisor: {error}")),
        }
    }
}

/// The supervisor ended by itself or by `ops down`.
fn ended(folder: &Folder, status: ExitStatus) -> Outcome {
    if status.success() {
        return Ok(());
    }
    let said = tail(&folder.stderr("supervisor"));
    let hint = match holder(folder) {
        Some(pid) => {
            format!("another one was faster (pid {pid}); `ops status` shows its stack, `ops down` stops it")
        }
        None => String::new(),
    };
    Err(Failure::new(
        Code::Failed,
        format!("the supervisor ended with {status}:\n{said}"),
        hint,
    ))
}

fn cannot_start(process: &Process) -> Failure {
    let exit = process.last_exit.as_deref().unwrap_or("it ended");
    let said = tail(&process.stderr);
    Failure::new(
        Code::Failed,
        format!(
            "{} does not start ({exit}, {} times):\n{said}",
            process.node, process.restarts
        ),
        format!(
            "everything was stopped again; all of it is in {}",
            process.stderr.display()
        ),
    )
}

fn too_slow(listing: Option<&Listing>) -> Failure {
    let Some(listing) = listing else {
        return Failure::plain(format!("the supervisor did not answer within {START_LIMIT:?}"));
    };
    match listing.processes.iter().find(|process| !process.ready) {
        Some(process) => {
            let said = tail(&process.stderr);
            Failure::new(
                Code::Failed,
                format!("{} was not ready within {START_LIMIT:?}:\n{said}", process.node),
                format!(
                    "everything was stopped again; all of it is in {}",
                    process.stderr.display()
                ),
            )
        }
        None => Failure::plain(format!("not up within {START_LIMIT:?}")),
    }
}

fn tail(path: &Path) -> String {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    if lines.is_empty() {
        return "    (it said nothing)".to_owned();
    }
    let last = &lines[lines.len().saturating_sub(TAIL)..];
    last.iter()
        .map(|line| format!("    {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn summary(folder: &Folder, stack: &StackFile, detached: bool) -> String {
    let StackFile {
        edge,
        control,
        store,
        syslog,
        ..
    } = stack;
    let data = folder.root().display();
    let stop = if detached {
        "ops down"
    } else {
        "Ctrl-C, or ops down"
    };
    format!(
        "\nThe stack is up ({environment}).\n\n\
         \x20 chat            {edge}  (REST under /api/v10, gateway on /)\n\
         \x20 control plane   {control}\n\
         \x20 log store       {store}  (Elasticsearch API)\n\
         \x20 syslog          {syslog}  (TCP and UDP)\n\
         \x20 data            {data}\n\n\
         Try next, in another terminal:\n\n\
         \x20 ops console                    everything at a glance\n\
         \x20 ops bot create demo            an account with its token\n\
         \x20 ops load --users 200           something to look at\n\
         \x20 ops restart guilds             a rolling restart that nobody notices\n\
         \x20 {stop:<30} stop all of it\n",
        environment = stack.environment,
    )
}

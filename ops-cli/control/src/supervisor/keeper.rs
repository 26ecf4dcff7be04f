//! Keeps one process: starts it, starts it again when it ends by itself, stops the life that it is told to stop.
//!
//! Not here: in which order processes start and stop (`stack.rs`), and why (nobody's business down here).

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use chat_proto::Incarnation;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::Child;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tracing::{info, warn};

use super::backoff::Backoff;
use super::probe;
use super::spec::ProcessSpec;
use super::wire::{Process, ProcessState};

/// Orders that may wait for one keeper; a full queue makes the asker wait.
const ORDERS: usize = 16;

/// What a keeper can be told.
#[derive(Debug)]
pub(crate) enum Order {
    /// Start it if it does not run.
    Start(oneshot::Sender<Process>),
    /// Stop this life of it; and start the next one, if `again`.
    Stop {
        incarnation: u64,
        grace: Duration,
        again: bool,
        done: oneshot::Sender<bool>,
    },
    /// Stop whatever runs, and end.
    Close { grace: Duration },
}

/// The handle of a keeper.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) orders: mpsc::Sender<Order>,
    pub(crate) process: watch::Receiver<Process>,
}

/// The task that keeps one process.
#[derive(Debug)]
pub(crate) struct Keeper {
    spec: Arc<ProcessSpec>,
    http: reqwest::Client,
    orders: mpsc::Receiver<Order>,
    process: watch::Sender<Process>,
    backoff: Backoff,
}

/// What a keeper does next.
enum Next {
    Run,
    WaitUntil(Instant),
    Rest,
    End,
}

// === impl Keeper ===

impl Keeper {
    /// A keeper that rests until it is told to start.
    pub(crate) fn new(spec: Arc<ProcessSpec>, http: reqwest::Client) -> (Self, Kept) {
        let (orders, inbox) = mpsc::channel(ORDERS);
        let (process, view) = watch::channel(Process {
            node: spec.node.clone(),
            cluster: spec.cluster.clone(),
            state: ProcessState::Pending,
            ready: false,
            pid: 0,
            incarnation: 0,
            restarts: 0,
            last_exit: None,
            stderr: spec.stderr.clone(),
        });
        let keeper = Self {
            spec,
            http,
            orders: inbox,
            process,
            backoff: Backoff::default(),
        };
        (
            keeper,
            Kept {
                orders,
                process: view,
            },
        )
    }

    /// Keeps until it is told to close, or until nobody can tell it anything any more.
    pub(crate) async fn run(mut self) {
        let mut starter = None;
        let mut next = Next::Rest;
        loop {
            next = match next {
                Next::Run => self.live(starter.take()).await,
                Next::WaitUntil(when) => self.idle(Some(when), &mut starter).await,
                Next::Rest => self.idle(None, &mut starter).await,
                Next::End => return,
            };
        }
    }

    /// Nothing runs: waits for its time or an order.
    async fn idle(&mut self, until: Option<Instant>, starter: &mut Option<oneshot::Sender<Process>>) -> Next {
        loop {
            let order = tokio::select! {
                () = sleep_until(until) => return Next::Run,
                order = self.orders.recv() => order,
            };
            match order {
                Some(Order::Start(started)) => {
                    *starter = Some(started);
                    return Next::Run;
                }
                Some(Order::Stop { done, .. }) => answer(done, false),
                Some(Order::Close { .. }) | None => {
                    self.process
                        .send_modify(|process| process.state = ProcessState::Stopped);
                    return Next::End;
                }
            }
        }
    }

    /// One life of the process.
    async fn live(&mut self, starter: Option<oneshot::Sender<Process>>) -> Next {
        let born = Instant::now();
        let mut child = match self.spawn() {
            Ok(child) => child,
            Err(error) => {
                let reason = format!("cannot start {}: {error}", self.spec.program.display());
                return self.ended_by_itself(&reason, born);
            }
        };
        if let Some(started) = starter {
            answer(started, self.process.borrow().clone());
        }
        // The end of this pipe tells the child that we are gone. `Child::wait` would close it.
        let _alive = child.stdin.take();
        let (spec, http) = (self.spec.clone(), self.http.clone());
        let probe = probe::until_ready(&http, spec.probe.as_deref());
        tokio::pin!(probe);
        let mut ready = false;
        loop {
            let order = tokio::select! {
                ended = child.wait() => {
                    self.kill_group(); // what it may have left behind
                    let reason = ended.map_or_else(|error| error.to_string(), describe);
                    return self.ended_by_itself(&reason, born);
                }
                () = &mut probe, if !ready => {
                    ready = true;
                    self.process.send_modify(|process| process.ready = true);
                    continue;
                }
                order = self.orders.recv() => order,
            };
            match order {
                Some(Order::Start(started)) => answer(started, self.process.borrow().clone()),
                Some(Order::Stop {
                    incarnation,
                    grace,
                    again,
                    done,
                }) => {
                    if incarnation == self.process.borrow().incarnation {
                        self.end(&mut child, grace).await;
                        answer(done, true);
                        return if again { Next::Run } else { Next::Rest };
                    }
                    answer(done, false);
                }
                Some(Order::Close { grace }) => {
                    self.end(&mut child, grace).await;
                    return Next::End;
                }
                None => {
                    self.end(&mut child, self.spec.grace).await;
                    return Next::End;
                }
            }
        }
    }

    fn spawn(&mut self) -> io::Result<Child> {
        let mut command = tokio::process::Command::from(self.spec.command()?);
        command.kill_on_drop(true);
        let incarnation = Incarnation::now().0;
        let child = command.spawn()?;
        let pid = child.id().unwrap_or(0);
        info!(
            event.action = "process-started",
            labels.node = %self.spec.node,
            process.pid = pid,
            "process started"
        );
        self.process.send_modify(|process| {
            process.state = ProcessState::Running;
            process.ready = false;
            process.pid = pid;
            process.incarnation = incarnation.max(process.incarnation + 1);
        });
        Ok(child)
    }

    fn ended_by_itself(&mut self, reason: &str, born: Instant) -> Next {
        let wait = self.backoff.wait(born.elapsed(), rand::random());
        warn!(
            event.action = "process-lost",
            event.reason = %reason,
            labels.node = %self.spec.node,
            wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            "process ended by itself, starting it again"
        );
        self.process.send_modify(|process| {
            process.state = ProcessState::Waiting;
            process.ready = false;
            process.pid = 0;
            process.restarts += 1;
            process.last_exit = Some(reason.to_owned());
        });
        Next::WaitUntil(Instant::now() + wait)
    }

    /// Ends the whole process group: SIGTERM, and SIGKILL after the grace.
    async fn end(&mut self, child: &mut Child, grace: Duration) {
        self.signal_group(Signal::SIGTERM);
        let in_order = tokio::time::timeout(grace, child.wait()).await.is_ok();
        self.kill_group();
        let reason = match child.wait().await {
            Ok(status) => describe(status),
            Err(error) => error.to_string(),
        };
        if in_order {
            info!(event.action = "process-stopped", event.reason = %reason, labels.node = %self.spec.node, "process stopped");
        } else {
            warn!(event.action = "process-killed", event.reason = %reason, labels.node = %self.spec.node, "process did not stop in its grace, killed");
        }
        self.process.send_modify(|process| {
            process.state = ProcessState::Stopped;
            process.ready = false;
            process.pid = 0;
            process.last_exit = Some(reason);
        });
        self.backoff = Backoff::default();
    }

    fn kill_group(&self) {
        self.signal_group(Signal::SIGKILL);
    }

    fn signal_group(&self, signal: Signal) {
        let Ok(pid @ 1..) = i32::try_from(self.process.borrow().pid) else {
            return;
        };
        match killpg(Pid::from_raw(pid), signal) {
            // ESRCH: the group is empty, which is what we want.
            Ok(()) | Err(nix::errno::Errno::ESRCH) => {}
            Err(error) => {
                warn!(error = %error, labels.node = %self.spec.node, "cannot signal the process group");
            }
        }
    }
}

async fn sleep_until(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when).await,
        None => std::future::pending().await,
    }
}

/// Whoever asked may have gone away meanwhile; then the answer is for nobody.
fn answer<T>(to: oneshot::Sender<T>, what: T) {
    drop(to.send(what));
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => {
            let name = Signal::try_from(signal).map_or("unknown signal", Signal::as_str);
            format!("killed by {name}")
        }
        (None, None) => "ended".to_owned(),
    }
}

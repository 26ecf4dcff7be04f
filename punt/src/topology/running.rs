//! The tasks of a topology, and how they end.

use std::fs::File;
use std::future::Future;
use std::time::Duration;

use anyhow::anyhow;
use punt_control::Kind;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::meter::Meters;

/// How often a stop says who is still running.
const SAY_EVERY: Duration = Duration::from_secs(5);

/// How long after the grace period the routing stage may take to give up.
const ABANDON: Duration = Duration::from_secs(2);

/// The grace period of a punt that ends because its input has ended.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 86_400);

/// What a task is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    Source,
    Transform,
    Router,
    Action,
    Sink,
}

/// Tasks that run.
pub(crate) struct Running {
    tasks: JoinSet<(String, Work, anyhow::Result<()>)>,
    left: Vec<(String, Work)>,
    grace: Duration,
    abandon: CancellationToken,
    /// Cancelled when a source's input has ended, and with it the work of this punt.
    input_ended: CancellationToken,
    /// Held as long as the buffers are used.
    _lock: File,
}

// === impl Running ===

impl Running {
    pub(super) fn new(lock: File, grace: Duration, abandon: CancellationToken) -> Self {
        Self {
            tasks: JoinSet::new(),
            left: Vec::new(),
            grace,
            abandon,
            input_ended: CancellationToken::new(),
            _lock: lock,
        }
    }

    pub(super) fn input_ended(&self) -> CancellationToken {
        self.input_ended.clone()
    }

    pub(super) fn spawn(
        &mut self,
        name: &str,
        work: Work,
        task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.left.push((name.to_owned(), work));
        let name = name.to_owned();
        self.tasks.spawn(async move { (name, work, task.await) });
    }

    pub(super) fn spawn_blocking(
        &mut self,
        name: &str,
        work: Work,
        task: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
    ) {
        self.left.push((name.to_owned(), work));
        let name = name.to_owned();
        self.tasks.spawn_blocking(move || (name, work, task()));
    }

    /// Runs until the stop signal and everything has drained, or until a task fails.
    pub(crate) async fn run(mut self, stop: &CancellationToken, meters: &Meters) -> anyhow::Result<()> {
        let mut failed = None;
        tokio::select! {
            // First: sources end because of it.
            biased;
            () = stop.cancelled() => {}
            () = self.input_ended.cancelled() => {
                // Everything is to be delivered, however long that takes.
                self.grace = FOREVER;
                stop.cancel();
            }
            Some(ended) = self.tasks.join_next() => {
                // Nobody asked it to end. Without it punt would look alive and be deaf.
                let reason = self.ended(ended).err().unwrap_or_else(|| anyhow!("a task ended unasked"));
                error!(event.action = "task-failed", error = format!("{reason:#}"), "a task failed, stopping");
                failed = Some(reason);
                stop.cancel();
            }
        }
        self.drain().await;
        let buffered = buffered(meters);
        let message = match buffered {
            0 => "stopped, all is delivered",
            _ => "stopped, what is left stays in the buffers",
        };
        info!(event.action = "stopped", buffered_events = buffered, "{message}");
        failed.map_or(Ok(()), Err)
    }

    /// Waits for all tasks, and ends those that take longer than the grace period.
    async fn drain(&mut self) {
        let deadline = Instant::now() + self.grace;
        let mut say = Instant::now() + SAY_EVERY;
        loop {
            tokio::select! {
                ended = self.tasks.join_next() => match ended {
                    None => return,
                    Some(ended) => {
                        if let Err(error) = self.ended(ended) {
                            error!(event.action = "task-failed", error = format!("{error:#}"),
                                   "a task failed while stopping");
                        }
                    }
                },
                () = sleep_until(say) => {
                    info!(event.action = "draining", labels.running = self.running(),
                          seconds_left = deadline.saturating_duration_since(Instant::now()).as_secs(),
                          "still draining");
                    say += SAY_EVERY;
                }
                () = sleep_until(deadline) => break,
            }
        }
        let only_sinks = self.left.iter().all(|(_, work)| *work == Work::Sink);
        if !only_sinks {
            warn!(
                event.action = "grace-over",
                labels.running = self.running(),
                "the grace period is over, giving up on what has no room"
            );
        }
        // The router counts what it gives up; sinks can be dropped at any time, theirs is on disk.
        self.abandon.cancel();
        let last = sleep(ABANDON);
        tokio::pin!(last);
        while self.left.iter().any(|(_, work)| *work != Work::Sink) {
            tokio::select! {
                () = &mut last => break,
                ended = self.tasks.join_next() => match ended {
                    Some(ended) => drop(self.ended(ended)),
                    None => break,
                },
            }
        }
        self.tasks.abort_all();
    }

    fn ended(
        &mut self,
        ended: Result<(String, Work, anyhow::Result<()>), tokio::task::JoinError>,
    ) -> anyhow::Result<()> {
        let (name, work, result) = ended.map_err(|error| anyhow!("a task panicked: {error}"))?;
        if let Some(index) = self.left.iter().position(|task| *task == (name.clone(), work)) {
            self.left.swap_remove(index);
        }
        result.map_err(|error| error.context(name))
    }

    fn running(&self) -> String {
        let names: Vec<&str> = self.left.iter().map(|(name, _)| name.as_str()).collect();
        names.join(", ")
    }
}

fn buffered(meters: &Meters) -> u64 {
    let stats = meters.stats();
    let sinks = stats
        .components
        .iter()
        .filter(|component| component.kind == Kind::Sink);
    sinks
        .filter_map(|sink| sink.buffer.as_ref())
        .map(|buffer| buffer.events)
        .sum()
}

//! The tasks of a topology, and how they end.

use std::fs::File;
use std::future::Future;
use std::time::Duration;

use anyhow::anyhow;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// How often a stop says who is still running.
const SAY_EVERY: Duration = Duration::from_secs(5);

/// How long after the grace period the routing stage may take to give up.
const ABANDON: Duration = Duration::from_secs(2);

/// The grace period of a punt that ends because its input has ended.
pub(super) const FOREVER: Duration = Duration::from_secs(10 * 365 * 86_400);

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
    tasks: JoinSet<Ended>,
    left: Vec<Left>,
    started: u64,
    abandon: CancellationToken,
    /// Cancelled when a source's input has ended, and with it the work of this punt.
    input_ended: CancellationToken,
    /// Held as long as the buffers are used.
    _lock: File,
}

/// A task that has not ended.
struct Left {
    number: u64,
    name: String,
    work: Work,
}

struct Ended {
    number: u64,
    /// It had been asked to end.
    asked: bool,
    result: anyhow::Result<()>,
}

// === impl Running ===

impl Running {
    pub(super) fn new(lock: File, abandon: CancellationToken) -> Self {
        Self {
            tasks: JoinSet::new(),
            left: Vec::new(),
            started: 0,
            abandon,
            input_ended: CancellationToken::new(),
            _lock: lock,
        }
    }

    pub(super) fn input_ended(&self) -> CancellationToken {
        self.input_ended.clone()
    }

    /// Runs a task that should not end before `asked` is cancelled.
    pub(super) fn spawn(
        &mut self,
        name: &str,
        work: Work,
        asked: CancellationToken,
        task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        let number = self.enter(name, work);
        self.tasks.spawn(async move {
            let result = task.await;
            let asked = asked.is_cancelled();
            Ended {
                number,
                asked,
                result,
            }
        });
    }

    /// The same, on a thread of its own.
    pub(super) fn spawn_blocking(
        &mut self,
        name: &str,
        work: Work,
        asked: CancellationToken,
        task: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
    ) {
        let number = self.enter(name, work);
        self.tasks.spawn_blocking(move || {
            let result = task();
            let asked = asked.is_cancelled();
            Ended {
                number,
                asked,
                result,
            }
        });
    }

    fn enter(&mut self, name: &str, work: Work) -> u64 {
        self.started += 1;
        self.left.push(Left {
            number: self.started,
            name: name.to_owned(),
            work,
        });
        self.started
    }

    /// Waits until a task ends that was not asked to, and gives the reason.
    pub(super) async fn failure(&mut self) -> anyhow::Error {
        loop {
            match self.tasks.join_next().await {
                // Nothing runs: the caller has other things to wait for.
                None => std::future::pending().await,
                Some(ended) => match self.ended(ended) {
                    Ok(true) => {}
                    // A source that has said so: the end of its input is the end of punt.
                    Ok(false) if self.input_ended.is_cancelled() => {}
                    // Nobody asked it to end. Without it punt would look alive and be deaf.
                    Ok(false) => return anyhow!("a task ended unasked"),
                    Err(error) => return error,
                },
            }
        }
    }

    /// Waits for all tasks, and ends those that take longer than the grace period.
    pub(super) async fn drain(&mut self, grace: Duration) {
        let deadline = Instant::now() + grace;
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
        let only_sinks = self.left.iter().all(|task| task.work == Work::Sink);
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
        while self.left.iter().any(|task| task.work != Work::Sink) {
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

    /// Whether it was asked to end; an error with the name of the task when it failed.
    fn ended(&mut self, ended: Result<Ended, JoinError>) -> anyhow::Result<bool> {
        let ended = ended.map_err(|error| anyhow!("a task panicked: {error}"))?;
        let name = match self.left.iter().position(|task| task.number == ended.number) {
            Some(index) => self.left.swap_remove(index).name,
            None => String::new(),
        };
        match ended.result {
            Ok(()) => Ok(ended.asked),
            Err(error) => Err(error.context(name)),
        }
    }

    fn running(&self) -> String {
        let names: Vec<&str> = self.left.iter().map(|task| task.name.as_str()).collect();
        names.join(", ")
    }
}

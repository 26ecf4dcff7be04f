//! The console's side of the network: the watch stream, the log store, and the calls that `update` asks for. No
//! terminal library here. Whatever comes in goes, as a message, through one bounded queue; when the screen falls
//! behind, the tasks here wait (they block, nothing is dropped) and the servers feel it.

pub mod query;
mod store;
mod watch;

use std::time::Duration;

use ops_api::{ApiError, ControlClient, Operation};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::{AbortHandle, JoinSet};

pub use store::{Counts, Store};

use crate::state::{Cmd, Feed, Msg, Refusal, Turn};

/// Messages that may wait for the screen; a full queue blocks its senders.
const QUEUE: usize = 64;
/// How many entries of the audit log are shown.
const AUDIT_ENTRIES: usize = 200;
/// How long leaving waits for a request that changes something: it must not be cut off half sent.
const FAREWELL: Duration = Duration::from_secs(2);

/// All connections.
pub struct Connections {
    control: ControlClient,
    store: Store,
    messages: Sender<Msg>,
    /// Reads: given up when the console ends.
    reads: JoinSet<()>,
    /// Changes: waited for when the console ends.
    changes: JoinSet<()>,
    tail: Option<AbortHandle>,
    logs: Option<AbortHandle>,
}

// === impl Connections ===

impl Connections {
    /// Starts to watch. What comes in is received from the second.
    pub fn start(control: ControlClient, store: Store) -> (Self, Receiver<Msg>) {
        let (messages, inbox) = channel(QUEUE);
        let mut reads = JoinSet::new();
        reads.spawn(watch::follow(control.clone(), messages.clone()));
        let connections = Self {
            control,
            store,
            messages,
            reads,
            changes: JoinSet::new(),
            tail: None,
            logs: None,
        };
        (connections, inbox)
    }

    /// Carries out a wish. Those for the terminal are not for here.
    pub fn execute(&mut self, cmd: Cmd) {
        // Tasks that have ended are let go; those of a feed are ended by their handle.
        while self.reads.try_join_next().is_some() {}
        while self.changes.try_join_next().is_some() {}
        let control = self.control.clone();
        let messages = self.messages.clone();
        match cmd {
            Cmd::Quit | Cmd::Redraw | Cmd::Copy(_) | Cmd::Mouse(_) | Cmd::Dump(_) => {}
            Cmd::Save(path, text) => {
                self.reads.spawn(async move {
                    let (text, bad) = match save(&path, &text).await {
                        Ok(()) => (format!("written to {path}"), false),
                        Err(error) => (format!("cannot write {path}: {error}"), true),
                    };
                    deliver(&messages, Msg::Told { text, bad }).await;
                });
            }
            Cmd::Follow(feed, generation, query) => {
                let follower = self.store.clone().follow(feed, generation, query, messages);
                let handle = self.reads.spawn(follower);
                self.replace(feed, Some(handle));
            }
            Cmd::Unfollow(feed) => self.replace(feed, None),
            Cmd::Count(generation, query, width) => {
                let store = self.store.clone();
                self.reads.spawn(async move {
                    let msg = match store.counts(&query, width).await {
                        Ok(counts) => Msg::Counts {
                            generation,
                            from: counts.from,
                            bucket_ms: counts.bucket_ms,
                            buckets: counts.buckets,
                        },
                        Err(reason) => Msg::CountsFailed(generation, reason),
                    };
                    deliver(&messages, msg).await;
                });
            }
            Cmd::FetchOperations => {
                self.reads.spawn(async move {
                    let answer = control.operations().await;
                    let msg = answer.map_or_else(|error| Msg::ListFailed(refusal(&error)), Msg::Operations);
                    deliver(&messages, msg).await;
                });
            }
            Cmd::FetchAudit => {
                self.reads.spawn(async move {
                    let answer = control.audit(AUDIT_ENTRIES).await;
                    let msg = answer.map_or_else(|error| Msg::ListFailed(refusal(&error)), Msg::Audit);
                    deliver(&messages, msg).await;
                });
            }
            Cmd::Plan(sheet, request) => {
                let key = format!("plan-{sheet}-{:016x}", rand::random::<u64>());
                self.reads.spawn(async move {
                    let answer = operation(control.start(&request, &key).await);
                    deliver(&messages, Msg::Planned(sheet, answer)).await;
                });
            }
            Cmd::Start(sheet, request, key) => {
                self.changes.spawn(async move {
                    let answer = operation(control.start(&request, &key).await);
                    deliver(&messages, Msg::Started(sheet, answer)).await;
                });
            }
            Cmd::Turn(sheet, turn, id, by) => {
                self.changes.spawn(async move {
                    let answer = match turn {
                        Turn::Abort => control.abort(&id, &by).await,
                        Turn::Pause => control.pause(&id, &by).await,
                        Turn::Resume => control.resume(&id, &by).await,
                    };
                    deliver(&messages, Msg::Turned(sheet, operation(answer))).await;
                });
            }
        }
    }

    /// Ends all tasks; waits a little for those that change something.
    pub async fn close(mut self, inbox: Receiver<Msg>) {
        // Nobody reads any more: a task that reports must not wait for room.
        drop(inbox);
        self.reads.shutdown().await;
        let changes = async { while self.changes.join_next().await.is_some() {} };
        if tokio::time::timeout(FAREWELL, changes).await.is_err() {
            tracing::warn!("left while a request to the control plane was unanswered");
        }
        self.changes.shutdown().await;
    }

    fn replace(&mut self, feed: Feed, follower: Option<AbortHandle>) {
        let slot = match feed {
            Feed::Tail => &mut self.tail,
            Feed::Logs => &mut self.logs,
        };
        if let Some(before) = std::mem::replace(slot, follower) {
            before.abort();
        }
    }
}

/// Writes a new file that only its owner may read; never over one that is there.
async fn save(path: &str, text: &str) -> std::io::Result<()> {
    let mut options = tokio::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .await?;
    file.write_all(text.as_bytes()).await?;
    file.flush().await
}

async fn deliver(messages: &Sender<Msg>, msg: Msg) {
    if messages.send(msg).await.is_err() {
        tracing::debug!("an answer came after the console had ended");
    }
}

fn operation(answer: Result<Operation, ApiError>) -> Result<Box<Operation>, Refusal> {
    answer.map(Box::new).map_err(|error| refusal(&error))
}

fn refusal(error: &ApiError) -> Refusal {
    match error {
        ApiError::Refused(problem) => Refusal {
            title: problem.title.clone(),
            hint: problem.hint.clone(),
            operation: problem.operation.clone(),
        },
        other => Refusal {
            title: watch::explain(other),
            hint: String::new(),
            operation: None,
        },
    }
}

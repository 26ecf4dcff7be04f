//! Group commit: one thread, one transaction and one fsync for all writes that wait.
//!
//! The queue is bounded and a full one makes its senders wait: each guild has at most one append in flight, so
//! what waits here is bounded by the number of guilds that are being written to.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chat_proto::service::Refusal;
use chat_store::{Store, StoreError, Write, Written};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error};

/// Writes that may wait; more wait in their senders.
const QUEUE: usize = 1024;

/// Writes of one transaction: enough to share its fsync, few enough that the first need not wait long.
const BATCH: usize = 256;

/// Events of one transaction, give or take the last append's.
const BATCH_EVENTS: usize = 2048;

type Answer = Result<Written, Refusal>;

/// The one writer of a store.
#[derive(Debug)]
pub struct Writer {
    writes_or_wait: mpsc::Sender<Item>,
    thread: Mutex<Option<std::thread::JoinHandle<Result<(), StoreError>>>>,
    failed: CancellationToken,
}

/// One commit, for those who keep figures.
#[derive(Debug, Clone, Copy)]
pub struct Batch {
    /// How many writes it had.
    pub writes: usize,
    /// How many waited behind it.
    pub waiting: usize,
    /// How long it took.
    pub took: Duration,
}

#[derive(Debug)]
enum Item {
    Write(Write, oneshot::Sender<Answer>),
    /// Nothing that was queued after it is written.
    End,
}

// === impl Writer ===

impl Writer {
    /// Starts the thread. It tells `observe` about each commit.
    pub fn start(
        store: Arc<dyn Store>,
        observe: impl FnMut(Batch) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (writes_or_wait, queue) = mpsc::channel(QUEUE);
        let failed = CancellationToken::new();
        let on_failure = failed.clone();
        let thread = std::thread::Builder::new()
            .name("data-writer".into())
            .spawn(move || {
                // Also when it panics: a service without its writer must not live on.
                let _guard = on_failure.drop_guard();
                write_all(store.as_ref(), queue, observe)
            })?;
        Ok(Self {
            writes_or_wait,
            thread: Mutex::new(Some(thread)),
            failed,
        })
    }

    /// Queues a write and waits until it is durable or refused.
    pub async fn write(&self, write: Write) -> Answer {
        let (answer, answered) = oneshot::channel();
        let gone = || Refusal::unavailable("the store has failed, the node is stopping");
        self.writes_or_wait
            .send(Item::Write(write, answer))
            .await
            .map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Resolves when the thread has ended: before [`Writer::finish`], only because the store failed.
    pub async fn failed(&self) {
        self.failed.cancelled().await;
    }

    /// Writes what is queued and ends the thread; later writes are refused. Blocks: not for an async task.
    pub fn finish(&self) -> Result<(), StoreError> {
        // A failed send means that the thread has ended already, and why is what joining it tells.
        drop(self.writes_or_wait.blocking_send(Item::End));
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        match thread.map(std::thread::JoinHandle::join) {
            Some(Ok(ended)) => ended,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Ok(()),
        }
    }
}

fn write_all(
    store: &dyn Store,
    mut queue: mpsc::Receiver<Item>,
    mut observe: impl FnMut(Batch),
) -> Result<(), StoreError> {
    let mut writes = Vec::with_capacity(BATCH);
    let mut answers = Vec::with_capacity(BATCH);
    let mut ended = false;
    while !ended && let Some(first) = queue.blocking_recv() {
        let mut events = 0;
        let mut next = Some(first);
        while let Some(item) = next {
            match item {
                Item::Write(write, answer) if !ended => {
                    if let Write::Append { events: appended, .. } = &write {
                        events += appended.len();
                    }
                    writes.push(write);
                    answers.push(answer);
                }
                // Its sender learns from the dropped channel.
                Item::Write(..) => {}
                Item::End => ended = true,
            }
            let full = writes.len() >= BATCH || events >= BATCH_EVENTS;
            next = if full { None } else { queue.try_recv().ok() };
        }
        if writes.is_empty() {
            continue;
        }
        let began = Instant::now();
        let outcomes = commit(store, &writes);
        observe(Batch {
            writes: writes.len(),
            waiting: queue.len(),
            took: began.elapsed(),
        });
        match outcomes {
            Ok(outcomes) => {
                for (answer, outcome) in answers.drain(..).zip(outcomes) {
                    // Nobody may be waiting any more: the write counts all the same.
                    drop(answer.send(outcome));
                }
            }
            Err(failure) => {
                error!(error = %failure, "the store failed, its outcome is unknown");
                for answer in answers.drain(..) {
                    drop(answer.send(Err(Refusal::unavailable(
                        "the store failed, whether it was written is unknown",
                    ))));
                }
                // After a failed fsync the only truth is on the disk: open it again, in another life.
                return Err(failure);
            }
        }
        writes.clear();
    }
    debug!("the queue of writes ended");
    Ok(())
}

/// One transaction; when a single row cannot be read or written, one for each, so that it fails alone.
fn commit(store: &dyn Store, writes: &[Write]) -> Result<Vec<Answer>, StoreError> {
    match store.write(writes) {
        Err(StoreError::Row { .. }) if writes.len() > 1 => {
            let mut outcomes = Vec::with_capacity(writes.len());
            for write in writes {
                outcomes.extend(commit(store, std::slice::from_ref(write))?);
            }
            Ok(outcomes)
        }
        Err(bad @ StoreError::Row { .. }) => Ok(vec![Err(Refusal::internal(bad))]),
        outcome => outcome,
    }
}

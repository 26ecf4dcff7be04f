//! The stage: one thread that takes batches from the queue, writes them into the buffers of their sinks, and
//! tells the sources once they are durable.
//!
//! One write and one sync serve many batches. It ends when every source has dropped its end of the queue.
//!
//! A full buffer that blocks holds the sources: that is back-pressure. It does not hold what the other sinks have
//! already been given: their buffers are written before anybody waits, and they go on delivering.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;

use super::outlet::Flushed;
use super::settle::Settle;
use super::{Outlet, Routes};
use crate::buffer::now_ms;
use crate::config::Fsync;
use crate::event::{Acknowledge, Batch};
use crate::meter::{Count, Meter};
use crate::tap::Tap;

/// How often buffers are synced with `fsync = "interval"`.
const SYNC_EVERY: Duration = Duration::from_millis(200);

/// Batches that are written with one write.
const GROUP: usize = 16;

/// The routing stage.
pub(crate) struct Stage {
    pub(crate) queue: Receiver<Batch>,
    pub(crate) routes: Routes,
    pub(crate) outlets: Vec<Outlet>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) tap: Tap,
    /// The strictest of the sinks' settings.
    pub(crate) fsync: Fsync,
    /// Cancelled when the grace period is over: wait for no room any more.
    pub(crate) abandon: CancellationToken,
    /// Rung when a buffer in memory has delivered events.
    pub(crate) delivered: Arc<Notify>,
}

/// What was written and may not be on stable storage yet.
struct Pending {
    acknowledge: Vec<Acknowledge>,
    since: Instant,
    /// What is synced, and waits for buffers in memory.
    settle: Settle,
    /// Something was given up. An acknowledgement speaks for all batches before it, so none may follow.
    gap: bool,
}

/// What the stage is to do.
enum Next {
    Batch(Batch),
    /// What was written has waited long enough.
    Sync,
    /// A buffer in memory has delivered something.
    Delivered,
    /// No source is left.
    Ended,
}

// === impl Stage ===

impl Stage {
    /// Runs on a thread of its own until the queue ends.
    pub(crate) fn run(mut self, runtime: &Handle) -> anyhow::Result<()> {
        let mut pending = Pending {
            acknowledge: Vec::new(),
            since: Instant::now(),
            settle: Settle::default(),
            gap: false,
        };
        loop {
            let batch = match runtime.block_on(self.next(&pending)) {
                Next::Batch(batch) => batch,
                Next::Ended => break,
                Next::Sync => {
                    self.sync(&mut pending)?;
                    continue;
                }
                Next::Delivered => {
                    pending.settle.settle();
                    continue;
                }
            };
            self.take(batch, runtime, &mut pending);
            let due = match self.fsync {
                Fsync::Always => true,
                Fsync::Interval => pending.since.elapsed() >= SYNC_EVERY,
                Fsync::Never => {
                    pending
                        .settle
                        .push(std::mem::take(&mut pending.acknowledge), &self.outlets);
                    false
                }
            };
            if due {
                self.sync(&mut pending)?;
            }
        }
        self.sync(&mut pending)?;
        // Closes the buffers: sinks send what is there. Sources still wait to hear of what was in memory.
        self.outlets.clear();
        while !pending.settle.is_empty() {
            let news = runtime.block_on(async {
                tokio::select! {
                    () = self.delivered.notified() => true,
                    () = self.abandon.cancelled() => false,
                }
            });
            if !news {
                break;
            }
            pending.settle.settle();
        }
        Ok(())
    }

    /// Waits for something to do.
    async fn next(&mut self, pending: &Pending) -> Next {
        let sync = async {
            match pending.acknowledge.is_empty() {
                true => std::future::pending().await,
                false => tokio::time::sleep(SYNC_EVERY.saturating_sub(pending.since.elapsed())).await,
            }
        };
        tokio::select! {
            biased;
            batch = self.queue.recv() => batch.map_or(Next::Ended, Next::Batch),
            () = sync => Next::Sync,
            () = self.delivered.notified(), if !pending.settle.is_empty() => Next::Delivered,
        }
    }

    /// Takes this batch and those that wait behind it.
    fn take(&mut self, first: Batch, runtime: &Handle, pending: &mut Pending) {
        let now = now_ms();
        let mut acknowledge = Vec::new();
        let mut next = Some(first);
        let mut taken = 0;
        let mut kept = true;
        while let Some(mut batch) = next {
            kept &= self.add(&batch, now, runtime);
            acknowledge.extend(batch.acknowledge.take());
            taken += 1;
            next = if taken < GROUP {
                self.queue.try_recv().ok()
            } else {
                None
            };
        }
        kept &= self.flush(runtime);
        pending.settle.settle();
        // The sources must read these again: what they have not checkpointed is not lost.
        pending.gap |= !kept;
        if pending.gap {
            return;
        }
        if pending.acknowledge.is_empty() {
            pending.since = Instant::now();
        }
        pending.acknowledge.append(&mut acknowledge);
    }

    /// False: some of it was given up.
    fn add(&mut self, batch: &Batch, now_ms: u64, runtime: &Handle) -> bool {
        let mut kept = true;
        let watched = self.tap.is_watched();
        for event in batch.events() {
            let sinks = self.routes.sinks(event.document);
            if sinks == 0 {
                self.meter.add(Count::DroppedNoRoute, 1);
                continue;
            }
            if watched {
                self.tap.offer(event.document);
            }
            let mut full = false;
            for (number, outlet) in self.outlets.iter_mut().enumerate() {
                if sinks & 1 << number != 0 {
                    outlet.add(event, now_ms);
                    full |= outlet.is_full();
                }
            }
            if full {
                kept &= self.flush(runtime);
            }
        }
        kept
    }

    /// Writes what was added to every outlet: first where there is room, then where it has to be waited for.
    /// False: some of it was given up.
    fn flush(&mut self, runtime: &Handle) -> bool {
        let mut stuck = false;
        for outlet in &mut self.outlets {
            stuck |= outlet.try_flush() == Flushed::Stuck;
        }
        if !stuck {
            return true;
        }
        let abandon = &self.abandon;
        let kept = self
            .outlets
            .iter_mut()
            .map(|outlet| outlet.flush(runtime, abandon));
        kept.fold(true, |all, kept| all & kept)
    }

    /// A failed sync is the end of this run: nobody knows what is on disk (the kernel may have dropped it, and
    /// will not say so again), so the sources must read everything again that was not acknowledged before.
    fn sync(&mut self, pending: &mut Pending) -> anyhow::Result<()> {
        for outlet in &mut self.outlets {
            outlet.sync().context("syncing a buffer")?;
        }
        pending
            .settle
            .push(std::mem::take(&mut pending.acknowledge), &self.outlets);
        Ok(())
    }
}

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
use tokio::time::timeout;

use super::settle::Settle;
use super::{Flushed, Outlet, Patience, Routes};
use crate::alert::Rules;
use crate::buffer::now_ms;
use crate::config::Fsync;
use crate::event::{Acknowledge, Batch};
use crate::meter::{Count, Meter};
use crate::tap::Tap;

/// How often buffers are synced with `fsync = "interval"`.
const SYNC_EVERY: Duration = Duration::from_millis(200);

/// How long to wait for a batch while nothing waits for a sync.
const IDLE: Duration = Duration::from_secs(3600);

/// Batches that are written with one write.
const GROUP: usize = 16;

/// The routing stage.
pub(crate) struct Stage {
    pub(crate) queue: Receiver<Batch>,
    pub(crate) routes: Routes,
    pub(crate) alerts: Rules,
    pub(crate) outlets: Vec<Outlet>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) tap: Tap,
    /// The strictest of the sinks' settings.
    pub(crate) fsync: Fsync,
    /// What ends the waits of this stage.
    pub(crate) patience: Patience,
    /// What the stage before this one had not finished.
    pub(crate) pending: Pending,
    /// Rung when a buffer in memory has delivered events.
    pub(crate) delivered: Arc<Notify>,
}

/// What a stage gives to the one that takes over.
pub(crate) struct Handover {
    pub(crate) queue: Receiver<Batch>,
    pub(crate) outlets: Vec<Outlet>,
    pub(crate) alerts: Rules,
    pub(crate) pending: Pending,
}

/// What was written and may not be on stable storage yet.
pub(crate) struct Pending {
    acknowledge: Vec<Acknowledge>,
    since: Instant,
    /// What is synced, and waits for buffers in memory.
    settle: Settle,
    /// Something was given up. An acknowledgement speaks for all batches before it, so none may follow.
    gap: bool,
}

// === impl Stage ===

impl Stage {
    /// Runs on a thread of its own until the queue ends, or until the handover, and then gives what the next
    /// stage needs.
    pub(crate) fn run(mut self, runtime: &Handle) -> anyhow::Result<Option<Handover>> {
        let mut pending = std::mem::take(&mut self.pending);
        // What had no room in the stage before goes first.
        pending.gap |= self.flush(runtime) == Flushed::Lost;
        loop {
            if self.patience.handover.is_cancelled() {
                return Ok(Some(Handover {
                    queue: self.queue,
                    outlets: self.outlets,
                    alerts: self.alerts,
                    pending,
                }));
            }
            let left = match pending.acknowledge.is_empty() {
                true => IDLE,
                false => SYNC_EVERY.saturating_sub(pending.since.elapsed()),
            };
            let (handover, delivered) = (&self.patience.handover, &self.delivered);
            let received = runtime.block_on(async {
                tokio::select! {
                    biased;
                    () = handover.cancelled() => None,
                    () = delivered.notified(), if !pending.settle.is_empty() => None,
                    received = timeout(left, self.queue.recv()) => Some(received),
                }
            });
            pending.settle.settle();
            let batch = match received {
                None => continue,
                Some(Ok(batch)) => batch,
                Some(Err(_)) => {
                    self.sync(&mut pending)?;
                    continue;
                }
            };
            let Some(batch) = batch else { break };
            self.take(batch, runtime, &mut pending);
            if self.outlets.iter().any(Outlet::is_waiting) {
                // Not written yet, so not durable; the handover is on.
                continue;
            }
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
        self.alerts.finish();
        self.sync(&mut pending)?;
        // Closes the buffers: sinks send what is there. Sources still wait to hear of what was in memory.
        self.outlets.clear();
        while !pending.settle.is_empty() && !self.patience.abandon.is_cancelled() {
            runtime.block_on(async {
                tokio::select! {
                    () = self.delivered.notified() => {}
                    () = self.patience.abandon.cancelled() => {}
                }
            });
            pending.settle.settle();
        }
        Ok(None)
    }

    /// Takes this batch and those that wait behind it.
    fn take(&mut self, first: Batch, runtime: &Handle, pending: &mut Pending) {
        let now = now_ms();
        let mut acknowledge = Vec::new();
        let mut next = Some(first);
        let mut taken = 0;
        let mut lost = false;
        while let Some(mut batch) = next {
            lost |= self.add(&batch, now, runtime);
            acknowledge.extend(batch.acknowledge.take());
            taken += 1;
            next = if taken < GROUP {
                self.queue.try_recv().ok()
            } else {
                None
            };
        }
        lost |= self.flush(runtime) == Flushed::Lost;
        // The sources must read these again: what they have not checkpointed is not lost.
        pending.gap |= lost;
        if pending.gap {
            return;
        }
        if pending.acknowledge.is_empty() {
            pending.since = Instant::now();
        }
        pending.acknowledge.append(&mut acknowledge);
    }

    /// Writes what was added: first where there is room, then where that has to be waited for.
    fn flush(&mut self, runtime: &Handle) -> Flushed {
        self.outlets.iter_mut().for_each(Outlet::flush_some);
        let mut flushed = Flushed::Done;
        for outlet in &mut self.outlets {
            flushed = match (flushed, outlet.flush(runtime, &self.patience)) {
                (Flushed::Lost, _) | (_, Flushed::Lost) => Flushed::Lost,
                (Flushed::Waiting, _) | (_, Flushed::Waiting) => Flushed::Waiting,
                (Flushed::Done, Flushed::Done) => Flushed::Done,
            };
        }
        flushed
    }

    /// True: some of it was lost.
    fn add(&mut self, batch: &Batch, now_ms: u64, runtime: &Handle) -> bool {
        let mut lost = false;
        self.meter.add(Count::Routed, batch.len() as u64);
        let watched = self.tap.is_watched();
        let alerting = (!self.alerts.is_empty()).then(Instant::now);
        self.routes.begin();
        for event in batch.events() {
            if let Some(now) = alerting {
                self.alerts.observe(event.document, now);
            }
            let (outlets, mut full) = (&mut self.outlets, false);
            let matched = self.routes.route(event, |sinks, event| {
                for (number, outlet) in outlets.iter_mut().enumerate() {
                    if sinks & 1 << number != 0 {
                        outlet.add(event, now_ms);
                        full |= outlet.is_full();
                    }
                }
            });
            if full {
                lost |= self.flush(runtime) == Flushed::Lost;
            }
            if !matched {
                self.meter.add(Count::DroppedNoRoute, 1);
            } else if watched {
                self.tap.offer(event.document);
            }
        }
        self.routes.settle();
        lost
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

// === impl Pending ===

impl Default for Pending {
    fn default() -> Self {
        Self {
            acknowledge: Vec::new(),
            since: Instant::now(),
            settle: Settle::default(),
            gap: false,
        }
    }
}

//! The stage: one thread that takes batches from the queue, writes them into the buffers of their sinks, and
//! tells the sources once they are durable.
//!
//! One write and one sync serve many batches. It ends when every source has dropped its end of the queue.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::runtime::Handle;
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Outlet, Routes};
use crate::alert::Rules;
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
    pub(crate) alerts: Rules,
    pub(crate) outlets: Vec<Outlet>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) tap: Tap,
    /// The strictest of the sinks' settings.
    pub(crate) fsync: Fsync,
    /// Cancelled when the grace period is over: wait for no room any more.
    pub(crate) abandon: CancellationToken,
}

/// What was written and may not be on stable storage yet.
struct Pending {
    acknowledge: Vec<Acknowledge>,
    since: Instant,
    /// Something was given up. An acknowledgement speaks for all batches before it, so none may follow.
    gap: bool,
}

// === impl Stage ===

impl Stage {
    /// Runs on a thread of its own until the queue ends.
    pub(crate) fn run(mut self, runtime: &Handle) -> anyhow::Result<()> {
        let mut pending = Pending {
            acknowledge: Vec::new(),
            since: Instant::now(),
            gap: false,
        };
        loop {
            let batch = if pending.acknowledge.is_empty() {
                runtime.block_on(self.queue.recv())
            } else {
                let left = SYNC_EVERY.saturating_sub(pending.since.elapsed());
                match runtime.block_on(async { timeout(left, self.queue.recv()).await }) {
                    Ok(batch) => batch,
                    Err(_) => {
                        self.sync(&mut pending)?;
                        continue;
                    }
                }
            };
            let Some(batch) = batch else { break };
            self.take(batch, runtime, &mut pending);
            let due = match self.fsync {
                Fsync::Always => true,
                Fsync::Interval => pending.since.elapsed() >= SYNC_EVERY,
                Fsync::Never => {
                    pending.acknowledge.drain(..).for_each(Acknowledge::durable);
                    false
                }
            };
            if due {
                self.sync(&mut pending)?;
            }
        }
        self.alerts.finish();
        self.sync(&mut pending)
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
        for outlet in &mut self.outlets {
            kept &= outlet.flush(runtime, &self.abandon);
        }
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
        let alerting = (!self.alerts.is_empty()).then(Instant::now);
        self.routes.begin();
        for event in batch.events() {
            if let Some(now) = alerting {
                self.alerts.observe(event.document, now);
            }
            let outlets = &mut self.outlets;
            let matched = self.routes.route(event, |sinks, event| {
                for (number, outlet) in outlets.iter_mut().enumerate() {
                    if sinks & 1 << number != 0 {
                        outlet.add(event, now_ms);
                        if outlet.is_full() {
                            kept &= outlet.flush(runtime, &self.abandon);
                        }
                    }
                }
            });
            if !matched {
                self.meter.add(Count::DroppedNoRoute, 1);
            } else if watched {
                self.tap.offer(event.document);
            }
        }
        self.routes.settle();
        kept
    }

    /// A failed sync is the end of this run: nobody knows what is on disk (the kernel may have dropped it, and
    /// will not say so again), so the sources must read everything again that was not acknowledged before.
    fn sync(&mut self, pending: &mut Pending) -> anyhow::Result<()> {
        for outlet in &mut self.outlets {
            outlet.sync().context("syncing a buffer")?;
        }
        pending.acknowledge.drain(..).for_each(Acknowledge::durable);
        Ok(())
    }
}

//! What every source holds: its name, its counters, its limit, its end of the queue, and the stop signal.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::{Permit, Sender};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::rate::Rate;
use crate::config::WhenLimited;
use crate::event::Batch;
use crate::meter::{Count, Meter};

/// A source's side of the topology.
#[derive(Debug, Clone)]
pub(crate) struct Intake {
    pub(crate) name: String,
    pub(crate) meter: Arc<Meter>,
    /// Bounded: when it is full, the source waits.
    pub(crate) queue: Sender<Batch>,
    /// Cancelled when this source is to take nothing new: at the end of the process, or because a reload took it
    /// out or put another in its place.
    pub(crate) stop: CancellationToken,
    /// Cancelled at the end of the process only: until then, a replaced source reads the connections it has, as
    /// nobody could tell their senders what of the last bytes was lost.
    pub(crate) hang_up: CancellationToken,
    /// To be cancelled by a source whose end is the end of punt, once it has handed on all that it has.
    pub(crate) input_ended: CancellationToken,
    /// The folder for what the source must remember.
    pub(crate) checkpoints: PathBuf,
    /// The limit on events per second; none: no limit.
    pub(crate) rate: Option<Arc<Rate>>,
}

// === impl Intake ===

impl Intake {
    /// Hands a batch on and leaves an empty one. Waits while the queue is full, and while the source is over its
    /// rate. False: punt is at its end.
    pub(crate) async fn send(&self, batch: &mut Batch) -> bool {
        if batch.is_empty() {
            return true;
        }
        let mut batch = batch.take();
        self.limit(&mut batch).await;
        if batch.is_empty() {
            return true;
        }
        match self.queue.send(batch).await {
            Ok(()) => true,
            Err(unsent) => {
                // The later stages have failed, and the network sends nothing again.
                self.meter.add(Count::DroppedAtStop, unsent.0.len() as u64);
                false
            }
        }
    }

    /// The same on a thread of the source's own, for a batch that is not empty and can be read again. With
    /// `when_limited = "drop"` nothing is dropped here: what is kept elsewhere waits.
    pub(crate) fn send_blocking(&self, batch: Batch, runtime: &Handle) -> bool {
        if let Some(rate) = &self.rate {
            let pause = rate.charge(batch.len());
            runtime.block_on(async { drop(timeout(pause, self.stop.cancelled()).await) });
        }
        self.queue.blocking_send(batch).is_ok()
    }

    /// A place for a batch of so many events, if there is one before the deadline.
    pub(crate) async fn place(&self, events: usize, deadline: Instant) -> Option<Permit<'_, Batch>> {
        if let Some(rate) = &self.rate {
            let mut admitted = 0;
            while admitted < events {
                admitted += rate.admit(events - admitted);
                if admitted < events {
                    let missing = Duration::from_millis(20).min(deadline.duration_since(Instant::now()));
                    if missing.is_zero() || rate.when == WhenLimited::Drop {
                        return None;
                    }
                    tokio::time::sleep(missing).await;
                }
            }
        }
        timeout_at(deadline, self.queue.reserve()).await.ok()?.ok()
    }

    /// Waits until the batch is paid for, or cuts it to what is; a stop waits for nothing.
    async fn limit(&self, batch: &mut Batch) {
        let Some(rate) = &self.rate else { return };
        match rate.when {
            WhenLimited::Block => {
                let pause = rate.charge(batch.len());
                drop(timeout(pause, self.stop.cancelled()).await);
            }
            WhenLimited::Drop => {
                let admitted = rate.admit(batch.len());
                self.meter
                    .add(Count::DroppedRateLimited, (batch.len() - admitted) as u64);
                batch.truncate(admitted);
            }
        }
    }
}

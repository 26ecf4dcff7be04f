//! What every source holds: its name, its counters, its end of the queue, and the stop signal.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;

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
    /// The folder for what the source must remember.
    pub(crate) checkpoints: PathBuf,
}

// === impl Intake ===

impl Intake {
    /// Hands a batch on and leaves an empty one. Waits while the queue is full. False: punt is at its end.
    pub(crate) async fn send(&self, batch: &mut Batch) -> bool {
        if batch.is_empty() {
            return true;
        }
        match self.queue.send(batch.take()).await {
            Ok(()) => true,
            Err(unsent) => {
                // The later stages have failed, and the network sends nothing again.
                self.meter.add(Count::DroppedAtStop, unsent.0.len() as u64);
                false
            }
        }
    }
}

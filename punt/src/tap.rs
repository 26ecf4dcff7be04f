//! Live tails: a copy of the events that pass, for whoever watches. It never slows punt: a watcher that is too
//! slow loses events, and is told how many.

use bytes::Bytes;
use tokio::sync::broadcast;

/// Documents that a slow watcher may be behind.
const BEHIND: usize = 4096;

/// Where passing documents are offered, and watched.
#[derive(Debug, Clone)]
pub(crate) struct Tap(broadcast::Sender<Bytes>);

// === impl Tap ===

impl Tap {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(BEHIND))
    }

    /// Whether anybody watches; if not, nothing is copied.
    pub(crate) fn is_watched(&self) -> bool {
        self.0.receiver_count() > 0
    }

    pub(crate) fn offer(&self, document: &[u8]) {
        // An error means that the last watcher has just left.
        drop(self.0.send(Bytes::copy_from_slice(document)));
    }

    pub(crate) fn watch(&self) -> broadcast::Receiver<Bytes> {
        self.0.subscribe()
    }
}

//! A count of requests in flight that can be bounded and waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Counts the tickets that are out.
#[derive(Debug, Clone, Default)]
pub(crate) struct InFlight(Arc<State>);

#[derive(Debug, Default)]
struct State {
    count: AtomicUsize,
    idle: Notify,
}

/// One request in flight; dropping it is its end.
#[derive(Debug)]
pub(crate) struct Ticket(Arc<State>);

// === impl InFlight ===

impl InFlight {
    /// One more request, unless `limit` of them are in flight.
    pub(crate) fn enter(&self, limit: usize) -> Option<Ticket> {
        let admit = |count: usize| (count < limit).then_some(count + 1);
        self.0
            .count
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, admit)
            .ok()?;
        Some(Ticket(self.0.clone()))
    }

    /// Waits until no request is in flight.
    pub(crate) async fn idle(&self) {
        loop {
            let mut notified = std::pin::pin!(self.0.idle.notified());
            // Listen before looking, or the last ticket could end in between unheard.
            notified.as_mut().enable();
            if self.0.count.load(Ordering::Acquire) == 0 {
                return;
            }
            notified.await;
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}

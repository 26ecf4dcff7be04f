//! Housekeeping, once a second: sessions that are over go, those that waited too long are over, gateways are told of
//! cursors that moved without a frame, figures are told.

use std::sync::Arc;
use std::time::Instant;

use crate::limits::{DETACHED_LIFE, TICK};
use crate::service::Service;

/// What a sweep does with a session.
enum Fate {
    Stays,
    /// Its client did not come back in time.
    Expired,
    /// It ended.
    Over,
}

impl Service {
    /// Sweeps until the node stops.
    pub(crate) async fn run_sweep(self: Arc<Self>) {
        let work = async {
            let mut ticks = tokio::time::interval(TICK);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                self.sweep(Instant::now());
            }
        };
        self.stop.run_until_cancelled(work).await;
    }

    fn sweep(&self, now: Instant) {
        let (mut frames, mut bytes, mut detached) = (0usize, 0usize, 0usize);
        for cell in self.registry.all() {
            let fate = cell.with(|session| {
                // A gateway whose connection ended while it attached.
                if session.wire().is_some_and(|wire| wire.is_closed()) {
                    session.detach(now);
                }
                frames += session.outbox_len();
                bytes += session.outbox_bytes();
                let since = session.detached_since();
                detached += usize::from(since.is_some());
                session.tell_cursors();
                if session.is_over() && !session.lags() {
                    Fate::Over
                } else if session.is_frozen() {
                    Fate::Stays
                } else if since.is_some_and(|since| now.duration_since(since) > DETACHED_LIFE) {
                    session.close();
                    Fate::Expired
                } else {
                    Fate::Stays
                }
            });
            match fate {
                Fate::Stays => {}
                Fate::Over => self.retire(&cell, true),
                Fate::Expired => {
                    metrics::counter!("sessions_expired_total").increment(1);
                    self.retire(&cell, true);
                }
            }
        }
        metrics::gauge!("sessions_active").set(self.registry.len() as f64);
        metrics::gauge!("sessions_detached").set(detached as f64);
        metrics::gauge!("session_outbox_depth").set(frames as f64);
        metrics::gauge!("session_outbox_bytes").set(bytes as f64);
        metrics::gauge!("sessions_lagging").set(self.pump.depth() as f64);
        metrics::gauge!("feeds_active").set(self.feeds.len() as f64);
        let deepest = self.feeds.deepest().max(self.pump.depth());
        self.node.set_queue(u64::try_from(deepest).unwrap_or(u64::MAX));
        self.holds_changed();
    }
}

//! Rate, errors, duration and what a node holds: the figures behind its health.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chat_admin::RedSnapshot;
use hdrhistogram::Histogram;

/// The percentiles cover between one and two of these windows.
const WINDOW: Duration = Duration::from_secs(5);

/// A minute in microseconds: longer durations count as this.
const MAX_MICROS: u64 = 60_000_000;

/// The figures of one node.
#[derive(Debug)]
pub struct Red {
    requests: AtomicU64,
    errors: AtomicU64,
    windows: Mutex<Windows>,
}

#[derive(Debug)]
struct Windows {
    current: Histogram<u64>,
    last: Histogram<u64>,
    began: Instant,
}

impl Default for Red {
    fn default() -> Self {
        let histogram =
            || Histogram::new_with_bounds(1, MAX_MICROS, 3).expect("the bounds are constant and make sense");
        let windows = Windows {
            current: histogram(),
            last: histogram(),
            began: Instant::now(),
        };
        Self {
            requests: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            windows: Mutex::new(windows),
        }
    }
}

impl Red {
    /// Counts work that is no request and has no duration of its own, `failed` of it by our fault. Costs next to
    /// nothing: no lock.
    pub fn count(&self, done: u64, failed: u64) {
        self.requests.fetch_add(done, Ordering::Relaxed);
        if failed > 0 {
            self.errors.fetch_add(failed, Ordering::Relaxed);
        }
    }

    /// Counts work that is no request and was done just now, a piece for each instant at which one began. One lock
    /// for all of them: for whoever does much of it, in batches.
    pub fn observe_all(&self, began: &[Instant]) {
        if began.is_empty() {
            return;
        }
        self.count(u64::try_from(began.len()).unwrap_or(u64::MAX), 0);
        let now = Instant::now();
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.turn();
        for began in began {
            windows.record(now.saturating_duration_since(*began));
        }
    }

    /// Counts one request that began at `began` and succeeded, or failed by our fault.
    pub fn observe(&self, began: Instant, ok: bool) {
        self.count(1, u64::from(!ok));
        let took = began.elapsed();
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.turn();
        windows.record(took);
    }

    /// The figures now.
    pub fn snapshot(&self) -> RedSnapshot {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.turn();
        let mut both = windows.last.clone();
        both.add(&windows.current)
            .expect("both histograms have the same bounds");
        let millis = |micros: u64| micros as f64 / 1000.0;
        RedSnapshot {
            requests_total: self.requests.load(Ordering::Relaxed),
            errors_total: self.errors.load(Ordering::Relaxed),
            p50_ms: millis(both.value_at_quantile(0.5)),
            p99_ms: millis(both.value_at_quantile(0.99)),
        }
    }
}

impl Windows {
    fn record(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(MAX_MICROS);
        self.current.saturating_record(micros.clamp(1, MAX_MICROS));
    }

    fn turn(&mut self) {
        let age = self.began.elapsed();
        if age < WINDOW {
            return;
        }
        std::mem::swap(&mut self.current, &mut self.last);
        self.current.reset();
        if age >= 2 * WINDOW {
            self.last.reset();
        }
        self.began = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_is_no_request_counts_like_requests() {
        let red = Red::default();
        let now = Instant::now();
        red.observe(now, true);
        red.observe(now, false);
        red.count(40, 3);
        red.observe_all(&[]);
        red.observe_all(&[now; 8]);
        let figures = red.snapshot();
        assert_eq!((figures.requests_total, figures.errors_total), (50, 4));
    }

    #[test]
    fn each_piece_of_a_batch_has_its_own_duration() {
        let red = Red::default();
        let now = Instant::now();
        let Some(early) = now.checked_sub(Duration::from_secs(30)) else {
            return;
        };
        let mut began = vec![now; 90];
        began.extend([early; 10]);
        red.observe_all(&began);
        let figures = red.snapshot();
        assert!(figures.p50_ms < 29_000.0, "{figures:?}");
        assert!(figures.p99_ms > 29_000.0, "{figures:?}");
    }
}

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
    /// Counts one request that began at `began` and succeeded, or failed by our fault.
    pub fn observe(&self, began: Instant, ok: bool) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if !ok {
            self.errors.fetch_add(1, Ordering::Relaxed);
        }
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(MAX_MICROS);
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.turn();
        windows.current.saturating_record(micros.clamp(1, MAX_MICROS));
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

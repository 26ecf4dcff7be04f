//! A source's limit on events per second: a bucket that holds one second's worth.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::config::WhenLimited;

/// Shared by everything that a source reads from.
#[derive(Debug)]
pub(crate) struct Rate {
    per_second: f64,
    pub(super) when: WhenLimited,
    bucket: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    /// Below zero: events that were let through ahead of their time.
    tokens: f64,
    at: Instant,
}

// === impl Rate ===

impl Rate {
    pub(crate) fn new(per_second: NonZeroU32, when: WhenLimited) -> Self {
        let per_second = f64::from(per_second.get());
        Self {
            per_second,
            when,
            bucket: Mutex::new(Bucket {
                tokens: per_second,
                at: Instant::now(),
            }),
        }
    }

    /// Takes what these events cost, and says how long to wait until it is paid.
    pub(super) fn charge(&self, events: usize) -> Duration {
        self.charge_at(events, Instant::now())
    }

    /// Takes as many of these events as are in the bucket.
    pub(super) fn admit(&self, events: usize) -> usize {
        self.admit_at(events, Instant::now())
    }

    fn charge_at(&self, events: usize, now: Instant) -> Duration {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.fill(self.per_second, now);
        bucket.tokens -= events as f64;
        Duration::from_secs_f64((-bucket.tokens / self.per_second).max(0.0))
    }

    fn admit_at(&self, events: usize, now: Instant) -> usize {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.fill(self.per_second, now);
        let admitted = (bucket.tokens.max(0.0) as usize).min(events);
        bucket.tokens -= admitted as f64;
        admitted
    }
}

// === impl Bucket ===

impl Bucket {
    fn fill(&mut self, per_second: f64, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * per_second).min(per_second);
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(per_second: u32) -> (Rate, Instant) {
        let per_second = NonZeroU32::new(per_second).unwrap();
        let rate = Rate::new(per_second, WhenLimited::Block);
        let now = rate.bucket.lock().unwrap().at;
        (rate, now)
    }

    #[test]
    fn a_second_s_worth_passes_at_once_and_the_rest_waits_its_time() {
        let (rate, now) = rate(100);
        assert_eq!(rate.charge_at(100, now), Duration::ZERO);
        assert_eq!(rate.charge_at(50, now), Duration::from_millis(500));
        assert_eq!(rate.charge_at(50, now), Duration::from_secs(1));
        assert_eq!(rate.charge_at(0, now + Duration::from_secs(2)), Duration::ZERO);
    }

    #[test]
    fn what_is_over_the_rate_is_not_admitted() {
        let (rate, now) = rate(100);
        assert_eq!(rate.admit_at(250, now), 100);
        assert_eq!(rate.admit_at(10, now), 0);
        assert_eq!(rate.admit_at(10, now + Duration::from_millis(50)), 5);
        assert_eq!(rate.admit_at(1000, now + Duration::from_secs(60)), 100);
    }
}

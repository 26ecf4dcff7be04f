//! Pauses between tries: each up to twice the one before, with jitter so that many senders do not try as one.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(10);

/// The pauses of one delivery.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    max: Duration,
}

// === impl Backoff ===

impl Backoff {
    pub(crate) fn new(max: Duration) -> Self {
        Self {
            next: FIRST.min(max),
            max,
        }
    }

    /// The next pause: between half of its bound and all of it.
    pub(crate) fn pause(&mut self) -> Duration {
        let bound = self.next;
        self.next = (bound * 2).min(self.max);
        bound.mul_f64(rand::random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_bound() {
        let max = Duration::from_millis(100);
        let mut backoff = Backoff::new(max);
        let pauses: Vec<Duration> = (0..20).map(|_| backoff.pause()).collect();
        assert!(pauses[0] <= FIRST);
        assert!(pauses.iter().all(|pause| *pause <= max));
        assert!(pauses[10..].iter().all(|pause| *pause >= max / 2));
    }
}

//! How long a process that ended by itself waits before it is started again. No clock and no IO here.

use std::time::Duration;

/// The first wait.
const FIRST: Duration = Duration::from_millis(100);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(5);
/// A life this long forgives what was before.
const FORGIVEN_AFTER: Duration = Duration::from_secs(10);

/// Waits of one process: 100 ms, doubling to 5 s, less up to a quarter at random (so that processes which died
/// together do not start together).
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after a life of `lived`; `jitter` is a random number from 0 to 1.
    pub(crate) fn wait(&mut self, lived: Duration, jitter: f64) -> Duration {
        if lived >= FORGIVEN_AFTER {
            self.failures = 0;
        }
        let full = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures += 1;
        full.mul_f64(1.0 - 0.25 * jitter.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn waits_double_up_to_five_seconds_and_a_long_life_forgives() {
        let mut backoff = Backoff::default();
        let short = Duration::from_secs(1);
        let waits: Vec<u128> = (0..8).map(|_| backoff.wait(short, 0.0).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(backoff.wait(Duration::from_secs(10), 0.0).as_millis(), 100);
    }

    proptest! {
        #[test]
        fn every_wait_is_between_75_milliseconds_and_five_seconds(
            lives in prop::collection::vec((0_u64..30, 0.0_f64..1.0), 1..100),
        ) {
            let mut backoff = Backoff::default();
            for (seconds, jitter) in lives {
                let wait = backoff.wait(Duration::from_secs(seconds), jitter);
                prop_assert!(wait >= Duration::from_millis(75) && wait <= LONGEST);
            }
        }
    }
}

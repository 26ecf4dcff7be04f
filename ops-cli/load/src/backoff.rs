//! How long to wait before trying again: longer each time, spread out, and never less than the answer asked for.

use std::time::Duration;

/// The wait after the first failure.
const FIRST: Duration = Duration::from_millis(200);

/// The longest wait of our own.
const LONGEST: Duration = Duration::from_secs(5);

/// The wait before attempt number `failures` + 1: half fixed and half random, so that thousands do not come at once.
pub(crate) fn after(failures: u32) -> Duration {
    let full = FIRST
        .saturating_mul(1 << failures.saturating_sub(1).min(10))
        .min(LONGEST);
    full.mul_f64(rand::random_range(0.5..=1.0))
}

/// The same, and at least what the server asked for.
pub(crate) fn obeying(failures: u32, retry_after: Option<Duration>) -> Duration {
    after(failures).max(retry_after.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit_and_obey_the_server() {
        assert!((FIRST / 2..=FIRST).contains(&after(1)));
        assert!((LONGEST / 2..=LONGEST).contains(&after(u32::MAX)));
        assert!(obeying(1, Some(Duration::from_secs(60))) >= Duration::from_secs(60));
    }
}

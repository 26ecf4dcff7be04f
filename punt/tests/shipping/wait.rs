//! Waiting for a condition.

use std::time::{Duration, Instant};

/// How long a test waits for anything before it fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until the condition holds; fails with `what` if it never does.
pub(crate) fn until<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    let found = try_until(condition);
    assert!(found.is_some(), "waited in vain until {what}");
    found.expect("it was looked at")
}

/// Waits until the condition holds; none if it never does.
pub(crate) fn try_until<T>(mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    loop {
        if let Some(value) = condition() {
            return Some(value);
        }
        if begun.elapsed() > PATIENCE {
            return None;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

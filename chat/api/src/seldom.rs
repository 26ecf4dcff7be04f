//! Says the same thing seldom: an outage must not flood the log with one record per request.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long it keeps quiet after it spoke.
const QUIET: Duration = Duration::from_secs(5);

/// Counts what is not said.
#[derive(Debug)]
pub(crate) struct Seldom {
    began: OnceLock<Instant>,
    /// When it may speak again, in milliseconds since `began`.
    next_ms: AtomicU64,
    held_back: AtomicU64,
}

impl Seldom {
    pub(crate) const fn new() -> Self {
        Self {
            began: OnceLock::new(),
            next_ms: AtomicU64::new(0),
            held_back: AtomicU64::new(0),
        }
    }

    /// How often it kept quiet since it last spoke, if it is time to speak.
    pub(crate) fn speak(&self, now: Instant) -> Option<u64> {
        let began = *self.began.get_or_init(|| now);
        let now_ms = u64::try_from(now.saturating_duration_since(began).as_millis()).unwrap_or(u64::MAX);
        let quiet_ms = u64::try_from(QUIET.as_millis()).unwrap_or(u64::MAX);
        let turn = |next: u64| (now_ms >= next).then_some(now_ms.saturating_add(quiet_ms));
        let mine = self
            .next_ms
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, turn);
        if mine.is_ok() {
            Some(self.held_back.swap(0, Ordering::Relaxed))
        } else {
            self.held_back.fetch_add(1, Ordering::Relaxed);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_speaks_once_and_then_says_how_much_it_held_back() {
        let seldom = Seldom::new();
        let now = Instant::now();
        assert_eq!(seldom.speak(now), Some(0));
        assert_eq!(seldom.speak(now), None);
        assert_eq!(seldom.speak(now + QUIET / 2), None);
        assert_eq!(seldom.speak(now + QUIET), Some(2));
    }
}

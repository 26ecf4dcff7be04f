//! The client's event rate: a window that slides in steps of its own length.

use std::time::{Duration, Instant};

/// Counts events in windows.
#[derive(Debug)]
pub(crate) struct Rate {
    events: u32,
    began: Instant,
    limit: u32,
    window: Duration,
}

impl Rate {
    pub(crate) fn new(limit: u32, window: Duration, now: Instant) -> Self {
        Self {
            events: 0,
            began: now,
            limit,
            window,
        }
    }

    /// Counts one event at `now`; false when it is one too many.
    pub(crate) fn admit(&mut self, now: Instant) -> bool {
        if now.duration_since(self.began) >= self.window {
            self.began = now;
            self.events = 0;
        }
        self.events += 1;
        self.events <= self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_admits_its_limit_and_the_next_one_starts_over() {
        let now = Instant::now();
        let window = Duration::from_secs(60);
        let mut rate = Rate::new(120, window, now);
        assert!((0..120).all(|_| rate.admit(now)));
        assert!(!rate.admit(now + window / 2));
        assert!(rate.admit(now + window));
    }
}

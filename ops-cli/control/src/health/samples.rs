//! Rates from counters: the last few readings of one life of a process.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Errors are judged over this long.
const ERROR_WINDOW: Duration = Duration::from_secs(10);
/// The rate is that of this long.
const RATE_WINDOW: Duration = Duration::from_secs(3);
/// Fewer requests than this say nothing about the share of errors.
const ENOUGH: u64 = 20;

/// Readings of one life, newest last.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    life: u64,
    readings: VecDeque<(Instant, u64, u64)>,
}

/// What the readings say.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Figures {
    /// Requests a second.
    pub(crate) rate: f64,
    /// Failed ones in a hundred; 0 while there were too few to say.
    pub(crate) error_percent: f64,
    /// Requests and errors in the window that errors are judged over.
    pub(crate) requests: u64,
    /// Of them failed.
    pub(crate) errors: u64,
}

// === impl Samples ===

impl Samples {
    /// Takes a reading in. A new life, or a counter that went back, begins anew.
    pub(crate) fn add(&mut self, at: Instant, life: u64, requests: u64, errors: u64) {
        let back = self
            .readings
            .back()
            .is_some_and(|last| last.1 > requests || last.2 > errors);
        if self.life != life || back {
            self.readings.clear();
            self.life = life;
        }
        self.readings.push_back((at, requests, errors));
        while self.readings.len() > 2
            && self
                .readings
                .front()
                .is_some_and(|first| at - first.0 > ERROR_WINDOW)
        {
            self.readings.pop_front();
        }
    }

    /// What they say as of the last one.
    pub(crate) fn figures(&self) -> Figures {
        let Some(&(now, requests, errors)) = self.readings.back() else {
            return Figures::default();
        };
        let oldest = self.readings.front().copied().unwrap_or((now, requests, errors));
        let recent = self
            .readings
            .iter()
            .find(|reading| now - reading.0 <= RATE_WINDOW);
        let since = recent
            .filter(|reading| reading.0 < now)
            .copied()
            .unwrap_or(oldest);
        let seconds = (now - since.0).as_secs_f64();
        let rate = if seconds > 0.0 {
            (requests - since.1) as f64 / seconds
        } else {
            0.0
        };
        let (requests, errors) = (requests - oldest.1, errors - oldest.2);
        Figures {
            rate,
            error_percent: percent(requests, errors),
            requests,
            errors,
        }
    }
}

/// Failed ones in a hundred, 0 while there were too few to say.
pub(crate) fn percent(requests: u64, errors: u64) -> f64 {
    if requests < ENOUGH {
        0.0
    } else {
        100.0 * errors as f64 / requests as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_counter_gives_its_rate_and_a_new_life_begins_anew() {
        let start = Instant::now();
        let mut samples = Samples::default();
        for second in 0..20_u64 {
            samples.add(start + Duration::from_secs(second), 1, 100 * second, 10 * second);
        }
        let figures = samples.figures();
        assert_eq!((figures.rate, figures.error_percent), (100.0, 10.0));
        assert_eq!(figures.requests, 1000, "ten seconds are kept");
        samples.add(start + Duration::from_secs(20), 2, 7, 7);
        assert_eq!(samples.figures(), Figures::default(), "one reading says nothing");
    }

    #[test]
    fn few_requests_say_nothing_about_errors() {
        assert_eq!(percent(19, 19), 0.0);
        assert_eq!(percent(20, 1), 5.0);
    }
}

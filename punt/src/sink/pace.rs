//! How many requests are in flight at once: a fixed number, or as many as the other side takes without becoming
//! slower.
//!
//! The adaptive form is that of Vector's (additive increase, multiplicative decrease). Over a window as long as a
//! request usually takes, the times of the answers are averaged. One request more when the limit was reached and
//! the average is what it used to be; a tenth less when it is clearly longer, or when an answer said "too much".

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::config::{Concurrency, DeliveryConfig};

/// Requests in flight before anything is known.
const FIRST: f64 = 2.0;

/// What is left of the limit when the other side is at its own.
const DECREASE: f64 = 0.9;

/// How much the newest window counts in the average.
const NEWEST: f64 = 0.4;

/// How many deviations make a window clearly slower.
const DEVIATIONS: f64 = 2.5;

/// A window that is slower by less than this part is not slower.
const NOISE: f64 = 0.25;

/// The limit of requests in flight.
#[derive(Debug)]
pub(crate) struct Pace {
    max: f64,
    state: Option<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    limit: f64,
    /// Seconds that a request used to take, and how much that varied (squared). None before the first window.
    past: Option<(f64, f64)>,
    window: Window,
}

/// What was seen since the limit was last thought about.
#[derive(Debug)]
struct Window {
    until: Option<Instant>,
    seconds: f64,
    answers: u32,
    reached_limit: bool,
    too_much: bool,
}

// === impl Pace ===

impl Pace {
    pub(crate) fn new(config: &DeliveryConfig) -> Self {
        match config.concurrency {
            Concurrency::Fixed(number) => Self {
                max: number as f64,
                state: None,
            },
            Concurrency::Adaptive => Self {
                max: config.concurrency_max.max(1) as f64,
                state: Some(Mutex::new(State {
                    limit: FIRST.min(config.concurrency_max.max(1) as f64),
                    past: None,
                    window: Window::new(),
                })),
            },
        }
    }

    /// How many may be in flight.
    pub(crate) fn limit(&self) -> usize {
        let limit = self.state.as_ref().map_or(self.max, |state| lock(state).limit);
        (limit.floor() as usize).max(1)
    }

    /// The limit was reached, and more could be sent.
    pub(crate) fn reached(&self) {
        if let Some(state) = &self.state {
            lock(state).window.reached_limit = true;
        }
    }

    /// An answer came after so long; `too_much`: it was a refusal for lack of room, or none at all.
    pub(crate) fn observe(&self, took: Duration, too_much: bool) {
        if let Some(state) = &self.state {
            lock(state).observe(took, too_much, self.max, Instant::now());
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl State ===

impl State {
    fn observe(&mut self, took: Duration, too_much: bool, max: f64, now: Instant) {
        let window = &mut self.window;
        window.too_much |= too_much;
        if !too_much {
            window.seconds += took.as_secs_f64();
            window.answers += 1;
        }
        let usual = self.past.map_or(took, |(mean, _)| Duration::from_secs_f64(mean));
        if now < *window.until.get_or_insert(now + usual) {
            return;
        }
        let window = std::mem::replace(window, Window::new());
        let current = (window.answers > 0).then(|| window.seconds / f64::from(window.answers));
        let slower = match (current, self.past) {
            (Some(current), Some((mean, variance))) => {
                current > mean + (variance.sqrt() * DEVIATIONS).max(mean * NOISE)
            }
            _ => false,
        };
        if window.too_much || slower {
            self.limit = (self.limit * DECREASE).max(1.0);
        } else if window.reached_limit {
            self.limit = (self.limit + 1.0).min(max);
        }
        if let Some(current) = current {
            self.past = Some(match self.past {
                None => (current, 0.0),
                Some((mean, variance)) => {
                    let off = current - mean;
                    (
                        mean + NEWEST * off,
                        (1.0 - NEWEST) * (variance + NEWEST * off * off),
                    )
                }
            });
        }
    }
}

// === impl Window ===

impl Window {
    fn new() -> Self {
        Self {
            until: None,
            seconds: 0.0,
            answers: 0,
            reached_limit: false,
            too_much: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many windows, in each of which every answer takes `millis`.
    fn windows(state: &mut State, count: u32, millis: u64, too_much: bool) {
        let mut now = Instant::now();
        for _ in 0..count {
            state.window.reached_limit = true;
            for _ in 0..3 {
                state.observe(Duration::from_millis(millis), too_much, 10.0, now);
                now += Duration::from_secs(10);
            }
        }
    }

    fn state() -> State {
        State {
            limit: FIRST,
            past: None,
            window: Window::new(),
        }
    }

    #[test]
    fn a_side_that_keeps_up_is_given_more_up_to_the_bound() {
        let mut state = state();
        windows(&mut state, 50, 10, false);
        assert!((state.limit - 10.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_side_that_refuses_or_becomes_slower_is_given_less() {
        let mut refusing = state();
        windows(&mut refusing, 50, 10, false);
        windows(&mut refusing, 50, 10, true);
        assert!((refusing.limit - 1.0).abs() < f64::EPSILON);
        let mut slower = state();
        windows(&mut slower, 50, 10, false);
        windows(&mut slower, 1, 100, false);
        assert!(slower.limit < 10.0);
    }

    #[test]
    fn nothing_is_added_while_nothing_waits() {
        let mut state = state();
        let now = Instant::now();
        for step in 0..50 {
            state.observe(
                Duration::from_millis(10),
                false,
                10.0,
                now + Duration::from_secs(step),
            );
        }
        assert!((state.limit - FIRST).abs() < f64::EPSILON);
    }
}

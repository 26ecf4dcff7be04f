//! Several servers that take the same events: which one is asked next, and which ones are left alone for a while.
//!
//! A server that does not answer is passed over for a pause that doubles with each failure; when all are passed
//! over, the one whose pause ends first is asked. Among the others the one with the fewest requests in flight is
//! asked, in turn.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a server is passed over after its first failure, and at most.
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// The servers of a sink.
#[derive(Debug)]
pub(crate) struct Endpoints<T> {
    list: Vec<Endpoint<T>>,
    turn: AtomicUsize,
}

#[derive(Debug)]
struct Endpoint<T> {
    to: T,
    in_flight: AtomicUsize,
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Health {
    failures: u32,
    down_until: Option<Instant>,
}

/// A server that is being asked; until this is dropped.
#[derive(Debug)]
pub(crate) struct Asked<'a, T> {
    pub(crate) number: usize,
    endpoint: &'a Endpoint<T>,
}

// === impl Endpoints ===

impl<T> Endpoints<T> {
    /// These servers, at least one.
    pub(crate) fn new(list: impl IntoIterator<Item = T>) -> Self {
        let endpoint = |to| Endpoint {
            to,
            in_flight: AtomicUsize::new(0),
            health: Mutex::default(),
        };
        Self {
            list: list.into_iter().map(endpoint).collect(),
            turn: AtomicUsize::new(0),
        }
    }

    /// The server to ask next, of those whose number is not in `tried`; none when all are.
    pub(crate) fn pick(&self, tried: &[usize]) -> Option<Asked<'_, T>> {
        let now = Instant::now();
        let turn = self.turn.fetch_add(1, Relaxed);
        let count = self.list.len();
        let (number, endpoint) = (0..count)
            .map(|step| (turn + step) % count)
            .filter(|number| !tried.contains(number))
            .map(|number| (number, &self.list[number]))
            .min_by_key(|(_, endpoint)| {
                let down = endpoint.health().down_until.filter(|until| *until > now);
                (down, endpoint.in_flight.load(Relaxed))
            })?;
        // A second server is no help while its pause lasts: the first one's failure is the news.
        if !tried.is_empty() && endpoint.health().down_until.is_some_and(|until| until > now) {
            return None;
        }
        endpoint.in_flight.fetch_add(1, Relaxed);
        Some(Asked { number, endpoint })
    }

    /// All servers, whatever their health.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.list.iter().map(|endpoint| &endpoint.to)
    }
}

// === impl Endpoint ===

impl<T> Endpoint<T> {
    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Asked ===

impl<T> Asked<'_, T> {
    pub(crate) fn to(&self) -> &T {
        &self.endpoint.to
    }

    /// It answered.
    pub(crate) fn is_up(&self) {
        *self.endpoint.health() = Health::default();
    }

    /// It did not.
    pub(crate) fn is_down(&self) {
        let mut health = self.endpoint.health();
        let pause = PAUSE.saturating_mul(1 << health.failures.min(10)).min(PAUSE_MAX);
        health.failures = health.failures.saturating_add(1);
        health.down_until = Some(Instant::now() + pause);
    }
}

impl<T> Drop for Asked<'_, T> {
    fn drop(&mut self) {
        self.endpoint.in_flight.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_spread_over_what_is_up() {
        let endpoints = Endpoints::new(["a", "b", "c"]);
        let asked: Vec<_> = (0..3).filter_map(|_| endpoints.pick(&[])).collect();
        let mut names: Vec<_> = asked.iter().map(|asked| *asked.to()).collect();
        names.sort_unstable();
        assert_eq!(names, ["a", "b", "c"]);
        drop(asked);
        let down = endpoints.pick(&[]).unwrap();
        down.is_down();
        let number = down.number;
        drop(down);
        for _ in 0..10 {
            assert_ne!(endpoints.pick(&[]).unwrap().number, number);
        }
    }

    #[test]
    fn the_last_one_is_asked_even_when_it_is_down() {
        let endpoints = Endpoints::new(["a"]);
        endpoints.pick(&[]).unwrap().is_down();
        let again = endpoints.pick(&[]).unwrap();
        again.is_up();
        assert!(endpoints.pick(&[0]).is_none());
    }
}

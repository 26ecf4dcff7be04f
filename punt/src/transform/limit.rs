//! Fewer events: sample, throttle, dedupe. What they remember is bounded.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, Hash as _, Hasher as _, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use super::{Draft, Outcome, Scratch, Transform};
use crate::meter::Count;

/// Lets a share of events pass.
pub(crate) struct Sample {
    pub(crate) rate: f64,
    pub(crate) key: Option<String>,
}

/// Lets so many events a second pass, for each value of a field.
pub(crate) struct Throttle {
    per_second: f64,
    burst: f64,
    key: Option<String>,
    max_keys: usize,
    buckets: Mutex<HashMap<String, Bucket>>,
}

struct Bucket {
    tokens: f64,
    filled: Instant,
}

/// Lets the first of several equal events pass.
pub(crate) struct Dedupe {
    fields: Vec<String>,
    window: Duration,
    max_keys: usize,
    hasher: RandomState,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    until: HashMap<u128, Instant>,
    /// In the order of their ends: the oldest is forgotten first.
    order: VecDeque<(Instant, u128)>,
}

// === impl Sample ===

impl Transform for Sample {
    fn apply(&self, draft: &mut Draft, _: &mut Scratch) -> Outcome {
        let place = match &self.key {
            None => rand::random::<f64>(),
            Some(key) => {
                // The same on every node and after every restart.
                let value = draft.text(key).unwrap_or_default();
                let hash = Sha256::digest(value.as_bytes());
                let head = hash.first_chunk::<4>().copied().unwrap_or_default();
                f64::from(u32::from_be_bytes(head)) / (f64::from(u32::MAX) + 1.0)
            }
        };
        if place < self.rate {
            Outcome::Pass
        } else {
            Outcome::Drop(Count::DroppedSampled)
        }
    }
}

// === impl Throttle ===

impl Throttle {
    pub(crate) fn new(per_second: f64, burst: f64, key: Option<String>, max_keys: usize) -> Self {
        Self {
            per_second,
            burst,
            key,
            max_keys,
            buckets: Mutex::default(),
        }
    }

    fn takes(&self, key: &str, now: Instant) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= self.max_keys && !buckets.contains_key(key) {
            let (per_second, burst) = (self.per_second, self.burst);
            // Whoever has been silent long enough is as good as new.
            buckets.retain(|_, bucket| bucket.after(now, per_second) < burst);
        }
        // Beyond the bound all share one, under the name of those without a key.
        let key = if buckets.len() >= self.max_keys && !buckets.contains_key(key) {
            ""
        } else {
            key
        };
        if !buckets.contains_key(key) {
            let full = Bucket {
                tokens: self.burst,
                filled: now,
            };
            buckets.insert(key.to_owned(), full);
        }
        let Some(bucket) = buckets.get_mut(key) else {
            return true;
        };
        bucket.tokens = bucket.after(now, self.per_second).min(self.burst);
        bucket.filled = now;
        let takes = bucket.tokens >= 1.0;
        if takes {
            bucket.tokens -= 1.0;
        }
        takes
    }
}

impl Bucket {
    fn after(&self, now: Instant, per_second: f64) -> f64 {
        self.tokens + now.saturating_duration_since(self.filled).as_secs_f64() * per_second
    }
}

impl Transform for Throttle {
    fn apply(&self, draft: &mut Draft, scratch: &mut Scratch) -> Outcome {
        let key = self
            .key
            .as_ref()
            .and_then(|key| draft.text(key))
            .unwrap_or_default();
        if self.takes(&key, scratch.instant) {
            Outcome::Pass
        } else {
            Outcome::Drop(Count::DroppedThrottled)
        }
    }
}

// === impl Dedupe ===

impl Dedupe {
    pub(crate) fn new(fields: Vec<String>, window: Duration, max_keys: usize) -> Self {
        Self {
            fields,
            window,
            max_keys,
            hasher: RandomState::new(),
            seen: Mutex::default(),
        }
    }

    /// Two hashes of a keyed function: what a sender could make collide is not worth its while.
    fn hash(&self, draft: &Draft) -> u128 {
        let half = |salt: u8| {
            let mut hasher = self.hasher.build_hasher();
            hasher.write_u8(salt);
            for field in &self.fields {
                draft.get(field).hash(&mut hasher);
            }
            u128::from(hasher.finish())
        };
        half(0) << 64 | half(1)
    }

    fn is_new(&self, hash: u128, now: Instant) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((until, old)) = seen.order.front().copied()
            && (until <= now || seen.order.len() > self.max_keys)
        {
            seen.order.pop_front();
            if seen.until.get(&old) == Some(&until) {
                seen.until.remove(&old);
            }
        }
        let until = now + self.window;
        match seen.until.entry(hash) {
            Entry::Occupied(_) => false,
            Entry::Vacant(entry) => {
                entry.insert(until);
                seen.order.push_back((until, hash));
                true
            }
        }
    }
}

impl Transform for Dedupe {
    fn apply(&self, draft: &mut Draft, scratch: &mut Scratch) -> Outcome {
        if self.is_new(self.hash(draft), scratch.instant) {
            Outcome::Pass
        } else {
            Outcome::Drop(Count::DroppedDuplicate)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_throttle_lets_its_burst_pass_and_then_its_rate() {
        let throttle = Throttle::new(10.0, 3.0, None, 2);
        let start = Instant::now();
        let passed = |key: &str, at: u64| throttle.takes(key, start + Duration::from_millis(at));
        assert_eq!((0..5).filter(|_| passed("a", 0)).count(), 3);
        assert!(passed("b", 0));
        assert!(!passed("a", 50));
        assert!(passed("a", 150));
        assert!(!passed("a", 160));
    }

    #[test]
    fn keys_beyond_the_bound_share_one_allowance() {
        let throttle = Throttle::new(0.001, 1.0, None, 2);
        let now = Instant::now();
        assert!(throttle.takes("a", now) && throttle.takes("b", now));
        assert_eq!(
            (0..100).filter(|n| throttle.takes(&format!("k{n}"), now)).count(),
            1
        );
        assert!(throttle.buckets.lock().unwrap().len() <= 3);
    }

    #[test]
    fn an_equal_event_is_forgotten_after_the_window_or_beyond_the_bound() {
        let dedupe = Dedupe::new(vec!["m".to_owned()], Duration::from_secs(10), 2);
        let start = Instant::now();
        assert!(dedupe.is_new(1, start));
        assert!(!dedupe.is_new(1, start + Duration::from_secs(9)));
        assert!(dedupe.is_new(1, start + Duration::from_secs(11)));
        for hash in 10..1000 {
            dedupe.is_new(hash, start + Duration::from_secs(11));
        }
        assert!(dedupe.seen.lock().unwrap().order.len() <= 4);
    }
}

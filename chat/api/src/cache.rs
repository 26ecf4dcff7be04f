//! A bounded cache whose entries expire.
//!
//! Two generations: when the young one is full it becomes the old one, and the old one is forgotten. So it holds at
//! most twice its capacity, and forgetting costs nothing per entry.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// See the module.
#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    generations: Mutex<Generations<K, V>>,
    capacity: usize,
}

#[derive(Debug)]
struct Generations<K, V> {
    young: HashMap<K, (Instant, V)>,
    old: HashMap<K, (Instant, V)>,
}

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    pub(crate) fn new(capacity: usize) -> Self {
        let generations = Generations {
            young: HashMap::new(),
            old: HashMap::new(),
        };
        Self {
            generations: Mutex::new(generations),
            capacity: capacity.max(1),
        }
    }

    /// The value, unless it has expired.
    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = generations.young.get(key).or_else(|| generations.old.get(key));
        entry
            .filter(|(expires, _)| Instant::now() < *expires)
            .map(|(_, value)| value.clone())
    }

    /// Keeps a value for `time`.
    pub(crate) fn put(&self, key: K, value: V, time: Duration) {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if generations.young.len() >= self.capacity && !generations.young.contains_key(&key) {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(key, (Instant::now() + time, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_expire() {
        let cache = Cache::new(4);
        cache.put("a", 1, Duration::from_secs(60));
        cache.put("b", 2, Duration::ZERO);
        assert_eq!((cache.get(&"a"), cache.get(&"b")), (Some(1), None));
        cache.put("b", 3, Duration::from_secs(60));
        assert_eq!(cache.get(&"b"), Some(3));
    }

    #[test]
    fn it_never_holds_more_than_two_generations_and_keeps_the_newest() {
        let cache = Cache::new(10);
        for number in 0..1000 {
            cache.put(number, number, Duration::from_secs(60));
            assert_eq!(cache.get(&number), Some(number));
            let generations = cache.generations.lock().unwrap();
            assert!(generations.young.len() + generations.old.len() <= 20);
        }
        assert_eq!(cache.get(&995), Some(995));
        assert_eq!(cache.get(&5), None);
    }
}

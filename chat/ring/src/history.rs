//! The newest ring and a bounded number of rings before it, for hand-over while a ring changes.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::Ring;

/// Rings by generation. The first one set is generation 1.
#[derive(Debug, Clone)]
pub struct History {
    /// Newest first; never empty.
    rings: VecDeque<Arc<Ring>>,
    generation: u64,
    depth: usize,
}

// === impl History ===

impl History {
    /// A history that begins with `ring` and keeps `depth` older ones.
    pub fn new(ring: Ring, depth: usize) -> Self {
        Self {
            rings: VecDeque::from([Arc::new(ring)]),
            generation: 1,
            depth,
        }
    }

    /// The generation of the newest ring.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The newest ring.
    pub fn current(&self) -> &Arc<Ring> {
        &self.rings[0]
    }

    /// Replaces the newest ring, and returns the new generation.
    pub fn set(&mut self, ring: Ring) -> u64 {
        self.rings.push_front(Arc::new(ring));
        self.rings.truncate(self.depth + 1);
        self.generation += 1;
        self.generation
    }

    /// Forgets all rings but the newest. Callers do so when the hand-over is over (`ex_hash_ring`: after 10 s).
    pub fn forget_older(&mut self) {
        self.rings.truncate(1);
    }

    /// The ring `back` generations before the newest, if it is still kept.
    pub fn before(&self, back: usize) -> Option<&Arc<Ring>> {
        self.rings.get(back)
    }

    /// Whom `key` belonged to `back` generations ago.
    pub fn find_historical(&self, key: &str, back: usize) -> Option<&str> {
        self.before(back)?.find(key)
    }

    /// Every node that `key` belongs to in any ring still kept, newest first, none twice.
    pub fn find_stable(&self, key: &str) -> Vec<&str> {
        self.find_stable_n(key, 1)
    }

    /// As [`History::find_stable`], of the first `n` nodes in each ring.
    pub fn find_stable_n(&self, key: &str, n: usize) -> Vec<&str> {
        let mut found: Vec<&str> = Vec::new();
        for name in self.rings.iter().flat_map(|ring| ring.find_n(key, n)) {
            if !found.contains(&name) {
                found.push(name);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_rings_are_kept_up_to_the_depth() {
        let mut history = History::new(Ring::new(["a"], 8), 1);
        assert_eq!(history.set(Ring::new(["b"], 8)), 2);
        assert_eq!(history.find_stable("key"), ["b", "a"]);
        assert_eq!(history.find_historical("key", 1), Some("a"));
        assert_eq!(history.set(Ring::new(["c"], 8)), 3);
        assert_eq!(history.find_stable("key"), ["c", "b"]);
        assert_eq!(history.find_historical("key", 2), None);
        history.forget_older();
        assert_eq!(history.find_stable("key"), ["c"]);
        assert_eq!(history.generation(), 3);
    }
}

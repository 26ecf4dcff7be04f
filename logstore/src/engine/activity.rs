//! What was done with an index since the process started, counted for `_stats`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Most groups that searches are counted by (`stats` of a search); those beyond are counted in the total alone.
const MAX_GROUPS: usize = 100;

/// A count.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

/// Counts of one index.
#[derive(Debug, Default)]
pub struct Activity {
    /// Searches.
    pub searches: Counter,
    /// Milliseconds that they took.
    pub search_millis: Counter,
    /// Documents looked up by id, found or not.
    pub found: Counter,
    /// See `found`.
    pub not_found: Counter,
    /// Documents written.
    pub indexed: Counter,
    /// Documents deleted.
    pub deleted: Counter,
    /// Updates that changed nothing.
    pub noops: Counter,
    /// Refreshes.
    pub refreshes: Counter,
    /// Flushes.
    pub flushes: Counter,
    /// Searches by group.
    groups: Mutex<BTreeMap<String, u64>>,
}

// === impl Counter ===

impl Counter {
    /// Adds to it.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// The count.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

// === impl Activity ===

impl Activity {
    /// Counts a search, also under each group that it names.
    pub fn searched(&self, took: Duration, groups: &[String]) {
        self.searches.add(1);
        self.search_millis
            .add(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        if groups.is_empty() {
            return;
        }
        let mut known = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        for group in groups {
            if let Some(count) = known.get_mut(group) {
                *count += 1;
            } else if known.len() < MAX_GROUPS {
                known.insert(group.clone(), 1);
            }
        }
    }

    /// Counts a look-up by id.
    pub fn looked_up(&self, found: bool) {
        if found { &self.found } else { &self.not_found }.add(1);
    }

    /// Searches by group.
    pub fn groups(&self) -> BTreeMap<String, u64> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_are_counted_by_group_up_to_a_bound() {
        let activity = Activity::default();
        for number in 0..=MAX_GROUPS {
            activity.searched(Duration::ZERO, &[format!("g{number}")]);
        }
        assert_eq!(activity.searches.get(), MAX_GROUPS as u64 + 1);
        assert_eq!(activity.groups().len(), MAX_GROUPS);
    }
}

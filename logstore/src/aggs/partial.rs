//! Results of one segment, which merge with those of others until the last one is turned into an answer.

use std::collections::HashMap;

use tantivy::DocAddress;

use super::collect::grouping::Seed;
use super::sketch::{Distinct, Spread, Stats, Sum};
use crate::search::sort::{SortKey, SortValue};
use crate::search::top::{Candidate, compare};

/// The key of a bucket. Its order is the order of buckets by key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// No value (`missing_bucket`).
    Missing,
    /// A number in its order-preserving form, whole or not as the source's type says.
    Number(u64),
    /// An address; version 4 in its mapped form.
    Ip(u128),
    /// A string.
    Word(Box<str>),
    /// One of several sources.
    Tuple(Box<[Key]>),
}

/// One bucket.
#[derive(Debug, Clone, Default)]
pub struct Bucket {
    /// Documents.
    pub count: u64,
    /// What is below, in the order of the request; empty where nothing was collected.
    pub subs: Vec<Partial>,
}

/// Buckets by key.
#[derive(Debug, Clone, Default)]
pub struct Buckets {
    /// The buckets.
    pub map: HashMap<Key, Bucket, Seed>,
    /// Documents of buckets that a segment left out, since it had too many.
    pub other: u64,
    /// The largest count that a left out bucket of each segment may have had, summed.
    pub error: u64,
}

/// The best hits of a bucket.
#[derive(Debug, Clone, Default)]
pub struct Hits {
    /// Documents that were there.
    pub total: u64,
    /// The best of them: which index, which document.
    pub best: Vec<(usize, Candidate)>,
}

/// The best documents of a bucket with some of their values.
#[derive(Debug, Clone)]
pub struct TopValues {
    /// Values of the sort keys.
    pub sort: Vec<SortValue>,
    /// Breaks ties.
    pub place: (usize, DocAddress, u64),
    /// Values shown: numbers in their order-preserving form, or strings.
    pub values: Vec<Option<Key>>,
}

/// A result on its way.
#[derive(Debug, Clone)]
pub enum Partial {
    /// Buckets by key.
    Buckets(Buckets),
    /// One bucket.
    One(Bucket),
    /// A bucket for each filter or range.
    Fixed(Vec<Bucket>),
    /// Sums.
    Stats(Box<Stats>),
    /// A weighted sum, and the sum of weights.
    Weighted(Sum, Sum),
    /// Different values.
    Distinct(Distinct),
    /// A spread of values.
    Spread(Box<Spread>),
    /// Hits.
    Hits(Hits),
    /// Values of the best documents.
    Top(Vec<TopValues>),
}

/// What merging has to know about an aggregation.
#[derive(Debug, Clone, Default)]
pub struct Merging {
    /// How hits are ordered, and how many are kept.
    pub hits: Option<(Vec<SortKey>, usize)>,
    /// The same of what is below.
    pub subs: Vec<Merging>,
}

// === impl Bucket ===

impl Bucket {
    /// Adds another bucket of the same key.
    pub fn merge(&mut self, other: Self, how: &[Merging]) {
        self.count += other.count;
        if self.subs.is_empty() {
            self.subs = other.subs;
        } else {
            let plain = Merging::default();
            for (place, (ours, theirs)) in self.subs.iter_mut().zip(other.subs).enumerate() {
                ours.merge(theirs, how.get(place).unwrap_or(&plain));
            }
        }
    }
}

// === impl Partial ===

impl Partial {
    /// Adds the result of another segment of the same aggregation. Results of different shapes do not occur: the
    /// shape follows from the request.
    pub fn merge(&mut self, other: Self, how: &Merging) {
        match (self, other) {
            (Self::Buckets(ours), Self::Buckets(theirs)) => {
                ours.other += theirs.other;
                ours.error += theirs.error;
                if ours.map.len() < theirs.map.len() && ours.map.is_empty() {
                    ours.map = theirs.map;
                    return;
                }
                for (key, bucket) in theirs.map {
                    match ours.map.entry(key) {
                        std::collections::hash_map::Entry::Occupied(mut entry) => {
                            entry.get_mut().merge(bucket, &how.subs);
                        }
                        std::collections::hash_map::Entry::Vacant(entry) => {
                            entry.insert(bucket);
                        }
                    }
                }
            }
            (Self::One(ours), Self::One(theirs)) => ours.merge(theirs, &how.subs),
            (Self::Fixed(ours), Self::Fixed(theirs)) => {
                for (ours, theirs) in ours.iter_mut().zip(theirs) {
                    ours.merge(theirs, &how.subs);
                }
            }
            (Self::Stats(ours), Self::Stats(theirs)) => ours.merge(&theirs),
            (Self::Weighted(sum, weight), Self::Weighted(more, heavier)) => {
                sum.merge(more);
                weight.merge(heavier);
            }
            (Self::Distinct(ours), Self::Distinct(theirs)) => ours.merge(theirs),
            (Self::Spread(ours), Self::Spread(theirs)) => ours.merge(*theirs),
            (Self::Hits(ours), Self::Hits(theirs)) => {
                ours.total += theirs.total;
                ours.best.extend(theirs.best);
                if let Some((keys, most)) = &how.hits {
                    let keys: Vec<&SortKey> = keys.iter().collect();
                    ours.best.sort_by(|(index_a, a), (index_b, b)| {
                        let by_keys = keys
                            .iter()
                            .zip(a.values.iter().zip(&b.values))
                            .map(|(key, (a, b))| key.compare(a, b))
                            .find(|ordering| ordering.is_ne());
                        by_keys.unwrap_or_else(|| index_a.cmp(index_b).then_with(|| compare(&keys, a, b)))
                    });
                    ours.best.truncate(*most);
                }
            }
            (Self::Top(ours), Self::Top(theirs)) => {
                ours.extend(theirs);
                if let Some((keys, most)) = &how.hits {
                    ours.sort_by(|a, b| {
                        keys.iter()
                            .zip(a.sort.iter().zip(&b.sort))
                            .map(|(key, (a, b))| key.compare(a, b))
                            .find(|ordering| ordering.is_ne())
                            .unwrap_or_else(|| (a.place.0, a.place.2).cmp(&(b.place.0, b.place.2)))
                    });
                    ours.truncate(*most);
                }
            }
            _ => debug_assert!(false, "one aggregation has one shape"),
        }
    }
}

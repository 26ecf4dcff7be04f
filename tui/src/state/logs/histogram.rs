//! How many records over time: asked of the store (`date_histogram`), or, when the store cannot count, computed
//! from what is loaded; the screen says which, since the second is only part of the truth.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::level::Level;
use super::ring::{Ring, Row};

/// Counts of one bucket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// Errors.
    pub error: u64,
    /// Warnings.
    pub warn: u64,
    /// All other records.
    pub rest: u64,
}

/// Counts over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    /// The start of the first bucket.
    pub from: Timestamp,
    /// The width of a bucket, in milliseconds.
    pub bucket_ms: u64,
    /// The buckets.
    pub buckets: Vec<Bucket>,
    /// Whether the store counted all records, or only the loaded ones were counted.
    pub whole: bool,
}

/// How many buckets a window is cut into, about.
const BUCKETS: u64 = 60;
/// No screen has more columns.
const MAX_BUCKETS: u64 = 1000;

// === impl Bucket ===

impl Bucket {
    /// Counts `count` records of a level.
    pub fn add(&mut self, level: Level, count: u64) {
        match level {
            Level::Error => self.error += count,
            Level::Warn => self.warn += count,
            _ => self.rest += count,
        }
    }
}

/// Widths that people can say, in seconds.
const WIDTHS: [u64; 12] = [1, 5, 10, 15, 30, 60, 300, 600, 900, 1800, 3600, 10_800];

/// The bucket width for a window, so many steps finer than usual (or coarser, when negative): never so fine that
/// there are more buckets than a screen could ever show.
pub fn bucket_ms(since_minutes: u64, finer: i8) -> u64 {
    let wanted = since_minutes * 60_000 / BUCKETS;
    let last = WIDTHS.len() - 1;
    let usual = WIDTHS
        .iter()
        .position(|seconds| seconds * 1000 >= wanted)
        .unwrap_or(last);
    let steps = usize::from(finer.unsigned_abs());
    let mut at = if finer > 0 {
        usual.saturating_sub(steps)
    } else {
        (usual + steps).min(last)
    };
    while at < last && since_minutes * 60 / WIDTHS[at] > MAX_BUCKETS {
        at += 1;
    }
    WIDTHS[at] * 1000
}

impl Histogram {
    /// Counts what is loaded, over the window that ends at `now`, in buckets of `width` milliseconds.
    pub fn of_loaded(ring: &Ring, now: Timestamp, since_minutes: u64, width: u64) -> Self {
        let count = (since_minutes * 60_000).div_ceil(width).max(1);
        let width_ms = i64::try_from(width).unwrap_or(i64::MAX);
        let end = (now.as_millisecond() / width_ms + 1) * width_ms;
        let from = end - width_ms * i64::try_from(count).unwrap_or(0);
        let mut buckets = vec![Bucket::default(); usize::try_from(count).unwrap_or(0)];
        for row in ring.iter() {
            if let Row::Record(record, _) = row {
                let index = (record.at.as_millisecond() - from).div_euclid(width_ms);
                let bucket = usize::try_from(index)
                    .ok()
                    .and_then(|index| buckets.get_mut(index));
                if let Some(bucket) = bucket {
                    bucket.add(record.level, 1);
                }
            }
        }
        Self {
            from: Timestamp::from_millisecond(from).unwrap_or(now),
            bucket_ms: width,
            buckets,
            whole: false,
        }
    }
}

//! A histogram of high dynamic range: how often values occur, each known to so many digits.
//!
//! Its buckets and its answers are those of `HdrHistogram`, which Elasticsearch uses for percentiles that ask for
//! `hdr`: every power of two is cut into the same number of steps, and a percentile is the upper end of its step.

use std::collections::BTreeMap;

use tantivy::{f64_to_u64, u64_to_f64};

/// Most digits that can be asked for.
pub const MAX_DIGITS: u32 = 5;

/// Bytes of a bucket, roughly.
const BUCKET_BYTES: usize = 24;

/// How often values occur.
#[derive(Debug, Clone)]
pub struct Hdr {
    /// Steps in which a power of two is cut.
    steps: f64,
    /// The lower end of each step that has values, in its order-preserving form.
    counts: BTreeMap<u64, u64>,
    total: u64,
    least: f64,
}

// === impl Hdr ===

impl Hdr {
    /// An empty histogram of values known to so many significant digits.
    pub fn new(digits: u32) -> Self {
        let single_unit = 2 * 10_u64.pow(digits.min(MAX_DIGITS));
        #[expect(clippy::cast_precision_loss, reason = "at most 131072")]
        let steps = (single_unit.next_power_of_two() / 2) as f64;
        Self {
            steps,
            counts: BTreeMap::new(),
            total: 0,
            least: f64::INFINITY,
        }
    }

    /// Adds a value; a negative one has no place, and is not added.
    pub fn add(&mut self, value: f64) -> bool {
        if value.is_nan() || value < 0.0 {
            return false;
        }
        if value > 0.0 {
            self.least = self.least.min(value);
        }
        *self.counts.entry(f64_to_u64(self.floor(value))).or_default() += 1;
        self.total += 1;
        true
    }

    /// Adds all values of another.
    pub fn merge(&mut self, other: Self) {
        self.least = self.least.min(other.least);
        self.total += other.total;
        for (step, count) in other.counts {
            *self.counts.entry(step).or_default() += count;
        }
    }

    /// Bytes it takes.
    pub fn bytes(&self) -> usize {
        self.counts.len() * BUCKET_BYTES
    }

    /// The power of two at or below a value.
    fn magnitude(value: f64) -> f64 {
        // The exponent is exact; a logarithm might round up.
        f64::from_bits(value.to_bits() & (0x7ff_u64 << 52))
    }

    fn floor(&self, value: f64) -> f64 {
        if value == 0.0 {
            return 0.0;
        }
        let step = Self::magnitude(value) / self.steps;
        (value / step).floor() * step
    }

    /// The upper end of the step that begins at a value: one unit of the lowest power of two below the next step.
    fn ceiling(&self, floor: f64) -> f64 {
        if floor == 0.0 {
            return 0.0;
        }
        floor + Self::magnitude(floor) / self.steps - Self::magnitude(self.least) / self.steps
    }

    /// The value below which a share (0 to 1) of all values lies; `None` without values.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a count"
    )]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let wanted = ((share * self.total as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (step, count) in &self.counts {
            seen += count;
            if seen >= wanted {
                return Some(self.ceiling(u64_to_f64(*step)));
            }
        }
        None
    }

    /// The share (0 to 1) of values at or below a value; `None` without values.
    #[expect(clippy::cast_precision_loss, reason = "a share of a count")]
    pub fn rank(&self, value: f64) -> Option<f64> {
        if self.total == 0 {
            return None;
        }
        if value < 0.0 {
            return Some(0.0);
        }
        let most = f64_to_u64(self.floor(value));
        let below: u64 = self.counts.range(..=most).map(|(_, count)| count).sum();
        Some(below as f64 / self.total as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_the_upper_ends_of_steps() {
        let mut histogram = Hdr::new(3);
        for value in [1.0, 51.0, 101.0, 151.0] {
            assert!(histogram.add(value));
        }
        for (share, expected) in [
            (0.01, 1.0),
            (0.25, 1.0),
            (0.5, 51.030_273_437_5),
            (0.75, 101.061_523_437_5),
            (0.99, 151.124_023_437_5),
        ] {
            assert_eq!(histogram.quantile(share), Some(expected), "{share}");
        }
        assert_eq!(histogram.rank(51.0), Some(0.5));
        assert!(!histogram.add(-1.0));
        assert_eq!(Hdr::new(3).quantile(0.5), None);
    }
}

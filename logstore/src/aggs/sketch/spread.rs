//! How values are spread, by one of the two methods that percentiles can ask for.

use super::{Digest, Hdr};

/// A method, with what it needs to know.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// A t-digest of some compression.
    Digest(f64),
    /// A histogram of values that are known to so many significant digits.
    Hdr(u32),
}

/// How values are spread.
#[derive(Debug, Clone)]
pub enum Spread {
    /// As a t-digest.
    Digest(Digest),
    /// As a histogram.
    Hdr(Hdr),
}

// === impl Spread ===

impl Spread {
    /// An empty one.
    pub fn new(method: Method) -> Self {
        match method {
            Method::Digest(compression) => Self::Digest(Digest::new(compression)),
            Method::Hdr(digits) => Self::Hdr(Hdr::new(digits)),
        }
    }

    /// Adds a value. A histogram has no place for a negative one: then it is not added, and this is false.
    #[inline]
    pub fn add(&mut self, value: f64) -> bool {
        match self {
            Self::Digest(digest) => {
                digest.add(value);
                true
            }
            Self::Hdr(histogram) => histogram.add(value),
        }
    }

    /// Adds all values of another of the same method.
    pub fn merge(&mut self, other: Self) {
        match (self, other) {
            (Self::Digest(ours), Self::Digest(theirs)) => ours.merge(theirs),
            (Self::Hdr(ours), Self::Hdr(theirs)) => ours.merge(theirs),
            _ => debug_assert!(false, "one aggregation has one method"),
        }
    }

    /// Bytes it takes.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Digest(digest) => digest.bytes(),
            Self::Hdr(histogram) => histogram.bytes(),
        }
    }

    /// The value below which a share (0 to 1) of all values lies; `None` without values. `stepped`: where a digest
    /// still knows the values one by one, one of them instead of a point between two.
    pub fn quantile(&mut self, share: f64, stepped: bool) -> Option<f64> {
        match self {
            Self::Digest(digest) if stepped => digest.stepped_quantile(share),
            Self::Digest(digest) => digest.quantile(share),
            Self::Hdr(histogram) => histogram.quantile(share),
        }
    }

    /// The share (0 to 1) of values below a value; `None` without values.
    pub fn rank(&mut self, value: f64) -> Option<f64> {
        match self {
            Self::Digest(digest) => digest.rank(value),
            Self::Hdr(histogram) => histogram.rank(value),
        }
    }

    /// The median distance from the median.
    pub fn median_absolute_deviation(&mut self) -> Option<f64> {
        match self {
            Self::Digest(digest) => digest.median_absolute_deviation(),
            Self::Hdr(_) => None,
        }
    }
}

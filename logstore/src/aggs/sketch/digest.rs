//! A t-digest: how values are spread, kept as centroids that are finer towards both ends.
//!
//! The size of a centroid and the interpolation between two are those of the `AVLTreeDigest` that Elasticsearch
//! 7 uses; values wait in a list and are merged in batches instead of one by one. Below about
//! a hundred values it is exact.

use tantivy::{f64_to_u64, u64_to_f64};

/// Values that wait before they are merged, for each unit of compression.
const WAITING: usize = 20;

/// A spread of values.
#[derive(Debug, Clone)]
pub struct Digest {
    compression: f64,
    /// Means and weights, ascending.
    centroids: Vec<(f64, f64)>,
    /// Values of weight 1 in their order-preserving form: whole numbers are sorted faster.
    waiting: Vec<u64>,
    min: f64,
    max: f64,
}

// === impl Digest ===

impl Digest {
    /// An empty digest; a larger compression is more exact and takes more memory.
    pub fn new(compression: f64) -> Self {
        Self {
            compression,
            centroids: Vec::new(),
            waiting: Vec::new(),
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
        }
    }

    /// Adds a value.
    #[inline]
    pub fn add(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        self.min = if value < self.min { value } else { self.min };
        self.max = if value > self.max { value } else { self.max };
        self.waiting.push(f64_to_u64(value));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 20 and 10,000"
        )]
        let most = self.compression as usize * WAITING;
        if self.waiting.len() >= most {
            self.compress();
        }
    }

    /// Adds all values of another.
    pub fn merge(&mut self, mut other: Self) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        other.compress();
        self.compress();
        let ours = std::mem::take(&mut self.centroids);
        self.centroids = join(ours, other.centroids.into_iter(), self.compression);
    }

    /// Bytes it takes.
    pub fn bytes(&self) -> usize {
        self.centroids.capacity() * size_of::<(f64, f64)>() + self.waiting.capacity() * size_of::<u64>()
    }

    fn compress(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        self.waiting.sort_unstable();
        let ours = std::mem::take(&mut self.centroids);
        let new = self.waiting.drain(..).map(|raw| (u64_to_f64(raw), 1.0));
        self.centroids = join(ours, new, self.compression);
    }

    fn weight(&self) -> f64 {
        self.centroids.iter().map(|(_, weight)| weight).sum()
    }

    /// The value below which a share (0 to 1) of all values lies; `None` without values.
    pub fn quantile(&mut self, share: f64) -> Option<f64> {
        self.compress();
        let (first, last) = (*self.centroids.first()?, *self.centroids.last()?);
        if self.centroids.len() == 1 {
            return Some(first.0);
        }
        let total = self.weight();
        let index = share * total;
        let mut centre = first.1 / 2.0;
        if index < centre {
            return Some(self.min + (first.0 - self.min) * index / centre);
        }
        for pair in self.centroids.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            let step = f64::midpoint(a.1, b.1);
            if centre + step > index {
                let part = (index - centre) / step;
                return Some(a.0 + (b.0 - a.0) * part);
            }
            centre += step;
        }
        let part = ((index - centre) / (last.1 / 2.0)).clamp(0.0, 1.0);
        Some(last.0 + (self.max - last.0) * part)
    }

    /// The same by the rule of later digests, which OpenSearch 3 has: near a value that stands alone it is that
    /// value, without interpolation.
    pub fn stepped_quantile(&mut self, share: f64) -> Option<f64> {
        self.compress();
        let (first, last) = (*self.centroids.first()?, *self.centroids.last()?);
        if self.centroids.len() == 1 {
            return Some(first.0);
        }
        let total = self.weight();
        let index = share * total;
        if index < 1.0 {
            return Some(self.min);
        }
        if first.1 > 1.0 && index < first.1 / 2.0 {
            let part = (index - 1.0) / (first.1 / 2.0 - 1.0);
            return Some(self.min + part * (first.0 - self.min));
        }
        if index > total - 1.0 {
            return Some(self.max);
        }
        if last.1 > 1.0 && total - index <= last.1 / 2.0 {
            let part = (total - index - 1.0) / (last.1 / 2.0 - 1.0);
            return Some(self.max - part * (self.max - last.0));
        }
        let mut centre = first.1 / 2.0;
        for pair in self.centroids.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            let step = f64::midpoint(a.1, b.1);
            if centre + step > index {
                let (mut left, mut right) = (0.0, 0.0);
                if a.1 == 1.0 {
                    if index - centre < 0.5 {
                        return Some(a.0);
                    }
                    left = 0.5;
                }
                if b.1 == 1.0 {
                    if centre + step - index <= 0.5 {
                        return Some(b.0);
                    }
                    right = 0.5;
                }
                let (from_a, to_b) = (index - centre - left, centre + step - index - right);
                return Some((a.0 * to_b + b.0 * from_a) / (from_a + to_b));
            }
            centre += step;
        }
        let (from_last, to_end) = (
            index - total - last.1 / 2.0,
            last.1 / 2.0 - (index - total - last.1 / 2.0),
        );
        Some((last.0 * from_last + self.max * to_end) / (from_last + to_end))
    }

    /// The share (0 to 1) of values below a value; `None` without values.
    pub fn rank(&mut self, value: f64) -> Option<f64> {
        self.compress();
        let first = *self.centroids.first()?;
        if self.centroids.len() == 1 {
            return Some(if value < first.0 { 0.0 } else { 1.0 });
        }
        let total = self.weight();
        let mut below = 0.0;
        let mut left = 0.0;
        for (place, (mean, weight)) in self.centroids.iter().copied().enumerate() {
            let right = match self.centroids.get(place + 1) {
                Some(next) => (next.0 - mean) / 2.0,
                None => left,
            };
            if place == 0 {
                left = right;
            }
            if value < mean + right {
                let width = left + right;
                let part = if width > 0.0 {
                    ((value - (mean - left)) / width).clamp(0.0, 1.0)
                } else {
                    0.5
                };
                return Some((below + weight * part) / total);
            }
            below += weight;
            left = right;
        }
        Some(1.0)
    }

    /// The median distance from the median.
    pub fn median_absolute_deviation(&mut self) -> Option<f64> {
        let median = self.quantile(0.5)?;
        let mut distances: Vec<(f64, f64)> = self
            .centroids
            .iter()
            .map(|(mean, weight)| ((mean - median).abs(), *weight))
            .collect();
        distances.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        let mut spread = Self::new(self.compression);
        spread.min = distances.first()?.0;
        spread.max = distances.last()?.0;
        spread.centroids = join(Vec::new(), distances.into_iter(), self.compression);
        spread.quantile(0.5)
    }
}

/// Joins two ascending lists of centroids, and puts neighbours together where the digest may be coarse.
fn join(old: Vec<(f64, f64)>, new: impl Iterator<Item = (f64, f64)>, compression: f64) -> Vec<(f64, f64)> {
    let mut all = Vec::with_capacity(old.len() + new.size_hint().0);
    let mut total = 0.0;
    let mut old = old.into_iter().peekable();
    for centroid in new {
        while let Some(before) = old.next_if(|(mean, _)| *mean <= centroid.0) {
            total += before.1;
            all.push(before);
        }
        total += centroid.1;
        all.push(centroid);
    }
    for rest in old {
        total += rest.1;
        all.push(rest);
    }
    // In place: the joined list never overtakes the one that is read.
    let (mut kept, mut before) = (0, 0.0);
    // Divisions are what this loop would cost most.
    let (share, most) = (1.0 / total, 4.0 * total / compression);
    for place in 1..all.len() {
        let (mean, weight) = all[place];
        let last = all[kept];
        let together = last.1 + weight;
        let q = (before + together * 0.5) * share;
        if together <= most * q * (1.0 - q) {
            all[kept] = (last.0 + (mean - last.0) * weight / together, together);
        } else {
            before += last.1;
            kept += 1;
            all[kept] = (mean, weight);
        }
    }
    all.truncate(kept + 1);
    all.shrink_to_fit();
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[f64]) -> Digest {
        let mut digest = Digest::new(100.0);
        for value in values {
            digest.add(*value);
        }
        digest
    }

    #[test]
    fn few_values_are_interpolated_as_elasticsearch_does() {
        let mut digest = of(&[1.0, 51.0, 101.0, 151.0]);
        for (percent, expected) in [
            (1.0, 1.0),
            (5.0, 1.0),
            (25.0, 26.0),
            (50.0, 76.0),
            (75.0, 126.0),
            (95.0, 151.0),
            (99.0, 151.0),
        ] {
            assert_eq!(digest.quantile(percent / 100.0), Some(expected), "{percent}");
        }
        for (percent, expected) in [
            (1.0, 1.0),
            (25.0, 51.0),
            (50.0, 101.0),
            (75.0, 151.0),
            (99.0, 151.0),
        ] {
            assert_eq!(
                digest.stepped_quantile(percent / 100.0),
                Some(expected),
                "{percent}"
            );
        }
        assert_eq!(of(&[]).quantile(0.5), None);
        assert_eq!(of(&[7.0]).quantile(0.99), Some(7.0));
    }

    #[test]
    fn the_median_absolute_deviation_is_a_median_of_distances() {
        let found = of(&[1.0, 2.0, 3.0, 4.0, 100.0])
            .median_absolute_deviation()
            .unwrap();
        assert!((found - 1.0).abs() < 0.01, "{found}");
    }

    proptest! {
        #[test]
        fn quantiles_and_ranks_are_within_two_percent_of_the_truth(
            seed in 0_u64..1000, count in 500_usize..20_000, parts in 1_usize..5
        ) {
            let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
            let mut values = Vec::new();
            let mut digests = vec![Digest::new(100.0); parts];
            for place in 0..count {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                #[expect(clippy::cast_precision_loss, reason = "a test")]
                let value = (state >> 40) as f64;
                values.push(value);
                digests[place % parts].add(value);
            }
            let mut digest = digests.pop().unwrap();
            for other in digests {
                digest.merge(other);
            }
            values.sort_by(f64::total_cmp);
            for share in [0.01, 0.25, 0.5, 0.9, 0.99] {
                let found = digest.quantile(share).unwrap();
                let below = values.partition_point(|value| *value < found);
                #[expect(clippy::cast_precision_loss, reason = "a test")]
                let truth = below as f64 / count as f64;
                prop_assert!((truth - share).abs() < 0.02, "{} {}", share, truth);
                prop_assert!((digest.rank(found).unwrap() - share).abs() < 0.02);
            }
        }
    }
}

//! Count, sum, extremes and sum of squares.

/// A sum that keeps what doubles round away (Knuth's two-sum, which needs no comparison), so that the order of
/// documents does not show in its last digits.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sum {
    value: f64,
    lost: f64,
}

/// What `avg`, `sum`, `min`, `max`, `stats`, `extended_stats` and `value_count` are made of.
#[derive(Debug, Clone, Copy)]
pub struct Stats {
    /// Values.
    pub count: u64,
    /// Their sum.
    pub sum: Sum,
    /// The smallest; infinite without values.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// The sum of squares.
    pub squares: Sum,
}

// === impl Sum ===

impl Sum {
    /// Adds a value.
    #[inline]
    pub fn add(&mut self, value: f64) {
        let sum = self.value + value;
        let added = sum - self.value;
        self.lost += (self.value - (sum - added)) + (value - added);
        self.value = sum;
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: Self) {
        self.add(other.value);
        self.lost += other.lost;
    }

    /// The sum.
    pub fn get(self) -> f64 {
        // An infinite sum has lost nothing that could be given back.
        if self.value.is_finite() && self.lost.is_finite() {
            self.value + self.lost
        } else {
            self.value
        }
    }
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            count: 0,
            sum: Sum::default(),
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            squares: Sum::default(),
        }
    }
}

// === impl Stats ===

impl Stats {
    /// Adds a value.
    #[inline]
    pub fn add(&mut self, value: f64) {
        self.add_plain(value);
        self.squares.add(value * value);
    }

    /// Adds a value where nobody asks for the sum of squares.
    #[inline]
    pub fn add_plain(&mut self, value: f64) {
        self.add_sum(value);
        self.add_extremes(value);
    }

    /// Adds a value where only count and sum are asked for.
    #[inline]
    pub fn add_sum(&mut self, value: f64) {
        self.count += 1;
        self.sum.add(value);
    }

    /// Adds a value where only the extremes are asked for; does not count it.
    #[inline]
    pub fn add_extremes(&mut self, value: f64) {
        self.min = if value < self.min { value } else { self.min };
        self.max = if value > self.max { value } else { self.max };
    }

    /// Adds all values of another.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum.merge(other.sum);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.squares.merge(other.squares);
    }

    /// The mean; `None` without values.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    pub fn avg(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum.get() / self.count as f64)
    }

    /// The variance, of the values as the whole population or as a sample of it.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    pub fn variance(&self, sample: bool) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let count = self.count as f64;
        let sum = self.sum.get();
        let squares = self.squares.get() - sum * sum / count;
        let variance = squares / if sample { count - 1.0 } else { count };
        // Rounding can leave a tiny negative number, and one value has no sample variance.
        Some(if variance < 0.0 { 0.0 } else { variance })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_values_are_not_lost_beside_large_ones() {
        let mut sum = Sum::default();
        for value in [1e16, 1.0, 1.0, -1e16] {
            sum.add(value);
        }
        assert!((sum.get() - 2.0).abs() < f64::EPSILON);
    }

    #[test]
    fn halves_merge_to_the_whole() {
        let (mut a, mut b, mut whole) = (Stats::default(), Stats::default(), Stats::default());
        for value in 1_i32..=10 {
            let half = if value % 2 == 0 { &mut a } else { &mut b };
            half.add(f64::from(value));
            whole.add(f64::from(value));
        }
        a.merge(&b);
        assert_eq!((a.count, a.avg(), a.variance(false)), (10, Some(5.5), Some(8.25)));
        assert_eq!(whole.variance(true), a.variance(true));
    }
}

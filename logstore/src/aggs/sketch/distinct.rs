//! How many different values there are: exact while they are few, `HyperLogLog` beyond.
//!
//! The estimate is Otmar Ertl's ("New cardinality estimation algorithms for HyperLogLog sketches", 2017), which
//! needs no table of corrections; with 2^16 registers its standard error is 0.4 %.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// Bits of a hash that choose a register.
const PRECISION: u32 = 16;

/// Registers.
const REGISTERS: usize = 1 << PRECISION;

/// Most values that are kept one by one: about the memory of the registers.
const MOST_EXACT: usize = 8_192;

/// Hashes are hashed already.
#[derive(Debug, Clone, Copy, Default)]
pub struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// A set of hashes, or an estimate of one.
#[derive(Debug, Clone)]
pub enum Distinct {
    /// All of them.
    Few(HashSet<u64, BuildHasherDefault<AsIs>>),
    /// For each register the longest run of zeros.
    Many(Box<[u8]>),
}

impl Default for Distinct {
    fn default() -> Self {
        Self::Few(HashSet::default())
    }
}

/// The hash of a number.
pub fn hash_number(raw: u64) -> u64 {
    // The finaliser of MurmurHash3.
    let mut hash = raw ^ (raw >> 33);
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// The hash of a string. It has no seed, since hashes of several segments meet.
pub fn hash_word(word: &[u8]) -> u64 {
    let mut hash = word.len() as u64;
    let mut mix = |part: u64| {
        let product = u128::from(hash ^ part) * 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
        #[expect(clippy::cast_possible_truncation, reason = "both halves are used")]
        let folded = (product as u64) ^ ((product >> 64) as u64);
        hash = folded;
    };
    let (parts, rest) = word.as_chunks::<8>();
    for part in parts {
        mix(u64::from_le_bytes(*part));
    }
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    mix(u64::from_le_bytes(last));
    hash_number(hash)
}

// === impl Distinct ===

impl Distinct {
    /// Adds a value by its hash.
    pub fn insert(&mut self, hash: u64) {
        match self {
            Self::Few(set) => {
                set.insert(hash);
                if set.len() > MOST_EXACT {
                    self.spill();
                }
            }
            Self::Many(registers) => note(registers, hash),
        }
    }

    /// Adds all values of another.
    pub fn merge(&mut self, other: Self) {
        match other {
            Self::Few(set) => {
                for hash in set {
                    self.insert(hash);
                }
            }
            Self::Many(theirs) => {
                self.spill();
                if let Self::Many(ours) = self {
                    for (our, their) in ours.iter_mut().zip(theirs.iter()) {
                        *our = (*our).max(*their);
                    }
                }
            }
        }
    }

    /// Bytes it takes.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Few(set) => set.capacity() * 9,
            Self::Many(registers) => registers.len(),
        }
    }

    fn spill(&mut self) {
        if let Self::Few(set) = self {
            let mut registers = vec![0; REGISTERS].into_boxed_slice();
            for hash in set.iter() {
                note(&mut registers, *hash);
            }
            *self = Self::Many(registers);
        }
    }

    /// How many different values were added.
    pub fn count(&self) -> u64 {
        match self {
            Self::Few(set) => set.len() as u64,
            Self::Many(registers) => estimate(registers),
        }
    }
}

fn note(registers: &mut [u8], hash: u64) {
    let place = usize::try_from(hash >> (64 - PRECISION)).unwrap_or(0);
    // The rest of the hash, its zeros in front counted with a stop at the end.
    let rest = (hash << PRECISION) | (1 << (PRECISION - 1));
    let zeros = u8::try_from(rest.leading_zeros() + 1).unwrap_or(u8::MAX);
    if let Some(register) = registers.get_mut(place) {
        *register = (*register).max(zeros);
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate"
)]
fn estimate(registers: &[u8]) -> u64 {
    const LONGEST: usize = 64 - PRECISION as usize;
    let mut counts = [0_u32; LONGEST + 2];
    for register in registers {
        counts[usize::from(*register).min(LONGEST + 1)] += 1;
    }
    let all = registers.len() as f64;
    let mut z = all * tau(1.0 - f64::from(counts[LONGEST + 1]) / all);
    for count in counts[1..=LONGEST].iter().rev() {
        z = 0.5 * (z + f64::from(*count));
    }
    z += all * sigma(f64::from(counts[0]) / all);
    (all * all / (2.0 * std::f64::consts::LN_2 * z)).round() as u64
}

fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z <= before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x).powi(2) * y;
        if z >= before {
            return z / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_differ_little_are_counted_apart() {
        let mut words = Distinct::default();
        for number in 0_u32..100_000 {
            words.insert(hash_word(format!("guild-{number:08}").as_bytes()));
            words.insert(hash_word(format!("{number:032x}").as_bytes()));
        }
        assert!(words.count().abs_diff(200_000) < 4_000, "{}", words.count());
    }

    #[test]
    fn many_values_are_counted_within_two_percent() {
        for count in [10_u64, 8_192, 8_193, 50_000, 200_000, 1_000_000] {
            let (mut a, mut b) = (Distinct::default(), Distinct::default());
            for value in 0..count {
                let half = if value % 2 == 0 { &mut a } else { &mut b };
                half.insert(hash_number(value));
                half.insert(hash_number(value));
            }
            a.merge(b);
            let found = a.count();
            let off = found.abs_diff(count);
            assert!(off * 50 <= count, "{count}: {found}");
            assert!(count > 8_192 || off == 0, "few are exact: {count}: {found}");
        }
    }
}

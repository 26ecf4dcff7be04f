//! Inputs from a corpus: pieces of it are put together, and bytes are changed, left out, repeated and moved.

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

/// Makes inputs without end.
pub(crate) struct Mutator {
    random: SmallRng,
    max_bytes: usize,
    pieces: &'static [&'static [u8]],
}

// === impl Mutator ===

impl Mutator {
    pub(crate) fn new(seed: u64, max_bytes: usize, pieces: &'static [&'static [u8]]) -> Self {
        Self {
            random: SmallRng::seed_from_u64(seed),
            max_bytes: max_bytes.max(1),
            pieces,
        }
    }

    /// Replaces `input` by the next one.
    pub(crate) fn next_input(&mut self, input: &mut Vec<u8>) {
        input.clear();
        let pieces = 1_usize << self.random.random_range(0..5_u32);
        for _ in 0..self.random.random_range(1..=pieces) {
            let piece = self.pieces[self.random.random_range(0..self.pieces.len())];
            input.extend_from_slice(piece);
        }
        // Most inputs are nearly right: what is wrong everywhere is refused at once and reaches nothing.
        for _ in 0..self.random.random_range(0..4_u32) {
            self.mutate(input);
        }
        input.truncate(self.max_bytes);
    }

    fn mutate(&mut self, input: &mut Vec<u8>) {
        let at = self.random.random_range(0..=input.len());
        let to = (at + self.random.random_range(0..9_usize)).min(input.len());
        match self.random.random_range(0..7_u8) {
            0 if at < input.len() => input[at] ^= 1 << self.random.random_range(0..8_u8),
            1 if at < input.len() => input[at] = self.random.random(),
            2 => input.insert(at, self.random.random()),
            3 => drop(input.drain(at..to)),
            4 => {
                let again = input[at..to].to_vec();
                drop(input.splice(at..at, again));
            }
            5 => {
                let piece = self.pieces[self.random.random_range(0..self.pieces.len())];
                drop(input.splice(at..to, piece.iter().copied()));
            }
            _ => input.truncate(at),
        }
    }
}

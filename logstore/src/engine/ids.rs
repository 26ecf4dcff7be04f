//! Which ids are certainly new: a Bloom filter over all ids of an index.
//!
//! `create` and `index` with an id have to know whether it exists, and shippers send every record with one: a
//! look into the term dictionary of each segment for each document would cost more than indexing it. The filter
//! answers "certainly not" from one cache line; only a "maybe" (about one in a thousand new ids, and every real
//! conflict) is looked up. It takes two bytes an id, exists while the index's writer is open, and is filled from
//! the term dictionaries when the first id arrives.

use std::hash::{BuildHasher as _, RandomState};

use tantivy::Searcher;

use super::schema;
use crate::error::ApiResult;

/// Ids for which the first layer is made; each further layer is made for twice as many.
const FIRST_LAYER: usize = 1 << 15;

/// Ids of one block of 512 bits.
const IDS_PER_BLOCK: usize = 32;

/// Bits set for an id.
const BITS: u32 = 6;

/// One cache line.
type Block = [u64; 8];

/// The filter. Ids are only ever added.
#[derive(Debug)]
pub struct IdFilter {
    layers: Vec<Layer>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Layer {
    blocks: Vec<Block>,
    left: usize,
}

// === impl IdFilter ===

impl IdFilter {
    /// An empty filter.
    pub fn new() -> Self {
        Self {
            layers: vec![Layer::new(FIRST_LAYER)],
            hasher: RandomState::new(),
        }
    }

    /// A filter of every id that a searcher knows.
    pub fn of(searcher: &Searcher) -> ApiResult<Self> {
        let mut filter = Self::new();
        for segment in searcher.segment_readers() {
            let index = segment.inverted_index(schema::fields().id)?;
            let mut ids = index.terms().stream()?;
            while ids.advance() {
                filter.insert(ids.key());
            }
        }
        Ok(filter)
    }

    /// Adds an id.
    pub fn insert(&mut self, id: &[u8]) {
        let hash = self.hasher.hash_one(id);
        if self.layers.last().is_none_or(|layer| layer.left == 0) {
            self.layers.push(Layer::new(FIRST_LAYER << self.layers.len()));
        }
        if let Some(layer) = self.layers.last_mut() {
            layer.left -= 1;
            let place = layer.place(hash);
            for (word, bit) in bits(hash) {
                layer.blocks[place][word] |= bit;
            }
        }
    }

    /// Whether an id may have been added; `false` is certain.
    pub fn may_contain(&self, id: &[u8]) -> bool {
        let hash = self.hasher.hash_one(id);
        self.layers.iter().any(|layer| {
            let block = &layer.blocks[layer.place(hash)];
            bits(hash).all(|(word, bit)| block[word] & bit != 0)
        })
    }
}

impl Default for IdFilter {
    fn default() -> Self {
        Self::new()
    }
}

// === impl Layer ===

impl Layer {
    fn new(ids: usize) -> Self {
        Self {
            blocks: vec![[0; 8]; ids / IDS_PER_BLOCK],
            left: ids,
        }
    }

    fn place(&self, hash: u64) -> usize {
        // The number of blocks is a power of two; the low bits choose the block, the high ones bits in it.
        usize::try_from(hash & (self.blocks.len() as u64 - 1)).expect("smaller than a length")
    }
}

/// The words and bits of a hash within its block.
fn bits(hash: u64) -> impl Iterator<Item = (usize, u64)> {
    // A second hash from the first, so that bits do not depend on the block.
    let mut mixed = hash.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31);
    (0..BITS).map(move |_| {
        let place = mixed & 511;
        mixed >>= 9;
        (
            usize::try_from(place >> 6).expect("below eight"),
            1 << (place & 63),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_added_is_never_denied(ids in proptest::collection::vec(".{0,20}", 0..500)) {
            let mut filter = IdFilter::new();
            for id in &ids {
                filter.insert(id.as_bytes());
            }
            prop_assert!(ids.iter().all(|id| filter.may_contain(id.as_bytes())));
        }
    }

    #[test]
    fn few_new_ids_are_taken_for_known_ones_even_after_it_has_grown() {
        let mut filter = IdFilter::new();
        for number in 0..200_000_u32 {
            filter.insert(format!("known-{number}").as_bytes());
        }
        assert!(filter.layers.len() > 1);
        let wrong = (0..10_000)
            .filter(|number| filter.may_contain(format!("new-{number}").as_bytes()))
            .count();
        assert!(wrong < 200, "{wrong} of 10,000");
    }
}

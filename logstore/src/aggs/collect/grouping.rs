//! Buckets of a node: finds the bucket of a parent's bucket and a value, or makes it, counts, and gathers the
//! block for the nodes below.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use tantivy::DocId;

use super::{Batch, Children, Guard};
use crate::aggs::partial::Bucket;
use crate::error::ApiResult;

/// Most entries of a table by position; beyond them a hash table is used.
const MOST_DENSE: u64 = 1 << 21;

/// Memory of a bucket, and of each aggregation below it, roughly.
const BUCKET_BYTES: usize = 64;

/// Buckets by parent and slot; a slot is any number that stands for a value.
pub struct Grouping {
    table: Table,
    keys: Vec<(u32, u64)>,
    counts: Vec<u64>,
    children: Children,
    docs: Vec<DocId>,
    ords: Vec<u32>,
    charged: usize,
    /// Where in `ords` the buckets of the document at hand start.
    run: (usize, u32),
    distinct: bool,
}

/// A bucket of a node.
pub struct Found {
    /// The parent's bucket.
    pub parent: usize,
    /// Its slot.
    pub slot: u64,
    /// The bucket.
    pub bucket: Bucket,
}

/// What was left out of a parent's bucket.
#[derive(Debug, Clone, Copy, Default)]
pub struct LeftOut {
    /// Documents of all buckets that were left out.
    pub documents: u64,
    /// Documents of the largest of them.
    pub largest: u64,
}

enum Table {
    /// `width` slots for each parent, in a row.
    Dense { width: u64, entries: Vec<u32> },
    /// By hash.
    Hashed(HashMap<(u32, u64), u32, Seed>),
}

/// A multiplying hash with a random seed: keys are short, and nobody outside knows the seed.
#[derive(Debug, Clone)]
pub struct Seed(u64);

/// A hash in the making.
#[derive(Debug)]
pub struct Mix(u64);

impl Default for Seed {
    fn default() -> Self {
        Self(RandomState::new().hash_one(0_u8))
    }
}

impl BuildHasher for Seed {
    type Hasher = Mix;
    fn build_hasher(&self) -> Mix {
        Mix(self.0)
    }
}

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        self.write_u64(u64::from_le_bytes(last) ^ (bytes.len() as u64) << 56);
    }
    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }
    fn write_u64(&mut self, value: u64) {
        let product = u128::from(self.0 ^ value) * 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
        #[expect(clippy::cast_possible_truncation, reason = "both halves are used")]
        let folded = (product as u64) ^ ((product >> 64) as u64);
        self.0 = folded;
    }
}

const NONE: u32 = u32::MAX;

// === impl Table ===

impl Table {
    fn new(width: Option<u64>) -> Self {
        match width.filter(|width| *width <= MOST_DENSE) {
            Some(width) => Self::Dense {
                width: width.max(1),
                entries: Vec::new(),
            },
            None => Self::hashed(),
        }
    }

    fn hashed() -> Self {
        Self::Hashed(HashMap::default())
    }

    /// The entry of a slot, for reading and writing.
    #[inline]
    fn entry(&mut self, parent: u32, slot: u64) -> &mut u32 {
        if let Self::Dense { width, entries } = self {
            let width = *width;
            if slot >= width || u64::from(parent) * width + slot >= entries.len() as u64 {
                self.grow(parent, slot);
            }
        }
        match self {
            Self::Dense { width, entries } => {
                let place = usize::try_from(u64::from(parent) * *width + slot).unwrap_or(usize::MAX);
                &mut entries[place]
            }
            Self::Hashed(map) => map.entry((parent, slot)).or_insert(NONE),
        }
    }

    #[cold]
    fn grow(&mut self, parent: u32, slot: u64) {
        let Self::Dense { width, entries } = self else {
            return;
        };
        let wanted = (u64::from(parent) + 1).saturating_mul(*width);
        if slot < *width && wanted <= MOST_DENSE {
            let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
            // Doubling, so that many parents in a row do not copy each time.
            let doubled = (entries.len() * 2).min(usize::try_from(MOST_DENSE).unwrap_or(wanted));
            entries.resize(wanted.max(doubled), NONE);
            return;
        }
        let Self::Hashed(mut map) = Self::hashed() else {
            return;
        };
        for (place, ord) in (0_u64..).zip(entries.iter()).filter(|(_, ord)| **ord != NONE) {
            let parent = u32::try_from(place / *width).unwrap_or(u32::MAX);
            map.insert((parent, place % *width), *ord);
        }
        *self = Self::Hashed(map);
    }
}

// === impl Grouping ===

impl Grouping {
    /// No buckets yet. `width`: slots are below it, if that is known; `distinct`: a document may come several
    /// times with the same slot, and counts once.
    pub fn new(width: Option<u64>, distinct: bool, children: Children) -> Self {
        Self {
            table: Table::new(width),
            keys: Vec::new(),
            counts: Vec::new(),
            children,
            docs: Vec::new(),
            ords: Vec::new(),
            charged: 0,
            run: (0, 0),
            distinct,
        }
    }

    /// Starts a block.
    pub fn start(&mut self) {
        self.docs.clear();
        self.ords.clear();
        self.run = (0, u32::MAX);
    }

    /// Puts a document into the bucket of a slot. `place` is the document's place in the block.
    #[inline]
    pub fn add(&mut self, parent: u32, slot: u64, doc: DocId, place: u32) {
        let entry = self.table.entry(parent, slot);
        if *entry == NONE {
            *entry = u32::try_from(self.keys.len()).unwrap_or(NONE - 1);
            self.keys.push((parent, slot));
            self.counts.push(0);
        }
        let ord = *entry;
        if self.distinct {
            if self.run.1 != place {
                self.run = (self.ords.len(), place);
            }
            if self.ords[self.run.0..].contains(&ord) {
                return;
            }
        } else if self.children.is_empty() {
            self.counts[ord as usize] += 1;
            return;
        }
        self.counts[ord as usize] += 1;
        self.docs.push(doc);
        self.ords.push(ord);
    }

    /// Puts a whole block into buckets: `places` are those of the values in the block, `slots` the values.
    pub fn add_all(&mut self, batch: Batch<'_>, places: &[u32], slots: &[u64]) {
        if self.distinct {
            for (place, slot) in places.iter().zip(slots) {
                let at = *place as usize;
                self.add(batch.ords[at], *slot, batch.docs[at], *place);
            }
            return;
        }
        let leaf = self.children.is_empty();
        if !leaf {
            self.docs.reserve(places.len());
            self.ords.reserve(places.len());
        }
        // Neighbours are often alike, above all in time.
        let (mut last_key, mut last_ord) = ((NONE, u64::MAX), NONE);
        let identity = places.len() == batch.docs.len() && !self.distinct;
        for (number, slot) in slots.iter().enumerate() {
            let at = if identity { number } else { places[number] as usize };
            let parent = batch.ords[at];
            if last_key != (parent, *slot) {
                last_key = (parent, *slot);
                let entry = self.table.entry(parent, *slot);
                if *entry == NONE {
                    *entry = u32::try_from(self.keys.len()).unwrap_or(NONE - 1);
                    self.keys.push((parent, *slot));
                    self.counts.push(0);
                }
                last_ord = *entry;
            }
            self.counts[last_ord as usize] += 1;
            if !leaf {
                self.docs.push(batch.docs[at]);
                self.ords.push(last_ord);
            }
        }
    }

    /// Ends a block: hands it to the nodes below.
    pub fn finish(&mut self, batch: Batch<'_>) -> ApiResult<()> {
        self.charge(batch.guard)?;
        if self.children.is_empty() {
            return Ok(());
        }
        self.children.collect(batch.with(&self.docs, &self.ords))
    }

    fn charge(&mut self, guard: &Guard) -> ApiResult<()> {
        let new = self.keys.len() - self.charged;
        if new > 0 {
            self.charged = self.keys.len();
            guard.take(new * BUCKET_BYTES * (1 + self.children.len()))?;
        }
        Ok(())
    }

    /// All buckets, in the order in which they were made.
    pub fn harvest(&mut self) -> ApiResult<Vec<Found>> {
        let all = 0..self.keys.len();
        self.harvest_only(all)
    }

    /// For each of the parent's buckets the most frequent of its own, no more than `most`; and for each what
    /// was left out.
    pub fn harvest_most(&mut self, most: usize, parents: usize) -> ApiResult<(Vec<Found>, Vec<LeftOut>)> {
        let mut left = vec![LeftOut::default(); parents];
        if self.keys.len() <= most {
            return Ok((self.harvest()?, left));
        }
        let mut by_parent: Vec<Vec<usize>> = vec![Vec::new(); parents];
        for (number, (parent, _)) in self.keys.iter().enumerate() {
            by_parent[*parent as usize].push(number);
        }
        let mut kept = Vec::new();
        for (own, left) in by_parent.iter_mut().zip(&mut left) {
            if own.len() > most {
                // By slot where counts are alike, so that the choice does not depend on the order of documents.
                own.select_nth_unstable_by_key(most, |number| {
                    (std::cmp::Reverse(self.counts[*number]), self.keys[*number].1)
                });
                for number in own.drain(most..) {
                    left.documents += self.counts[number];
                    left.largest = left.largest.max(self.counts[number]);
                }
            }
            kept.append(own);
        }
        Ok((self.harvest_only(kept)?, left))
    }

    fn harvest_only(&mut self, numbers: impl IntoIterator<Item = usize>) -> ApiResult<Vec<Found>> {
        let mut subs = if self.children.is_empty() {
            Vec::new()
        } else {
            self.children.harvest(self.keys.len())?
        };
        Ok(numbers
            .into_iter()
            .map(|number| {
                let (parent, slot) = self.keys[number];
                Found {
                    parent: parent as usize,
                    slot,
                    bucket: Bucket {
                        count: self.counts[number],
                        subs: subs.get_mut(number).map(std::mem::take).unwrap_or_default(),
                    },
                }
            })
            .collect())
    }
}

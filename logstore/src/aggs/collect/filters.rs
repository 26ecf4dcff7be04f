//! Buckets that are not made of values: filters, documents without a field, all documents.

use tantivy::{DocId, SegmentReader};

use super::{Batch, Children, Matches, Node};
use crate::aggs::bind::Bound;
use crate::aggs::column::{Block, Values};
use crate::aggs::partial::{Bucket, Partial};
use crate::error::ApiResult;

/// A fixed number of buckets for each bucket of the parent.
pub struct Fixed {
    width: usize,
    counts: Vec<u64>,
    children: Children,
    docs: Vec<DocId>,
    ords: Vec<u32>,
}

/// `filter`, `filters`, `adjacency_matrix`.
pub struct FiltersNode {
    filters: Vec<Matches>,
    single: bool,
    fixed: Fixed,
    /// Of the document at hand, which filters it matches: it may come again in another bucket.
    matching: Vec<u32>,
}

/// `missing`.
pub struct MissingNode {
    values: Values,
    block: Block,
    fixed: Fixed,
}

/// `global` and `sampler`: all documents, up to a number of each bucket.
pub struct EveryNode {
    most: usize,
    fixed: Fixed,
}

// === impl Fixed ===

impl Fixed {
    /// `width` buckets for each of the parent's.
    pub fn new(width: usize, children: Children) -> Self {
        Self {
            width,
            counts: Vec::new(),
            children,
            docs: Vec::new(),
            ords: Vec::new(),
        }
    }

    /// Starts a block.
    pub fn start(&mut self) {
        self.docs.clear();
        self.ords.clear();
    }

    /// How many documents are in a bucket so far.
    pub fn count(&self, parent: u32, place: usize) -> u64 {
        self.counts
            .get(parent as usize * self.width + place)
            .copied()
            .unwrap_or_default()
    }

    /// Puts a document into a bucket.
    pub fn add(&mut self, parent: u32, place: usize, doc: DocId) {
        let ord = parent as usize * self.width + place;
        if ord >= self.counts.len() {
            self.counts.resize((parent as usize + 1) * self.width, 0);
        }
        self.counts[ord] += 1;
        if !self.children.is_empty() {
            self.docs.push(doc);
            self.ords.push(u32::try_from(ord).unwrap_or(u32::MAX));
        }
    }

    /// Ends a block.
    pub fn finish(&mut self, batch: Batch<'_>) -> ApiResult<()> {
        self.children.collect(batch.with(&self.docs, &self.ords))
    }

    /// For each of the parent's buckets its own.
    pub fn harvest(&mut self, parents: usize) -> ApiResult<Vec<Vec<Bucket>>> {
        let all = parents * self.width;
        self.counts.resize(all, 0);
        let mut subs = self.children.harvest(all)?.into_iter();
        let mut counts = self.counts.iter();
        Ok((0..parents)
            .map(|_| {
                let own = counts.by_ref().take(self.width).zip(subs.by_ref());
                own.map(|(count, subs)| Bucket { count: *count, subs }).collect()
            })
            .collect())
    }

    fn harvest_one(&mut self, parents: usize) -> ApiResult<Vec<Partial>> {
        let buckets = self.harvest(parents)?;
        Ok(buckets
            .into_iter()
            .map(|mut own| Partial::One(own.pop().unwrap_or_default()))
            .collect())
    }
}

// === impl FiltersNode ===

impl FiltersNode {
    /// Opens the filters.
    pub fn open(bound: &Bound<'_>, segment: &SegmentReader, children: Children) -> ApiResult<Self> {
        let filters = bound
            .weights
            .iter()
            .map(|weight| Matches::open(&**weight, segment))
            .collect::<ApiResult<Vec<_>>>()?;
        Ok(Self {
            fixed: Fixed::new(filters.len(), children),
            single: matches!(bound.agg.kind, crate::aggs::request::AggKind::Filter(_)),
            filters,
            matching: Vec::new(),
        })
    }
}

impl Node for FiltersNode {
    fn collect(&mut self, batch: Batch<'_>) -> ApiResult<()> {
        self.fixed.start();
        let mut last = None;
        for (doc, ord) in batch.docs.iter().zip(batch.ords) {
            if last != Some(*doc) {
                last = Some(*doc);
                self.matching.clear();
                for (place, filter) in (0..).zip(&mut self.filters) {
                    if filter.contains(*doc) {
                        self.matching.push(place);
                    }
                }
            }
            for place in &self.matching {
                self.fixed.add(*ord, *place as usize, *doc);
            }
        }
        self.fixed.finish(batch)
    }

    fn harvest(&mut self, parents: usize) -> ApiResult<Vec<Partial>> {
        if self.single {
            return self.fixed.harvest_one(parents);
        }
        Ok(self
            .fixed
            .harvest(parents)?
            .into_iter()
            .map(Partial::Fixed)
            .collect())
    }
}

// === impl MissingNode ===

impl MissingNode {
    /// Opens the field.
    pub fn open(bound: &Bound<'_>, segment: &SegmentReader, children: Children) -> ApiResult<Self> {
        Ok(Self {
            values: bound.open_source(0, segment)?,
            block: Block::default(),
            fixed: Fixed::new(1, children),
        })
    }
}

impl Node for MissingNode {
    fn collect(&mut self, batch: Batch<'_>) -> ApiResult<()> {
        self.fixed.start();
        self.values.read(batch.docs, &mut self.block);
        let mut found = self.block.at.iter().peekable();
        for (place, (doc, ord)) in (0_u32..).zip(batch.docs.iter().zip(batch.ords)) {
            let mut has = false;
            while found.next_if_eq(&&place).is_some() {
                has = true;
            }
            if !has {
                self.fixed.add(*ord, 0, *doc);
            }
        }
        self.fixed.finish(batch)
    }

    fn harvest(&mut self, parents: usize) -> ApiResult<Vec<Partial>> {
        self.fixed.harvest_one(parents)
    }
}

// === impl EveryNode ===

impl EveryNode {
    /// All documents, up to a number of each bucket.
    pub fn new(most: usize, children: Children) -> Self {
        Self {
            most,
            fixed: Fixed::new(1, children),
        }
    }
}

impl Node for EveryNode {
    fn collect(&mut self, batch: Batch<'_>) -> ApiResult<()> {
        self.fixed.start();
        for (doc, ord) in batch.docs.iter().zip(batch.ords) {
            if self.fixed.count(*ord, 0) < self.most as u64 {
                self.fixed.add(*ord, 0, *doc);
            }
        }
        self.fixed.finish(batch)
    }

    fn harvest(&mut self, parents: usize) -> ApiResult<Vec<Partial>> {
        self.fixed.harvest_one(parents)
    }
}

//! Collects aggregations in one segment: a tree of [`Node`]s, each of which keeps the state of all the buckets
//! it is asked about, side by side.
//!
//! Documents go down the tree in blocks. A block says for each document in which bucket of the parent it lies,
//! by number; a node reads its column for the whole block, finds or makes its own buckets, and hands the block,
//! with the numbers of its buckets, to the nodes below. One virtual call thus serves a thousand documents, and a
//! bucket costs a few numbers instead of a tree of objects. Documents come ascending; the same one may come
//! several times in a row, when it lies in several buckets.

pub mod filters;
pub mod grouping;
pub mod histogram;
pub mod hits;
pub mod metrics;
pub mod partition;
pub mod ranges;
pub mod terms;
pub mod tuples;

pub use ranges::address;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::query::Weight;
use tantivy::{DocId, Score, SegmentOrdinal, SegmentReader};

use super::bind::Bound;
use super::partial::{Merging, Partial};
use super::request::AggKind;
use crate::error::{ApiError, ApiResult};

/// Documents of a block.
const BLOCK: usize = 1024;

/// Documents that a filter steps over one by one before it is asked to jump.
const STEPS: usize = 8;

/// Memory of one request's buckets: counted as they are made, and refused beyond the limit.
#[derive(Debug)]
pub struct Guard {
    taken: AtomicU64,
    limit: u64,
}

/// A block of documents on its way down.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// Documents, ascending, perhaps repeated.
    pub docs: &'a [DocId],
    /// For each of them the number of the parent's bucket.
    pub ords: &'a [u32],
    /// Scores of the documents of the block at the root.
    scores: Option<(&'a [DocId], &'a [Score])>,
    /// Counts memory.
    pub guard: &'a Guard,
}

/// One aggregation in one segment.
pub trait Node: Send {
    /// Takes a block of documents.
    fn collect(&mut self, batch: Batch<'_>) -> ApiResult<()>;

    /// The results for the parent's buckets, of which there are `parents`.
    fn harvest(&mut self, parents: usize) -> ApiResult<Vec<Partial>>;
}

/// The aggregations below a bucket.
#[derive(Default)]
pub struct Children {
    nodes: Vec<Box<dyn Node>>,
}

/// Collects the aggregations of one index.
pub struct AggCollector<'a> {
    bound: &'a [Bound<'a>],
    merging: &'a [Merging],
    guard: Arc<Guard>,
    scores: bool,
}

/// Collects them in one segment.
pub struct SegmentAggs {
    children: ApiResult<Children>,
    guard: Arc<Guard>,
    docs: Vec<DocId>,
    scores: Option<Vec<Score>>,
    ords: Vec<u32>,
}

// === impl Guard ===

impl Guard {
    /// A guard that refuses more bytes than the limit.
    pub fn new(limit: u64) -> Self {
        Self {
            taken: AtomicU64::new(0),
            limit,
        }
    }

    /// Counts some bytes.
    pub fn take(&self, bytes: usize) -> ApiResult<()> {
        let bytes = bytes as u64;
        let all = self.taken.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if all <= self.limit {
            return Ok(());
        }
        Err(ApiError::new(
            429,
            "circuit_breaking_exception",
            format!(
                "[request] Data too large, data for [<agg>] would be [{all}], which is larger than the limit of [{}] (--max-aggregation-memory)",
                self.limit
            ),
        )
        .with("bytes_wanted", all)
        .with("bytes_limit", self.limit)
        .with("durability", "TRANSIENT"))
    }
}

// === impl Batch ===

impl<'a> Batch<'a> {
    /// The same block with other documents.
    pub fn with(self, docs: &'a [DocId], ords: &'a [u32]) -> Self {
        Self { docs, ords, ..self }
    }

    /// The score of a document.
    pub fn score(&self, doc: DocId) -> Score {
        self.scores.map_or(0.0, |(docs, scores)| {
            docs.binary_search(&doc)
                .ok()
                .and_then(|place| scores.get(place))
                .copied()
                .unwrap_or_default()
        })
    }
}

// === impl Children ===

impl Children {
    /// Opens the aggregations below a bucket in one segment.
    pub fn open(bound: &[Bound<'_>], ord: SegmentOrdinal, segment: &SegmentReader) -> ApiResult<Self> {
        let nodes = bound
            .iter()
            .map(|one| open(one, ord, segment))
            .collect::<ApiResult<Vec<_>>>()?;
        Ok(Self { nodes })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Hands a block to each of them.
    pub fn collect(&mut self, batch: Batch<'_>) -> ApiResult<()> {
        if batch.docs.is_empty() {
            return Ok(());
        }
        self.nodes.iter_mut().try_for_each(|node| node.collect(batch))
    }

    /// For each of some buckets the results of all of them.
    pub fn harvest(&mut self, buckets: usize) -> ApiResult<Vec<Vec<Partial>>> {
        let mut out: Vec<Vec<Partial>> = (0..buckets)
            .map(|_| Vec::with_capacity(self.nodes.len()))
            .collect();
        for node in &mut self.nodes {
            for (bucket, partial) in out.iter_mut().zip(node.harvest(buckets)?) {
                bucket.push(partial);
            }
        }
        Ok(out)
    }
}

fn open(bound: &Bound<'_>, ord: SegmentOrdinal, segment: &SegmentReader) -> ApiResult<Box<dyn Node>> {
    let children = || Children::open(&bound.subs, ord, segment);
    Ok(match &bound.agg.kind {
        AggKind::Terms(_) | AggKind::RareTerms(_) => {
            Box::new(terms::TermsNode::open(bound, segment, children()?)?)
        }
        AggKind::MultiTerms(_) | AggKind::Composite(_) => {
            Box::new(tuples::TuplesNode::open(bound, segment, children()?)?)
        }
        AggKind::DateHistogram(_) | AggKind::AutoDates(_) | AggKind::Histogram(_) => {
            Box::new(histogram::HistogramNode::open(bound, segment, children()?)?)
        }
        AggKind::Ranges(_) => Box::new(ranges::RangesNode::open(bound, segment, children()?)?),
        AggKind::Filter(_) | AggKind::Filters(_) => {
            Box::new(filters::FiltersNode::open(bound, segment, children()?)?)
        }
        AggKind::Missing(_) => Box::new(filters::MissingNode::open(bound, segment, children()?)?),
        AggKind::Global => Box::new(filters::EveryNode::new(usize::MAX, children()?)),
        AggKind::Sampler(size) => Box::new(filters::EveryNode::new(*size, children()?)),
        AggKind::Metric(metric) => metrics::open(metric, bound, ord, segment)?,
        AggKind::Pipeline(_) => return Err(ApiError::internal("a pipeline aggregation collects nothing")),
    })
}

// === impl AggCollector ===

impl<'a> AggCollector<'a> {
    /// Collects some aggregations.
    pub fn new(bound: &'a [Bound<'a>], merging: &'a [Merging], guard: Arc<Guard>, scores: bool) -> Self {
        Self {
            bound,
            merging,
            guard,
            scores,
        }
    }
}

impl Collector for AggCollector<'_> {
    type Fruit = ApiResult<Vec<Partial>>;
    type Child = SegmentAggs;

    fn for_segment(&self, ord: SegmentOrdinal, segment: &SegmentReader) -> tantivy::Result<SegmentAggs> {
        Ok(SegmentAggs {
            children: Children::open(self.bound, ord, segment),
            guard: Arc::clone(&self.guard),
            docs: Vec::with_capacity(BLOCK),
            scores: self.scores.then(|| Vec::with_capacity(BLOCK)),
            ords: vec![0; BLOCK],
        })
    }

    fn requires_scoring(&self) -> bool {
        self.scores
    }

    fn merge_fruits(
        &self,
        segments: Vec<ApiResult<Vec<Partial>>>,
    ) -> tantivy::Result<ApiResult<Vec<Partial>>> {
        Ok(merge_all(segments, self.merging))
    }
}

/// Merges the results of several segments or indices.
pub fn merge_all(
    parts: impl IntoIterator<Item = ApiResult<Vec<Partial>>>,
    how: &[Merging],
) -> ApiResult<Vec<Partial>> {
    let mut merged: Vec<Partial> = Vec::new();
    for part in parts {
        let part = part?;
        if merged.is_empty() {
            merged = part;
        } else {
            for ((ours, theirs), how) in merged.iter_mut().zip(part).zip(how) {
                ours.merge(theirs, how);
            }
        }
    }
    Ok(merged)
}

// === impl SegmentAggs ===

impl SegmentAggs {
    fn flush(&mut self) {
        let Ok(children) = &mut self.children else { return };
        let batch = Batch {
            docs: &self.docs,
            ords: self.ords.get(..self.docs.len()).unwrap_or_default(),
            scores: self
                .scores
                .as_ref()
                .map(|scores| (self.docs.as_slice(), scores.as_slice())),
            guard: &self.guard,
        };
        let result = children.collect(batch);
        self.docs.clear();
        if let Some(scores) = &mut self.scores {
            scores.clear();
        }
        if let Err(error) = result {
            self.children = Err(error);
        }
    }
}

impl SegmentCollector for SegmentAggs {
    type Fruit = ApiResult<Vec<Partial>>;

    fn collect(&mut self, doc: DocId, score: Score) {
        self.docs.push(doc);
        if let Some(scores) = &mut self.scores {
            scores.push(score);
        }
        if self.docs.len() >= BLOCK {
            self.flush();
        }
    }

    fn collect_block(&mut self, docs: &[DocId]) {
        for part in docs.chunks(BLOCK) {
            if self.docs.len() + part.len() > BLOCK {
                self.flush();
            }
            self.docs.extend_from_slice(part);
            if let Some(scores) = &mut self.scores {
                scores.resize(self.docs.len(), 0.0);
            }
        }
    }

    fn harvest(mut self) -> Self::Fruit {
        if !self.docs.is_empty() {
            self.flush();
        }
        let mut results = self.children?.harvest(1)?;
        Ok(results.pop().unwrap_or_default())
    }
}

/// The documents of one segment that a query matches, asked for in ascending order.
pub struct Matches {
    scorer: Box<dyn tantivy::query::Scorer>,
}

// === impl Matches ===

impl Matches {
    /// Opens a query in a segment.
    pub fn open(weight: &dyn Weight, segment: &SegmentReader) -> ApiResult<Self> {
        Ok(Self {
            scorer: weight.scorer(segment, 1.0)?,
        })
    }

    /// Whether a document matches. It must not be before the one asked about last.
    pub fn contains(&mut self, doc: DocId) -> bool {
        let mut at = self.scorer.doc();
        // A few steps are cheaper than a look into the skip list.
        let mut steps = 0;
        while at < doc && steps < STEPS {
            at = self.scorer.advance();
            steps += 1;
        }
        if at < doc {
            at = self.scorer.seek(doc);
        }
        at == doc
    }
}

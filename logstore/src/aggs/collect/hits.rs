//! `top_hits` and `top_metrics`: the best documents of each bucket.

use std::sync::Arc;

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::{SegmentOrdinal, SegmentReader};

use super::{Batch, Node};
use crate::aggs::bind::Bound;
use crate::aggs::collect::terms::word_key;
use crate::aggs::column::{Block, MISSING_ORD, Values};
use crate::aggs::partial::{Hits, Key, Partial, TopValues};
use crate::aggs::values::Type;
use crate::error::{ApiError, ApiResult};
use crate::search::sort::SortKey;
use crate::search::top::{Candidate, SegmentTop, TopHits, compare};

/// Memory of a bucket's collector, and of a hit in it, roughly.
const COLLECTOR_BYTES: usize = 1024;
const HIT_BYTES: usize = 128;

/// The best documents of each bucket, by a sort.
struct Best {
    collector: Arc<TopHits>,
    ord: SegmentOrdinal,
    segment: SegmentReader,
    tops: Vec<Option<SegmentTop>>,
    counts: Vec<u64>,
}

/// `top_hits`.
pub struct HitsNode {
    best: Best,
    index: usize,
}

/// `top_metrics`.
pub struct TopNode {
    best: Best,
    index: usize,
    values: Vec<Values>,
}

// === impl Best ===

impl Best {
    fn open(bound: &Bound<'_>, ord: SegmentOrdinal, segment: &SegmentReader) -> ApiResult<Self> {
        let collector = bound
            .top
            .clone()
            .ok_or_else(|| ApiError::internal("hits without an order"))?;
        Ok(Self {
            collector,
            ord,
            segment: segment.clone(),
            tops: Vec::new(),
            counts: Vec::new(),
        })
    }

    fn collect(&mut self, batch: Batch<'_>) -> ApiResult<()> {
        for (doc, ord) in batch.docs.iter().zip(batch.ords) {
            let ord = *ord as usize;
            if ord >= self.tops.len() {
                self.tops.resize_with(ord + 1, || None);
                self.counts.resize(ord + 1, 0);
            }
            self.counts[ord] += 1;
            let top = match &mut self.tops[ord] {
                Some(top) => top,
                empty => {
                    batch
                        .guard
                        .take(COLLECTOR_BYTES + HIT_BYTES * self.collector.limit)?;
                    empty.insert(self.collector.for_segment(self.ord, &self.segment)?)
                }
            };
            top.collect(*doc, batch.score(*doc));
        }
        Ok(())
    }

    /// For each of the parent's buckets how many documents it has, and the best.
    fn harvest(&mut self, parents: usize) -> Vec<(u64, Vec<Candidate>)> {
        let keys: Vec<&SortKey> = self.collector.keys.iter().map(|key| &key.key).collect();
        self.tops.resize_with(parents, || None);
        self.counts.resize(parents, 0);
        self.counts
            .drain(..)
            .zip(self.tops.drain(..))
            .map(|(count, top)| {
                let mut best = top.map(|top| top.harvest().hits).unwrap_or_default();
                best.sort_by(|a, b| compare(&keys, a, b));
                (count, best)
            })
            .collect()
    }
}

// === impl HitsNode ===

impl HitsNode {
    /// Opens the order's columns.
    pub fn open(bound: &Bound<'_>, ord: SegmentOrdinal, segment: &SegmentReader) -> ApiResult<Self> {
        Ok(Self {
            best: Best::open(bound, ord, segment)?,
            index: bound.index,
        })
    }
}

impl Node for HitsNode {
    fn collect(&mut self, batch: Batch<'_>) -> ApiResult<()> {
        self.best.collect(batch)
    }

    fn harvest(&mut self, parents: usize) -> ApiResult<Vec<Partial>> {
        let index = self.index;
        Ok(self
            .best
            .harvest(parents)
            .into_iter()
            .map(|(total, best)| {
                Partial::Hits(Hits {
                    total,
                    best: best.into_iter().map(|candidate| (index, candidate)).collect(),
                })
            })
            .collect())
    }
}

// === impl TopNode ===

impl TopNode {
    /// Opens the columns of the order and of the shown fields.
    pub fn open(bound: &Bound<'_>, ord: SegmentOrdinal, segment: &SegmentReader) -> ApiResult<Self> {
        Ok(Self {
            best: Best::open(bound, ord, segment)?,
            index: bound.index,
            values: (0..bound.plan.sources.len())
                .map(|place| bound.open_source(place, segment))
                .collect::<ApiResult<_>>()?,
        })
    }
}

impl Node for TopNode {
    fn collect(&mut self, batch: Batch<'_>) -> ApiResult<()> {
        self.best.collect(batch)
    }

    fn harvest(&mut self, parents: usize) -> ApiResult<Vec<Partial>> {
        let mut block = Block::default();
        let mut out = Vec::with_capacity(parents);
        for (_, best) in self.best.harvest(parents) {
            let mut tops = Vec::with_capacity(best.len());
            for candidate in best {
                let mut values = Vec::with_capacity(self.values.len());
                for source in &self.values {
                    source.read(&[candidate.address.doc_id], &mut block);
                    values.push(match block.raw.first() {
                        None => None,
                        Some(raw) if source.kind().is_number() => Some(Key::Number(*raw)),
                        Some(raw) => {
                            let mut key = None;
                            let ord = if *raw == MISSING_ORD { MISSING_ORD } else { *raw };
                            source.each_word(&[ord], |word| {
                                key = Some(word_key(word, source.kind() == Type::Ip))
                            })?;
                            key
                        }
                    });
                }
                tops.push(TopValues {
                    place: (self.index, candidate.address, candidate.seq_no),
                    sort: candidate.values,
                    values,
                });
            }
            out.push(Partial::Top(tops));
        }
        Ok(out)
    }
}

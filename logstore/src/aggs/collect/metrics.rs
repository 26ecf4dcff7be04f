//! Metrics over numbers and strings.

use std::collections::HashSet;

use tantivy::{SegmentOrdinal, SegmentReader};

use super::hits::{HitsNode, TopNode};
use super::{Batch, Node};
use crate::aggs::bind::Bound;
use crate::aggs::column::{Block, Values};
use crate::aggs::partial::Partial;
use crate::aggs::request::{Metric, MetricKind};
use crate::aggs::sketch::{Distinct, Method, Spread, Stats, Sum, hash_number, hash_word};
use crate::aggs::values::Type;
use crate::error::{ApiError, ApiResult};

/// Most bits of sets by position: beyond them sets of ordinals are hashed.
const MOST_BITS: u64 = 1 << 28;

/// Memory of an ordinal in a hashed set.
const HASHED_BYTES: usize = 16;

/// Opens a metric.
pub fn open(
    metric: &Metric,
    bound: &Bound<'_>,
    ord: SegmentOrdinal,
    segment: &SegmentReader,
) -> ApiResult<Box<dyn Node>> {
    Ok(match &metric.kind {
        MetricKind::TopHits(_) => Box::new(HitsNode::open(bound, ord, segment)?),
        MetricKind::TopMetrics { .. } => Box::new(TopNode::open(bound, ord, segment)?),
        MetricKind::ValueCount => Box::new(CountNode {
            values: bound.open_source(0, segment)?,
            block: Block::default(),
            counts: Vec::new(),
        }),
        MetricKind::Cardinality => Box::new(DistinctNode::new(bound.open_source(0, segment)?)),
        MetricKind::Percentiles(percents) | MetricKind::PercentileRanks(percents) => Box::new(SpreadNode {
            values: bound.open_source(0, segment)?,
            method: percents.method,
            block: Block::default(),
            spreads: Vec::new(),
        }),
        MetricKind::MedianAbsoluteDeviation(compression) => Box::new(SpreadNode {
            values: bound.open_source(0, segment)?,
            method: Method::Digest(*compression),
            block: Block::default(),
            spreads: Vec::new(),
        }),
        MetricKind::WeightedAvg(_) => Box::new(WeightedNode {
            values: bound.open_source(0, segment)?,
            weights: bound.open_source(1, segment)?,
            blocks: (Block::default(), Block::default()),
            sums: Vec::new(),
        }),
        MetricKind::Avg
        | MetricKind::Sum
        | MetricKind::Min
        | MetricKind::Max
        | MetricKind::Stats
        | MetricKind::ExtendedStats(_) => Box::new(StatsNode {
            values: bound.open_source(0, segment)?,
            wanted: match metric.kind {
                MetricKind::Avg | MetricKind::Sum => Wanted::Sum,
                MetricKind::Min | MetricKind::Max => Wanted::Extremes,
                MetricKind::ExtendedStats(_) => Wanted::Squares,
                _ => Wanted::Plain,
            },
            block: Block::default(),
            stats: Vec::new(),
        }),
    })
}

/// Makes room for buckets up to the largest of a block, and counts the memory.
fn grow<T: Clone>(all: &mut Vec<T>, batch: Batch<'_>, empty: &T) -> ApiResult<()> {
    let wanted = batch.ords.iter().max().map_or(0, |ord| *ord as usize + 1);
    if wanted > all.len() {
        batch.guard.take((wanted - all.len()) * size_of::<T>())?;
        all.resize(wanted, empty.clone());
    }
    Ok(())
}

/// What of the sums is asked for.
#[derive(Clone, Copy)]
enum Wanted {
    Sum,
    Extremes,
    Plain,
    Squares,
}

struct StatsNode {
    values: Values,
    wanted: Wanted,
    block: Block,
    stats: Vec<Stats>,
}

impl StatsNode {
    /// Adds the block's values. Those in a row for one bucket are summed up in a place of their own.
    fn each(&mut self, batch: Batch<'_>, add: impl Fn(&mut Stats, f64), kind: Type) {
        let mut values = self.block.at.iter().zip(&self.block.raw).peekable();
        while let Some((place, raw)) = values.next() {
            let ord = batch.ords[*place as usize];
            let Some(entry) = self.stats.get_mut(ord as usize) else {
                continue;
            };
            let mut stats = *entry;
            add(&mut stats, kind.number(*raw));
            while let Some((_, raw)) = values.next_if(|(place, _)| batch.ords[**place as usize] == ord) {
                add(&mut stats, kind.number(*raw));
            }
            *entry = stats;
        }
    }
}

impl Node for StatsNode {
    fn collect(&mut self, batch: Batch<'_>) -> ApiResult<()> {
        if self.values.is_empty() {
            return Ok(());
        }
        grow(&mut self.stats, batch, &Stats::default())?;
        self.values.read(batch.docs, &mut self.block);
        let kind = self.values.kind();
        match self.wanted {
            Wanted::Sum => self.each(batch, Stats::add_sum, kind),
            Wanted::Extremes => self.each(
                batch,
                |stats, value| {
                    stats.count += 1;
                    stats.add_extremes(value);
                },
                kind,
            ),
            Wanted::Plain => self.each(batch, Stats::add_plain, kind),
            Wanted::Squares => self.each(batch, Stats::add, kind),
        }
        Ok(())
    }

    fn harvest(&mut self, parents: usize) -> ApiResult<Vec<Partial>> {
        self.stats.resize(parents, Stats::default());
        Ok(self
            .stats
            .drain(..)
            .map(|stats| Partial::Stats(Box::new(stats)))
            .collect())
    }
}

struct CountNode {
    values: Values,
    block: Block,
    counts: Vec<u64>,
}

impl Node for CountNode {
    fn collect(&mut self, batch: Batch<'_>) -> ApiResult<()> {
        grow(&mut self.counts, batch, &0)?;
        self.values.read(batch.docs, &mut self.block);
        for place in &self.block.at {
            self.counts[batch.ords[*place as usize] as usize] += 1;
        }
        Ok(())
    }

    fn harvest(&mut self, parents: usize) -> ApiResult<Vec<Partial>> {
        self.counts.resize(parents, 0);
        Ok(self
            .counts
            .drain(..)
            .map(|count| {
                Partial::Stats(Box::new(Stats {
                    count,
                    ..Stats::default()
                }))
            })
            .collect())
    }
}

struct WeightedNode {
    values: Values,
    weights: Values,
    blocks: (Block, Block),
    sums: Vec<(Sum, Sum)>,
}

impl Node for WeightedNode {
    fn collect(&mut self, batch: Batch<'_>) -> ApiResult<()> {
        grow(&mut self.sums, batch, &Default::default())?;
        let (values, weights) = &mut self.blocks;
        self.values.read(batch.docs, values);
        self.weights.read(batch.docs, weights);
        let mut own = weights.at.iter().zip(&weights.raw).peekable();
        for (place, raw) in values.at.iter().zip(&values.raw) {
            while own.next_if(|(at, _)| *at < place).is_some() {}
            // Of several weights the first one counts; a document without one is left out.
            if let Some((_, weight)) = own.peek().filter(|(at, _)| *at == place) {
                let weight = self.weights.kind().number(**weight);
                let sum = &mut self.sums[batch.ords[*place as usize] as usize];
                sum.0.add(self.values.kind().number(*raw) * weight);
                sum.1.add(weight);
            }
        }
        Ok(())
    }

    fn harvest(&mut self, parents: usize) -> ApiResult<Vec<Partial>> {
        self.sums.resize(parents, Default::default());
        Ok(self
            .sums
            .drain(..)
            .map(|(sum, weight)| Partial::Weighted(sum, weight))
            .collect())
    }
}

struct SpreadNode {
    values: Values,
    method: Method,
    block: Block,
    spreads: Vec<Option<Box<Spread>>>,
}

impl Node for SpreadNode {
    fn collect(&mut self, batch: Batch<'_>) -> ApiResult<()> {
        if self.values.is_empty() {
            return Ok(());
        }
        grow(&mut self.spreads, batch, &None)?;
        self.values.read(batch.docs, &mut self.block);
        let kind = self.values.kind();
        let mut grown = 0;
        for (place, raw) in self.block.at.iter().zip(&self.block.raw) {
            let spread = self.spreads[batch.ords[*place as usize] as usize]
                .get_or_insert_with(|| Box::new(Spread::new(self.method)));
            let before = spread.bytes();
            let value = kind.number(*raw);
            if !spread.add(value) {
                return Err(ApiError::argument(format!(
                    "a percentile by [hdr] cannot be taken of the negative value [{value:?}]; use [tdigest]"
                )));
            }
            grown += spread.bytes().saturating_sub(before);
        }
        batch.guard.take(grown)
    }

    fn harvest(&mut self, parents: usize) -> ApiResult<Vec<Partial>> {
        self.spreads.resize(parents, None);
        Ok(self
            .spreads
            .drain(..)
            .map(|spread| Partial::Spread(spread.unwrap_or_else(|| Box::new(Spread::new(self.method)))))
            .collect())
    }
}

/// Counts different values: of numbers their hashes, of strings first their ordinals.
struct DistinctNode {
    values: Values,
    block: Block,
    numbers: Vec<Distinct>,
    ords: Vec<Ords>,
}

/// A set of ordinals.
#[derive(Clone)]
enum Ords {
    Empty,
    Bits(Box<[u64]>),
    Hashed(HashSet<u64>),
}

// === impl DistinctNode ===

impl DistinctNode {
    fn new(values: Values) -> Self {
        Self {
            values,
            block: Block::default(),
            numbers: Vec::new(),
            ords: Vec::new(),
        }
    }

    /// A new set, by position as long as all such sets together stay small.
    fn set(&self, buckets: usize) -> Ords {
        let bits = self.values.words() + 1;
        if bits.saturating_mul(buckets as u64) <= MOST_BITS && (bits <= 4096 || buckets <= 16) {
            let words = usize::try_from(bits.div_ceil(64)).unwrap_or(usize::MAX);
            Ords::Bits(vec![0; words].into_boxed_slice())
        } else {
            Ords::Hashed(HashSet::new())
        }
    }
}

impl Ords {
    /// Adds an ordinal, and says how many bytes that took.
    fn insert(&mut self, ord: u64) -> usize {
        match self {
            Self::Empty => 0,
            Self::Bits(bits) => {
                let last = bits.len() - 1;
                // The string for missing values, beyond all others, takes the last bit.
                let place = usize::try_from(ord / 64).unwrap_or(usize::MAX).min(last);
                let bit = if ord == u64::MAX { 63 } else { ord % 64 };
                bits[place] |= 1 << bit;
                0
            }
            Self::Hashed(set) => {
                let before = set.capacity();
                set.insert(ord);
                (set.capacity() - before) * HASHED_BYTES
            }
        }
    }

    fn sorted(&self, words: u64) -> Vec<u64> {
        match self {
            Self::Empty => Vec::new(),
            Self::Bits(bits) => (0_u64..)
                .zip(bits.iter())
                .flat_map(|(place, bits)| {
                    (0..64)
                        .filter(move |bit| bits >> bit & 1 == 1)
                        .map(move |bit| place * 64 + bit)
                })
                .map(|ord| if ord >= words { u64::MAX } else { ord })
                .collect(),
            Self::Hashed(set) => {
                let mut all: Vec<u64> = set.iter().copied().collect();
                all.sort_unstable();
                all
            }
        }
    }
}

impl Node for DistinctNode {
    fn collect(&mut self, batch: Batch<'_>) -> ApiResult<()> {
        self.values.read(batch.docs, &mut self.block);
        let mut grown = 0;
        if self.values.kind().is_number() {
            grow(&mut self.numbers, batch, &Distinct::default())?;
            for (place, raw) in self.block.at.iter().zip(&self.block.raw) {
                let set = &mut self.numbers[batch.ords[*place as usize] as usize];
                let before = set.bytes();
                set.insert(hash_number(*raw));
                grown += set.bytes().saturating_sub(before);
            }
            return batch.guard.take(grown);
        }
        grow(&mut self.ords, batch, &Ords::Empty)?;
        let buckets = self.ords.len();
        for (place, raw) in self.block.at.iter().zip(&self.block.raw) {
            let ord = batch.ords[*place as usize] as usize;
            if matches!(self.ords[ord], Ords::Empty) {
                let set = self.set(buckets);
                if let Ords::Bits(bits) = &set {
                    grown += bits.len() * 8;
                }
                self.ords[ord] = set;
            }
            grown += self.ords[ord].insert(*raw);
        }
        batch.guard.take(grown)
    }

    fn harvest(&mut self, parents: usize) -> ApiResult<Vec<Partial>> {
        if self.values.kind().is_number() {
            self.numbers.resize(parents, Distinct::default());
            return Ok(self.numbers.drain(..).map(Partial::Distinct).collect());
        }
        self.ords.resize(parents, Ords::Empty);
        let words = self.values.words();
        let mut out = Vec::with_capacity(parents);
        let sets: Vec<Vec<u64>> = self.ords.drain(..).map(|set| set.sorted(words)).collect();
        if let [only] = sets.as_slice() {
            let mut distinct = Distinct::default();
            self.values
                .each_term(only, |term| distinct.insert(hash_word(term)))?;
            return Ok(vec![Partial::Distinct(distinct)]);
        }
        // Each term is read and hashed once, however many buckets have it.
        let mut all: Vec<u64> = sets.iter().flatten().copied().collect();
        all.sort_unstable();
        all.dedup();
        let mut hashes = Vec::with_capacity(all.len());
        self.values.each_term(&all, |term| hashes.push(hash_word(term)))?;
        for set in sets {
            let mut distinct = Distinct::default();
            for ord in set {
                if let Some(hash) = all.binary_search(&ord).ok().and_then(|place| hashes.get(place)) {
                    distinct.insert(*hash);
                }
            }
            out.push(Partial::Distinct(distinct));
        }
        Ok(out)
    }
}

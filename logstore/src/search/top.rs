//! The collector of the best hits, by any number of keys.
//!
//! Within a segment each key becomes a `u64` whose natural order is the wanted one (numbers by their monotonic
//! mapping, strings by their ordinal in the segment's dictionary, bits flipped for descending), so that a
//! document that does not make it costs one column read and one comparison. Values come back at the end, since
//! ordinals of different segments cannot be compared.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Bound;
use std::sync::Arc;

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::{Column as Values, ColumnType, StrColumn};
use tantivy::{
    DocAddress, DocId, Score, SegmentOrdinal, SegmentReader, f64_to_u64, i64_to_u64, u64_to_f64, u64_to_i64,
};

use super::sort::{Column, SortKey, SortValue};

/// A hit on its way.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// One value for each key.
    pub values: Vec<SortValue>,
    /// Its score, if scores were asked for.
    pub score: Option<f32>,
    /// Breaks ties: the order of arrival.
    pub seq_no: u64,
    /// Where it is.
    pub address: DocAddress,
}

/// Collects the best hits of one index.
#[derive(Debug)]
pub struct TopHits {
    /// The keys and how each is read in this index.
    pub keys: Arc<Vec<(SortKey, Column)>>,
    /// Hits are strictly after these values.
    pub after: Option<Vec<SortValue>>,
    /// How many.
    pub limit: usize,
    /// Whether to compute scores.
    pub scores: bool,
    /// Lowest score of a hit.
    pub min_score: Option<f64>,
}

/// Reads one key in one segment.
enum Reader {
    Score,
    Arrival(Values<u64>),
    Whole(Values<u64>, ColumnType),
    Float(Values<u64>, ColumnType),
    Text(StrColumn),
    Absent,
}

/// Collects the best hits of one segment.
pub struct SegmentTop {
    ord: SegmentOrdinal,
    keys: Arc<Vec<(SortKey, Column)>>,
    readers: Vec<Reader>,
    missing: Vec<u64>,
    after: Option<Vec<u64>>,
    limit: usize,
    scores: bool,
    min_score: Option<f64>,
    scratch: Vec<u64>,
    seq_no: Values<u64>,
    heap: BinaryHeap<Entry>,
}

/// A hit in the heap; the greatest is the worst.
struct Entry {
    /// One for each key, then the order of arrival: documents of a merged segment are not in that order.
    keys: Box<[u64]>,
    doc: DocId,
    score: Score,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.keys.cmp(&other.keys)
    }
}

const NUMBERS: &[ColumnType] = &[ColumnType::I64, ColumnType::U64, ColumnType::F64];

#[expect(
    clippy::cast_possible_truncation,
    reason = "columns of mixed types are compared as their mapping says"
)]
fn whole(raw: u64, kind: ColumnType) -> i64 {
    match kind {
        ColumnType::U64 => i64::try_from(raw).unwrap_or(i64::MAX),
        ColumnType::F64 => u64_to_f64(raw) as i64,
        _ => u64_to_i64(raw),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "columns of mixed types are compared as their mapping says"
)]
fn float(raw: u64, kind: ColumnType) -> f64 {
    match kind {
        ColumnType::U64 => raw as f64,
        ColumnType::F64 => u64_to_f64(raw),
        _ => u64_to_i64(raw) as f64,
    }
}

// === impl Reader ===

impl Reader {
    fn open(column: &Column, segment: &SegmentReader) -> tantivy::Result<Self> {
        let columns = segment.fast_fields();
        Ok(match column {
            Column::Score => Self::Score,
            Column::Arrival => Self::Arrival(columns.u64("_seq_no")?),
            Column::Whole(name) => match columns.u64_lenient_for_type(Some(NUMBERS), name)? {
                Some((values, kind)) => Self::Whole(values, kind),
                None => Self::Absent,
            },
            Column::Float(name) => match columns.u64_lenient_for_type(Some(NUMBERS), name)? {
                Some((values, kind)) => Self::Float(values, kind),
                None => Self::Absent,
            },
            Column::Text(name) => columns.str(name)?.map_or(Self::Absent, Self::Text),
            Column::Absent => Self::Absent,
        })
    }

    /// The document's key, smallest or largest of several values as the order wants it.
    fn key(&self, doc: DocId, score: Score, descending: bool) -> Option<u64> {
        let pick = |values: &Values<u64>, map: &dyn Fn(u64) -> u64| {
            let mut all = values.values_for_doc(doc).map(map);
            let first = all.next()?;
            Some(all.fold(first, |best, value| {
                if descending {
                    best.max(value)
                } else {
                    best.min(value)
                }
            }))
        };
        match self {
            Self::Score => Some(f64_to_u64(f64::from(score))),
            Self::Arrival(values) => values.first(doc),
            Self::Whole(values, kind) => pick(values, &|raw| i64_to_u64(whole(raw, *kind))),
            Self::Float(values, kind) => pick(values, &|raw| f64_to_u64(float(raw, *kind))),
            // Odd numbers are terms; even ones lie between them, for `search_after` values that are no term here.
            Self::Text(column) => pick(column.ords(), &|ord| ord * 2 + 1),
            Self::Absent => None,
        }
    }

    /// A key back as a value.
    fn value(&self, key: u64) -> SortValue {
        match self {
            Self::Score | Self::Float(..) => SortValue::Float(u64_to_f64(key)),
            Self::Arrival(_) => SortValue::Whole(i64::try_from(key).unwrap_or(i64::MAX)),
            Self::Whole(..) | Self::Absent => SortValue::Whole(u64_to_i64(key)),
            Self::Text(column) => {
                let mut text = String::new();
                match column.ord_to_str(key / 2, &mut text) {
                    Ok(true) => SortValue::Text(text),
                    _ => SortValue::Missing,
                }
            }
        }
    }

    /// A value as a key of this segment.
    fn key_of(&self, value: &SortValue) -> tantivy::Result<Option<u64>> {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "a client sends back what it was given"
        )]
        Ok(Some(match (self, value) {
            (_, SortValue::Missing) => return Ok(None),
            (Self::Score | Self::Float(..), SortValue::Whole(v)) => f64_to_u64(*v as f64),
            (Self::Score | Self::Float(..), SortValue::Float(v)) => f64_to_u64(*v),
            (Self::Arrival(_), SortValue::Whole(v)) => u64::try_from(*v).unwrap_or(0),
            (Self::Whole(..) | Self::Absent, SortValue::Whole(v)) => i64_to_u64(*v),
            (Self::Whole(..) | Self::Absent, SortValue::Float(v)) => i64_to_u64(*v as i64),
            (Self::Text(column), SortValue::Text(text)) => {
                let dictionary = column.dictionary();
                match dictionary.term_ord(text.as_bytes())? {
                    Some(ord) => ord * 2 + 1,
                    None => match dictionary
                        .term_bounds_to_ord(Bound::Included(text.as_bytes()), Bound::Unbounded)?
                        .0
                    {
                        Bound::Included(ord) | Bound::Excluded(ord) => ord * 2,
                        Bound::Unbounded => 0,
                    },
                }
            }
            _ => return Ok(None),
        }))
    }
}

// === impl TopHits ===

impl Collector for TopHits {
    type Fruit = Vec<Candidate>;
    type Child = SegmentTop;

    fn for_segment(&self, ord: SegmentOrdinal, segment: &SegmentReader) -> tantivy::Result<SegmentTop> {
        let mut readers = Vec::with_capacity(self.keys.len());
        let mut missing = Vec::with_capacity(self.keys.len());
        for (key, column) in self.keys.iter() {
            let reader = Reader::open(column, segment)?;
            missing.push(missing_key(key, column));
            readers.push(reader);
        }
        let mut after = None;
        if let Some(values) = &self.after {
            let mut keys = Vec::with_capacity(values.len());
            for (((key, _), reader), (value, missing)) in
                self.keys.iter().zip(&readers).zip(values.iter().zip(&missing))
            {
                keys.push(
                    reader
                        .key_of(value)?
                        .map_or(*missing, |raw| oriented(raw, key.descending)),
                );
            }
            after = Some(keys);
        }
        Ok(SegmentTop {
            ord,
            keys: Arc::clone(&self.keys),
            scratch: vec![0; readers.len() + 1],
            readers,
            missing,
            after,
            limit: self.limit,
            scores: self.scores,
            min_score: self.min_score,
            seq_no: segment.fast_fields().u64("_seq_no")?,
            heap: BinaryHeap::with_capacity(self.limit.min(1024)),
        })
    }

    fn requires_scoring(&self) -> bool {
        self.scores
    }

    fn merge_fruits(&self, segments: Vec<Vec<Candidate>>) -> tantivy::Result<Vec<Candidate>> {
        let mut all: Vec<Candidate> = segments.into_iter().flatten().collect();
        let keys: Vec<&SortKey> = self.keys.iter().map(|(key, _)| key).collect();
        all.sort_by(|a, b| compare(&keys, a, b));
        all.truncate(self.limit);
        Ok(all)
    }
}

/// Compares two hits by all keys, then by arrival.
pub fn compare(keys: &[&SortKey], a: &Candidate, b: &Candidate) -> Ordering {
    keys.iter()
        .zip(a.values.iter().zip(&b.values))
        .map(|(key, (a, b))| key.compare(a, b))
        .find(|ordering| *ordering != Ordering::Equal)
        .unwrap_or_else(|| a.seq_no.cmp(&b.seq_no))
}

fn oriented(raw: u64, descending: bool) -> u64 {
    if descending { !raw } else { raw }
}

fn missing_key(key: &SortKey, column: &Column) -> u64 {
    match key.missing(column) {
        SortValue::Whole(v) => oriented(i64_to_u64(v), key.descending),
        SortValue::Float(v) => oriented(f64_to_u64(v), key.descending),
        _ if key.missing_first => 0,
        _ => u64::MAX,
    }
}

// === impl SegmentTop ===

impl SegmentCollector for SegmentTop {
    type Fruit = Vec<Candidate>;

    fn collect(&mut self, doc: DocId, score: Score) {
        if self.limit == 0 || self.min_score.is_some_and(|min| f64::from(score) < min) {
            return;
        }
        let full = self.heap.len() >= self.limit;
        for (place, ((key, _), reader)) in self.keys.iter().zip(&self.readers).enumerate() {
            self.scratch[place] = reader
                .key(doc, score, key.descending)
                .map_or(self.missing[place], |raw| oriented(raw, key.descending));
            // Most documents are already decided by the first key.
            if full
                && place == 0
                && self.after.is_none()
                && self
                    .heap
                    .peek()
                    .is_some_and(|worst| self.scratch[0] > worst.keys[0])
            {
                return;
            }
        }
        let keys = self.readers.len();
        if self
            .after
            .as_ref()
            .is_some_and(|after| self.scratch[..keys] <= **after)
        {
            return;
        }
        self.scratch[keys] = self.seq_no.first(doc).unwrap_or_default();
        if full {
            let Some(mut worst) = self.heap.peek_mut() else {
                return;
            };
            if *self.scratch < *worst.keys {
                worst.keys.copy_from_slice(&self.scratch);
                worst.doc = doc;
                worst.score = score;
            }
        } else {
            self.heap.push(Entry {
                keys: self.scratch.as_slice().into(),
                doc,
                score,
            });
        }
    }

    fn harvest(self) -> Vec<Candidate> {
        let Self {
            heap,
            keys,
            readers,
            missing,
            ord,
            scores,
            ..
        } = self;
        heap.into_iter()
            .map(|entry| {
                let values = keys
                    .iter()
                    .zip(&readers)
                    .enumerate()
                    .map(|(place, ((key, column), reader))| {
                        let raw = entry.keys[place];
                        // Every document has arrived: the first one's number is not taken for a missing one.
                        if raw == missing[place] && !matches!(reader, Reader::Arrival(_)) {
                            key.missing(column)
                        } else {
                            reader.value(oriented(raw, key.descending))
                        }
                    })
                    .collect();
                Candidate {
                    values,
                    score: scores.then_some(entry.score),
                    seq_no: entry.keys.last().copied().unwrap_or_default(),
                    address: DocAddress::new(ord, entry.doc),
                }
            })
            .collect()
    }
}

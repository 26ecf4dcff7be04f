//! The collector of the best hits, by any number of keys.
//!
//! Within a segment each key becomes a `u64` whose natural order is the wanted one (numbers by their monotonic
//! mapping, strings by their ordinal in the segment's dictionary, bits flipped for descending), so that a
//! document that does not make it costs one column read and one comparison. Values come back at the end, since
//! ordinals of different segments cannot be compared.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::{Column as Values, ColumnType, StrColumn};
use tantivy::schema::IndexRecordOption;
use tantivy::{
    DocAddress, DocId, DocSet as _, InvertedIndexReader, Score, SegmentOrdinal, SegmentReader, TERMINATED,
    f64_to_u64, i64_to_u64, u64_to_f64, u64_to_i64,
};

use super::sort::{Absent, Column, Mode, NANOS, SortKey, SortValue};
use crate::engine::schema;

/// Bits of `_shard_doc` below the place of the index.
const ARRIVAL_BITS: u32 = 44;

/// Groups kept beyond those that are wanted, before the worst are dropped.
const SPARE_GROUPS: usize = 4_096;

/// A hit on its way.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// One value for each key.
    pub values: Vec<SortValue>,
    /// The value that only one hit may have, when hits are collapsed.
    pub group: Option<SortValue>,
    /// Its score, if scores were asked for.
    pub score: Option<f32>,
    /// Breaks ties: the order of arrival.
    pub seq_no: u64,
    /// Where it is.
    pub address: DocAddress,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The best hits, in order.
    pub hits: Vec<Candidate>,
    /// The best score of all matches, if scores were asked for.
    pub max_score: Option<f32>,
}

/// A key as it is read in one index.
#[derive(Debug, Clone)]
pub struct Key {
    /// What was asked.
    pub key: SortKey,
    /// Where its values are.
    pub column: Column,
    /// What a document without a value has.
    pub missing: SortValue,
}

/// Collects the best hits of one index.
#[derive(Debug)]
pub struct TopHits {
    /// The keys and how each is read in this index.
    pub keys: Arc<Vec<Key>>,
    /// Hits are strictly after these values.
    pub after: Option<Vec<SortValue>>,
    /// How many.
    pub limit: usize,
    /// Whether to compute scores.
    pub scores: bool,
    /// The column of which each value has one hit.
    pub group: Option<Column>,
}

/// Reads one key in one segment.
enum Reader {
    Score,
    Arrival(Values<u64>),
    Shard(u64, Values<u64>),
    Id(Arc<InvertedIndexReader>, Vec<u32>),
    Whole(Values<u64>, ColumnType),
    Unsigned(Values<u64>, ColumnType),
    /// Milliseconds, and nanoseconds beyond them.
    Nanos(Values<u64>, ColumnType, Option<(Values<u64>, ColumnType)>),
    Float(Values<u64>, ColumnType),
    Text(StrColumn),
    Bool(StrColumn),
    Absent,
}

/// Collects the best hits of one segment.
pub struct SegmentTop {
    ord: SegmentOrdinal,
    keys: Arc<Vec<Key>>,
    readers: Vec<Reader>,
    missing: Vec<u64>,
    after: Option<Vec<u64>>,
    limit: usize,
    scores: bool,
    max_score: f32,
    scratch: Vec<u64>,
    seq_no: Values<u64>,
    heap: BinaryHeap<Entry>,
    groups: Option<(Reader, HashMap<Option<u64>, Entry>)>,
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
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "columns of mixed types are compared as their mapping says"
)]
fn unsigned(raw: u64, kind: ColumnType) -> u64 {
    match kind {
        ColumnType::U64 => raw,
        ColumnType::F64 => u64_to_f64(raw) as u64,
        _ => u64::try_from(u64_to_i64(raw)).unwrap_or_default(),
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
            Column::Shard(place) => Self::Shard(u64::from(*place) << ARRIVAL_BITS, columns.u64("_seq_no")?),
            Column::Id => {
                let index = segment.inverted_index(schema::fields().id)?;
                let ords = ids_by_document(&index, segment.max_doc())?;
                Self::Id(index, ords)
            }
            Column::Whole(name) => match columns.u64_lenient_for_type(Some(NUMBERS), name)? {
                Some((values, kind)) => Self::Whole(values, kind),
                None => Self::Absent,
            },
            Column::Nanos(name, rest) => match columns.u64_lenient_for_type(Some(NUMBERS), name)? {
                Some((values, kind)) => {
                    let rest = match rest {
                        Some(rest) => columns.u64_lenient_for_type(Some(NUMBERS), rest)?,
                        None => None,
                    };
                    Self::Nanos(values, kind, rest)
                }
                None => Self::Absent,
            },
            Column::Unsigned(name) => match columns.u64_lenient_for_type(Some(NUMBERS), name)? {
                Some((values, kind)) => Self::Unsigned(values, kind),
                None => Self::Absent,
            },
            Column::Float(name) => match columns.u64_lenient_for_type(Some(NUMBERS), name)? {
                Some((values, kind)) => Self::Float(values, kind),
                None => Self::Absent,
            },
            Column::Text(name) => columns.str(name)?.map_or(Self::Absent, Self::Text),
            Column::Bool(name) => columns.str(name)?.map_or(Self::Absent, Self::Bool),
            Column::Absent => Self::Absent,
        })
    }

    /// The document's key: of several values the one that the mode says, by default the one that comes first.
    fn key(&self, doc: DocId, score: Score, descending: bool, mode: Option<Mode>) -> Option<u64> {
        let largest = match mode {
            Some(Mode::Min) => false,
            Some(Mode::Max) => true,
            _ => descending,
        };
        let pick = |values: &Values<u64>, map: &dyn Fn(u64) -> u64| {
            let mut all = values.values_for_doc(doc).map(map);
            let first = all.next()?;
            Some(all.fold(
                first,
                |best, value| if largest { best.max(value) } else { best.min(value) },
            ))
        };
        match self {
            Self::Score => Some(f64_to_u64(f64::from(score))),
            Self::Arrival(values) => values.first(doc),
            Self::Shard(base, values) => values.first(doc).map(|arrival| base + arrival),
            Self::Id(_, ords) => ords.get(doc as usize).map(|ord| u64::from(*ord) * 2 + 1),
            Self::Whole(values, kind) => match mode {
                Some(Mode::Sum | Mode::Avg | Mode::Median) => {
                    combine_whole(values.values_for_doc(doc).map(|raw| whole(raw, *kind)), mode)
                        .map(i64_to_u64)
                }
                _ => pick(values, &|raw| i64_to_u64(whole(raw, *kind))),
            },
            Self::Nanos(values, kind, rest) => {
                let mut rests = rest
                    .iter()
                    .flat_map(|(values, kind)| values.values_for_doc(doc).map(|raw| whole(raw, *kind)));
                // The values of a document stand in the order in which they were written, in both columns.
                let all = values.values_for_doc(doc).map(|raw| {
                    whole(raw, *kind)
                        .saturating_mul(NANOS)
                        .saturating_add(rests.next().unwrap_or_default())
                });
                match mode {
                    Some(Mode::Sum | Mode::Avg | Mode::Median) => combine_whole(all, mode),
                    _ if largest => all.max(),
                    _ => all.min(),
                }
                .map(i64_to_u64)
            }
            Self::Unsigned(values, kind) => match mode {
                Some(Mode::Sum | Mode::Avg | Mode::Median) => {
                    combine_unsigned(values.values_for_doc(doc).map(|raw| unsigned(raw, *kind)), mode)
                }
                _ => pick(values, &|raw| unsigned(raw, *kind)),
            },
            Self::Float(values, kind) => match mode {
                Some(Mode::Sum | Mode::Avg | Mode::Median) => {
                    combine(values.values_for_doc(doc).map(|raw| float(raw, *kind)), mode).map(f64_to_u64)
                }
                _ => pick(values, &|raw| f64_to_u64(float(raw, *kind))),
            },
            // Odd numbers are terms; even ones lie between them, for `search_after` values that are no term here.
            Self::Text(column) | Self::Bool(column) => pick(column.ords(), &|ord| ord * 2 + 1),
            Self::Absent => None,
        }
    }

    /// A key back as a value.
    fn value(&self, key: u64) -> SortValue {
        let text = |column: &StrColumn| {
            let mut text = String::new();
            match column.ord_to_str(key / 2, &mut text) {
                Ok(true) => Some(text),
                _ => None,
            }
        };
        match self {
            Self::Score | Self::Float(..) => SortValue::Float(u64_to_f64(key)),
            Self::Arrival(_) | Self::Shard(..) => SortValue::Whole(i64::try_from(key).unwrap_or(i64::MAX)),
            Self::Nanos(..) => SortValue::Nanos(u64_to_i64(key)),
            Self::Unsigned(..) => SortValue::Unsigned(key),
            Self::Whole(..) | Self::Absent => SortValue::Whole(u64_to_i64(key)),
            Self::Text(column) => text(column).map_or(SortValue::Missing, SortValue::Text),
            Self::Bool(column) => text(column).map_or(SortValue::Missing, |text| {
                SortValue::Whole(i64::from(text == "true"))
            }),
            Self::Id(index, _) => {
                let mut bytes = Vec::new();
                match index.terms().ord_to_term(key / 2, &mut bytes) {
                    Ok(true) => SortValue::Text(String::from_utf8_lossy(&bytes).into_owned()),
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
            clippy::cast_sign_loss,
            reason = "a client sends back what it was given"
        )]
        Ok(Some(match (self, value) {
            (_, SortValue::Missing) => return Ok(None),
            (Self::Score | Self::Float(..), SortValue::Whole(v)) => f64_to_u64(*v as f64),
            (Self::Score | Self::Float(..), SortValue::Float(v)) => f64_to_u64(*v),
            (Self::Score | Self::Float(..), SortValue::Unsigned(v)) => f64_to_u64(*v as f64),
            (Self::Unsigned(..) | Self::Absent, SortValue::Unsigned(v)) => *v,
            (Self::Unsigned(..), SortValue::Whole(v)) => u64::try_from(*v).unwrap_or_default(),
            (Self::Unsigned(..), SortValue::Float(v)) => *v as u64,
            (Self::Arrival(_) | Self::Shard(..), SortValue::Whole(v)) => u64::try_from(*v).unwrap_or(0),
            (Self::Id(index, _), SortValue::Text(text)) => {
                let terms = index.terms();
                match terms.term_ord(text.as_bytes())? {
                    Some(ord) => ord * 2 + 1,
                    None => {
                        let mut above = terms.range().ge(text.as_bytes()).into_stream()?;
                        if above.advance() {
                            above.term_ord() * 2
                        } else {
                            u64::MAX - 1
                        }
                    }
                }
            }
            (Self::Bool(column), SortValue::Whole(v)) => {
                let term: &[u8] = if *v == 0 { b"false" } else { b"true" };
                match column.dictionary().term_ord(term)? {
                    Some(ord) => ord * 2 + 1,
                    None if *v == 0 => 0,
                    None => u64::MAX - 1,
                }
            }
            (Self::Whole(..) | Self::Nanos(..) | Self::Absent, SortValue::Whole(v) | SortValue::Nanos(v)) => {
                i64_to_u64(*v)
            }
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
    type Fruit = Found;
    type Child = SegmentTop;

    fn for_segment(&self, ord: SegmentOrdinal, segment: &SegmentReader) -> tantivy::Result<SegmentTop> {
        let mut readers = Vec::with_capacity(self.keys.len());
        let mut missing = Vec::with_capacity(self.keys.len());
        for key in self.keys.iter() {
            let reader = Reader::open(&key.column, segment)?;
            missing.push(missing_key(key, &reader)?);
            readers.push(reader);
        }
        let mut after = None;
        if let Some(values) = &self.after {
            let mut keys = Vec::with_capacity(values.len());
            for ((key, reader), (value, missing)) in
                self.keys.iter().zip(&readers).zip(values.iter().zip(&missing))
            {
                keys.push(
                    reader
                        .key_of(value)?
                        .map_or(*missing, |raw| oriented(raw, key.key.descending)),
                );
            }
            after = Some(keys);
        }
        let groups = match &self.group {
            None => None,
            Some(column) => Some((Reader::open(column, segment)?, HashMap::new())),
        };
        Ok(SegmentTop {
            ord,
            keys: Arc::clone(&self.keys),
            scratch: vec![0; readers.len() + 1],
            readers,
            missing,
            after,
            limit: self.limit,
            scores: self.scores,
            max_score: f32::NEG_INFINITY,
            seq_no: segment.fast_fields().u64("_seq_no")?,
            heap: BinaryHeap::with_capacity(self.limit.min(1024)),
            groups,
        })
    }

    fn requires_scoring(&self) -> bool {
        self.scores
    }

    fn merge_fruits(&self, segments: Vec<Found>) -> tantivy::Result<Found> {
        let max_score = segments
            .iter()
            .filter_map(|found| found.max_score)
            .reduce(f32::max);
        let mut hits: Vec<Candidate> = segments.into_iter().flat_map(|found| found.hits).collect();
        let keys: Vec<&SortKey> = self.keys.iter().map(|key| &key.key).collect();
        hits.sort_by(|a, b| compare(&keys, a, b));
        if self.group.is_some() {
            let mut seen = HashSet::new();
            hits.retain(|hit| seen.insert(group_name(hit)));
        }
        hits.truncate(self.limit);
        Ok(Found { hits, max_score })
    }
}

/// What tells the group of a hit from others; the type is a part of it.
pub fn group_name(hit: &Candidate) -> String {
    format!("{:?}", hit.group)
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

fn missing_key(key: &Key, reader: &Reader) -> tantivy::Result<u64> {
    let descending = key.key.descending;
    Ok(match (&key.missing, reader) {
        (SortValue::Text(_), _)
        | (SortValue::Whole(_), Reader::Float(..) | Reader::Unsigned(..))
        | (SortValue::Unsigned(_), Reader::Float(..)) => match reader.key_of(&key.missing)? {
            Some(raw) => oriented(raw, descending),
            None => u64::MAX,
        },
        (SortValue::Whole(v) | SortValue::Nanos(v), _) => oriented(i64_to_u64(*v), descending),
        (SortValue::Unsigned(v), _) => oriented(*v, descending),
        (SortValue::Float(v), _) => oriented(f64_to_u64(*v), descending),
        (SortValue::Missing, _) if key.key.missing == Absent::First => 0,
        (SortValue::Missing, _) => u64::MAX,
    })
}

/// Values added, averaged, or the one in the middle.
fn combine(values: impl Iterator<Item = f64>, mode: Option<Mode>) -> Option<f64> {
    let mut all: Vec<f64> = values.collect();
    if all.is_empty() {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "a document has few values")]
    let count = all.len() as f64;
    Some(match mode {
        Some(Mode::Sum) => all.iter().sum(),
        Some(Mode::Median) => {
            all.sort_by(f64::total_cmp);
            let middle = all.len() / 2;
            if all.len() % 2 == 1 {
                all[middle]
            } else {
                f64::midpoint(all[middle - 1], all[middle])
            }
        }
        _ => all.iter().sum::<f64>() / count,
    })
}

/// The same of whole numbers: their sum wraps around, and what is divided is a double, as in Java.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "as Elasticsearch rounds"
)]
fn combine_whole(values: impl Iterator<Item = i64>, mode: Option<Mode>) -> Option<i64> {
    let mut all: Vec<i64> = values.collect();
    if all.is_empty() {
        return None;
    }
    let nearest = |number: f64| (number + 0.5).floor() as i64;
    let sum = all.iter().fold(0_i64, |sum, value| sum.wrapping_add(*value));
    Some(match mode {
        Some(Mode::Sum) => sum,
        Some(Mode::Median) => {
            all.sort_unstable();
            let middle = all.len() / 2;
            if all.len() % 2 == 1 {
                all[middle]
            } else {
                nearest(f64::midpoint(all[middle - 1] as f64, all[middle] as f64))
            }
        }
        _ => nearest(sum as f64 / all.len() as f64),
    })
}

/// The same of whole numbers without a sign.
fn combine_unsigned(values: impl Iterator<Item = u64>, mode: Option<Mode>) -> Option<u64> {
    let mut all: Vec<u64> = values.collect();
    let count = u64::try_from(all.len()).ok().filter(|count| *count > 0)?;
    let sum = all.iter().fold(0_u64, |sum, value| sum.wrapping_add(*value));
    let nearest = |number: u64, by: u64| {
        let (number, by) = (u128::from(number), u128::from(by));
        u64::try_from((2 * number + by) / (2 * by)).unwrap_or(u64::MAX)
    };
    Some(match mode {
        Some(Mode::Sum) => sum,
        Some(Mode::Median) => {
            all.sort_unstable();
            let middle = all.len() / 2;
            if all.len() % 2 == 1 {
                all[middle]
            } else {
                nearest(all[middle - 1].wrapping_add(all[middle]), 2)
            }
        }
        _ => nearest(sum, count),
    })
}

/// The ordinal of the id of each document: what a column of ids would hold, made for the one search that needs it.
fn ids_by_document(index: &InvertedIndexReader, documents: u32) -> tantivy::Result<Vec<u32>> {
    let mut ords = vec![u32::MAX; documents as usize];
    let mut terms = index.terms().stream()?;
    while terms.advance() {
        let ord = u32::try_from(terms.term_ord()).unwrap_or(u32::MAX);
        let mut postings = index.read_postings_from_terminfo(terms.value(), IndexRecordOption::Basic)?;
        while postings.doc() != TERMINATED {
            if let Some(place) = ords.get_mut(postings.doc() as usize) {
                *place = ord;
            }
            postings.advance();
        }
    }
    Ok(ords)
}

// === impl SegmentTop ===

impl SegmentTop {
    /// Keeps the best document of each group; groups that cannot be among the best are forgotten now and then.
    fn collect_group(&mut self, doc: DocId, score: Score) {
        let Some((reader, groups)) = &mut self.groups else {
            return;
        };
        let group = reader.key(doc, score, false, None);
        match groups.entry(group) {
            std::collections::hash_map::Entry::Occupied(mut known) => {
                let known = known.get_mut();
                if *self.scratch < *known.keys {
                    known.keys.copy_from_slice(&self.scratch);
                    known.doc = doc;
                    known.score = score;
                }
            }
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(Entry {
                    keys: self.scratch.as_slice().into(),
                    doc,
                    score,
                });
            }
        }
        // A group that comes again after it was dropped comes with a better document, or stays out.
        if groups.len() > self.limit.saturating_mul(2) + SPARE_GROUPS {
            let mut all: Vec<(Option<u64>, Entry)> = groups.drain().collect();
            all.sort_by(|(_, a), (_, b)| a.cmp(b));
            all.truncate(self.limit);
            groups.extend(all);
        }
    }
}

impl SegmentCollector for SegmentTop {
    type Fruit = Found;

    fn collect(&mut self, doc: DocId, score: Score) {
        if self.scores {
            self.max_score = self.max_score.max(score);
        }
        if self.limit == 0 {
            return;
        }
        let full = self.groups.is_none() && self.heap.len() >= self.limit;
        for (place, (key, reader)) in self.keys.iter().zip(&self.readers).enumerate() {
            let descending = key.key.descending;
            self.scratch[place] = reader
                .key(doc, score, descending, key.key.mode)
                .map_or(self.missing[place], |raw| oriented(raw, descending));
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
        if self.groups.is_some() {
            self.collect_group(doc, score);
        } else if full {
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

    fn harvest(self) -> Found {
        let Self {
            heap,
            groups,
            keys,
            readers,
            missing,
            ord,
            scores,
            max_score,
            limit,
            ..
        } = self;
        let candidate = |entry: Entry, group: Option<SortValue>| {
            let values = keys
                .iter()
                .zip(&readers)
                .enumerate()
                .map(|(place, (key, reader))| {
                    let raw = entry.keys[place];
                    // Every document has arrived: the first one's number is not taken for a missing one.
                    if raw == missing[place] && !matches!(reader, Reader::Arrival(_) | Reader::Shard(..)) {
                        key.missing.clone()
                    } else {
                        reader.value(oriented(raw, key.key.descending))
                    }
                })
                .collect();
            Candidate {
                values,
                group,
                score: scores.then_some(entry.score),
                seq_no: entry.keys.last().copied().unwrap_or_default(),
                address: DocAddress::new(ord, entry.doc),
            }
        };
        let hits = match groups {
            None => heap.into_iter().map(|entry| candidate(entry, None)).collect(),
            Some((reader, groups)) => {
                let mut all: Vec<(Option<u64>, Entry)> = groups.into_iter().collect();
                all.sort_by(|(_, a), (_, b)| a.cmp(b));
                all.truncate(limit);
                all.into_iter()
                    .map(|(group, entry)| {
                        let group = group.map_or(SortValue::Missing, |raw| reader.value(raw));
                        candidate(entry, Some(group))
                    })
                    .collect()
            }
        };
        Found {
            hits,
            max_score: (scores && max_score > f32::NEG_INFINITY).then_some(max_score),
        }
    }
}

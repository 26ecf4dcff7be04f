//! `composite` and `multi_terms`: a bucket for each combination of the values of several sources.
//!
//! A value is compared as a number whose order is the wanted one, so that a page of a `composite` needs to know
//! only the smallest tuples: what is beyond the page's last one so far is dropped at once.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;
use tantivy::{DocId, SegmentReader, i64_to_u64, u64_to_i64};

use super::ranges::address;
use super::terms::{Allowed, word_key};
use super::{Batch, Children, Node};
use crate::aggs::bind::Bound;
use crate::aggs::column::{Block, MISSING_ORD, Place, Values};
use crate::aggs::partial::{Bucket, Buckets, Key, Partial};
use crate::aggs::plan::Cut;
use crate::aggs::request::options::as_f64;
use crate::aggs::request::{AggKind, Include};
use crate::aggs::values::{Resolved, Type, date, formats};
use crate::date::rounding::Cutter;
use crate::date::zone::Zone;
use crate::error::{ApiError, ApiResult};
use crate::query::dsl::text;

/// Most combinations of one document.
const MOST_COMBINATIONS: usize = 100_000;

/// Memory of a tuple, and of each of its parts, roughly.
const TUPLE_BYTES: usize = 160;

/// A part of a tuple: no value first (0), a value (1), no value last (2); and the value.
type Part = (u8, u64);

/// Tuples in one segment.
pub struct TuplesNode {
    sources: Vec<Source>,
    /// Of a `composite`: buckets of a page, and the tuple after which it starts.
    page: Option<(usize, Option<Box<[Part]>>)>,
    /// The parent's bucket comes first in a tuple.
    ords: HashMap<Box<[Part]>, u32>,
    smallest: BTreeSet<Box<[Part]>>,
    counts: Vec<u64>,
    children: Children,
    block_docs: Vec<DocId>,
    block_ords: Vec<u32>,
    charged: usize,
}

struct Source {
    values: Values,
    cut: Cutting,
    allowed: Allowed,
    /// Whether there is a bucket for documents without a value, and whether it comes first.
    missing: Option<bool>,
    descending: bool,
    /// Addresses in their order, and the place of each ordinal in it.
    addresses: Option<(Vec<u128>, Vec<u64>)>,
    block: Block,
    at: usize,
    /// Values of the document at hand.
    parts: Vec<Part>,
}

enum Cutting {
    None,
    Dates(Cutter),
    Numbers(f64),
}

// === impl Source ===

impl Source {
    fn open(bound: &Bound<'_>, place: usize, segment: &SegmentReader) -> ApiResult<Self> {
        let values = bound.open_source(place, segment)?;
        let cut = match bound.plan.cuts.get(place).and_then(Option::as_ref) {
            None => Cutting::None,
            Some(Cut::Numbers { interval, .. }) => Cutting::Numbers(*interval),
            Some(Cut::Dates(rounding)) => {
                let (min, max) = values.span().unwrap_or((i64_to_u64(0), i64_to_u64(0)));
                let at = |raw| whole(values.kind(), raw);
                Cutting::Dates(rounding.cutter(at(min), at(max)))
            }
        };
        let (mut allowed, mut missing, mut descending) = (Allowed::All, None, false);
        match &bound.agg.kind {
            AggKind::Composite(composite) => {
                let source = &composite.sources[place];
                descending = source.descending;
                missing = source
                    .missing_bucket
                    .then(|| source.missing_first.unwrap_or(!descending));
            }
            AggKind::MultiTerms(terms) => {
                let include: &Include = &terms.sources[place].include;
                allowed = Allowed::of(include, &values, bound, place)?;
            }
            _ => {}
        }
        let addresses = if values.kind() == Type::Ip {
            let ords: Vec<u64> = (0..values.words()).collect();
            let mut found = Vec::with_capacity(ords.len());
            values.each_word(&ords, |word| found.push(address(word).unwrap_or_default()))?;
            let mut order: Vec<usize> = (0..found.len()).collect();
            order.sort_by_key(|ord| found[*ord]);
            let mut places = vec![0; found.len()];
            for (place, ord) in (0..).zip(&order) {
                places[*ord] = place;
            }
            Some((order.iter().map(|ord| found[*ord]).collect(), places))
        } else {
            None
        };
        Ok(Self {
            values,
            cut,
            allowed,
            missing,
            descending,
            addresses,
            block: Block::default(),
            at: 0,
            parts: Vec::new(),
        })
    }

    /// The type of the numbers in tuples.
    fn number_kind(&self) -> Type {
        match self.cut {
            Cutting::Numbers(_) => Type::Float,
            Cutting::Dates(_) => Type::Date,
            Cutting::None => self.values.kind(),
        }
    }

    fn oriented(&self, code: u64) -> u64 {
        if self.descending { !code } else { code }
    }

    fn code(&self, raw: u64) -> u64 {
        let kind = self.values.kind();
        let code = match &self.cut {
            Cutting::Dates(cutter) => i64_to_u64(cutter.floor(whole(kind, raw))),
            Cutting::Numbers(interval) => Type::Float.raw((kind.number(raw) / interval).floor() * interval),
            Cutting::None if kind.is_number() => raw,
            // Odd, so that there is room between two of them.
            Cutting::None => {
                let place = match &self.addresses {
                    Some((_, places)) if raw != MISSING_ORD => {
                        places.get(usize::try_from(raw).unwrap_or(usize::MAX)).copied()
                    }
                    _ => None,
                };
                place.unwrap_or(raw).saturating_mul(2).saturating_add(1)
            }
        };
        self.oriented(code)
    }

    /// The values of the document at a place of the block.
    fn load(&mut self, place: u32) {
        self.parts.clear();
        while let Some(at) = self.block.at.get(self.at).filter(|at| **at <= place) {
            if *at == place {
                let raw = self.block.raw[self.at];
                if self.allowed.has(raw) {
                    self.parts.push((1, self.code(raw)));
                }
            }
            self.at += 1;
        }
        self.parts.sort_unstable();
        self.parts.dedup();
        if self.parts.is_empty()
            && let Some(first) = self.missing
        {
            self.parts.push((if first { 0 } else { 2 }, 0));
        }
    }

    /// The part of an `after` key.
    fn after(&self, value: &Value, source: &Resolved, name: &str, now: i64) -> ApiResult<Part> {
        let wrong = || {
            ApiError::argument(format!(
                "invalid value, expected a value of the source, got [{}] for [after.{name}]",
                text(value)
            ))
        };
        if value.is_null() {
            return Ok((if self.missing.unwrap_or(true) { 0 } else { 2 }, 0));
        }
        let kind = self.number_kind();
        let code = match kind {
            Type::Date => i64_to_u64(date(
                value,
                &formats(source_format(source), source.field.as_deref()),
                source_zone(source),
                now,
            )?),
            Type::Whole | Type::Unsigned if kind.exact(value).is_some() => {
                kind.exact(value).unwrap_or_default()
            }
            Type::Boolean if value.is_boolean() => kind.raw(f64::from(u8::from(value == &Value::Bool(true)))),
            kind if kind.is_number() => kind.raw(as_f64(value).ok_or_else(wrong)?),
            Type::Ip => {
                let wanted = address(&text(value)).ok_or_else(wrong)?;
                let (order, _) = self.addresses.as_ref().ok_or_else(wrong)?;
                let place = order.partition_point(|address| *address < wanted);
                place as u64 * 2 + u64::from(order.get(place) == Some(&wanted))
            }
            _ => match self.values.locate(&text(value))? {
                Place::At(ord) => ord.saturating_mul(2).saturating_add(1),
                Place::Before(ord) => ord.saturating_mul(2),
            },
        };
        Ok((1, self.oriented(code)))
    }

    /// The keys of some parts.
    fn keys(&self, parts: &[Part]) -> ApiResult<HashMap<Part, Key>> {
        let number = self.number_kind().is_number();
        let mut out = HashMap::new();
        let mut ords: Vec<(u64, Part)> = Vec::new();
        for part in parts {
            if part.0 != 1 {
                out.insert(*part, Key::Missing);
                continue;
            }
            let code = self.oriented(part.1);
            if number {
                out.insert(*part, Key::Number(code));
            } else if let Some((order, _)) = &self.addresses {
                let place = usize::try_from(code / 2).unwrap_or(usize::MAX);
                if let Some(address) = order.get(place) {
                    out.insert(*part, Key::Ip(*address));
                } else {
                    ords.push((MISSING_ORD, *part));
                }
            } else {
                let ord = if code == u64::MAX { MISSING_ORD } else { code / 2 };
                ords.push((ord, *part));
            }
        }
        ords.sort_unstable();
        ords.dedup();
        let only: Vec<u64> = ords.iter().map(|(ord, _)| *ord).collect();
        let mut parts = ords.iter();
        let ip = self.values.kind() == Type::Ip;
        self.values.each_word(&only, |word| {
            if let Some((_, part)) = parts.next() {
                out.insert(*part, word_key(word, ip));
            }
        })?;
        Ok(out)
    }
}

fn source_format(source: &Resolved) -> Option<&str> {
    match &source.show {
        crate::aggs::show::Show::Date { format, .. } => format.as_deref(),
        _ => None,
    }
}

fn source_zone(source: &Resolved) -> &Zone {
    match &source.show {
        crate::aggs::show::Show::Date { zone, .. } => zone,
        _ => &Zone::UTC,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "saturates")]
fn whole(kind: Type, raw: u64) -> i64 {
    if matches!(kind, Type::Float | Type::Unsigned) {
        kind.number(raw) as i64
    } else {
        u64_to_i64(raw)
    }
}

// === impl TuplesNode ===

impl TuplesNode {
    /// Opens the sources.
    pub fn open(bound: &Bound<'_>, segment: &SegmentReader, children: Children) -> ApiResult<Self> {
        let sources = (0..bound.plan.sources.len())
            .map(|place| Source::open(bound, place, segment))
            .collect::<ApiResult<Vec<_>>>()?;
        let page = match &bound.agg.kind {
            AggKind::Composite(composite) => {
                let after = composite
                    .after
                    .as_ref()
                    .map(|values| {
                        values
                            .iter()
                            .zip(&sources)
                            .zip(composite.sources.iter().zip(&bound.plan.sources))
                            .map(|((value, source), (asked, resolved))| {
                                source.after(value, resolved, &asked.name, bound.now)
                            })
                            .collect::<ApiResult<Box<[Part]>>>()
                    })
                    .transpose()?;
                Some((composite.size, after))
            }
            _ => None,
        };
        Ok(Self {
            sources,
            page,
            ords: HashMap::new(),
            smallest: BTreeSet::new(),
            counts: Vec::new(),
            children,
            block_docs: Vec::new(),
            block_ords: Vec::new(),
            charged: 0,
        })
    }

    /// The bucket of a tuple whose first part is the parent; `None`: it is not on the page.
    fn ord(&mut self, tuple: &[Part]) -> Option<u32> {
        if let Some((_, Some(after))) = &self.page
            && tuple.get(1..).is_some_and(|own| *own <= **after)
        {
            return None;
        }
        if let Some(ord) = self.ords.get(tuple) {
            return Some(*ord);
        }
        if let Some((size, _)) = self.page {
            if self.smallest.len() >= size {
                match self.smallest.last() {
                    Some(largest) if *tuple >= **largest => return None,
                    _ => {}
                }
                if let Some(largest) = self.smallest.pop_last() {
                    self.ords.remove(&largest);
                }
            }
            self.smallest.insert(tuple.into());
        }
        let ord = u32::try_from(self.counts.len()).unwrap_or(u32::MAX);
        self.counts.push(0);
        self.ords.insert(tuple.into(), ord);
        Some(ord)
    }

    /// Puts a document into the bucket of each combination of its values.
    fn combine(&mut self, parent: u32, doc: DocId) -> ApiResult<()> {
        let combinations = self
            .sources
            .iter()
            .fold(1_usize, |all, source| all.saturating_mul(source.parts.len()));
        if combinations > MOST_COMBINATIONS {
            return Err(ApiError::argument(format!(
                "a document has more than [{MOST_COMBINATIONS}] combinations of values"
            )));
        }
        let mut tuple: Vec<Part> = Vec::with_capacity(self.sources.len() + 1);
        for number in 0..combinations {
            tuple.clear();
            tuple.push((1, u64::from(parent)));
            let mut rest = number;
            for source in &self.sources {
                let count = source.parts.len();
                tuple.push(source.parts[rest % count]);
                rest /= count;
            }
            if let Some(ord) = self.ord(&tuple) {
                self.counts[ord as usize] += 1;
                self.block_docs.push(doc);
                self.block_ords.push(ord);
            }
        }
        Ok(())
    }
}

impl Node for TuplesNode {
    fn collect(&mut self, batch: Batch<'_>) -> ApiResult<()> {
        for source in &mut self.sources {
            source.values.read(batch.docs, &mut source.block);
            source.at = 0;
        }
        self.block_docs.clear();
        self.block_ords.clear();
        for (place, (doc, parent)) in (0_u32..).zip(batch.docs.iter().zip(batch.ords)) {
            for source in &mut self.sources {
                source.load(place);
            }
            self.combine(*parent, *doc)?;
        }
        let new = self.counts.len() - self.charged;
        if new > 0 {
            self.charged = self.counts.len();
            batch
                .guard
                .take(new * (TUPLE_BYTES + 32 * self.sources.len()) * (1 + self.children.len()))?;
        }
        self.children
            .collect(batch.with(&self.block_docs, &self.block_ords))
    }

    fn harvest(&mut self, parents: usize) -> ApiResult<Vec<Partial>> {
        let mut subs = self.children.harvest(self.counts.len())?;
        let tuples: Vec<(Box<[Part]>, u32)> = self.ords.drain().collect();
        let keys = self
            .sources
            .iter()
            .enumerate()
            .map(|(place, source)| {
                let mut parts: Vec<Part> = tuples
                    .iter()
                    .filter_map(|(tuple, _)| tuple.get(place + 1).copied())
                    .collect();
                parts.sort_unstable();
                parts.dedup();
                source.keys(&parts)
            })
            .collect::<ApiResult<Vec<_>>>()?;
        let mut out: Vec<Buckets> = (0..parents).map(|_| Buckets::default()).collect();
        for (tuple, ord) in tuples {
            let Some(((_, parent), own)) = tuple.split_first() else {
                continue;
            };
            let key: Option<Box<[Key]>> = own
                .iter()
                .zip(&keys)
                .map(|(part, keys)| keys.get(part).cloned())
                .collect();
            let parent = usize::try_from(*parent).unwrap_or(usize::MAX);
            let (Some(key), Some(buckets)) = (key, out.get_mut(parent)) else {
                continue;
            };
            let bucket = Bucket {
                count: self.counts[ord as usize],
                subs: std::mem::take(&mut subs[ord as usize]),
            };
            match buckets.map.entry(Key::Tuple(key)) {
                std::collections::hash_map::Entry::Occupied(mut entry) => entry.get_mut().merge(bucket, &[]),
                std::collections::hash_map::Entry::Vacant(entry) => {
                    entry.insert(bucket);
                }
            }
        }
        Ok(out.into_iter().map(Partial::Buckets).collect())
    }
}

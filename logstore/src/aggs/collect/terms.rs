//! `terms` and `rare_terms`: a bucket for each value.

use std::collections::HashSet;

use tantivy::SegmentReader;

use super::grouping::{Found, Grouping};
use super::partition;
use super::ranges::address;
use super::{Batch, Children, Node};
use crate::aggs::bind::Bound;
use crate::aggs::column::{Block, MISSING_ORD, Place, Values};
use crate::aggs::partial::{Bucket, Buckets, Key, Partial};
use crate::aggs::request::options::as_f64;
use crate::aggs::request::{AggKind, By, Include, Matcher};
use crate::aggs::values::{Type, date, formats};
use crate::date::zone::Zone;
use crate::error::{ApiError, ApiResult};
use crate::query::dsl::text;

/// Most terms of one bucket that a segment hands on: below it counts are exact.
const SEGMENT_TERMS: usize = 10_000;

/// Most empty buckets that `min_doc_count: 0` adds in a segment.
const MOST_ZEROS: u64 = 500_000;

/// `terms` in one segment.
pub struct TermsNode {
    values: Values,
    allowed: Allowed,
    grouping: Grouping,
    block: Block,
    /// How many of a bucket's terms are kept by count; `None`: all.
    most: Option<usize>,
    /// Terms without a document have a bucket too.
    zeros: bool,
}

/// Which values make a bucket.
pub enum Allowed {
    /// All.
    All,
    /// Ordinals of strings, by position; and whether the string for missing values is one.
    Ords(Vec<bool>, bool),
    /// Numbers: those that are in the first set, if there is one, and not in the second.
    Numbers(Option<HashSet<u64>>, HashSet<u64>),
    /// One part of many.
    Part(u64, u64),
}

// === impl Allowed ===

impl Allowed {
    /// Which values of a segment are wanted.
    pub fn of(include: &Include, values: &Values, bound: &Bound<'_>, place: usize) -> ApiResult<Self> {
        if include.is_all() {
            return Ok(Self::All);
        }
        let kind = values.kind();
        if kind.is_number() {
            if let Some((part, parts)) = include.partition {
                return Ok(Self::Part(part, parts));
            }
            let source = &bound.plan.sources[place];
            let numbers = |matcher: &Matcher| -> ApiResult<HashSet<u64>> {
                let Matcher::Values(list) = matcher else {
                    return Err(only_strings(&bound.agg.name));
                };
                list.iter()
                    .map(|value| match kind {
                        Type::Date => {
                            let formats = formats(None, source.field.as_deref());
                            let at = date(value, &formats, &Zone::UTC, bound.now)?;
                            Ok(tantivy::i64_to_u64(at))
                        }
                        Type::Boolean if value.is_boolean() || value.is_string() => {
                            Ok(kind.raw(f64::from(u8::from(text(value) == "true"))))
                        }
                        Type::Whole | Type::Unsigned if kind.exact(value).is_some() => {
                            Ok(kind.exact(value).unwrap_or_default())
                        }
                        _ => as_f64(value).map(|number| kind.raw(number)).ok_or_else(|| {
                            ApiError::argument(format!(
                                "For input string: \"{}\" of [{}]",
                                text(value),
                                bound.agg.name
                            ))
                        }),
                    })
                    .collect()
            };
            return Ok(Self::Numbers(
                include.include.as_ref().map(numbers).transpose()?,
                include
                    .exclude
                    .as_ref()
                    .map(numbers)
                    .transpose()?
                    .unwrap_or_default(),
            ));
        }
        let is_pattern = |matcher: &Option<Matcher>| matches!(matcher, Some(Matcher::Regex(_)));
        if kind == Type::Ip && (is_pattern(&include.include) || is_pattern(&include.exclude)) {
            return Err(only_strings(&bound.agg.name));
        }
        let count = usize::try_from(values.words()).unwrap_or(usize::MAX);
        let listed = |matcher: &Option<Matcher>| -> Option<Vec<String>> {
            match matcher {
                Some(Matcher::Values(list)) => Some(list.iter().map(text).collect()),
                _ => None,
            }
        };
        // Listed values are looked up; only expressions and parts have to see every term.
        if include.partition.is_none()
            && !matches!(include.include, Some(Matcher::Regex(_)))
            && !matches!(include.exclude, Some(Matcher::Regex(_)))
        {
            let mut allowed = vec![include.include.is_none(); count];
            let mut missing = include.include.is_none();
            for (list, value) in [
                (listed(&include.include), true),
                (listed(&include.exclude), false),
            ] {
                for word in list.into_iter().flatten() {
                    if let Place::At(ord) = values.locate(&word)?
                        && let Some(entry) = usize::try_from(ord).ok().and_then(|ord| allowed.get_mut(ord))
                    {
                        *entry = value;
                    }
                    if values.missing_is(&word) {
                        missing = value;
                    }
                }
            }
            return Ok(Self::Ords(allowed, missing));
        }
        let includes: Option<HashSet<String>> =
            listed(&include.include).map(|list| list.into_iter().collect());
        let excludes: HashSet<String> = listed(&include.exclude).into_iter().flatten().collect();
        let wanted = |word: &str| {
            if let Some((part, parts)) = include.partition {
                return partition::of_word(word, parts) == part;
            }
            let included = match (&include.include, &includes) {
                (Some(Matcher::Regex(regex)), _) => regex.is_match(word),
                (_, Some(set)) => set.contains(word),
                _ => true,
            };
            let excluded = match &include.exclude {
                Some(Matcher::Regex(regex)) => regex.is_match(word),
                _ => excludes.contains(word),
            };
            included && !excluded
        };
        let mut ords: Vec<u64> = (0..values.words()).collect();
        ords.push(MISSING_ORD);
        let mut allowed = Vec::with_capacity(ords.len());
        values.each_word(&ords, |word| allowed.push(wanted(word)))?;
        let missing = allowed.pop().unwrap_or(false);
        Ok(Self::Ords(allowed, missing))
    }

    /// Whether a value is wanted.
    #[inline]
    pub fn has(&self, raw: u64) -> bool {
        match self {
            Self::All => true,
            Self::Ords(allowed, missing) => {
                match usize::try_from(raw).ok().and_then(|ord| allowed.get(ord)) {
                    Some(allowed) => *allowed,
                    None => *missing,
                }
            }
            Self::Numbers(include, exclude) => {
                include.as_ref().is_none_or(|set| set.contains(&raw)) && !exclude.contains(&raw)
            }
            Self::Part(part, parts) => partition::of_number(raw, *parts) == *part,
        }
    }
}

// === impl TermsNode ===

impl TermsNode {
    /// Opens the field.
    pub fn open(bound: &Bound<'_>, segment: &SegmentReader, children: Children) -> ApiResult<Self> {
        let values = bound.open_source(0, segment)?;
        let (include, zeros, most) = match &bound.agg.kind {
            AggKind::Terms(terms) => {
                let by_count = matches!(terms.order.first(), Some((By::Count, true)));
                (
                    &terms.sources[0].include,
                    terms.min_doc_count == 0,
                    by_count.then(|| terms.size.saturating_mul(10).max(SEGMENT_TERMS)),
                )
            }
            AggKind::RareTerms(terms) => (&terms.include, false, None),
            _ => return Err(ApiError::internal("terms of another aggregation")),
        };
        let allowed = Allowed::of(include, &values, bound, 0)?;
        let width = (!values.kind().is_number()).then(|| values.words() + 1);
        Ok(Self {
            grouping: Grouping::new(width, values.is_multivalued(), children),
            values,
            allowed,
            block: Block::default(),
            most,
            zeros,
        })
    }

    /// The string for missing values gets the slot behind all others, so that slots stay dense.
    fn slot(&self, raw: u64) -> u64 {
        if raw == MISSING_ORD && !self.values.kind().is_number() {
            self.values.words()
        } else {
            raw
        }
    }
}

impl Node for TermsNode {
    fn collect(&mut self, batch: Batch<'_>) -> ApiResult<()> {
        if self.values.is_empty() {
            return Ok(());
        }
        self.values.read(batch.docs, &mut self.block);
        self.grouping.start();
        // Values become slots in place; unwanted ones go.
        if !matches!(self.allowed, Allowed::All) {
            let mut kept = 0;
            for number in 0..self.block.raw.len() {
                let raw = self.block.raw[number];
                if self.allowed.has(raw) {
                    self.block.raw[kept] = raw;
                    self.block.at[kept] = self.block.at[number];
                    kept += 1;
                }
            }
            self.block.raw.truncate(kept);
            self.block.at.truncate(kept);
        }
        if !self.values.kind().is_number() && self.values.has_missing() {
            let behind = self.values.words();
            for raw in self.block.raw.iter_mut().filter(|raw| **raw == MISSING_ORD) {
                *raw = behind;
            }
        }
        self.grouping.add_all(batch, &self.block.at, &self.block.raw);
        self.grouping.finish(batch)
    }

    fn harvest(&mut self, parents: usize) -> ApiResult<Vec<Partial>> {
        let (mut found, left) = self
            .grouping
            .harvest_most(self.most.unwrap_or(usize::MAX), parents)?;
        if self.zeros && !self.values.kind().is_number() {
            let mut seen: HashSet<(usize, u64)> = HashSet::with_capacity(found.len());
            seen.extend(found.iter().map(|one| (one.parent, one.slot)));
            let words = self.values.words();
            if words.saturating_mul(parents as u64) > MOST_ZEROS {
                return Err(ApiError::new(
                    429,
                    "circuit_breaking_exception",
                    format!(
                        "[min_doc_count] 0 would make [{words}] empty buckets in each of [{parents}] buckets, more than [{MOST_ZEROS}]"
                    ),
                ));
            }
            for parent in 0..parents {
                for slot in 0..words {
                    if self.allowed.has(slot) && !seen.contains(&(parent, slot)) {
                        found.push(Found {
                            parent,
                            slot,
                            bucket: Bucket::default(),
                        });
                    }
                }
            }
        }
        let mut out: Vec<Buckets> = left
            .into_iter()
            .map(|left| Buckets {
                other: left.documents,
                error: left.largest,
                ..Buckets::default()
            })
            .collect();
        if self.values.kind().is_number() {
            for one in found {
                out[one.parent].map.insert(Key::Number(one.slot), one.bucket);
            }
        } else {
            let ip = self.values.kind() == Type::Ip;
            found.sort_by_key(|one| one.slot);
            let mut ords: Vec<u64> = found.iter().map(|one| one.slot).collect();
            ords.dedup();
            let behind = self.slot(MISSING_ORD);
            if let Some(last) = ords.last_mut().filter(|last| **last == behind) {
                *last = MISSING_ORD;
            }
            let mut keys: Vec<Key> = Vec::with_capacity(ords.len());
            self.values
                .each_word(&ords, |word| keys.push(word_key(word, ip)))?;
            let mut place = 0;
            let mut last = None;
            for one in found {
                if last.is_some_and(|last| last != one.slot) {
                    place += 1;
                }
                last = Some(one.slot);
                let Some(key) = keys.get(place) else { continue };
                // The string for missing values may also be a term.
                match out[one.parent].map.entry(key.clone()) {
                    std::collections::hash_map::Entry::Occupied(mut entry) => {
                        entry.get_mut().merge(one.bucket, &[]);
                    }
                    std::collections::hash_map::Entry::Vacant(entry) => {
                        entry.insert(one.bucket);
                    }
                }
            }
        }
        Ok(out.into_iter().map(Partial::Buckets).collect())
    }
}

/// The key of a string.
pub fn word_key(word: &str, ip: bool) -> Key {
    if ip && let Some(bits) = address(word) {
        return Key::Ip(bits);
    }
    Key::Word(word.into())
}

/// What Elasticsearch says of a regular expression over what is no string.
fn only_strings(agg: &str) -> ApiError {
    ApiError::new(
        500,
        "aggregation_execution_exception",
        format!(
            "Aggregation [{agg}] cannot support regular expression style include/exclude settings as they can only be applied to string fields. Use an array of values for include/exclude clauses"
        ),
    )
}

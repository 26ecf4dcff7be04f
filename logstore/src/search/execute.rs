//! Runs a search over several indices and merges what they give.

use std::sync::Arc;

use bytes::Bytes;
use tantivy::Searcher;
use tantivy::collector::Count;
use tantivy::query::Query as _;

use super::request::{SearchRequest, Track};
use super::sort::{By, Column, SortKey};
use super::top::{Candidate, TopHits, compare};
use crate::aggs;
use crate::date;
use crate::engine::existing;
use crate::engine::index::Index;
use crate::error::{ApiError, ApiResult};
use crate::limits::Limits;
use crate::mapping::Mapping;
use crate::query::Lowering;

/// How many documents matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    /// The number.
    pub value: u64,
    /// Whether there may be more.
    pub at_least: bool,
}

/// One hit.
#[derive(Debug)]
pub struct Hit {
    /// Its index.
    pub index: Arc<Index>,
    /// The mapping at the time of the search.
    pub mapping: Arc<Mapping>,
    /// `_id`.
    pub id: String,
    /// `_source` as it was sent.
    pub source: Bytes,
    /// `_version`.
    pub version: u64,
    /// `_seq_no`.
    pub seq_no: u64,
    /// `_score`.
    pub score: Option<f32>,
    /// `sort`, ready to be written; empty when the order is the default one.
    pub sort: Vec<serde_json::Value>,
}

/// The answer to a search.
#[derive(Debug)]
pub struct Outcome {
    /// Milliseconds it took.
    pub took: u64,
    /// Indices searched.
    pub shards: usize,
    /// Matches; `None` when they were not to be counted.
    pub total: Option<Total>,
    /// The best score.
    pub max_score: Option<f32>,
    /// The hits.
    pub hits: Vec<Hit>,
    /// The aggregations, rendered.
    pub aggregations: Option<serde_json::Map<String, serde_json::Value>>,
}

/// One index with what it has found.
struct Searched {
    index: Arc<Index>,
    mapping: Arc<Mapping>,
    searcher: Searcher,
    found: Vec<Candidate>,
}

/// Runs a search. Blocks; call it where blocking is allowed.
pub fn execute(indices: &[Arc<Index>], request: &SearchRequest, limits: &Limits) -> ApiResult<Outcome> {
    request.check(limits)?;
    let started = std::time::Instant::now();
    let now = date::now();
    let by_score = request.sort.is_empty();
    // Without a sort the order is by score, then by arrival.
    let keys = if by_score {
        vec![score_key()]
    } else {
        request.sort.clone()
    };
    let scores = by_score
        || request.track_scores
        || keys.iter().any(|key| key.by == By::Score)
        || request.min_score.is_some();
    let limit = request.from + request.size;
    let views: Vec<(Arc<Index>, Arc<Mapping>, Searcher)> = indices
        .iter()
        .map(|index| (Arc::clone(index), index.mapping(), index.searcher()))
        .collect();
    let mut run = aggs::Run::new(&request.aggs, &request.query, &views, now, limits)?;
    let mut searched = Vec::with_capacity(indices.len());
    let mut total = 0_u64;
    for (place, (index, mapping, searcher)) in views.into_iter().enumerate() {
        let lowering = Lowering::new(&index.name, &mapping, now);
        let query = lowering.lower(&request.query)?;
        let hits_query = match &request.post_filter {
            Some(filter) => Some(lowering.lower(&request.query.clone().and_filter(filter.clone()))?),
            None => None,
        };
        let columns: Vec<(SortKey, Column)> = keys
            .iter()
            .map(|key| Ok((key.clone(), key.column(&mapping)?)))
            .collect::<ApiResult<_>>()?;
        let after = match &request.search_after {
            None => None,
            Some(values) => Some(
                keys.iter()
                    .zip(values)
                    .map(|(key, value)| {
                        let field = match &key.by {
                            By::Field(name) => mapping.get(name),
                            _ => None,
                        };
                        key.read(value, field.map(|field| &**field))
                    })
                    .collect::<ApiResult<Vec<_>>>()?,
            ),
        };
        let top = (limit > 0).then(|| TopHits {
            keys: Arc::new(columns),
            after,
            limit,
            scores,
            min_score: request.min_score,
        });
        let bound = run.bind(place, &lowering, &searcher)?;
        let collector = run.collector(&bound);
        let counts = request.track != Track::Off;
        let (found, counted, aggregated) = match (top, collector, hits_query) {
            (None, None, hits_query) => {
                let query = hits_query.unwrap_or(query);
                let counted = if counts {
                    Some(query.count(&searcher)?)
                } else {
                    None
                };
                (None, counted, None)
            }
            (top, collector, None) => searcher.search(&query, &(top, counts.then_some(Count), collector))?,
            (top, collector, Some(hits_query)) => {
                let (found, counted) = searcher.search(&hits_query, &(top, counts.then_some(Count)))?;
                (found, counted, searcher.search(&query, &collector)?)
            }
        };
        total += counted.unwrap_or_default() as u64;
        let everything = run.collect_global(place, &lowering, &searcher)?;
        drop(bound);
        run.add(aggregated, everything);
        searched.push(Searched {
            index,
            mapping,
            searcher,
            found: found.unwrap_or_default(),
        });
    }
    let aggregations = if request.aggs.is_empty() {
        None
    } else {
        let fetch = |own: &SearchRequest, found: aggs::Hits| top_hits(&searched, own, found);
        Some(run.finish(&fetch, request.typed_keys)?)
    };
    let (hits, max_score) = fetch(&searched, &keys, request, by_score)?;
    Ok(Outcome {
        took: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        shards: searched.len(),
        total: match request.track {
            Track::Off => None,
            Track::UpTo(limit) if total > limit => Some(Total {
                value: limit,
                at_least: true,
            }),
            _ => Some(Total {
                value: total,
                at_least: false,
            }),
        },
        max_score,
        hits,
        aggregations,
    })
}

/// How many documents match.
pub fn count(indices: &[Arc<Index>], query: &crate::query::Query) -> ApiResult<u64> {
    let now = date::now();
    let mut total = 0;
    for index in indices {
        let mapping = index.mapping();
        let lowered = Lowering::new(&index.name, &mapping, now).lower(query)?;
        total += lowered.count(&index.searcher())? as u64;
    }
    Ok(total)
}

fn score_key() -> SortKey {
    SortKey {
        by: By::Score,
        descending: true,
        missing_first: false,
        unmapped_type: None,
        format: None,
    }
}

/// The `hits` of a `top_hits` aggregation.
fn top_hits(
    searched: &[Searched],
    request: &SearchRequest,
    found: aggs::Hits,
) -> ApiResult<serde_json::Value> {
    let keys = if request.sort.is_empty() {
        vec![score_key()]
    } else {
        request.sort.clone()
    };
    let by_score = request.sort.is_empty();
    let max_score = found
        .best
        .iter()
        .filter_map(|(_, hit)| hit.score)
        .reduce(f32::max);
    let mut hits = Vec::new();
    for (place, candidate) in found.best.iter().skip(request.from).take(request.size) {
        let part = searched
            .get(*place)
            .ok_or_else(|| ApiError::internal("a hit of an index that was not searched"))?;
        hits.push(read(part, candidate, &keys, request, by_score)?);
    }
    crate::present::search::inner_hits(request, &hits, found.total, max_score.filter(|_| by_score))
}

fn read(
    part: &Searched,
    candidate: &Candidate,
    keys: &[SortKey],
    request: &SearchRequest,
    by_score: bool,
) -> ApiResult<Hit> {
    let (id, source) = existing::stored(&part.searcher, candidate.address)?;
    let (seq_no, version) = existing::numbers(&part.searcher, candidate.address)?;
    Ok(Hit {
        index: Arc::clone(&part.index),
        mapping: Arc::clone(&part.mapping),
        id,
        source,
        version,
        seq_no,
        score: candidate
            .score
            .filter(|_| by_score || request.track_scores || keys.iter().any(|k| k.by == By::Score)),
        sort: if by_score {
            Vec::new()
        } else {
            keys.iter()
                .zip(&candidate.values)
                .map(|(key, value)| key.write(value))
                .collect()
        },
    })
}

fn fetch(
    searched: &[Searched],
    key_list: &[SortKey],
    request: &SearchRequest,
    by_score: bool,
) -> ApiResult<(Vec<Hit>, Option<f32>)> {
    let keys: Vec<&SortKey> = key_list.iter().collect();
    let mut all: Vec<(usize, &Candidate)> = searched
        .iter()
        .enumerate()
        .flat_map(|(place, part)| part.found.iter().map(move |hit| (place, hit)))
        .collect();
    all.sort_by(|(place_a, a), (place_b, b)| {
        let by_keys = keys
            .iter()
            .zip(a.values.iter().zip(&b.values))
            .map(|(key, (a, b))| key.compare(a, b))
            .find(|ordering| ordering.is_ne());
        by_keys.unwrap_or_else(|| place_a.cmp(place_b).then_with(|| compare(&keys, a, b)))
    });
    let max_score = if by_score {
        all.first().and_then(|(_, hit)| hit.score)
    } else {
        None
    };
    let mut hits = Vec::with_capacity(request.size.min(all.len()));
    for (place, candidate) in all.into_iter().skip(request.from).take(request.size) {
        let part = &searched[place];
        hits.push(read(part, candidate, key_list, request, by_score)?);
    }
    Ok((hits, max_score))
}

//! Runs a search over several indices and merges what they give.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Map, Value};
use tantivy::collector::Count;
use tantivy::query::{BoostQuery, Query as Lowered};

use super::gate::{Budget, Gate};
use super::hit::{Hit, Reading};
use super::request::{SearchRequest, Track};
use super::slice;
use super::sort::{self, By, SortKey, SortValue};
use super::top::{Candidate, Found, Key, TopHits, compare, group_name};
use super::view::{View, views};
use crate::aggs;
use crate::date::{self, Millis};
use crate::engine::index::Index;
use crate::error::{ApiError, ApiResult};
use crate::limits::Limits;
use crate::mapping::{Field, Mapping, pattern};
use crate::present;
use crate::query::{Lowering, Query, check};

/// How many documents matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    /// The number.
    pub value: u64,
    /// Whether there may be more.
    pub at_least: bool,
}

/// The answer to a search.
#[derive(Debug)]
pub struct Outcome {
    /// Milliseconds it took.
    pub took: u64,
    /// Whether the time was over before it was complete.
    pub timed_out: bool,
    /// Whether `terminate_after` ended it; `None` when that was not asked for.
    pub terminated_early: Option<bool>,
    /// Indices searched.
    pub shards: usize,
    /// Matches; `None` when they were not to be counted.
    pub total: Option<Total>,
    /// The best score.
    pub max_score: Option<f32>,
    /// The hits.
    pub hits: Vec<Hit>,
    /// The aggregations, rendered.
    pub aggregations: Option<Map<String, Value>>,
    /// The sort values of the last hit, with the tie-breaker: where the next page starts.
    pub last: Option<Vec<Value>>,
}

/// What one index gave.
struct Part {
    found: Found,
    count: u64,
    aggregated: aggs::Collected,
}

/// Everything that is the same in each index of a search.
struct Run<'a> {
    request: &'a SearchRequest,
    views: &'a [View],
    now: Millis,
    keys: Vec<SortKey>,
    scores: bool,
    aggs: aggs::Run<'a>,
    budget: Arc<Budget>,
}

/// Runs a search. Blocks; call it where blocking is allowed.
pub fn execute(views: &[View], request: &SearchRequest, limits: &Limits) -> ApiResult<Outcome> {
    if views.is_empty() {
        request.check_lists(limits)?;
    }
    request.check()?;
    for (index, ..) in views {
        let limits = limits.of_index(|name| index.setting(name));
        request.check_lists(&limits)?;
        check::check(&request.query, &limits)?;
    }
    let started = Instant::now();
    let now = date::now();
    let keys = request.keys();
    sort::check_types(&keys, views).map_err(|error| match views.first() {
        Some((index, ..)) => error.on_shard(&index.name),
        None => error,
    })?;
    let scores =
        request.sort.is_empty() || request.track_scores || keys.iter().any(|key| key.by == By::Score);
    let run = Run {
        request,
        views,
        now,
        scores,
        aggs: aggs::Run::new(&request.aggs, &request.query, views, now, limits)?,
        budget: Arc::new(Budget::until(request.timeout.map(|time| started + time))),
        keys,
    };
    let mut parts = Vec::with_capacity(views.len());
    for (place, view) in views.iter().enumerate() {
        // The first index is searched however little time there is: its answer has the right shape.
        if place > 0 && run.budget.is_over() {
            break;
        }
        parts.push(run.search(place).map_err(|error| error.on_shard(&view.0.name))?);
    }
    let total: u64 = parts.iter().map(|part| part.count).sum();
    let aggregations = run.aggregations(&mut parts)?;
    let (hits, last) = run.hits(&parts, limits)?;
    let max_score = parts
        .iter()
        .filter_map(|part| part.found.max_score)
        .reduce(f32::max)
        .filter(|_| run.shows_scores() && request.size > 0);
    Ok(Outcome {
        took: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        timed_out: run.budget.timed_out(),
        terminated_early: request.terminate_after.map(|_| run.budget.terminated()),
        shards: views.len(),
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
        // Of no index at all the best score is none, which Elasticsearch writes as zero.
        max_score: if views.is_empty() { Some(0.0) } else { max_score },
        hits,
        aggregations,
        last,
    })
}

/// How many documents of some indices match.
pub fn count(indices: &[Arc<Index>], query: &Query) -> ApiResult<u64> {
    count_in(&views(indices), query, None, None).map(|(count, _)| count)
}

/// How many documents match with at least a score, and whether counting stopped at so many of each index.
pub fn count_in(
    views: &[View],
    query: &Query,
    min_score: Option<f64>,
    terminate_after: Option<u64>,
) -> ApiResult<(u64, bool)> {
    let now = date::now();
    let budget = Arc::new(Budget::default());
    let mut total = 0;
    for (index, mapping, searcher) in views {
        let lowered = Lowering::new(&index.name, mapping, now)
            .lower(query)
            .map_err(|error| error.on_shard(&index.name))?;
        let lowered = Gate::around(lowered, min_score.map(narrow), terminate_after, &budget);
        total += lowered.count(searcher)? as u64;
    }
    Ok((total, budget.terminated()))
}

#[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
fn narrow(score: f64) -> f32 {
    score as f32
}

/// The field that a key sorts by, in an index.
fn field_of(key: &SortKey, mapping: &Mapping) -> Option<Arc<Field>> {
    match &key.by {
        By::Field(name) => mapping.resolve(name),
        _ => None,
    }
}

// === impl Run ===

impl Run<'_> {
    /// Whether hits show their scores.
    fn shows_scores(&self) -> bool {
        self.request.sort.is_empty()
            || self.request.track_scores
            || self.keys.iter().any(|key| key.by == By::Score)
    }

    fn search(&self, place: usize) -> ApiResult<Part> {
        let request = self.request;
        let (index, mapping, searcher) = &self.views[place];
        let lowering = Lowering::new(&index.name, mapping, self.now);
        let gated = |query: Box<dyn Lowered>| {
            let min_score = request.min_score.map(narrow);
            Gate::around(query, min_score, request.terminate_after, &self.budget)
        };
        let boost = request
            .indices_boost
            .iter()
            .find(|(name, _)| pattern::matches(name, &index.name))
            .map(|(_, boost)| *boost);
        let lower = |query: &Query| -> ApiResult<Box<dyn Lowered>> {
            let mut lowered = lowering.lower(query)?;
            if let Some(boost) = boost {
                lowered = Box::new(BoostQuery::new(lowered, boost));
            }
            if let Some(part) = request.slice {
                lowered = slice::part_of(lowered, part);
            }
            Ok(gated(lowered))
        };
        let query = lower(&request.query)?;
        let hits_query = match &request.post_filter {
            Some(filter) => Some(lower(&request.query.clone().and_filter(filter.clone()))?),
            None => None,
        };
        let top = self.top(place, mapping)?;
        let bound = self.aggs.bind(place, &lowering, searcher)?;
        let collector = self.aggs.collector(&bound);
        let counts = request.track != Track::Off;
        let (found, counted, aggregated) = match (top, collector, hits_query) {
            (None, None, hits_query) => {
                let query = hits_query.unwrap_or(query);
                let counted = if counts {
                    Some(query.count(searcher)?)
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
        Ok(Part {
            found: found.unwrap_or_default(),
            count: counted.unwrap_or_default() as u64,
            aggregated: aggs::Collected {
                matches: aggregated.transpose()?,
                everything: self.aggs.collect_global(place, &lowering, searcher)?,
            },
        })
    }

    /// The collector of the hits of an index, if hits are wanted.
    fn top(&self, place: usize, mapping: &Mapping) -> ApiResult<Option<TopHits>> {
        let request = self.request;
        let limit = request.from + request.size;
        if limit == 0 {
            return Ok(None);
        }
        let keys = self
            .keys
            .iter()
            .map(|key| {
                let column = key.column(mapping, place)?;
                Ok(Key {
                    missing: key.missing(&column, field_of(key, mapping).as_deref())?,
                    column,
                    key: key.clone(),
                })
            })
            .collect::<ApiResult<Vec<_>>>()?;
        let after = match &request.search_after {
            None => None,
            Some(values) => Some(self.after(values, mapping)?),
        };
        let group = match &request.collapse {
            None => None,
            Some(collapse) => Some(
                SortKey::new(By::Field(collapse.field.clone()))
                    .column(mapping, place)
                    .map_err(|error| {
                        if error.kind == "query_shard_exception" {
                            ApiError::argument(format!(
                                "no mapping found for `{}` in order to collapse on",
                                collapse.field
                            ))
                        } else {
                            error
                        }
                    })?,
            ),
        };
        Ok(Some(TopHits {
            keys: Arc::new(keys),
            after,
            limit,
            scores: self.scores,
            group,
        }))
    }

    /// The position after which hits start; a client may leave the tie-breaker out, and then skips what ties.
    fn after(&self, values: &[Value], mapping: &Mapping) -> ApiResult<Vec<SortValue>> {
        let mut position = self
            .keys
            .iter()
            .zip(values)
            .map(|(key, value)| key.read(value, field_of(key, mapping).as_deref()))
            .collect::<ApiResult<Vec<_>>>()?;
        let left_out = self.keys.len() - position.len();
        if values.len() > self.keys.len() || left_out > usize::from(self.request.tiebreak) {
            return Err(ApiError::argument(format!(
                "search_after has {} value(s) but sort has {}.",
                values.len(),
                self.keys.len()
            )));
        }
        position.extend(std::iter::repeat_n(SortValue::Whole(i64::MAX), left_out));
        Ok(position)
    }

    fn aggregations(&self, parts: &mut [Part]) -> ApiResult<Option<Map<String, Value>>> {
        if self.request.aggs.is_empty() {
            return Ok(None);
        }
        let collected = parts.iter_mut().map(|part| std::mem::take(&mut part.aggregated));
        let fetch = |own: &SearchRequest, found: aggs::Hits| self.top_hits(own, found);
        self.aggs
            .finish(collected, &fetch, self.request.typed_keys)
            .map(Some)
    }

    /// The `hits` of a `top_hits` aggregation.
    fn top_hits(&self, request: &SearchRequest, found: aggs::Hits) -> ApiResult<Value> {
        let by_score = request.sort.is_empty();
        let shows_scores =
            by_score || request.track_scores || request.sort.iter().any(|key| key.by == By::Score);
        // Highlights and named queries look at what the search asks for.
        let mut own = request.clone();
        own.query = self.request.query.clone();
        let max_score = found
            .best
            .iter()
            .filter_map(|(_, hit)| hit.score)
            .reduce(f32::max);
        let mut hits = Vec::with_capacity(request.size.min(found.best.len()));
        for (place, candidate) in found.best.iter().skip(request.from).take(request.size) {
            let view = self
                .views
                .get(*place)
                .ok_or_else(|| ApiError::internal("a hit of an index that was not searched"))?;
            let sort = if by_score {
                Vec::new()
            } else {
                request
                    .sort
                    .iter()
                    .zip(&candidate.values)
                    .map(|(key, value)| key.write(value))
                    .collect()
            };
            let score = candidate.score.filter(|_| shows_scores);
            hits.push(Reading::new(view, &own, self.now)?.read(candidate.address, score, sort)?);
        }
        present::search::inner_hits(request, &hits, found.total, max_score.filter(|_| shows_scores))
    }

    /// The hits of the page, and where the next one starts.
    fn hits(&self, parts: &[Part], limits: &Limits) -> ApiResult<(Vec<Hit>, Option<Vec<Value>>)> {
        let request = self.request;
        let keys: Vec<&SortKey> = self.keys.iter().collect();
        let mut all: Vec<(usize, &Candidate)> = parts
            .iter()
            .enumerate()
            .flat_map(|(place, part)| part.found.hits.iter().map(move |hit| (place, hit)))
            .collect();
        all.sort_by(|(place_a, a), (place_b, b)| {
            let by_keys = keys
                .iter()
                .zip(a.values.iter().zip(&b.values))
                .map(|(key, (a, b))| key.compare(a, b))
                .find(|ordering| ordering.is_ne());
            by_keys.unwrap_or_else(|| place_a.cmp(place_b).then_with(|| compare(&keys, a, b)))
        });
        if request.collapse.is_some() {
            let mut seen = HashSet::new();
            all.retain(|(_, hit)| seen.insert(group_name(hit)));
        }
        let mut readings: Vec<Option<Reading<'_>>> = parts.iter().map(|_| None).collect();
        let mut hits = Vec::with_capacity(request.size.min(all.len()));
        let mut last = None;
        for (place, candidate) in all.into_iter().skip(request.from).take(request.size) {
            let reading = match &mut readings[place] {
                Some(reading) => reading,
                empty => empty.insert(Reading::new(&self.views[place], request, self.now)?),
            };
            let written: Vec<Value> = keys
                .iter()
                .zip(&candidate.values)
                .map(|(key, value)| key.write(value))
                .collect();
            let shown = if request.sort.is_empty() && !request.shows_tiebreak() {
                Vec::new()
            } else if request.shows_tiebreak() || !request.tiebreak {
                written.clone()
            } else {
                written[..request.sort.len()].to_vec()
            };
            let mut hit = reading.read(
                candidate.address,
                candidate.score.filter(|_| self.shows_scores()),
                shown,
            )?;
            if let Some(collapse) = &request.collapse {
                self.add_group(&mut hit, &collapse.field, candidate, limits)?;
            }
            hits.push(hit);
            last = Some(
                keys.iter()
                    .zip(&candidate.values)
                    .map(|(key, value)| key.write_exactly(value))
                    .collect(),
            );
        }
        Ok((hits, last))
    }

    /// Shows the value that a hit was collapsed by, and searches within it.
    fn add_group(&self, hit: &mut Hit, field: &str, candidate: &Candidate, limits: &Limits) -> ApiResult<()> {
        let group = candidate.group.as_ref().unwrap_or(&SortValue::Missing);
        let value = SortKey::new(By::Field(field.to_owned())).write(group);
        if value.is_null() {
            hit.fields
                .entry(field)
                .or_insert_with(|| vec![Value::Null].into());
        } else {
            hit.fields
                .entry(field)
                .or_insert_with(|| vec![value.clone()].into());
        }
        let Some(collapse) = &self.request.collapse else {
            return Ok(());
        };
        for (name, inner) in &collapse.inner {
            let same = if value.is_null() {
                Query::bool(crate::query::ast::Bool {
                    must_not: vec![Query::Exists(field.to_owned())],
                    ..crate::query::ast::Bool::default()
                })
            } else {
                Query::Term {
                    field: field.to_owned(),
                    value: value.clone(),
                    ignore_case: false,
                }
            };
            let mut request = inner.clone();
            request.query = self.request.query.clone().and_filter(same);
            if let Some(filter) = &self.request.post_filter {
                request.query = request.query.and_filter(filter.clone());
            }
            hit.inner
                .push((name.clone(), execute(self.views, &request, limits)?));
        }
        Ok(())
    }
}

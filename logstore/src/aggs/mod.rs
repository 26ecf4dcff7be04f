//! Aggregations, over one index and several.
//!
//! ```text
//! request   what a body asks
//! plan      what must be the same in every index: types, bounds, how time is cut     values, show, span
//! bind      the plan in one index: columns, lowered filters
//! collect   a tree of nodes over the columns of one segment -> partial results        column
//! partial   results of segments and indices merge                                     sketch
//! finish    order, cut off, fill gaps, run pipelines -> an answer                     metric, pipeline, result
//! ```
//!
//! All of it is ours, over tantivy's columns. tantivy's own aggregations know no calendar, no zones with summer
//! time, no `date_range`, `filters`, `missing`, `global` or pipelines, and rewriting requests to what it has
//! cost more code than collecting, with several passes over the same column.

pub mod auto;
pub mod bind;
pub mod collect;
pub mod column;
pub mod finish;
pub mod metric;
pub mod partial;
pub mod pipeline;
pub mod plan;
pub mod request;
pub mod result;
pub mod show;
pub mod sketch;
pub mod span;
pub mod values;

use std::cell::Cell;
use std::sync::Arc;

use serde_json::{Map, Value};
use tantivy::Searcher;
use tantivy::query::AllQuery;

pub use self::bind::Bound;
pub use self::collect::AggCollector;
use self::collect::{Guard, merge_all};
pub use self::finish::Fetch;
use self::finish::Finish;
use self::partial::Merging;
pub use self::partial::{Hits, Partial};
use self::plan::{Plan, Scene};
pub use self::request::Agg;
use self::request::AggKind;
use crate::date::Millis;
use crate::error::ApiResult;
use crate::limits::Limits;
use crate::query::{Lowering, Query};
pub use crate::search::view::View;

/// The aggregations of one search.
pub struct Run<'a> {
    aggs: &'a [Agg],
    plans: Vec<Plan>,
    /// Of the aggregations over what the query matches, and of those over everything.
    sides: [Side<'a>; 2],
    guard: Arc<Guard>,
    limits: &'a Limits,
}

/// The aggregations over the same documents.
struct Side<'a> {
    aggs: Vec<&'a Agg>,
    places: Vec<usize>,
    merging: Vec<Merging>,
}

/// What the aggregations found in one index.
#[derive(Debug, Default)]
pub struct Collected {
    /// Over the matches of the query.
    pub matches: Option<Vec<Partial>>,
    /// Over everything.
    pub everything: Option<Vec<Partial>>,
}

// === impl Run ===

impl<'a> Run<'a> {
    /// Plans the aggregations of a search.
    pub fn new(
        aggs: &'a [Agg],
        query: &Query,
        views: &[View],
        now: Millis,
        limits: &'a Limits,
    ) -> ApiResult<Self> {
        // What does not fit the fields is the fault of a shard, in Elasticsearch's words.
        check_pages(aggs, limits)?;
        let plans = plan::plan(aggs, Scene { query, views, now }).map_err(|error| match views.first() {
            Some((index, ..)) => error.on_shard(&index.name),
            None => error,
        })?;
        let side = |everything: bool| {
            let (places, own): (Vec<usize>, Vec<&Agg>) = aggs
                .iter()
                .enumerate()
                .filter(|(_, agg)| !agg.is_pipeline() && matches!(agg.kind, AggKind::Global) == everything)
                .unzip();
            Side {
                merging: own
                    .iter()
                    .flat_map(|agg| plan::merging(std::slice::from_ref(*agg)))
                    .collect(),
                aggs: own,
                places,
            }
        };
        Ok(Self {
            sides: [side(false), side(true)],
            aggs,
            plans,
            guard: Arc::new(Guard::new(limits.max_aggregation_memory)),
            limits,
        })
    }

    fn bind_side<'b>(
        &'b self,
        side: usize,
        index: usize,
        lowering: &Lowering<'b>,
        searcher: &Searcher,
    ) -> ApiResult<Vec<Bound<'b>>> {
        let side = &self.sides[side];
        let mut out = Vec::with_capacity(side.aggs.len());
        for (agg, place) in side.aggs.iter().zip(&side.places) {
            let plan = self.plans.get(*place..=*place).unwrap_or_default();
            out.extend(Bound::all(
                std::slice::from_ref(*agg),
                plan,
                index,
                lowering,
                searcher,
            )?);
        }
        Ok(out)
    }

    /// Binds what runs over the query's matches to an index.
    pub fn bind<'b>(
        &'b self,
        index: usize,
        lowering: &Lowering<'b>,
        searcher: &Searcher,
    ) -> ApiResult<Vec<Bound<'b>>> {
        self.bind_side(0, index, lowering, searcher)
    }

    /// The collector of bound aggregations; `None`: there are none.
    pub fn collector<'b>(&'b self, bound: &'b [Bound<'b>]) -> Option<AggCollector<'b>> {
        if bound.is_empty() {
            return None;
        }
        let scores = bind::needs_scores(self.aggs);
        Some(AggCollector::new(
            bound,
            &self.sides[0].merging,
            Arc::clone(&self.guard),
            scores,
        ))
    }

    /// Runs `global` aggregations over an index.
    pub fn collect_global(
        &self,
        index: usize,
        lowering: &Lowering<'_>,
        searcher: &Searcher,
    ) -> ApiResult<Option<Vec<Partial>>> {
        if self.sides[1].aggs.is_empty() {
            return Ok(None);
        }
        let bound = self.bind_side(1, index, lowering, searcher)?;
        let scores = bind::needs_scores(self.aggs);
        let collector = AggCollector::new(&bound, &self.sides[1].merging, Arc::clone(&self.guard), scores);
        searcher.search(&AllQuery, &collector)?.map(Some)
    }

    /// The answer. `typed`: names have their type before them.
    pub fn finish(
        &self,
        collected: impl IntoIterator<Item = Collected>,
        fetch: &Fetch<'_>,
        typed: bool,
    ) -> ApiResult<Map<String, Value>> {
        let mut slots: Vec<Option<Partial>> = self.aggs.iter().map(|_| None).collect();
        let (matches, everything): (Vec<_>, Vec<_>) = collected
            .into_iter()
            .map(|part| (part.matches, part.everything))
            .unzip();
        for (side, parts) in self.sides.iter().zip([matches, everything]) {
            let merged = merge_all(parts.into_iter().flatten().map(Ok), &side.merging)?;
            for (place, partial) in side.places.iter().zip(merged) {
                slots[*place] = Some(partial);
            }
        }
        let finish = Finish {
            fetch,
            limits: self.limits,
            buckets: Cell::new(0),
        };
        let merging = plan::merging(self.aggs);
        // A level has a result for each aggregation or for none: without an index there is none.
        let mut partials: Vec<Partial> = Vec::new();
        for (agg, slot) in self.aggs.iter().zip(slots) {
            match slot {
                Some(partial) => partials.push(partial),
                None if agg.is_pipeline() => {}
                None => {
                    partials.clear();
                    break;
                }
            }
        }
        let level = finish.level(self.aggs, &self.plans, &merging, partials)?;
        Ok(result::render(level, typed))
    }
}

/// Refuses pages of more buckets than a request may return.
fn check_pages(aggs: &[Agg], limits: &Limits) -> ApiResult<()> {
    for agg in aggs {
        if let request::AggKind::Composite(composite) = &agg.kind
            && composite.size > limits.max_buckets as usize
        {
            return Err(finish::too_many(limits));
        }
        check_pages(&agg.subs, limits)?;
    }
    Ok(())
}

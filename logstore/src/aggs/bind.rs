//! A planned tree of aggregations, bound to one index: its columns, its lowered filters.

use std::sync::Arc;

use tantivy::query::{EnableScoring, Weight};
use tantivy::{Searcher, SegmentReader};

use super::column::Values;
use super::plan::Plan;
use super::request::{Agg, AggKind, MetricKind};
use crate::date::Millis;
use crate::error::{ApiError, ApiResult};
use crate::mapping::Mapping;
use crate::query::Lowering;
use crate::search::sort::{By, SortKey};
use crate::search::top::{Key, TopHits};

/// One aggregation in one index.
pub struct Bound<'a> {
    /// The aggregation.
    pub agg: &'a Agg,
    /// Its plan.
    pub plan: &'a Plan,
    /// Which of the search's indices this is.
    pub index: usize,
    /// The index's name.
    pub name: &'a str,
    /// Its mapping.
    pub mapping: &'a Mapping,
    /// What `now` means.
    pub now: Millis,
    /// Queries of the filters.
    pub weights: Vec<Box<dyn Weight>>,
    /// The order of hits.
    pub top: Option<Arc<TopHits>>,
    /// What is below; pipelines are not bound.
    pub subs: Vec<Bound<'a>>,
}

// === impl Bound ===

impl<'a> Bound<'a> {
    /// Binds aggregations to the index with a number.
    pub fn all(
        aggs: &'a [Agg],
        plans: &'a [Plan],
        index: usize,
        lowering: &Lowering<'a>,
        searcher: &Searcher,
    ) -> ApiResult<Vec<Self>> {
        aggs.iter()
            .zip(plans)
            .filter(|(agg, _)| !agg.is_pipeline())
            .map(|(agg, plan)| Self::one(agg, plan, index, lowering, searcher))
            .collect()
    }

    fn one(
        agg: &'a Agg,
        plan: &'a Plan,
        index: usize,
        lowering: &Lowering<'a>,
        searcher: &Searcher,
    ) -> ApiResult<Self> {
        let weight = |query| -> ApiResult<Box<dyn Weight>> {
            Ok(lowering
                .lower(query)?
                .weight(EnableScoring::disabled_from_searcher(searcher))?)
        };
        let weights = match &agg.kind {
            AggKind::Filter(query) => vec![weight(query)?],
            AggKind::Filters(filters) => filters
                .filters
                .iter()
                .map(|(_, query)| weight(query))
                .collect::<ApiResult<_>>()?,
            _ => Vec::new(),
        };
        let top = match &agg.kind {
            AggKind::Metric(metric) => match &metric.kind {
                MetricKind::TopHits(request) => Some(top(
                    &request.sort,
                    request.from + request.size,
                    lowering.mapping,
                    index,
                )?),
                MetricKind::TopMetrics { sort, size, .. } => Some(top(sort, *size, lowering.mapping, index)?),
                _ => None,
            },
            _ => None,
        };
        Ok(Self {
            agg,
            plan,
            index,
            name: lowering.index,
            mapping: lowering.mapping,
            now: lowering.now,
            weights,
            top,
            subs: Self::all(&agg.subs, &plan.subs, index, lowering, searcher)?,
        })
    }

    /// Opens one of its fields in a segment.
    pub fn open_source(&self, place: usize, segment: &SegmentReader) -> ApiResult<Values> {
        let source = self
            .plan
            .sources
            .get(place)
            .ok_or_else(|| ApiError::internal(format!("aggregation [{}] has no field", self.agg.name)))?;
        Values::open(source, self.name, self.mapping, segment)
    }
}

/// The order of hits: without a sort the best score first.
pub fn keys(sort: &[SortKey]) -> Vec<SortKey> {
    if sort.is_empty() {
        return vec![SortKey::new(By::Score)];
    }
    sort.to_vec()
}

/// Whether any of the aggregations needs scores.
pub fn needs_scores(aggs: &[Agg]) -> bool {
    aggs.iter().any(|agg| {
        let own = match &agg.kind {
            AggKind::Metric(metric) => match &metric.kind {
                MetricKind::TopHits(request) => {
                    request.track_scores || keys(&request.sort).iter().any(|key| key.by == By::Score)
                }
                MetricKind::TopMetrics { sort, .. } => keys(sort).iter().any(|key| key.by == By::Score),
                _ => false,
            },
            _ => false,
        };
        own || needs_scores(&agg.subs)
    })
}

fn top(sort: &[SortKey], limit: usize, mapping: &Mapping, place: usize) -> ApiResult<Arc<TopHits>> {
    let keys = keys(sort)
        .into_iter()
        .map(|key| {
            let field = match &key.by {
                By::Field(name) => mapping.resolve(name),
                _ => None,
            };
            let column = key.column(mapping, place)?;
            Ok(Key {
                missing: key.missing(&column, field.as_deref())?,
                column,
                key,
            })
        })
        .collect::<ApiResult<Vec<_>>>()?;
    Ok(Arc::new(TopHits {
        scores: keys.iter().any(|key| key.key.by == By::Score),
        keys: Arc::new(keys),
        after: None,
        limit,
        group: None,
    }))
}

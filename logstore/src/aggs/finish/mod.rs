//! Turns merged partial results into an answer: orders buckets, cuts them off, fills gaps, runs pipelines.

pub mod composite;
pub mod histogram;
pub mod terms;

use std::cell::Cell;

use serde_json::{Map, Value, json};

use super::metric;
use super::partial::{Bucket, Hits, Merging, Partial};
use super::pipeline;
use super::plan::{Plan, ip_text};
use super::request::{Agg, AggKind, Filters, MetricKind, RangeKind, Ranges};
use super::result::{Final, FinalBucket, Multi, Named};
use super::show::float_json;
use crate::error::{ApiError, ApiResult};
use crate::limits::Limits;
use crate::search::SearchRequest;

/// Reads and writes the hits of `top_hits`.
pub type Fetch<'a> = dyn Fn(&SearchRequest, Hits) -> ApiResult<Value> + 'a;

/// What finishing needs besides the results.
pub struct Finish<'a> {
    /// Reads hits.
    pub fetch: &'a Fetch<'a>,
    /// Limits.
    pub limits: &'a Limits,
    /// Buckets made so far.
    pub buckets: Cell<u64>,
}

/// One aggregation with all that belongs to it.
#[derive(Clone, Copy)]
struct One<'a> {
    agg: &'a Agg,
    plan: &'a Plan,
    merging: &'a Merging,
}

// === impl Finish ===

impl Finish<'_> {
    /// Finishes a level; `partials` has one entry for each aggregation that is no pipeline, or none at all.
    pub fn level(
        &self,
        aggs: &[Agg],
        plans: &[Plan],
        merging: &[Merging],
        partials: Vec<Partial>,
    ) -> ApiResult<Vec<Named>> {
        let mut partials = partials.into_iter();
        let mut out = Vec::with_capacity(aggs.len());
        let collected = aggs.iter().zip(plans).filter(|(agg, _)| !agg.is_pipeline());
        for ((agg, plan), merging) in collected.zip(merging) {
            let (type_tag, result) = self.one(One { agg, plan, merging }, partials.next())?;
            out.push(Named {
                name: agg.name.clone(),
                type_tag,
                meta: agg.meta.clone(),
                result,
            });
        }
        pipeline::apply_siblings(aggs, &mut out)?;
        Ok(out)
    }

    /// Counts a bucket of the answer.
    fn count(&self) -> ApiResult<()> {
        let made = self.buckets.get() + 1;
        self.buckets.set(made);
        if made > u64::from(self.limits.max_buckets) {
            return Err(too_many(self.limits));
        }
        Ok(())
    }

    /// What is below a bucket.
    fn below(&self, one: One<'_>, subs: Vec<Partial>) -> ApiResult<Vec<Named>> {
        if one.agg.subs.is_empty() {
            return Ok(Vec::new());
        }
        self.level(&one.agg.subs, &one.plan.subs, &one.merging.subs, subs)
    }

    fn bucket(
        &self,
        one: One<'_>,
        name: String,
        head: Map<String, Value>,
        key: Option<f64>,
        bucket: Bucket,
    ) -> ApiResult<FinalBucket> {
        self.count()?;
        Ok(FinalBucket {
            name,
            head,
            key,
            count: bucket.count,
            tail: Map::new(),
            subs: self.below(one, bucket.subs)?,
        })
    }

    fn one(&self, one: One<'_>, partial: Option<Partial>) -> ApiResult<(String, Final)> {
        let agg = one.agg;
        let mut tag = agg.type_name.clone();
        let mut result = match &agg.kind {
            AggKind::Metric(metric) => {
                metric::tag(metric).clone_into(&mut tag);
                match &metric.kind {
                    MetricKind::TopHits(request) => {
                        let hits = match partial {
                            Some(Partial::Hits(hits)) => hits,
                            _ => Hits::default(),
                        };
                        let mut json = Map::new();
                        json.insert("hits".into(), (self.fetch)(request, hits)?);
                        Final::Raw(json)
                    }
                    MetricKind::TopMetrics { fields, sort, .. } => {
                        Final::Numbers(metric::top(fields, sort, &one.plan.sources, partial))
                    }
                    _ => Final::Numbers(metric::finish(metric, &one.plan.sources, partial)),
                }
            }
            AggKind::Filter(_) | AggKind::Missing(_) | AggKind::Global | AggKind::Sampler(_) => {
                let bucket = match partial {
                    Some(Partial::One(bucket)) => bucket,
                    _ => Bucket::default(),
                };
                Final::One(self.bucket(one, String::new(), Map::new(), None, bucket)?)
            }
            AggKind::Filters(filters) => Final::Multi(self.filters(one, filters, partial)?),
            AggKind::Ranges(ranges) => Final::Multi(self.ranges(one, ranges, partial)?),
            AggKind::Terms(_) | AggKind::MultiTerms(_) | AggKind::RareTerms(_) => {
                tag = terms::tag(one);
                Final::Multi(self.terms(one, partial)?)
            }
            AggKind::DateHistogram(_) | AggKind::Histogram(_) | AggKind::AutoDates(_) => {
                Final::Multi(self.histogram(one, partial)?)
            }
            AggKind::Composite(composite) => Final::Multi(self.composite(one, composite, partial)?),
            AggKind::Pipeline(_) => return Err(ApiError::internal("a pipeline has no partial result")),
        };
        if let Final::Multi(multi) = &mut result {
            pipeline::apply_parents(&agg.subs, &mut multi.buckets)?;
        }
        Ok((tag, result))
    }

    fn filters(&self, one: One<'_>, filters: &Filters, partial: Option<Partial>) -> ApiResult<Multi> {
        let buckets = fixed(partial, filters.filters.len());
        let mut multi = Multi {
            keyed: filters.keyed,
            ..Multi::default()
        };
        for ((name, _), bucket) in filters.filters.iter().zip(buckets) {
            let mut head = Map::new();
            if filters.matrix {
                if bucket.count == 0 {
                    continue;
                }
                head.insert("key".into(), name.as_str().into());
            }
            multi
                .buckets
                .push(self.bucket(one, name.clone(), head, None, bucket)?);
        }
        Ok(multi)
    }

    fn ranges(&self, one: One<'_>, ranges: &Ranges, partial: Option<Partial>) -> ApiResult<Multi> {
        let plan = one.plan;
        let mut multi = Multi {
            keyed: ranges.keyed,
            ..Multi::default()
        };
        let show = plan.sources.first().map(|source| &source.show);
        let buckets = fixed(partial, plan.labels.len());
        for (place, (label, bucket)) in plan.labels.iter().zip(buckets).enumerate() {
            let mut head = Map::new();
            head.insert("key".into(), label.as_str().into());
            if ranges.kind == RangeKind::Ip {
                let (from, to) = plan.addresses.get(place).copied().unwrap_or_default();
                if from != 0 {
                    head.insert("from".into(), ip_text(from).into());
                }
                if let Some(to) = to {
                    head.insert("to".into(), ip_text(to).into());
                }
            } else {
                let (from, to) = plan.ranges.get(place).copied().unwrap_or_default();
                for (name, value) in [("from", from), ("to", to)] {
                    if value.is_finite() {
                        head.insert(name.into(), float_json(value));
                        if let Some(text) = show.and_then(|show| show.text(value)) {
                            head.insert(format!("{name}_as_string"), text.into());
                        }
                    }
                }
            }
            multi
                .buckets
                .push(self.bucket(one, label.clone(), head, None, bucket)?);
        }
        Ok(multi)
    }
}

/// The buckets of filters or ranges; empty ones where nothing was collected.
fn fixed(partial: Option<Partial>, count: usize) -> Vec<Bucket> {
    match partial {
        Some(Partial::Fixed(buckets)) => buckets,
        _ => vec![Bucket::default(); count],
    }
}

/// More buckets than allowed.
pub fn too_many(limits: &Limits) -> ApiError {
    ApiError::new(
        400,
        "too_many_buckets_exception",
        format!(
            "Trying to create too many buckets. Must be less than or equal to: [{}] but this number of buckets was exceeded. This limit can be set by changing the [search.max_buckets] cluster level setting (--max-buckets).",
            limits.max_buckets
        ),
    )
    .with("max_buckets", json!(limits.max_buckets))
}

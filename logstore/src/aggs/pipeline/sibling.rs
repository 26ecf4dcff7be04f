//! Pipelines that sum up the buckets of the aggregation beside them.

use serde_json::{Map, Value, json};

use super::{Pipeline, PipelineKind, Summary, order, resolve};
use crate::aggs::metric;
use crate::aggs::request::{Agg, MetricKind, Path};
use crate::aggs::result::{Final, FinalBucket, Named, Numbers};
use crate::aggs::show::{float_json, float_text};
use crate::aggs::sketch::Stats;
use crate::error::{ApiError, ApiResult};

/// Adds the results of a level's sibling pipelines to it.
pub fn apply(level: &[Agg], results: &mut Vec<Named>) -> ApiResult<()> {
    for (agg, pipeline) in order(level)? {
        let PipelineKind::Summary(summary) = &pipeline.kind else {
            continue;
        };
        let mut values = Vec::new();
        if let Some((_, path)) = pipeline.paths.first() {
            collect(results, path, pipeline, &mut values)?;
        }
        let (tag, numbers) = one(summary, pipeline, &values);
        results.push(Named {
            name: agg.name.clone(),
            type_tag: tag.to_owned(),
            meta: agg.meta.clone(),
            result: Final::Numbers(numbers),
        });
    }
    Ok(())
}

/// The numbers of all buckets on the way, with their keys; missing ones are left out.
fn collect(level: &[Named], path: &Path, pipeline: &Pipeline, out: &mut Vec<(String, f64)>) -> ApiResult<()> {
    let exists = |name: &str| level.iter().any(|named| named.name == name);
    let Some(found) = level.iter().find(|named| named.name == path.first(exists)) else {
        return Ok(());
    };
    let key = path.steps.first().and_then(|(_, key)| key.as_deref());
    let Final::Multi(multi) = &found.result else {
        return Err(ApiError::new(
            500,
            "aggregation_execution_exception",
            format!("[{}] does not lead to buckets", path.text),
        ));
    };
    // What is behind the first aggregation, seen from its buckets.
    let rest = match path.text.split_once('>') {
        Some((_, rest)) => Path::parse(rest),
        None => {
            let (_, property) = path.target(exists);
            Path::parse(property.unwrap_or("_count"))
        }
    };
    for bucket in multi
        .buckets
        .iter()
        .filter(|bucket| key.is_none_or(|key| bucket.name == key))
    {
        if let Some(level) = nested(bucket, &rest) {
            collect(level, &rest, pipeline, out)?;
            continue;
        }
        let value = resolve(bucket, &rest, pipeline.gaps)?;
        if !value.is_nan() {
            out.push((bucket.name.clone(), value));
        }
    }
    Ok(())
}

/// The aggregations of a bucket, if the path goes on through several buckets of one of them.
fn nested<'a>(bucket: &'a FinalBucket, path: &Path) -> Option<&'a [Named]> {
    let (name, key) = path.steps.first()?;
    let found = bucket.subs.iter().find(|named| named.name == *name)?;
    (matches!(found.result, Final::Multi(_)) && key.is_none()).then_some(bucket.subs.as_slice())
}

fn one(summary: &Summary, pipeline: &Pipeline, values: &[(String, f64)]) -> (&'static str, Numbers) {
    let mut stats = Stats::default();
    for (_, value) in values {
        stats.add(*value);
    }
    let show = &pipeline.show;
    match summary {
        Summary::Avg => ("simple_value", Numbers::one(stats.avg(), show)),
        Summary::Sum => ("simple_value", Numbers::one(Some(stats.sum.get()), show)),
        Summary::Min | Summary::Max => {
            let extreme = if *summary == Summary::Min {
                stats.min
            } else {
                stats.max
            };
            let mut numbers = Numbers::one((stats.count > 0).then_some(extreme), show);
            let keys: Vec<&str> = values
                .iter()
                .filter(|(_, value)| value.total_cmp(&extreme).is_eq())
                .map(|(key, _)| key.as_str())
                .collect();
            numbers.json.insert("keys".into(), json!(keys));
            ("bucket_metric_value", numbers)
        }
        Summary::Stats => ("stats_bucket", metric::stats(&MetricKind::Stats, &stats, show)),
        Summary::ExtendedStats(sigma) => (
            "extended_stats_bucket",
            metric::stats(&MetricKind::ExtendedStats(*sigma), &stats, show),
        ),
        Summary::Percentiles(percents, keyed) => {
            let mut sorted: Vec<f64> = values.iter().map(|(_, value)| *value).collect();
            sorted.sort_by(f64::total_cmp);
            let found: Vec<(f64, f64)> = percents
                .iter()
                .map(|percent| {
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        clippy::cast_precision_loss,
                        reason = "a place in a list of buckets"
                    )]
                    let place = (percent / 100.0 * sorted.len().saturating_sub(1) as f64).round() as usize;
                    (*percent, sorted.get(place).copied().unwrap_or(f64::NAN))
                })
                .collect();
            let mut json = Map::new();
            let list: Value = if *keyed {
                let mut map = Map::new();
                for (percent, value) in &found {
                    map.insert(float_text(*percent), float_json(*value));
                    if let Some(text) = show.text(*value).filter(|_| value.is_finite()) {
                        map.insert(format!("{}_as_string", float_text(*percent)), text.into());
                    }
                }
                map.into()
            } else {
                found
                    .iter()
                    .map(|(percent, value)| json!({"key": percent, "value": float_json(*value)}))
                    .collect()
            };
            json.insert("values".into(), list);
            let values = found
                .into_iter()
                .map(|(percent, value)| (float_text(percent), value))
                .collect();
            ("percentiles_bucket", Numbers { json, values })
        }
    }
}

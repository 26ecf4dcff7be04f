//! Pipelines that add a number to each bucket around them, drop buckets or sort them.

use std::cmp::Ordering;
use std::collections::VecDeque;

use super::script::{Env, Value as Scripted};
use super::{Gaps, Method, Pipeline, PipelineKind, order, resolve};
use crate::aggs::request::{Agg, Path};
use crate::aggs::result::{Final, FinalBucket, Looked, Named, Numbers};
use crate::aggs::show::float_json;
use crate::error::{ApiError, ApiResult};

/// Applies the parent pipelines of a level to the buckets of the aggregation around it.
pub fn apply(level: &[Agg], buckets: &mut Vec<FinalBucket>) -> ApiResult<()> {
    for (agg, pipeline) in order(level)? {
        if !pipeline.is_sibling() {
            one(agg, pipeline, buckets)?;
        }
    }
    Ok(())
}

fn put(agg: &Agg, bucket: &mut FinalBucket, tag: &str, numbers: Numbers) {
    bucket.subs.push(Named {
        name: agg.name.clone(),
        type_tag: tag.to_owned(),
        meta: agg.meta.clone(),
        result: Final::Numbers(numbers),
    });
}

fn simple(agg: &Agg, pipeline: &Pipeline, bucket: &mut FinalBucket, value: f64) {
    let numbers = Numbers::one(Some(value), &pipeline.show);
    put(agg, bucket, "simple_value", numbers);
}

fn one(agg: &Agg, pipeline: &Pipeline, buckets: &mut Vec<FinalBucket>) -> ApiResult<()> {
    match &pipeline.kind {
        PipelineKind::Derivative(unit) => {
            let mut last: Option<(f64, f64)> = None;
            for bucket in buckets {
                // A bucket that a pipeline below left out is no neighbour.
                if let Some((_, path)) = pipeline.paths.first()
                    && bucket.look(path) == Looked::Absent
                {
                    last = None;
                    continue;
                }
                let value = pipeline.value(bucket)?;
                let key = bucket.key.unwrap_or(f64::NAN);
                if let Some((last_value, last_key)) = last {
                    let difference = value - last_value;
                    let mut numbers = Numbers::one(Some(difference), &pipeline.show);
                    if let Some(unit) = unit {
                        let normalized = difference / ((key - last_key) / unit);
                        numbers
                            .json
                            .insert("normalized_value".into(), float_json(normalized));
                        numbers.values.push(("normalized_value".to_owned(), normalized));
                    }
                    put(agg, bucket, "derivative", numbers);
                }
                last = Some((value, key));
            }
        }
        PipelineKind::CumulativeSum => {
            let mut sum = 0.0;
            for bucket in buckets {
                let value = match pipeline.paths.first() {
                    Some((_, path)) => resolve(bucket, path, Gaps::Zeros)?,
                    None => 0.0,
                };
                sum += value;
                simple(agg, pipeline, bucket, sum);
            }
        }
        PipelineKind::MovingFunction {
            window,
            shift,
            script,
            skip_first,
        } => {
            let values = buckets
                .iter()
                .map(|bucket| pipeline.value(bucket))
                .collect::<ApiResult<Vec<_>>>()?;
            let known: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
            let window = i64::try_from(*window).unwrap_or(i64::MAX / 2);
            let clamp = |place: i64| usize::try_from(place.max(0)).unwrap_or(0).min(known.len());
            let mut index = 0_i64;
            for (bucket, value) in buckets.iter_mut().zip(values) {
                if value.is_nan() {
                    continue;
                }
                if *skip_first && index == 0 {
                    index += 1;
                    continue;
                }
                let from = clamp(index.saturating_sub(window).saturating_add(*shift));
                let to = clamp(index.saturating_add(*shift));
                let env = Env {
                    params: &[],
                    values: known.get(from..to.max(from)).unwrap_or_default(),
                };
                let result = script.run(env).map_err(|reason| failed(agg, &reason))?;
                simple(agg, pipeline, bucket, result.number().unwrap_or(f64::NAN));
                index += 1;
            }
        }
        PipelineKind::SerialDifference(lag) => {
            let mut window: VecDeque<f64> = VecDeque::new();
            for bucket in buckets {
                let value = pipeline.value(bucket)?;
                let before = if window.len() == *lag {
                    window.pop_front().unwrap_or(f64::NAN)
                } else {
                    f64::NAN
                };
                if !value.is_nan() && !before.is_nan() {
                    simple(agg, pipeline, bucket, value - before);
                }
                window.push_back(value);
            }
        }
        PipelineKind::BucketScript(script) => {
            for bucket in buckets {
                let params = params(pipeline, bucket)?;
                if pipeline.gaps == Gaps::Skip && params.iter().any(|(_, value)| value.is_nan()) {
                    continue;
                }
                let result = script
                    .run(Env {
                        params: &params,
                        values: &[],
                    })
                    .map_err(|reason| failed(agg, &reason))?;
                if let Some(number) = result.number() {
                    simple(agg, pipeline, bucket, number);
                }
            }
        }
        PipelineKind::BucketSelector(script) => {
            let mut kept = Vec::with_capacity(buckets.len());
            for bucket in buckets.drain(..) {
                let params = params(pipeline, &bucket)?;
                let result = script
                    .run(Env {
                        params: &params,
                        values: &[],
                    })
                    .map_err(|reason| failed(agg, &reason))?;
                let keep = match result {
                    Scripted::Bool(keep) => keep,
                    Scripted::Number(number) => number != 0.0,
                    Scripted::Null => false,
                };
                if keep {
                    kept.push(bucket);
                }
            }
            *buckets = kept;
        }
        PipelineKind::BucketSort { keys, from, size } => sort(pipeline, keys, *from, *size, buckets)?,
        PipelineKind::Normalize(method) => {
            let values = buckets
                .iter()
                .map(|bucket| pipeline.value(bucket))
                .collect::<ApiResult<Vec<_>>>()?;
            let normalized = normalize(*method, &values);
            for (bucket, value) in buckets.iter_mut().zip(normalized) {
                simple(agg, pipeline, bucket, value);
            }
        }
        PipelineKind::Summary(_) => {}
    }
    Ok(())
}

fn failed(agg: &Agg, reason: &str) -> ApiError {
    ApiError::new(
        400,
        "script_exception",
        format!("runtime error in [{}]: {reason}", agg.name),
    )
}

fn params(pipeline: &Pipeline, bucket: &FinalBucket) -> ApiResult<Vec<(String, f64)>> {
    pipeline
        .paths
        .iter()
        .map(|(name, path)| Ok((name.clone(), resolve(bucket, path, pipeline.gaps)?)))
        .collect()
}

/// Sorts buckets; one without any of the numbers is dropped when gaps are skipped.
fn sort(
    pipeline: &Pipeline,
    keys: &[(Path, bool)],
    from: usize,
    size: Option<usize>,
    buckets: &mut Vec<FinalBucket>,
) -> ApiResult<()> {
    if !keys.is_empty() {
        let mut keyed: Vec<(Vec<Sorted>, FinalBucket)> = Vec::with_capacity(buckets.len());
        for bucket in buckets.drain(..) {
            let values = keys
                .iter()
                .map(|(path, _)| match bucket.look(path) {
                    _ if path.is("_key") && bucket.key.is_none() => Ok(Sorted::Text(bucket.name.clone())),
                    Looked::Number(number) if path.is("_key") => Ok(Sorted::Number(number)),
                    _ => resolve(&bucket, path, pipeline.gaps).map(Sorted::Number),
                })
                .collect::<ApiResult<Vec<_>>>()?;
            let known = values
                .iter()
                .any(|value| !matches!(value, Sorted::Number(number) if number.is_nan()));
            if known || pipeline.gaps != Gaps::Skip {
                keyed.push((values, bucket));
            }
        }
        keyed.sort_by(|(a, _), (b, _)| {
            keys.iter()
                .zip(a.iter().zip(b))
                .map(|((_, descending), (a, b))| a.compare(b, *descending))
                .find(|ordering| ordering.is_ne())
                .unwrap_or(Ordering::Equal)
        });
        buckets.extend(keyed.into_iter().map(|(_, bucket)| bucket));
    }
    let from = from.min(buckets.len());
    buckets.drain(..from);
    if let Some(size) = size {
        buckets.truncate(size);
    }
    Ok(())
}

enum Sorted {
    Number(f64),
    Text(String),
}

impl Sorted {
    /// Buckets without a number come last in either direction.
    fn compare(&self, other: &Self, descending: bool) -> Ordering {
        let ordering = match (self, other) {
            (Self::Number(a), Self::Number(b)) => match (a.is_nan(), b.is_nan()) {
                (false, false) => a.total_cmp(b),
                (a, b) => return a.cmp(&b),
            },
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Number(_)) => Ordering::Greater,
        };
        if descending { ordering.reverse() } else { ordering }
    }
}

fn normalize(method: Method, values: &[f64]) -> Vec<f64> {
    let (mut sum, mut count, mut min, mut max) = (0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY);
    for value in values.iter().filter(|value| !value.is_nan()) {
        sum += value;
        count += 1.0;
        min = min.min(*value);
        max = max.max(*value);
    }
    let mean = sum / count;
    let variance = values
        .iter()
        .filter(|value| !value.is_nan())
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / count;
    let exponentials: f64 = values
        .iter()
        .filter(|value| !value.is_nan())
        .map(|value| value.exp())
        .sum();
    values
        .iter()
        .map(|value| match method {
            Method::Rescale01 => (value - min) / (max - min),
            Method::Rescale0100 => 100.0 * (value - min) / (max - min),
            Method::PercentOfSum => value / sum,
            Method::Mean => (value - mean) / (max - min),
            Method::ZScore => (value - mean) / variance.sqrt(),
            Method::Softmax => value.exp() / exponentials,
        })
        .collect()
}

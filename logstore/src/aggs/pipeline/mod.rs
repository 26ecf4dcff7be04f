//! Pipelines: aggregations over other aggregations, computed when those are finished.
//!
//! A *parent* pipeline stands among the aggregations of a bucket and adds a number to each bucket of the
//! aggregation around it (or drops and sorts them); a *sibling* stands beside an aggregation and sums up its
//! buckets.

pub mod moving;
pub mod parent;
pub mod script;
pub mod sibling;

use std::sync::Arc;

use serde_json::{Map, Value};

use self::script::Script;
use super::request::options::{Options, as_f64};
use super::request::{Agg, AggKind, Path};
use super::result::{FinalBucket, Looked};
use super::show::{Decimal, Show};
use crate::engine::settings::duration;
use crate::error::{ApiError, ApiResult};
use crate::query::dsl::{list, text};

pub use parent::apply as apply_parents;
pub use sibling::apply as apply_siblings;

/// A pipeline aggregation.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// What is computed.
    pub kind: PipelineKind,
    /// Where numbers come from; names are those of a script's parameters.
    pub paths: Vec<(String, Path)>,
    /// What stands for a missing number.
    pub gaps: Gaps,
    /// How the number is written.
    pub show: Show,
}

/// What is computed.
#[derive(Debug, Clone)]
pub enum PipelineKind {
    /// The difference to the bucket before; over the length of a unit, if there is one, in milliseconds.
    Derivative(Option<f64>),
    /// The sum so far.
    CumulativeSum,
    /// A function of a window of buckets.
    MovingFunction {
        /// Buckets of the window.
        window: usize,
        /// How far it is moved to the right.
        shift: i64,
        /// The function.
        script: Arc<Script>,
        /// Whether a bucket without any before it gets no number.
        skip_first: bool,
    },
    /// The difference to the bucket some places before.
    SerialDifference(usize),
    /// A script over numbers of the bucket.
    BucketScript(Arc<Script>),
    /// A script that says which buckets stay.
    BucketSelector(Arc<Script>),
    /// Sorts and cuts off.
    BucketSort {
        /// Keys, and whether they descend.
        keys: Vec<(Path, bool)>,
        /// Buckets skipped.
        from: usize,
        /// Buckets kept.
        size: Option<usize>,
    },
    /// Each number in relation to all of them.
    Normalize(Method),
    /// A summary of the buckets of a sibling.
    Summary(Summary),
}

/// How `normalize` relates a number to all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// To 0..1 between the extremes.
    Rescale01,
    /// To 0..100 between the extremes.
    Rescale0100,
    /// Its share of the sum.
    PercentOfSum,
    /// Its distance to the mean, in extents.
    Mean,
    /// Its distance to the mean, in standard deviations.
    ZScore,
    /// Its exponential's share.
    Softmax,
}

/// A summary of buckets.
#[derive(Debug, Clone, PartialEq)]
pub enum Summary {
    /// `avg_bucket`.
    Avg,
    /// `sum_bucket`.
    Sum,
    /// `min_bucket`.
    Min,
    /// `max_bucket`.
    Max,
    /// `stats_bucket`.
    Stats,
    /// `extended_stats_bucket`.
    ExtendedStats(f64),
    /// `percentiles_bucket`: percents, and whether they are an object.
    Percentiles(Vec<f64>, bool),
}

/// What stands for a missing number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gaps {
    /// Nothing; the bucket is left out.
    Skip,
    /// Zero.
    Zeros,
    /// What is there, though the bucket is empty.
    Keep,
}

// === impl Pipeline ===

impl Pipeline {
    /// Reads a pipeline; `None`: there is none of that type.
    pub fn parse(options: Options<'_>) -> ApiResult<Option<Self>> {
        let kind = match options.type_name {
            "derivative" => PipelineKind::Derivative(
                options
                    .string("unit")
                    .map(|unit| unit_millis(&unit))
                    .transpose()?,
            ),
            "cumulative_sum" => PipelineKind::CumulativeSum,
            "moving_fn" => PipelineKind::MovingFunction {
                window: options
                    .get("window")
                    .and_then(as_f64)
                    .filter(|window| *window >= 1.0)
                    .ok_or_else(|| ApiError::argument("[window] must be a positive, non-zero integer."))
                    .and_then(|_| options.positive("window", 1))?,
                shift: options.get("shift").and_then(Value::as_i64).unwrap_or(0),
                script: script(options)?,
                skip_first: false,
            },
            "moving_avg" => moving::average(options)?,
            "serial_diff" => PipelineKind::SerialDifference(options.positive("lag", 1)?),
            "bucket_script" => PipelineKind::BucketScript(script(options)?),
            "bucket_selector" => PipelineKind::BucketSelector(script(options)?),
            "bucket_sort" => bucket_sort(options)?,
            "normalize" => PipelineKind::Normalize(match options.string("method").as_deref() {
                Some("rescale_0_1") => Method::Rescale01,
                Some("rescale_0_100") => Method::Rescale0100,
                Some("percent_of_sum") => Method::PercentOfSum,
                Some("mean") => Method::Mean,
                Some("z-score") => Method::ZScore,
                Some("softmax") => Method::Softmax,
                other => {
                    return Err(ApiError::argument(format!(
                        "invalid method [{}] of [{}]",
                        other.unwrap_or_default(),
                        options.name
                    )));
                }
            }),
            "avg_bucket" => PipelineKind::Summary(Summary::Avg),
            "sum_bucket" => PipelineKind::Summary(Summary::Sum),
            "min_bucket" => PipelineKind::Summary(Summary::Min),
            "max_bucket" => PipelineKind::Summary(Summary::Max),
            "stats_bucket" => PipelineKind::Summary(Summary::Stats),
            "extended_stats_bucket" => {
                PipelineKind::Summary(Summary::ExtendedStats(options.number("sigma")?.unwrap_or(2.0)))
            }
            "percentiles_bucket" => {
                let given = list(options.get("percents"));
                let mut percents = given
                    .iter()
                    .map(|value| as_f64(value).ok_or_else(|| options.invalid("percents", value)))
                    .collect::<ApiResult<Vec<_>>>()?;
                if percents.is_empty() {
                    percents = vec![1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0];
                }
                if let Some(wrong) = percents.iter().find(|p| !(0.0..=100.0).contains(*p)) {
                    return Err(ApiError::argument(format!(
                        "percents must only contain non-null doubles from 0.0-100.0 inclusive, found [{wrong:?}]"
                    )));
                }
                PipelineKind::Summary(Summary::Percentiles(percents, options.flag("keyed", true)))
            }
            _ => return Ok(None),
        };
        let paths = paths(options)?;
        let optional = matches!(
            kind,
            PipelineKind::BucketSort { .. } | PipelineKind::BucketSelector(_) | PipelineKind::BucketScript(_)
        );
        if paths.is_empty() && !optional {
            return Err(ApiError::parsing(format!(
                "Missing required field [buckets_path] for {} aggregation [{}]",
                options.type_name, options.name
            )));
        }
        let gaps = match options
            .string("gap_policy")
            .map(|policy| policy.to_ascii_lowercase())
            .as_deref()
        {
            None | Some("skip") => Gaps::Skip,
            Some("insert_zeros") => Gaps::Zeros,
            Some("keep_values") => Gaps::Keep,
            Some(other) => {
                return Err(ApiError::parsing(format!(
                    "Invalid gap policy: [{other}], accepted values: [insert_zeros, skip, keep_values]"
                )));
            }
        };
        Ok(Some(Self {
            kind,
            paths,
            gaps,
            show: options
                .string("format")
                .and_then(|format| Decimal::parse(&format))
                .map_or(Show::Plain, Show::Decimal),
        }))
    }

    /// Whether it stands beside what it sums up.
    pub fn is_sibling(&self) -> bool {
        matches!(self.kind, PipelineKind::Summary(_))
    }

    /// The number of a bucket that the only path leads to, gaps filled.
    fn value(&self, bucket: &FinalBucket) -> ApiResult<f64> {
        match self.paths.first() {
            Some((_, path)) => resolve(bucket, path, self.gaps),
            None => Ok(f64::NAN),
        }
    }
}

/// The number of a bucket that a path leads to; NaN where there is none.
fn resolve(bucket: &FinalBucket, path: &Path, gaps: Gaps) -> ApiResult<f64> {
    let looked = bucket.look(path);
    if looked == Looked::Absent {
        return Ok(if gaps == Gaps::Zeros { 0.0 } else { f64::NAN });
    }
    let Looked::Number(value) = looked else {
        return Err(ApiError::new(
            500,
            "aggregation_execution_exception",
            format!(
                "buckets_path must reference either a number value or a single value numeric metric aggregation, but [{}] does not",
                path.text
            ),
        ));
    };
    if path.text.ends_with("_count") {
        return Ok(value);
    }
    Ok(match gaps {
        Gaps::Keep if value.is_finite() => value,
        Gaps::Keep => f64::NAN,
        Gaps::Zeros if !value.is_finite() || bucket.count == 0 => 0.0,
        Gaps::Skip if !value.is_finite() || bucket.count == 0 => f64::NAN,
        _ => value,
    })
}

fn unit_millis(unit: &str) -> ApiResult<f64> {
    let millis = match unit {
        "1s" | "second" => 1000.0,
        "1m" | "minute" => 60_000.0,
        "1h" | "hour" => 3_600_000.0,
        "1d" | "day" => 86_400_000.0,
        "1w" | "week" => 604_800_000.0,
        "1M" | "month" => 2_629_746_000.0,
        "1q" | "quarter" => 7_889_238_000.0,
        "1y" | "year" => 31_556_952_000.0,
        other => duration(other)
            .map(|d| d.as_secs_f64() * 1000.0)
            .filter(|millis| *millis > 0.0)
            .ok_or_else(|| {
                ApiError::argument(format!("unit [{other}] of a derivative could not be parsed"))
            })?,
    };
    Ok(millis)
}

fn paths(options: Options<'_>) -> ApiResult<Vec<(String, Path)>> {
    Ok(match options.get("buckets_path") {
        None => Vec::new(),
        Some(Value::String(path)) => vec![("_value".to_owned(), Path::parse(path))],
        Some(Value::Array(paths)) => paths
            .iter()
            .enumerate()
            .map(|(place, path)| (format!("_value{place}"), Path::parse(&text(path))))
            .collect(),
        Some(Value::Object(paths)) => paths
            .iter()
            .map(|(name, path)| (name.clone(), Path::parse(&text(path))))
            .collect(),
        Some(other) => return Err(options.invalid("buckets_path", other)),
    })
}

fn script(options: Options<'_>) -> ApiResult<Arc<Script>> {
    let given = options.get("script").ok_or_else(|| {
        ApiError::parsing(format!(
            "Missing required field [script] for {} aggregation [{}]",
            options.type_name, options.name
        ))
    })?;
    let (source, params) = match given {
        Value::Object(spec) => {
            if spec.contains_key("id") || spec.contains_key("stored") {
                return Err(ApiError::argument(
                    "stored scripts are not supported by this store",
                ));
            }
            let source = spec
                .get("source")
                .or_else(|| spec.get("inline"))
                .map(text)
                .unwrap_or_default();
            (
                source,
                spec.get("params")
                    .and_then(Value::as_object)
                    .cloned()
                    .unwrap_or_default(),
            )
        }
        other => (text(other), Map::new()),
    };
    Script::parse(&source, &params).map(Arc::new).map_err(|reason| {
        ApiError::new(
            400,
            "script_exception",
            format!(
                "compile error in [{}]: {reason}, in script [{source}]",
                options.name
            ),
        )
    })
}

fn bucket_sort(options: Options<'_>) -> ApiResult<PipelineKind> {
    let mut keys = Vec::new();
    for entry in list(options.get("sort")) {
        match entry {
            Value::Object(entry) => {
                for (path, direction) in entry {
                    let order = match direction {
                        Value::Object(spec) => spec.get("order").map(text),
                        other => Some(text(other)),
                    };
                    keys.push((
                        Path::parse(path),
                        order.is_some_and(|order| order.eq_ignore_ascii_case("desc")),
                    ));
                }
            }
            other => keys.push((Path::parse(&text(other)), false)),
        }
    }
    let from = options.count("from")?.unwrap_or(0);
    let size = options
        .get("size")
        .is_some()
        .then(|| options.positive("size", 1))
        .transpose()?;
    if keys.is_empty() && size.is_none() && from == 0 {
        return Err(ApiError::validation(format!(
            "[{}] is configured to perform nothing. Please set either of [sort, size, from] to use bucket_sort",
            options.name
        )));
    }
    Ok(PipelineKind::BucketSort {
        keys,
        from: usize::try_from(from).unwrap_or(usize::MAX),
        size,
    })
}

/// Refuses pipelines in places where they compute nothing, and paths that lead nowhere.
pub fn check(level: &[Agg], parent: Option<&Agg>) -> ApiResult<()> {
    let exists = |name: &str| level.iter().any(|agg| agg.name == name);
    for agg in level {
        check(&agg.subs, Some(agg))?;
        let AggKind::Pipeline(pipeline) = &agg.kind else {
            continue;
        };
        let (name, type_name) = (&agg.name, &agg.type_name);
        let in_order = parent.is_some_and(|parent| {
            matches!(
                parent.kind,
                AggKind::DateHistogram(_) | AggKind::Histogram(_) | AggKind::AutoDates(_)
            )
        });
        let needs_order = matches!(
            pipeline.kind,
            PipelineKind::Derivative(_)
                | PipelineKind::CumulativeSum
                | PipelineKind::MovingFunction { .. }
                | PipelineKind::SerialDifference(_)
        );
        if needs_order && !in_order {
            return Err(ApiError::validation(format!(
                "{type_name} aggregation [{name}] must have a histogram, date_histogram or auto_date_histogram as parent"
            )));
        }
        if !pipeline.is_sibling() && parent.is_none_or(|parent| !is_multi(parent)) {
            return Err(ApiError::validation(format!(
                "{type_name} aggregation [{name}] must be declared inside of another aggregation"
            )));
        }
        let sort_keys: &[(Path, bool)] = match &pipeline.kind {
            PipelineKind::BucketSort { keys, .. } => keys,
            _ => &[],
        };
        for path in pipeline
            .paths
            .iter()
            .map(|(_, path)| path)
            .chain(sort_keys.iter().map(|(path, _)| path))
        {
            if path.is("_count") || path.is("_key") {
                if pipeline.is_sibling() {
                    return Err(ApiError::validation(format!(
                        "buckets_path must reference an aggregation, found [{}]",
                        path.text
                    )));
                }
                continue;
            }
            let first = path.first(exists);
            let Some(target) = level.iter().find(|other| other.name == first) else {
                return Err(ApiError::validation(format!(
                    "No aggregation found for path [{}]",
                    path.text
                )));
            };
            if pipeline.is_sibling() && !is_multi(target) {
                return Err(ApiError::validation(format!(
                    "The first aggregation in buckets_path must be a multi-bucket aggregation for aggregation [{name}] found :{} for buckets path: {}",
                    target.type_name, path.text
                )));
            }
            if target.name == *name {
                return Err(ApiError::argument(format!(
                    "Cyclical dependency found with metric [{name}]"
                )));
            }
        }
    }
    order(level)?;
    Ok(())
}

fn is_multi(agg: &Agg) -> bool {
    matches!(
        agg.kind,
        AggKind::Terms(_)
            | AggKind::RareTerms(_)
            | AggKind::MultiTerms(_)
            | AggKind::DateHistogram(_)
            | AggKind::AutoDates(_)
            | AggKind::Histogram(_)
            | AggKind::Ranges(_)
            | AggKind::Filters(_)
            | AggKind::Composite(_)
    )
}

/// The pipelines of a level, each behind those that it reads; those that drop or sort buckets last.
fn order(level: &[Agg]) -> ApiResult<Vec<(&Agg, &Pipeline)>> {
    let mut waiting: Vec<(&Agg, &Pipeline)> = level
        .iter()
        .filter_map(|agg| match &agg.kind {
            AggKind::Pipeline(pipeline) => Some((agg, pipeline)),
            _ => None,
        })
        .collect();
    let mut done = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let names: Vec<&str> = waiting.iter().map(|(agg, _)| agg.name.as_str()).collect();
        let exists = |name: &str| level.iter().any(|agg| agg.name == name);
        let ready = waiting.iter().position(|(_, pipeline)| {
            let keys: &[(Path, bool)] = match &pipeline.kind {
                PipelineKind::BucketSort { keys, .. } => keys,
                _ => &[],
            };
            pipeline
                .paths
                .iter()
                .map(|(_, path)| path)
                .chain(keys.iter().map(|(path, _)| path))
                .all(|path| !names.contains(&path.first(exists)))
        });
        let Some(ready) = ready else {
            return Err(ApiError::argument(format!(
                "Cyclical dependency found with metrics {names:?}"
            )));
        };
        done.push(waiting.remove(ready));
    }
    Ok(done)
}

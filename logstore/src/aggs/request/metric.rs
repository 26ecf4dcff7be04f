//! Metrics: numbers (or hits) over the documents of a bucket.

use serde_json::{Map, Value, json};

use super::options::{Options, as_f64};
use super::{Agg, AggKind, Source};
use crate::aggs::sketch::Method;
use crate::aggs::sketch::hdr::MAX_DIGITS;
use crate::error::{ApiError, ApiResult};
use crate::query::dsl::list;
use crate::search::SearchRequest;
use crate::search::sort::{self, SortKey};

/// Percentiles that are computed when none are asked for.
const DEFAULT_PERCENTS: &[f64] = &[1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0];

/// Compression of a digest when none is asked for.
const DEFAULT_COMPRESSION: f64 = 100.0;

/// Digits of a histogram when none are asked for.
const DEFAULT_DIGITS: u32 = 3;

/// Most hits of one bucket, Elasticsearch's `index.max_inner_result_window`.
const MAX_TOP_HITS: usize = 100;

/// Most documents of one bucket's `top_metrics`, Elasticsearch's `index.top_metrics_max_size`.
const MAX_TOP_METRICS: usize = 10;

/// A metric.
#[derive(Debug, Clone)]
pub struct Metric {
    /// The field; of `weighted_avg` the values', of `top_hits` and `top_metrics` none.
    pub source: Option<Source>,
    /// What is computed.
    pub kind: MetricKind,
}

/// What is computed.
#[derive(Debug, Clone)]
pub enum MetricKind {
    /// `avg`.
    Avg,
    /// `sum`.
    Sum,
    /// `min`.
    Min,
    /// `max`.
    Max,
    /// `stats`.
    Stats,
    /// `extended_stats`, with the width of its bounds in deviations.
    ExtendedStats(f64),
    /// `value_count`.
    ValueCount,
    /// `cardinality`.
    Cardinality,
    /// `percentiles`.
    Percentiles(Percents),
    /// `percentile_ranks`.
    PercentileRanks(Percents),
    /// `median_absolute_deviation`, with the compression of its digest.
    MedianAbsoluteDeviation(f64),
    /// `weighted_avg`, with the source of the weights.
    WeightedAvg(Source),
    /// `top_hits`.
    TopHits(Box<SearchRequest>),
    /// `top_metrics`.
    TopMetrics {
        /// Fields shown.
        fields: Vec<String>,
        /// Order.
        sort: Vec<SortKey>,
        /// Documents.
        size: usize,
    },
}

/// What `percentiles` and `percentile_ranks` are asked for.
#[derive(Debug, Clone)]
pub struct Percents {
    /// Percents, or values whose rank is wanted.
    pub wanted: Vec<f64>,
    /// An object instead of a list.
    pub keyed: bool,
    /// How the spread of the values is kept.
    pub method: Method,
    /// Whether few values are not interpolated between, as OpenSearch 3 does not.
    pub stepped: bool,
}

/// Lets percentiles be found as OpenSearch 3 finds them.
pub fn step_percentiles(aggs: &mut [Agg]) {
    for agg in aggs {
        if let AggKind::Metric(metric) = &mut agg.kind
            && let MetricKind::Percentiles(percents) = &mut metric.kind
        {
            percents.stepped = true;
        }
        step_percentiles(&mut agg.subs);
    }
}

// === impl Metric ===

impl Metric {
    /// Reads a metric; `None`: there is none of that type.
    pub fn parse(options: Options<'_>) -> ApiResult<Option<Self>> {
        let kind = match options.type_name {
            "avg" => MetricKind::Avg,
            "sum" => MetricKind::Sum,
            "min" => MetricKind::Min,
            "max" => MetricKind::Max,
            "stats" => MetricKind::Stats,
            "extended_stats" => {
                let sigma = options.number("sigma")?.unwrap_or(2.0);
                if sigma < 0.0 {
                    return Err(options.refuse(
                        "sigma",
                        &format!(
                            "[sigma] must be greater than or equal to 0. Found [{sigma:?}] in [{}]",
                            options.name
                        ),
                    ));
                }
                MetricKind::ExtendedStats(sigma)
            }
            "value_count" => MetricKind::ValueCount,
            "cardinality" => {
                if let Some(threshold) = options.get("precision_threshold").and_then(Value::as_i64)
                    && threshold < 0
                {
                    return Err(ApiError::argument(format!(
                        "[precisionThreshold] must be greater than or equal to 0. Found [{threshold}] in [{}]",
                        options.name
                    )));
                }
                options.count("precision_threshold")?;
                MetricKind::Cardinality
            }
            "percentiles" => {
                MetricKind::Percentiles(Percents::parse(options, "percents", Some(DEFAULT_PERCENTS))?)
            }
            "percentile_ranks" => MetricKind::PercentileRanks(Percents::parse(options, "values", None)?),
            "median_absolute_deviation"
                if options
                    .number("compression")?
                    .is_some_and(|compression| compression <= 0.0) =>
            {
                return Err(ApiError::argument(format!(
                    "[compression] must be greater than 0. Found [{:?}] in [{}]",
                    options.number("compression")?.unwrap_or_default(),
                    options.name
                )));
            }
            "median_absolute_deviation" => MetricKind::MedianAbsoluteDeviation(compression(
                options,
                options.number("compression")?,
                1000.0,
            )?),
            "weighted_avg" => return weighted(options).map(Some),
            "top_hits" => return top_hits(options).map(Some),
            "top_metrics" => return top_metrics(options).map(Some),
            _ => return Ok(None),
        };
        Ok(Some(Self {
            source: Some(options.source()?),
            kind,
        }))
    }

    /// The fields it reads.
    pub fn sources(&self) -> Vec<&Source> {
        let mut all: Vec<&Source> = self.source.iter().collect();
        if let MetricKind::WeightedAvg(weight) = &self.kind {
            all.push(weight);
        }
        all
    }

    /// Whether it is one number.
    pub fn is_single(&self) -> bool {
        matches!(
            self.kind,
            MetricKind::Avg
                | MetricKind::Sum
                | MetricKind::Min
                | MetricKind::Max
                | MetricKind::ValueCount
                | MetricKind::Cardinality
                | MetricKind::MedianAbsoluteDeviation(_)
                | MetricKind::WeightedAvg(_)
        )
    }
}

// === impl Percents ===

impl Percents {
    fn parse(options: Options<'_>, key: &str, default: Option<&[f64]>) -> ApiResult<Self> {
        let given = list(options.get(key));
        if options.has_null(key) {
            return Err(options.refuse(key, &format!("[{key}] must not be null: [{}]", options.name)));
        }
        let mut wanted = given
            .iter()
            .map(|value| as_f64(value).ok_or_else(|| options.invalid(key, value)))
            .collect::<ApiResult<Vec<_>>>()?;
        if wanted.is_empty() {
            match default {
                Some(default) if options.get(key).is_none() => wanted = default.to_vec(),
                _ => {
                    return Err(options.refuse(
                        key,
                        &format!(
                            "[{key}] must not be an empty array in aggregation [{}]",
                            options.name
                        ),
                    ));
                }
            }
        }
        if default.is_some()
            && let Some(wrong) = wanted.iter().find(|p| !(0.0..=100.0).contains(*p))
        {
            return Err(options.refuse(
                key,
                &format!("percent must be in [0,100], got [{wrong:?}]: [{}]", options.name),
            ));
        }
        wanted.sort_by(f64::total_cmp);
        let digest = options
            .get("tdigest")
            .and_then(|tdigest| tdigest.get("compression"))
            .and_then(as_f64);
        let digest = compression(options, digest, DEFAULT_COMPRESSION)?;
        Ok(Self {
            wanted,
            keyed: options.flag("keyed", true),
            method: match options.get("hdr") {
                None => Method::Digest(digest),
                Some(hdr) => Method::Hdr(digits(options, hdr)?),
            },
            stepped: false,
        })
    }
}

/// The digits that a histogram keeps of each value.
fn digits(options: Options<'_>, hdr: &Value) -> ApiResult<u32> {
    let Some(given) = hdr.get("number_of_significant_value_digits") else {
        return Ok(DEFAULT_DIGITS);
    };
    given
        .as_u64()
        .and_then(|digits| u32::try_from(digits).ok())
        .filter(|digits| *digits <= MAX_DIGITS)
        .ok_or_else(|| {
            ApiError::argument(format!(
                "[numberOfSignificantValueDigits] must be between 0 and {MAX_DIGITS} in [{}]",
                options.name
            ))
        })
}

/// A digest's compression, bounded: it is memory.
fn compression(options: Options<'_>, given: Option<f64>, default: f64) -> ApiResult<f64> {
    let compression = given.unwrap_or(default);
    if compression < 0.0 || !compression.is_finite() {
        return Err(ApiError::argument(format!(
            "[compression] must be greater than or equal to 0. Found [{compression:?}] in [{}]",
            options.name
        )));
    }
    Ok(compression.clamp(20.0, 10_000.0))
}

fn weighted(options: Options<'_>) -> ApiResult<Metric> {
    let part = |key: &'static str| -> ApiResult<Source> {
        let spec = options.get(key).and_then(Value::as_object).ok_or_else(|| {
            ApiError::argument(format!(
                "Required [{key}] of aggregation [{}] is missing",
                options.name
            ))
        })?;
        Options { map: spec, ..options }.source()
    };
    let mut value = part("value")?;
    value.format = options.string("format");
    Ok(Metric {
        source: Some(value),
        kind: MetricKind::WeightedAvg(part("weight")?),
    })
}

fn top_hits(options: Options<'_>) -> ApiResult<Metric> {
    let mut body: Map<String, Value> = options.map.clone();
    body.entry("size").or_insert(json!(3));
    for key in [
        "aggs",
        "aggregations",
        "query",
        "post_filter",
        "collapse",
        "search_after",
    ] {
        if body.contains_key(key) {
            return Err(ApiError::parsing(format!(
                "[top_hits] unknown field [{key}] in [{}]",
                options.name
            )));
        }
    }
    let request = SearchRequest::parse(&body.into())?;
    if request.from.saturating_add(request.size) > MAX_TOP_HITS {
        return Err(ApiError::argument(format!(
            "Top hits result window is too large, the top hits aggregator [{}]'s from + size must be less than or equal to: [{MAX_TOP_HITS}] but was [{}]. This limit can be set by changing the [index.max_inner_result_window] index level setting.",
            options.name,
            request.from.saturating_add(request.size)
        )));
    }
    Ok(Metric {
        source: None,
        kind: MetricKind::TopHits(Box::new(request)),
    })
}

fn top_metrics(options: Options<'_>) -> ApiResult<Metric> {
    let fields: Vec<String> = list(options.get("metrics"))
        .iter()
        .filter_map(|metric| metric.get("field")?.as_str().map(ToOwned::to_owned))
        .collect();
    let mut sort = match options.get("sort") {
        Some(sort) => sort::parse(sort)?,
        None => Vec::new(),
    };
    if fields.is_empty() || sort.len() > 1 {
        return Err(ApiError::argument(format!(
            "[top_metrics] of [{}] needs [metrics] with a field and exactly one [sort]",
            options.name
        )));
    }
    for key in &mut sort {
        // An index without the field has nothing to show, which is no error.
        key.unmapped_type.get_or_insert_with(|| "long".to_owned());
    }
    let size = options.positive("size", 1)?;
    if size > MAX_TOP_METRICS {
        return Err(ApiError::argument(format!(
            "[top_metrics.size] must not be more than [{MAX_TOP_METRICS}] but was [{size}]. This limit can be set by changing the [index.top_metrics_max_size] index level setting."
        )));
    }
    Ok(Metric {
        source: None,
        kind: MetricKind::TopMetrics { fields, sort, size },
    })
}

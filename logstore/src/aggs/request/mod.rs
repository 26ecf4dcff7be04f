//! Reads `aggs` of a body into a tree. What is not supported is an error that names it.

pub mod buckets;
pub mod composite;
pub mod histogram;
pub mod metric;
pub mod options;
pub mod order;
pub mod ranges;

use serde_json::{Map, Value};

pub use buckets::{Filters, Include, Matcher, RareTerms, Terms, TermsSource};
pub use composite::{Composite, CompositeSource, SourceKind};
pub use histogram::{AutoDates, DateHistogram, Histogram};
pub use metric::{Metric, MetricKind, Percents};
pub use order::{By, Order, Path};
pub use ranges::{RangeKind, Ranges};

use self::options::Options;
use super::pipeline::Pipeline;
use crate::date::zone::Zone;
use crate::error::{ApiError, ApiResult};
use crate::query::Query;
use crate::query::dsl;

/// Deepest nesting.
const MAX_DEPTH: usize = 32;

/// Most aggregations of one request, at all depths together.
const MAX_AGGREGATIONS: usize = 1_024;

/// The options of the types whose options are all known. Those that change nothing here are among them.
const KNOWN: &[(&[&str], &[&str])] = &[
    (
        &["terms"],
        &[
            "field",
            "script",
            "value_type",
            "missing",
            "format",
            "size",
            "shard_size",
            "min_doc_count",
            "shard_min_doc_count",
            "order",
            "include",
            "exclude",
            "show_term_doc_count_error",
            "execution_hint",
            "collect_mode",
            "valueType",
            "requireFieldMatch",
        ],
    ),
    (
        &["date_histogram"],
        &[
            "field",
            "script",
            "value_type",
            "missing",
            "format",
            "interval",
            "fixed_interval",
            "calendar_interval",
            "time_zone",
            "offset",
            "keyed",
            "min_doc_count",
            "extended_bounds",
            "hard_bounds",
            "order",
            "params",
        ],
    ),
    (
        &["histogram"],
        &[
            "field",
            "script",
            "value_type",
            "missing",
            "format",
            "interval",
            "offset",
            "keyed",
            "min_doc_count",
            "extended_bounds",
            "hard_bounds",
            "order",
            "params",
        ],
    ),
    (
        &["avg", "sum", "min", "max", "stats", "value_count"],
        &["field", "script", "value_type", "missing", "format", "params"],
    ),
    (
        &["extended_stats"],
        &[
            "field",
            "script",
            "value_type",
            "missing",
            "format",
            "sigma",
            "params",
        ],
    ),
    (
        &["cardinality"],
        &[
            "field",
            "script",
            "value_type",
            "missing",
            "format",
            "precision_threshold",
            "rehash",
            "execution_hint",
            "params",
        ],
    ),
];

/// One aggregation with what is below it.
#[derive(Debug, Clone)]
pub struct Agg {
    /// Its name.
    pub name: String,
    /// Its type, as it was sent.
    pub type_name: String,
    /// What it does.
    pub kind: AggKind,
    /// Aggregations in each of its buckets, pipelines among them.
    pub subs: Vec<Agg>,
    /// `meta`, handed back.
    pub meta: Option<Value>,
}

/// What an aggregation does.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "a request has a handful of them")]
pub enum AggKind {
    /// `terms`: a bucket for each value.
    Terms(Terms),
    /// `rare_terms`: a bucket for each value that few documents have.
    RareTerms(RareTerms),
    /// `multi_terms`: a bucket for each combination of values.
    MultiTerms(Terms),
    /// `date_histogram`: a bucket for each interval of time.
    DateHistogram(DateHistogram),
    /// `auto_date_histogram`: the same, of an interval that gives about as many buckets as wanted.
    AutoDates(AutoDates),
    /// `histogram`: a bucket for each interval of numbers.
    Histogram(Histogram),
    /// `range`, `date_range`, `ip_range`.
    Ranges(Ranges),
    /// `filter`: one bucket.
    Filter(Query),
    /// `filters` and `adjacency_matrix`: a bucket for each filter.
    Filters(Filters),
    /// `missing`: the documents without the field.
    Missing(Source),
    /// `global`: every document of the indices, whatever the query.
    Global,
    /// `sampler`: the best documents of each shard; here all of them up to the size.
    Sampler(usize),
    /// `composite`: every combination of several sources, page by page.
    Composite(Composite),
    /// Numbers over the documents of a bucket.
    Metric(Metric),
    /// Numbers over other aggregations.
    Pipeline(Pipeline),
}

/// Where values come from.
#[derive(Debug, Clone)]
pub struct Source {
    /// Field.
    pub field: String,
    /// Value of documents without one.
    pub missing: Option<Value>,
    /// How values are written.
    pub format: Option<String>,
    /// Zone in which dates are read and written.
    pub zone: Option<Zone>,
    /// The type of a field that no index maps.
    pub value_type: Option<String>,
}

// === impl Source ===

impl Source {
    /// A field with nothing said about it.
    pub fn field(name: &str) -> Self {
        Self {
            field: name.to_owned(),
            missing: None,
            format: None,
            zone: None,
            value_type: None,
        }
    }
}

// === impl Agg ===

impl Agg {
    /// Whether it is computed from other aggregations.
    pub fn is_pipeline(&self) -> bool {
        matches!(self.kind, AggKind::Pipeline(_))
    }

    /// The fields it reads.
    pub fn sources(&self) -> Vec<&Source> {
        match &self.kind {
            AggKind::Terms(terms) | AggKind::MultiTerms(terms) => {
                terms.sources.iter().map(|s| &s.source).collect()
            }
            AggKind::RareTerms(terms) => vec![&terms.source],
            AggKind::DateHistogram(histogram) => vec![&histogram.source],
            AggKind::AutoDates(histogram) => vec![&histogram.source],
            AggKind::Histogram(histogram) => vec![&histogram.source],
            AggKind::Ranges(ranges) => vec![&ranges.source],
            AggKind::Missing(source) => vec![source],
            AggKind::Composite(composite) => composite.sources.iter().map(|s| &s.source).collect(),
            AggKind::Metric(metric) => metric.sources(),
            AggKind::Filter(_)
            | AggKind::Filters(_)
            | AggKind::Global
            | AggKind::Sampler(_)
            | AggKind::Pipeline(_) => Vec::new(),
        }
    }
}

/// Reads an `aggs` object.
pub fn parse(body: &Value) -> ApiResult<Vec<Agg>> {
    let mut left = MAX_AGGREGATIONS;
    let aggs = parse_at(body, 0, &mut left)?;
    super::pipeline::check(&aggs, None)?;
    Ok(aggs)
}

fn parse_at(body: &Value, depth: usize, left: &mut usize) -> ApiResult<Vec<Agg>> {
    if depth > MAX_DEPTH {
        return Err(ApiError::parsing(format!(
            "aggregations are nested deeper than [{MAX_DEPTH}]"
        )));
    }
    let Some(body) = body.as_object() else {
        return Err(ApiError::parsing("Expected [START_OBJECT] under [aggs]"));
    };
    body.iter()
        .map(|(name, spec)| {
            *left = left.checked_sub(1).ok_or_else(|| {
                ApiError::argument(format!(
                    "a request has more than [{MAX_AGGREGATIONS}] aggregations"
                ))
            })?;
            parse_one(name, spec, depth, left)
        })
        .collect()
}

fn parse_one(name: &str, spec: &Value, depth: usize, left: &mut usize) -> ApiResult<Agg> {
    if name.is_empty() || name.contains(['[', ']', '>']) {
        return Err(ApiError::parsing(format!(
            "Invalid aggregation name [{name}]. Aggregation names can contain any character except '[', ']', and '>'"
        )));
    }
    let spec = spec.as_object().ok_or_else(|| {
        ApiError::parsing(format!(
            "Aggregation definition for [{name}] starts with a value, expected a [START_OBJECT]."
        ))
    })?;
    let (mut kind, mut type_name, mut subs, mut meta) = (None, String::new(), Vec::new(), None);
    for (key, value) in spec {
        match key.as_str() {
            "aggs" | "aggregations" => subs = parse_at(value, depth + 1, left)?,
            "meta" => {
                if !value.is_object() {
                    return Err(ApiError::parsing(format!(
                        "Expected [START_OBJECT] under [meta], but got a value in [{name}]"
                    )));
                }
                meta = Some(value.clone());
            }
            found => {
                if kind.is_some() {
                    return Err(ApiError::parsing(format!(
                        "Found two aggregation type definitions in [{name}]: [{type_name}] and [{found}]"
                    )));
                }
                found.clone_into(&mut type_name);
                kind = Some(parse_kind(name, found, value)?);
            }
        }
    }
    let kind =
        kind.ok_or_else(|| ApiError::parsing(format!("Missing definition for aggregation [{name}]")))?;
    if matches!(kind, AggKind::Metric(_) | AggKind::Pipeline(_)) && !subs.is_empty() {
        let role = if matches!(kind, AggKind::Metric(_)) {
            "Aggregator"
        } else {
            "Pipeline aggregation"
        };
        return Err(ApiError::new(
            500,
            "aggregation_initialization_exception",
            format!("{role} [{name}] of type [{type_name}] cannot accept sub-aggregations"),
        ));
    }
    if matches!(kind, AggKind::Global) && depth > 0 {
        return Err(ApiError::new(
            500,
            "aggregation_execution_exception",
            format!(
                "Aggregation [{name}] cannot have a global sub-aggregation; global aggregators can only be defined as top level aggregators"
            ),
        ));
    }
    if matches!(kind, AggKind::Composite(_)) && depth > 0 {
        return Err(ApiError::argument(
            "[composite] aggregation cannot be used with a parent aggregation",
        ));
    }
    Ok(Agg {
        name: name.to_owned(),
        type_name,
        kind,
        subs,
        meta,
    })
}

fn parse_kind(name: &str, type_name: &str, spec: &Value) -> ApiResult<AggKind> {
    let empty = Map::new();
    // A filter is a query of its own; everything else is an object of options.
    if type_name == "filter" {
        return dsl::parse(spec).map(AggKind::Filter);
    }
    let map = spec.as_object().unwrap_or(&empty);
    let options = Options { name, type_name, map };
    if let Some((_, known)) = KNOWN.iter().find(|(types, _)| types.contains(&type_name)) {
        options.check(known)?;
    }
    Ok(match type_name {
        "terms" => AggKind::Terms(Terms::parse(options)?),
        "multi_terms" => AggKind::MultiTerms(Terms::parse_multi(options)?),
        "rare_terms" => AggKind::RareTerms(RareTerms::parse(options)?),
        "date_histogram" => AggKind::DateHistogram(DateHistogram::parse(options)?),
        "auto_date_histogram" => AggKind::AutoDates(AutoDates::parse(options)?),
        "histogram" => AggKind::Histogram(Histogram::parse(options)?),
        "range" | "date_range" | "ip_range" => AggKind::Ranges(Ranges::parse(options)?),
        "filters" => AggKind::Filters(Filters::parse(options)?),
        "adjacency_matrix" => AggKind::Filters(Filters::parse_matrix(options)?),
        "missing" => AggKind::Missing(options.source()?),
        "global" => AggKind::Global,
        "sampler" => AggKind::Sampler(options.positive("shard_size", 100)?),
        "composite" => AggKind::Composite(Composite::parse(options)?),
        _ => {
            if let Some(metric) = Metric::parse(options)? {
                AggKind::Metric(metric)
            } else if let Some(pipeline) = Pipeline::parse(options)? {
                AggKind::Pipeline(pipeline)
            } else {
                return Err(unknown(name, type_name));
            }
        }
    })
}

fn unknown(name: &str, type_name: &str) -> ApiError {
    ApiError::parsing(format!(
        "Unknown aggregation type [{type_name}] in [{name}], it is not supported by this store"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::math::Unit;
    use crate::date::rounding::Interval;
    use serde_json::json;

    #[test]
    fn an_unsupported_aggregation_is_named() {
        let error = parse(&json!({"a": {"significant_terms": {"field": "f"}}})).unwrap_err();
        assert!(error.reason.contains("significant_terms"), "{error}");
    }

    #[test]
    fn legacy_intervals_are_calendar_or_fixed() {
        for (text, expected) in [
            ("1m", Interval::Calendar(Unit::Minute)),
            ("2m", Interval::Fixed(120_000)),
            ("day", Interval::Calendar(Unit::Day)),
        ] {
            let spec = json!({"h": {"date_histogram": {"field": "t", "interval": text}}});
            let AggKind::DateHistogram(histogram) = &parse(&spec).unwrap()[0].kind else {
                panic!("no histogram")
            };
            assert_eq!(histogram.rounding.interval, expected);
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_name() {
        for (spec, word) in [
            (
                json!({"a>b": {"avg": {"field": "f"}}}),
                "Invalid aggregation name [a>b]",
            ),
            (json!({"a": {"avg": {}}}), "[a]"),
            (
                json!({"a": {"avg": {"field": "f"}, "aggs": {"b": {"avg": {"field": "f"}}}}}),
                "cannot accept sub-aggregations",
            ),
            (
                json!({"a": {"terms": {"field": "f", "size": 0}}}),
                "[size] must be greater than 0",
            ),
            (
                json!({"a": {"date_histogram": {"field": "f", "fixed_interval": "1M"}}}),
                "1M",
            ),
            (
                json!({"a": {"date_histogram": {"field": "f", "calendar_interval": "2d"}}}),
                "2d",
            ),
            (json!({"a": {"scripted_metric": {}}}), "scripted_metric"),
            (json!({"a": {"geohash_grid": {"field": "f"}}}), "geohash_grid"),
            (json!({"a": {}}), "Missing definition"),
            (
                json!({"a": {"terms": {"field": "f"}, "avg": {"field": "f"}}}),
                "two aggregation type",
            ),
        ] {
            let error = parse(&spec).unwrap_err();
            assert!(error.reason.contains(word), "{spec}: {error}");
        }
    }
}

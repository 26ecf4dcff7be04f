//! Reads `aggs`. An aggregation that is not supported is an error that names it.

use serde_json::{Map, Value};

use super::metric::Metric;
use crate::date::math::Unit;
use crate::date::zone::{Zone, parse_offset};
use crate::engine::settings::duration;
use crate::error::{ApiError, ApiResult};
use crate::query::ast::Query;
use crate::query::dsl::{self, list, text};

/// Deepest nesting.
const MAX_DEPTH: usize = 16;

/// One aggregation with what is below it.
#[derive(Debug, Clone)]
pub struct Agg {
    /// Its name.
    pub name: String,
    /// What it does.
    pub kind: AggKind,
    /// Aggregations in each of its buckets.
    pub subs: Vec<Agg>,
    /// `meta`, handed back.
    pub meta: Option<Value>,
}

/// What an aggregation does.
#[derive(Debug, Clone)]
pub enum AggKind {
    /// A bucket for each value.
    Terms(Terms),
    /// A bucket for each interval of time.
    DateHistogram(DateHistogram),
    /// A bucket for each interval of numbers.
    Histogram(Histogram),
    /// A bucket for each range.
    Range(Ranges),
    /// One bucket.
    Filter(Query),
    /// A bucket for each filter.
    Filters(Filters),
    /// The documents without the field.
    Missing(String),
    /// A number.
    Metric(Metric),
}

/// `terms`.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Field.
    pub field: String,
    /// Buckets returned.
    pub size: u32,
    /// Smallest count of a bucket.
    pub min_doc_count: u64,
    /// What the buckets are ordered by, and whether descending.
    pub order: (String, bool),
    /// Value of documents without one.
    pub missing: Option<Value>,
    /// Only these values.
    pub include: Option<Value>,
    /// Not these values.
    pub exclude: Option<Value>,
}

/// The interval of a date histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interval {
    /// Milliseconds.
    Fixed(i64),
    /// A unit of the calendar.
    Calendar(Unit),
}

/// `date_histogram`.
#[derive(Debug, Clone)]
pub struct DateHistogram {
    /// Field.
    pub field: String,
    /// Interval.
    pub interval: Interval,
    /// Time zone in which intervals start.
    pub zone: Zone,
    /// Moves the start of every interval.
    pub offset: i64,
    /// Format of `key_as_string`.
    pub format: Option<String>,
    /// Smallest count of a bucket.
    pub min_doc_count: u64,
    /// Empty buckets are made at least over this range.
    pub extended_bounds: Option<(Value, Value)>,
    /// Buckets are made only in this range.
    pub hard_bounds: Option<(Value, Value)>,
    /// Buckets are an object instead of a list.
    pub keyed: bool,
    /// Newest first.
    pub descending: bool,
}

/// `histogram`.
#[derive(Debug, Clone)]
pub struct Histogram {
    /// Field.
    pub field: String,
    /// Interval.
    pub interval: f64,
    /// Moves the start of every interval.
    pub offset: f64,
    /// Smallest count of a bucket.
    pub min_doc_count: u64,
    /// Empty buckets are made at least over this range.
    pub extended_bounds: Option<(f64, f64)>,
    /// Buckets are an object instead of a list.
    pub keyed: bool,
}

/// `range` and `date_range`.
#[derive(Debug, Clone)]
pub struct Ranges {
    /// Field.
    pub field: String,
    /// Ranges: key, from (included), to (excluded).
    pub ranges: Vec<(Option<String>, Option<Value>, Option<Value>)>,
    /// Whether this is `date_range`.
    pub dates: bool,
    /// Format of dates.
    pub format: Option<String>,
    /// Time zone of dates.
    pub time_zone: Option<String>,
    /// Buckets are an object instead of a list.
    pub keyed: bool,
}

/// `filters`.
#[derive(Debug, Clone)]
pub struct Filters {
    /// Names and queries.
    pub filters: Vec<(String, Query)>,
    /// Whether the names were given.
    pub named: bool,
    /// Name of the bucket of what no filter matches.
    pub other: Option<String>,
}

/// Reads an `aggs` object.
pub fn parse(body: &Value) -> ApiResult<Vec<Agg>> {
    parse_at(body, 0)
}

fn parse_at(body: &Value, depth: usize) -> ApiResult<Vec<Agg>> {
    if depth > MAX_DEPTH {
        return Err(ApiError::parsing(format!(
            "aggregations are nested deeper than [{MAX_DEPTH}]"
        )));
    }
    let Some(body) = body.as_object() else {
        return Err(ApiError::parsing("Expected [START_OBJECT] under [aggs]"));
    };
    body.iter()
        .map(|(name, spec)| parse_one(name, spec, depth))
        .collect()
}

fn parse_one(name: &str, spec: &Value, depth: usize) -> ApiResult<Agg> {
    let spec = spec.as_object().ok_or_else(|| {
        ApiError::parsing(format!(
            "Aggregation definition for [{name}] starts with a value, expected a [START_OBJECT]"
        ))
    })?;
    let (mut kind, mut subs, mut meta) = (None, Vec::new(), None);
    for (key, value) in spec {
        match key.as_str() {
            "aggs" | "aggregations" => subs = parse_at(value, depth + 1)?,
            "meta" => meta = Some(value.clone()),
            type_name => {
                if kind.is_some() {
                    return Err(ApiError::parsing(format!(
                        "Found two aggregation type definitions in [{name}]: [{type_name}]"
                    )));
                }
                kind = Some(parse_kind(name, type_name, value)?);
            }
        }
    }
    let kind =
        kind.ok_or_else(|| ApiError::parsing(format!("Missing definition for aggregation [{name}]")))?;
    if let AggKind::Metric(metric) = &kind
        && !subs.is_empty()
    {
        return Err(ApiError::argument(format!(
            "Aggregator [{name}] of type [{}] cannot accept sub-aggregations",
            metric.type_name
        )));
    }
    Ok(Agg {
        name: name.to_owned(),
        kind,
        subs,
        meta,
    })
}

fn parse_kind(name: &str, type_name: &str, spec: &Value) -> ApiResult<AggKind> {
    let empty = Map::new();
    let map = spec.as_object().unwrap_or(&empty);
    let string = |key: &str| map.get(key).filter(|v| !v.is_null()).map(text);
    let flag = |key: &str| map.get(key) == Some(&Value::Bool(true));
    let number = |key: &str| map.get(key).and_then(as_f64);
    let field = || {
        if map.contains_key("script") {
            return Err(ApiError::parsing(format!(
                "[script] in aggregation [{name}] is not supported"
            )));
        }
        string("field").ok_or_else(|| {
            ApiError::argument(format!(
                "Required one of fields [field, script], but none were specified in [{name}]"
            ))
        })
    };
    let count = |key: &str, default: u64| {
        map.get(key).and_then(as_f64).map_or(default, |v| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "saturates"
            )]
            let count = v as u64;
            count
        })
    };
    let bounds = |key: &str| {
        map.get(key).map(|v| {
            (
                v.get("min").cloned().unwrap_or(Value::Null),
                v.get("max").cloned().unwrap_or(Value::Null),
            )
        })
    };
    Ok(match type_name {
        "terms" => AggKind::Terms(Terms {
            field: field()?,
            size: match count("size", 10) {
                0 => {
                    return Err(ApiError::argument(format!(
                        "[size] must be greater than 0. Found [0] in [{name}]"
                    )));
                }
                size => u32::try_from(size).unwrap_or(u32::MAX),
            },
            min_doc_count: count("min_doc_count", 1),
            order: order(map.get("order"), ("_count", true)),
            missing: map.get("missing").cloned(),
            include: map.get("include").cloned(),
            exclude: map.get("exclude").cloned(),
        }),
        "date_histogram" => AggKind::DateHistogram(DateHistogram {
            field: field()?,
            interval: interval(name, map)?,
            zone: match string("time_zone") {
                None => Zone::UTC,
                Some(zone) => Zone::parse(&zone)
                    .ok_or_else(|| ApiError::argument(format!("time_zone [{zone}] is unknown")))?,
            },
            offset: match string("offset") {
                None => 0,
                Some(offset) => signed_duration(&offset).ok_or_else(|| {
                    ApiError::argument(format!("failed to parse [offset] of [{name}]: [{offset}]"))
                })?,
            },
            format: string("format"),
            min_doc_count: count("min_doc_count", 0),
            extended_bounds: bounds("extended_bounds"),
            hard_bounds: bounds("hard_bounds"),
            keyed: flag("keyed"),
            descending: order(map.get("order"), ("_key", false)).1,
        }),
        "histogram" => AggKind::Histogram(Histogram {
            field: field()?,
            interval: number("interval").filter(|v| *v > 0.0).ok_or_else(|| {
                ApiError::argument(format!(
                    "[interval] must be >0 for histogram aggregation [{name}]"
                ))
            })?,
            offset: number("offset").unwrap_or(0.0),
            min_doc_count: count("min_doc_count", 0),
            extended_bounds: bounds("extended_bounds").and_then(|(a, b)| Some((as_f64(&a)?, as_f64(&b)?))),
            keyed: flag("keyed"),
        }),
        "range" | "date_range" => AggKind::Range(Ranges {
            field: field()?,
            ranges: list(map.get("ranges"))
                .iter()
                .map(|range| {
                    let bound = |key: &str| range.get(key).filter(|v| !v.is_null()).cloned();
                    (range.get("key").map(text), bound("from"), bound("to"))
                })
                .collect(),
            dates: type_name == "date_range",
            format: string("format"),
            time_zone: string("time_zone"),
            keyed: flag("keyed"),
        }),
        "filter" => AggKind::Filter(dsl::parse(spec)?),
        "filters" => AggKind::Filters(filters(name, map)?),
        "missing" => AggKind::Missing(field()?),
        _ => match Metric::parse(type_name, map, field)? {
            Some(metric) => AggKind::Metric(metric),
            None => {
                return Err(ApiError::parsing(format!(
                    "Unknown aggregation type [{type_name}] in [{name}], it is not supported by this store"
                )));
            }
        },
    })
}

/// A number, also in quotes.
pub fn as_f64(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn filters(name: &str, map: &Map<String, Value>) -> ApiResult<Filters> {
    let other = match (map.get("other_bucket_key"), map.get("other_bucket")) {
        (Some(key), _) => Some(text(key)),
        (None, Some(Value::Bool(true))) => Some("_other_".to_owned()),
        _ => None,
    };
    let (filters, named) = match map.get("filters") {
        Some(Value::Object(filters)) => (
            filters
                .iter()
                .map(|(key, query)| Ok((key.clone(), dsl::parse(query)?)))
                .collect::<ApiResult<_>>()?,
            true,
        ),
        Some(Value::Array(filters)) => (
            filters
                .iter()
                .map(|query| Ok((String::new(), dsl::parse(query)?)))
                .collect::<ApiResult<_>>()?,
            false,
        ),
        _ => {
            return Err(ApiError::parsing(format!(
                "[filters] cannot be empty in [{name}]"
            )));
        }
    };
    Ok(Filters {
        filters,
        named,
        other,
    })
}

/// The first order of one or several; the others only break ties.
fn order(value: Option<&Value>, default: (&str, bool)) -> (String, bool) {
    let first = match value {
        Some(Value::Array(list)) => list.first(),
        other => other,
    };
    match first.and_then(Value::as_object).and_then(|map| map.iter().next()) {
        Some((target, direction)) => {
            let target = match target.as_str() {
                "_term" | "_time" => "_key",
                other => other,
            };
            (
                target.to_owned(),
                direction.as_str().is_some_and(|d| d.eq_ignore_ascii_case("desc")),
            )
        }
        None => (default.0.to_owned(), default.1),
    }
}

fn interval(name: &str, map: &Map<String, Value>) -> ApiResult<Interval> {
    let text_of = |key: &str| map.get(key).map(text);
    let invalid = |text: &str| {
        ApiError::argument(format!(
            "The supplied interval [{text}] of [{name}] could not be parsed"
        ))
    };
    if let Some(text) = text_of("fixed_interval") {
        return fixed(&text).map(Interval::Fixed).ok_or_else(|| invalid(&text));
    }
    if let Some(text) = text_of("calendar_interval") {
        return calendar(&text)
            .map(Interval::Calendar)
            .ok_or_else(|| invalid(&text));
    }
    // The legacy form is either; a number is milliseconds.
    let text = text_of("interval").ok_or_else(|| {
        ApiError::argument(format!("Invalid interval specified in [{name}], must be non-null, one of [fixed_interval, calendar_interval]"))
    })?;
    calendar(&text)
        .map(Interval::Calendar)
        .or_else(|| fixed(&text).map(Interval::Fixed))
        .or_else(|| text.parse().ok().filter(|v| *v > 0).map(Interval::Fixed))
        .ok_or_else(|| invalid(&text))
}

fn fixed(text: &str) -> Option<i64> {
    let millis = i64::try_from(duration(text)?.as_millis()).ok()?;
    (millis > 0).then_some(millis)
}

fn calendar(text: &str) -> Option<Unit> {
    Some(match text {
        "1s" | "second" => Unit::Second,
        "1m" | "minute" => Unit::Minute,
        "1h" | "hour" => Unit::Hour,
        "1d" | "day" => Unit::Day,
        "1w" | "week" => Unit::Week,
        "1M" | "month" => Unit::Month,
        "1q" | "quarter" => Unit::Quarter,
        "1y" | "year" => Unit::Year,
        _ => return None,
    })
}

fn signed_duration(text: &str) -> Option<i64> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    duration(text)
        .and_then(|d| i64::try_from(d.as_millis()).ok())
        .or_else(|| parse_offset(text.as_bytes()))
        .or_else(|| text.parse().ok())
        .map(|v| v * sign)
}

#[cfg(test)]
mod tests {
    use super::*;
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
            assert_eq!(histogram.interval, expected);
        }
    }
}

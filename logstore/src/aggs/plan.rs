//! What has to be the same in every index of a search: field types for rendering, and the edges of calendar
//! buckets, which need the smallest and largest date among all indices.

use std::sync::Arc;

use serde_json::Value;
use tantivy::Searcher;
use tantivy::columnar::ColumnType;
use tantivy::u64_to_i64;

use super::request::{Agg, AggKind, DateHistogram, Interval};
use crate::date::Millis;
use crate::date::math::{self, Round, Unit};
use crate::date::zone::Zone;
use crate::engine::index::Index;
use crate::error::{ApiError, ApiResult};
use crate::limits::Limits;
use crate::mapping::{Field, Kind, Mapping};
use crate::query::ast::{Query, Range};
use crate::query::range;

/// The view of one index that a search has.
pub type View = (Arc<Index>, Arc<Mapping>, Searcher);

/// The plan of one aggregation.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The aggregated field, from the first index that maps it.
    pub field: Option<Arc<Field>>,
    /// How time is cut.
    pub time: Option<Time>,
    /// `extended_bounds` as instants.
    pub extended: Option<(Millis, Millis)>,
    /// The plans of the aggregations below.
    pub subs: Vec<Plan>,
}

/// How time is cut into buckets.
#[derive(Debug, Clone, PartialEq)]
pub enum Time {
    /// Steps of equal length.
    Steps {
        /// Length.
        interval: i64,
        /// Where steps start, from the epoch.
        offset: i64,
    },
    /// Edges of the calendar or of a zone whose offset changes; bucket `i` is between edge `i` and `i + 1`.
    Edges(Vec<Millis>),
}

/// Plans aggregations.
pub fn plan(
    aggs: &[Agg],
    query: &Query,
    views: &[View],
    now: Millis,
    limits: &Limits,
) -> ApiResult<Vec<Plan>> {
    aggs.iter()
        .map(|agg| {
            let name = match &agg.kind {
                AggKind::Terms(terms) => Some(&terms.field),
                AggKind::DateHistogram(histogram) => Some(&histogram.field),
                AggKind::Histogram(histogram) => Some(&histogram.field),
                AggKind::Range(ranges) => Some(&ranges.field),
                AggKind::Missing(field) => Some(field),
                AggKind::Metric(metric) => Some(&metric.field),
                AggKind::Filter(_) | AggKind::Filters(_) => None,
            };
            let field = name.and_then(|name| {
                views
                    .iter()
                    .find_map(|(_, mapping, _)| mapping.get(name).cloned())
            });
            let (mut time, mut extended) = (None, None);
            if let AggKind::DateHistogram(histogram) = &agg.kind {
                let field = field
                    .clone()
                    .unwrap_or_else(|| Arc::new(Field::new(&histogram.field, "date", Kind::Date)));
                extended = bounds(histogram, &field, histogram.extended_bounds.as_ref(), now)?;
                time = Some(cut(histogram, &field, extended, query, views, now, limits)?);
            }
            Ok(Plan {
                field,
                time,
                extended,
                subs: plan(&agg.subs, query, views, now, limits)?,
            })
        })
        .collect()
}

/// Bounds of a histogram as instants; either side may be missing.
pub fn bounds(
    histogram: &DateHistogram,
    field: &Field,
    bounds: Option<&(Value, Value)>,
    now: Millis,
) -> ApiResult<Option<(Millis, Millis)>> {
    let Some((min, max)) = bounds else { return Ok(None) };
    let formats = match &histogram.format {
        // A format for writing may be one that we cannot read; numbers are read in any case.
        Some(format) => crate::date::parse::parse_formats(format).unwrap_or_else(|_| field.formats.clone()),
        None => field.formats.clone(),
    };
    let read = |value: &Value, round| match value {
        Value::Number(number) => number
            .as_i64()
            .or_else(|| {
                number.as_f64().map(|v| {
                    #[expect(
                        clippy::cast_possible_truncation,
                        reason = "dates are far below 2^53 milliseconds"
                    )]
                    let millis = v as i64;
                    millis
                })
            })
            .map_or(Ok(None), |v| Ok(Some(v))),
        Value::String(text) => math::evaluate(text, &formats, &histogram.zone, now, round)
            .or_else(|reason| text.parse::<i64>().map_err(|_| ApiError::argument(reason)))
            .map(Some),
        _ => Ok(None),
    };
    Ok(match (read(min, Round::Down)?, read(max, Round::Down)?) {
        (Some(min), Some(max)) if min <= max => Some((min, max)),
        (Some(min), Some(max)) => {
            return Err(ApiError::argument(format!(
                "[extended_bounds.min][{min}] cannot be greater than [extended_bounds.max][{max}]"
            )));
        }
        _ => None,
    })
}

fn cut(
    histogram: &DateHistogram,
    field: &Field,
    extended: Option<(Millis, Millis)>,
    query: &Query,
    views: &[View],
    now: Millis,
    limits: &Limits,
) -> ApiResult<Time> {
    let length = match histogram.interval {
        Interval::Fixed(length) => Some(length),
        Interval::Calendar(unit) => unit.fixed_millis(),
    };
    // Weeks start on Monday, and the epoch was a Thursday.
    let start = if histogram.interval == Interval::Calendar(Unit::Week) {
        Unit::Week.floor(0)
    } else {
        0
    };
    if let (Some(interval), Zone::Fixed(zone)) = (length, &histogram.zone) {
        return Ok(Time::Steps {
            interval,
            offset: (start + histogram.offset - zone).rem_euclid(interval),
        });
    }
    let mut span = data_span(field, views)?;
    let (from, to) = query_span(field, query, now);
    if let Some((min, max)) = span {
        span = Some((
            from.map_or(min, |from| min.max(from)),
            to.map_or(max, |to| max.min(to)),
        ));
    }
    if let Some((min, max)) = extended
        && histogram.min_doc_count == 0
    {
        span = Some(span.map_or((min, max), |(a, b)| (a.min(min), b.max(max))));
    }
    let Some((min, max)) = span.filter(|(min, max)| min <= max) else {
        return Ok(Time::Edges(Vec::new()));
    };
    // A zone whose offset stands still over the data is a fixed one.
    if let (Some(interval), Some(zone)) = (length, histogram.zone.constant_between(min, max)) {
        return Ok(Time::Steps {
            interval,
            offset: (start + histogram.offset - zone).rem_euclid(interval),
        });
    }
    edges(histogram, min, max, limits).map(Time::Edges)
}

/// The edges of the buckets that cover a span, in the histogram's zone.
fn edges(histogram: &DateHistogram, min: Millis, max: Millis, limits: &Limits) -> ApiResult<Vec<Millis>> {
    let zone = &histogram.zone;
    let shifted = min - histogram.offset;
    let local = shifted + zone.offset_at(shifted);
    let (mut at, unit) = match histogram.interval {
        Interval::Calendar(unit) => (unit.floor(local), unit),
        Interval::Fixed(length) => (local.div_euclid(length) * length, Unit::Second),
    };
    let mut edges = vec![zone.to_instant(at) + histogram.offset];
    while edges.last().is_some_and(|last| *last <= max) {
        at = match histogram.interval {
            Interval::Calendar(_) => unit.add(at, 1),
            Interval::Fixed(length) => at + length,
        };
        let edge = zone.to_instant(at) + histogram.offset;
        // Where the clock goes back an hour repeats, and where it goes forward one is missing.
        if edges.last().is_some_and(|last| edge > *last) {
            edges.push(edge);
        }
        if edges.len() > limits.max_buckets as usize + 1 {
            return Err(too_many(limits));
        }
    }
    Ok(edges)
}

/// More buckets than allowed.
pub fn too_many(limits: &Limits) -> ApiError {
    ApiError::new(
        400,
        "too_many_buckets_exception",
        format!(
            "Trying to create too many buckets. Must be less than or equal to: [{}] (--max-buckets)",
            limits.max_buckets
        ),
    )
    .with("max_buckets", limits.max_buckets)
}

/// The smallest and largest date among all indices, from the columns' own statistics.
fn data_span(field: &Field, views: &[View]) -> ApiResult<Option<(Millis, Millis)>> {
    let Some(column) = field.column() else {
        return Ok(None);
    };
    let mut span: Option<(Millis, Millis)> = None;
    for (_, _, searcher) in views {
        for segment in searcher.segment_readers() {
            let Some((values, ColumnType::I64)) = segment
                .fast_fields()
                .u64_lenient_for_type(Some(&[ColumnType::I64]), &column)?
            else {
                continue;
            };
            let (min, max) = (u64_to_i64(values.min_value()), u64_to_i64(values.max_value()));
            if min <= max {
                span = Some(span.map_or((min, max), |(a, b)| (a.min(min), b.max(max))));
            }
        }
    }
    Ok(span)
}

/// The bounds that the query's required clauses put on the field.
fn query_span(field: &Field, query: &Query, now: Millis) -> (Option<Millis>, Option<Millis>) {
    match query {
        Query::Range(range @ Range { field: name, .. }) if **name == *field.path => {
            range::dates(field, range, now).unwrap_or((None, None))
        }
        Query::Constant(inner, _) | Query::Boost(inner, _) => query_span(field, inner, now),
        Query::Bool(clauses) => {
            let mut span = (None, None);
            for clause in clauses.must.iter().chain(&clauses.filter) {
                let (from, to) = query_span(field, clause, now);
                span.0 = span.0.max(from);
                span.1 = match (span.1, to) {
                    (Some(a), Some(b)) => Some(std::cmp::min::<Millis>(a, b)),
                    (a, b) => a.or(b),
                };
            }
            span
        }
        _ => (None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::format;
    use crate::date::parse::{DEFAULT_FORMATS, parse};

    fn histogram(interval: Interval) -> DateHistogram {
        // Central European time by its rule, so that no time zone database is needed.
        let zone = jiff::tz::TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        DateHistogram {
            field: "t".into(),
            interval,
            zone: Zone::Named(zone),
            offset: 0,
            format: None,
            min_doc_count: 0,
            extended_bounds: None,
            hard_bounds: None,
            keyed: false,
            descending: false,
        }
    }

    fn cut(interval: Interval, from: &str, to: &str) -> Vec<String> {
        let at = |text| parse(text, DEFAULT_FORMATS, &Zone::UTC).unwrap().start;
        let edges = edges(&histogram(interval), at(from), at(to), &Limits::default()).unwrap();
        edges.into_iter().map(format::iso).collect()
    }

    #[test]
    fn days_are_cut_at_local_midnight_across_the_end_of_summer_time() {
        let edges = cut(
            Interval::Calendar(Unit::Day),
            "2026-10-24T12:00:00Z",
            "2026-10-26T12:00:00Z",
        );
        assert_eq!(
            edges,
            [
                "2026-10-23T22:00:00.000Z",
                "2026-10-24T22:00:00.000Z",
                "2026-10-25T23:00:00.000Z",
                "2026-10-26T23:00:00.000Z"
            ]
        );
    }

    #[test]
    fn months_and_quarters_are_those_of_the_calendar() {
        let months = cut(
            Interval::Calendar(Unit::Month),
            "2026-01-31T12:00:00Z",
            "2026-03-01T12:00:00Z",
        );
        assert_eq!(
            months,
            [
                "2025-12-31T23:00:00.000Z",
                "2026-01-31T23:00:00.000Z",
                "2026-02-28T23:00:00.000Z",
                "2026-03-31T22:00:00.000Z"
            ]
        );
        assert_eq!(
            cut(Interval::Calendar(Unit::Quarter), "2026-05-01", "2026-05-02").len(),
            2
        );
    }

    #[test]
    fn more_edges_than_buckets_are_refused() {
        let limits = Limits {
            max_buckets: 10,
            ..Limits::default()
        };
        let error = edges(
            &histogram(Interval::Calendar(Unit::Day)),
            0,
            100 * 86_400_000,
            &limits,
        )
        .unwrap_err();
        assert_eq!(error.kind, "too_many_buckets_exception");
    }
}

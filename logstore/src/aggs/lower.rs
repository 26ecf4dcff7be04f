//! Lowers aggregations to tantivy's, for one index.
//!
//! In tantivy's request the aggregation at place `i` is called `i`, and its filter buckets `i:0`, `i:1`, …: names
//! of users may hold anything, and `order` would read a dot in them.

use serde_json::Value;
use tantivy::aggregation::agg_req::{Aggregation, AggregationVariants as V, Aggregations};
use tantivy::aggregation::bucket::{
    CustomOrder, HistogramAggregation, HistogramBounds, IncludeExcludeParam, Order, OrderTarget,
    RangeAggregation, RangeAggregationRange, TermsAggregation,
};

use super::filter;
use super::metric::key;
use super::plan::{Plan, Time};
use super::request::{Agg, AggKind, Filters, Ranges, Terms};
use crate::error::{ApiError, ApiResult};
use crate::mapping::{Field, Kind};
use crate::query::Lowering;
use crate::query::ast::{Bool, Query, Range};
use crate::search::sort::no_column;

/// Least number of terms kept in a segment, so that counts are exact unless a field has more.
const SEGMENT_TERMS: u32 = 10_000;

/// Lowers aggregations.
pub fn lower(aggs: &[Agg], plans: &[Plan], lowering: &Lowering<'_>) -> ApiResult<Aggregations> {
    let mut out = Aggregations::default();
    for (place, (agg, plan)) in aggs.iter().zip(plans).enumerate() {
        let sub_aggregation = lower(&agg.subs, &plan.subs, lowering)?;
        let mut put = |name: String, agg: V| {
            out.insert(
                name,
                Aggregation {
                    agg,
                    sub_aggregation: sub_aggregation.clone(),
                },
            );
        };
        match &agg.kind {
            AggKind::Filter(query) => put(place.to_string(), filter::bucket(lowering.lower(query)?)),
            AggKind::Missing(field) => {
                let query = Query::bool(Bool {
                    must_not: vec![Query::Exists(field.clone())],
                    ..Bool::default()
                });
                put(place.to_string(), filter::bucket(lowering.lower(&query)?));
            }
            AggKind::Filters(filters) => {
                for (number, query) in filter_queries(filters).into_iter().enumerate() {
                    put(
                        format!("{place}:{number}"),
                        filter::bucket(lowering.lower(&query)?),
                    );
                }
            }
            AggKind::Range(ranges) => {
                for number in 0..ranges.ranges.len() {
                    let query = range_query(ranges, number);
                    put(
                        format!("{place}:{number}"),
                        filter::bucket(lowering.lower(&query)?),
                    );
                }
            }
            AggKind::Terms(terms) => put(place.to_string(), V::Terms(lower_terms(terms, agg, lowering)?)),
            AggKind::DateHistogram(histogram) => {
                let field = column(&histogram.field, lowering)?;
                put(place.to_string(), time(field, plan, histogram.min_doc_count));
            }
            AggKind::Histogram(histogram) => put(
                place.to_string(),
                V::Histogram(HistogramAggregation {
                    field: column(&histogram.field, lowering)?,
                    interval: histogram.interval,
                    offset: Some(histogram.offset.rem_euclid(histogram.interval)),
                    min_doc_count: Some(histogram.min_doc_count),
                    hard_bounds: None,
                    extended_bounds: histogram
                        .extended_bounds
                        .filter(|_| histogram.min_doc_count == 0)
                        .map(|(min, max)| HistogramBounds { min, max }),
                    keyed: false,
                    is_normalized_to_ns: false,
                }),
            ),
            AggKind::Metric(metric) => {
                // Counting values of a text field is possible through nothing but its exact twin.
                put(place.to_string(), metric.lower(column(&metric.field, lowering)?));
            }
        }
    }
    Ok(out)
}

/// The column of a field; one that does not exist where the field is not mapped.
fn column(name: &str, lowering: &Lowering<'_>) -> ApiResult<String> {
    if name == "_seq_no" || name == "_version" {
        return Ok(name.to_owned());
    }
    match lowering.mapping.get(name) {
        None => Ok(format!("keyword.{}", crate::mapping::field::escape(name))),
        Some(field) => field.column().ok_or_else(|| no_column(field)),
    }
}

fn lower_terms(terms: &Terms, agg: &Agg, lowering: &Lowering<'_>) -> ApiResult<TermsAggregation> {
    let field = lowering.mapping.get(&terms.field);
    let target = match terms.order.0.as_str() {
        "_key" => OrderTarget::Key,
        "_count" => OrderTarget::Count,
        path => {
            let (name, property) = path
                .split_once('.')
                .map_or((path, None), |(name, property)| (name, Some(property)));
            let place = agg.subs.iter().position(|sub| sub.name == name).ok_or_else(|| {
                ApiError::new(
                    500,
                    "aggregation_execution_exception",
                    format!("Invalid aggregator order path [{path}]. The provided aggregation [{name}] either does not exist, or is a pipeline aggregation and cannot be used to sort the buckets."),
                )
            })?;
            OrderTarget::SubAggregation(match property.filter(|property| *property != "value") {
                Some(property) => format!("{place}.{property}"),
                None => place.to_string(),
            })
        }
    };
    Ok(TermsAggregation {
        field: column(&terms.field, lowering)?,
        size: Some(terms.size),
        segment_size: Some(terms.size.saturating_mul(10).max(SEGMENT_TERMS)),
        show_term_doc_count_error: Some(false),
        min_doc_count: Some(terms.min_doc_count),
        order: Some(CustomOrder {
            target,
            order: if terms.order.1 { Order::Desc } else { Order::Asc },
        }),
        missing: terms
            .missing
            .as_ref()
            .map(|value| typed_key(value, field.map(|f| &**f))),
        include: terms.include.as_ref().map(include),
        exclude: terms.exclude.as_ref().map(include),
    })
}

/// A value for documents without one, of the column's type.
fn typed_key(value: &Value, field: Option<&Field>) -> tantivy::aggregation::Key {
    match field.map(|field| field.kind) {
        Some(kind) if kind.is_number() => match value.as_str().and_then(|text| text.parse::<f64>().ok()) {
            Some(number) => tantivy::aggregation::Key::F64(number),
            None => key(value),
        },
        _ => match key(value) {
            text @ tantivy::aggregation::Key::Str(_) => text,
            _ => tantivy::aggregation::Key::Str(value.to_string()),
        },
    }
}

fn include(value: &Value) -> IncludeExcludeParam {
    match value {
        Value::Array(list) => IncludeExcludeParam::Values(list.iter().map(crate::query::dsl::text).collect()),
        other => IncludeExcludeParam::Regex(crate::query::dsl::text(other)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "dates are far below 2^53 milliseconds")]
fn time(field: String, plan: &Plan, min_doc_count: u64) -> V {
    match &plan.time {
        Some(Time::Steps { interval, offset }) => V::Histogram(HistogramAggregation {
            field,
            interval: *interval as f64,
            offset: Some(*offset as f64),
            min_doc_count: Some(min_doc_count),
            hard_bounds: None,
            extended_bounds: plan
                .extended
                .filter(|_| min_doc_count == 0)
                .map(|(min, max)| HistogramBounds {
                    min: min as f64,
                    max: max as f64,
                }),
            keyed: false,
            is_normalized_to_ns: false,
        }),
        edges => {
            let edges = match edges {
                Some(Time::Edges(edges)) => edges.as_slice(),
                _ => &[],
            };
            let ranges = edges
                .windows(2)
                .enumerate()
                .map(|(number, pair)| RangeAggregationRange {
                    key: Some(number.to_string()),
                    from: Some(pair[0] as f64),
                    to: Some(pair[1] as f64),
                })
                .collect();
            V::Range(RangeAggregation {
                field,
                ranges,
                keyed: false,
            })
        }
    }
}

/// The query of each bucket of `filters`, the one of the rest last.
pub fn filter_queries(filters: &Filters) -> Vec<Query> {
    let mut queries: Vec<Query> = filters.filters.iter().map(|(_, query)| query.clone()).collect();
    if filters.other.is_some() {
        queries.push(Query::bool(Bool {
            must_not: queries.clone(),
            ..Bool::default()
        }));
    }
    queries
}

fn range_query(ranges: &Ranges, number: usize) -> Query {
    let (_, from, to) = &ranges.ranges[number];
    Query::Range(Range {
        field: ranges.field.clone(),
        from: from.clone().map(|value| (value, true)),
        to: to.clone().map(|value| (value, false)),
        format: ranges
            .format
            .clone()
            .filter(|format| crate::date::parse::parse_formats(format).is_ok()),
        time_zone: ranges.time_zone.clone(),
    })
}

/// Whether a field's values are dates.
pub fn is_date(plan: &Plan) -> bool {
    plan.field.as_ref().is_some_and(|field| field.kind == Kind::Date)
}

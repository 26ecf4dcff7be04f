//! Renders tantivy's results as Elasticsearch's.

use serde_json::{Map, Value, json};
use tantivy::aggregation::Key;
use tantivy::aggregation::agg_result::{AggregationResult, AggregationResults, BucketEntry, BucketResult};

use super::lower::is_date;
use super::plan::{Plan, Time, too_many};
use super::request::{Agg, AggKind, DateHistogram, Filters, Ranges};
use crate::date::format;
use crate::date::math::{self, Round};
use crate::date::zone::Zone;
use crate::error::ApiResult;
use crate::limits::Limits;
use crate::mapping::Kind;
use crate::query::dsl::text;

/// Renders the results of aggregations.
pub fn render(aggs: &[Agg], plans: &[Plan], results: &AggregationResults) -> Map<String, Value> {
    aggs.iter()
        .zip(plans)
        .enumerate()
        .map(|(place, (agg, plan))| {
            let mut rendered = one(agg, plan, place, results);
            if let Some(meta) = &agg.meta {
                rendered.insert("meta".into(), meta.clone());
            }
            (agg.name.clone(), rendered.into())
        })
        .collect()
}

/// Refuses more buckets than the limit, of all aggregations together.
pub fn check_buckets(rendered: &Map<String, Value>, limits: &Limits) -> ApiResult<()> {
    fn count(value: &Value) -> usize {
        match value {
            Value::Array(list) => list.iter().map(|item| 1 + count(item)).sum(),
            Value::Object(map) => map.values().map(count).sum(),
            _ => 0,
        }
    }
    if rendered.values().map(count).sum::<usize>() > limits.max_buckets as usize {
        return Err(too_many(limits));
    }
    Ok(())
}

fn one(agg: &Agg, plan: &Plan, place: usize, results: &AggregationResults) -> Map<String, Value> {
    let result = results.0.get(&place.to_string());
    let bucket = match result {
        Some(AggregationResult::BucketResult(bucket)) => Some(bucket),
        _ => None,
    };
    match &agg.kind {
        AggKind::Metric(metric) => {
            let metric_result = match result {
                Some(AggregationResult::MetricResult(result)) => Some(result),
                _ => None,
            };
            metric.render(
                metric_result,
                is_date(plan),
                plan.field.as_ref().and_then(|field| field.date_format()),
            )
        }
        AggKind::Filter(_) | AggKind::Missing(_) => single(agg, plan, result),
        AggKind::Filters(filters) => render_filters(filters, agg, plan, place, results),
        AggKind::Range(ranges) => render_ranges(ranges, agg, plan, place, results),
        AggKind::Terms(_) => render_terms(agg, plan, bucket),
        AggKind::DateHistogram(histogram) => render_dates(histogram, agg, plan, bucket),
        AggKind::Histogram(histogram) => {
            let mut buckets = Vec::new();
            if let Some(BucketResult::Histogram { buckets: entries }) = bucket {
                for entry in entries.iter() {
                    buckets.push((
                        number_text(&entry.key),
                        filled(
                            entry_map(key_json(&entry.key), None, entry.doc_count),
                            agg,
                            plan,
                            &entry.sub_aggregation,
                        ),
                    ));
                }
            }
            listed(buckets, histogram.keyed)
        }
    }
}

/// Adds the aggregations below to a bucket.
fn filled(
    mut bucket: Map<String, Value>,
    agg: &Agg,
    plan: &Plan,
    below: &AggregationResults,
) -> Map<String, Value> {
    bucket.extend(render(&agg.subs, &plan.subs, below));
    bucket
}

fn entry_map(key: Value, key_as_string: Option<String>, doc_count: u64) -> Map<String, Value> {
    let mut map = Map::new();
    if let Some(text) = key_as_string {
        map.insert("key_as_string".into(), text.into());
    }
    map.insert("key".into(), key);
    map.insert("doc_count".into(), doc_count.into());
    map
}

fn listed(buckets: Vec<(String, Map<String, Value>)>, keyed: bool) -> Map<String, Value> {
    let buckets: Value = if keyed {
        buckets
            .into_iter()
            .map(|(key, bucket)| (key, Value::from(bucket)))
            .collect::<Map<_, _>>()
            .into()
    } else {
        buckets
            .into_iter()
            .map(|(_, bucket)| Value::from(bucket))
            .collect()
    };
    let mut out = Map::new();
    out.insert("buckets".into(), buckets);
    out
}

fn single(agg: &Agg, plan: &Plan, result: Option<&AggregationResult>) -> Map<String, Value> {
    let mut out = Map::new();
    match result {
        Some(AggregationResult::BucketResult(BucketResult::Filter(filter))) => {
            out.insert("doc_count".into(), filter.doc_count.into());
            filled(out, agg, plan, &filter.sub_aggregations)
        }
        _ => {
            out.insert("doc_count".into(), 0.into());
            filled(out, agg, plan, &AggregationResults::default())
        }
    }
}

fn render_filters(
    filters: &Filters,
    agg: &Agg,
    plan: &Plan,
    place: usize,
    results: &AggregationResults,
) -> Map<String, Value> {
    let names = filters
        .filters
        .iter()
        .map(|(name, _)| name.clone())
        .chain(filters.other.clone());
    let buckets = names
        .enumerate()
        .map(|(number, name)| {
            (
                name,
                single(agg, plan, results.0.get(&format!("{place}:{number}"))),
            )
        })
        .collect();
    listed(buckets, filters.named)
}

fn render_ranges(
    ranges: &Ranges,
    agg: &Agg,
    plan: &Plan,
    place: usize,
    results: &AggregationResults,
) -> Map<String, Value> {
    let dates = ranges.dates || is_date(plan);
    let date_format = ranges.format.as_deref();
    let zone = ranges
        .time_zone
        .as_deref()
        .and_then(Zone::parse)
        .unwrap_or(Zone::UTC);
    let bound = |value: &Value| -> (Value, String) {
        if !dates {
            let number = super::request::as_f64(value).unwrap_or_default();
            return (json!(number), format!("{number:?}"));
        }
        let formats = plan.field.as_ref().map_or_else(
            || crate::date::parse::DEFAULT_FORMATS.to_vec(),
            |field| field.formats.clone(),
        );
        match math::evaluate(&text(value), &formats, &zone, crate::date::now(), Round::Down) {
            #[expect(clippy::cast_precision_loss, reason = "dates are far below 2^53 milliseconds")]
            Ok(millis) => (json!(millis as f64), format::format(millis, date_format, &zone)),
            Err(_) => (value.clone(), text(value)),
        }
    };
    let mut buckets = Vec::new();
    for (number, (name, from, to)) in ranges.ranges.iter().enumerate() {
        let (from, to) = (from.as_ref().map(bound), to.as_ref().map(bound));
        let label = |side: &Option<(Value, String)>| {
            side.as_ref()
                .map_or_else(|| "*".to_owned(), |(_, text)| text.clone())
        };
        let key = name
            .clone()
            .unwrap_or_else(|| format!("{}-{}", label(&from), label(&to)));
        let mut bucket = Map::new();
        bucket.insert("key".into(), key.as_str().into());
        for (name, side) in [("from", from), ("to", to)] {
            if let Some((value, text)) = side {
                bucket.insert(name.into(), value);
                if dates {
                    bucket.insert(format!("{name}_as_string"), text.into());
                }
            }
        }
        bucket.extend(single(agg, plan, results.0.get(&format!("{place}:{number}"))));
        buckets.push((key, bucket));
    }
    listed(buckets, ranges.keyed)
}

fn render_terms(agg: &Agg, plan: &Plan, bucket: Option<&BucketResult>) -> Map<String, Value> {
    let (entries, others): (&[BucketEntry], u64) = match bucket {
        Some(BucketResult::Terms {
            buckets,
            sum_other_doc_count,
            ..
        }) => (buckets, *sum_other_doc_count),
        _ => (&[], 0),
    };
    let mut out = Map::new();
    out.insert("doc_count_error_upper_bound".into(), 0.into());
    out.insert("sum_other_doc_count".into(), others.into());
    let kind = plan.field.as_ref().map(|field| field.kind);
    let buckets = entries
        .iter()
        .map(|entry| {
            let (key, key_as_string) = match (kind, &entry.key) {
                (Some(Kind::Boolean), Key::Str(text)) => {
                    (json!(u8::from(text == "true")), Some(text.clone()))
                }
                (Some(Kind::Date), key) => {
                    let millis = millis(key);
                    let date_format = plan.field.as_ref().and_then(|field| field.date_format());
                    (
                        json!(millis),
                        Some(format::format(millis, date_format, &Zone::UTC)),
                    )
                }
                (Some(Kind::Long { .. }), key) => (json!(millis(key)), None),
                (_, key) => (key_json(key), None),
            };
            Value::from(filled(
                entry_map(key, key_as_string, entry.doc_count),
                agg,
                plan,
                &entry.sub_aggregation,
            ))
        })
        .collect();
    out.insert("buckets".into(), buckets);
    out
}

fn render_dates(
    histogram: &DateHistogram,
    agg: &Agg,
    plan: &Plan,
    bucket: Option<&BucketResult>,
) -> Map<String, Value> {
    let date_format = histogram
        .format
        .as_deref()
        .or_else(|| plan.field.as_ref().and_then(|field| field.date_format()));
    let make = |at: i64, doc_count: u64, below: &AggregationResults| {
        let shown = format::format(at, date_format, &histogram.zone);
        (
            shown.clone(),
            filled(entry_map(json!(at), Some(shown), doc_count), agg, plan, below),
        )
    };
    let mut buckets = Vec::new();
    match bucket {
        Some(BucketResult::Histogram { buckets: entries }) => {
            for entry in entries
                .iter()
                .filter(|entry| entry.doc_count >= histogram.min_doc_count)
            {
                buckets.push(make(millis(&entry.key), entry.doc_count, &entry.sub_aggregation));
            }
        }
        Some(BucketResult::Range { buckets: entries }) => {
            let edges = match &plan.time {
                Some(Time::Edges(edges)) => edges.as_slice(),
                _ => &[],
            };
            let mut found: Vec<(usize, u64, &AggregationResults)> = entries
                .iter()
                .filter_map(|entry| match &entry.key {
                    Key::Str(number) => Some((number.parse().ok()?, entry.doc_count, &entry.sub_aggregation)),
                    _ => None,
                })
                .collect();
            found.sort_by_key(|(number, ..)| *number);
            // Empty buckets stand only between full ones, unless the bounds are extended.
            let full = |(number, doc_count, _): &(usize, u64, &AggregationResults)| {
                let at = edges.get(*number).copied().unwrap_or_default();
                let next = edges.get(number + 1).copied().unwrap_or_default();
                *doc_count > 0 || plan.extended.is_some_and(|(min, max)| next > min && at <= max)
            };
            let first = found.iter().position(full).unwrap_or(found.len());
            let last = found.iter().rposition(full).map_or(0, |place| place + 1);
            for (number, doc_count, below) in found.get(first..last).unwrap_or_default() {
                if *doc_count >= histogram.min_doc_count
                    && let Some(at) = edges.get(*number)
                {
                    buckets.push(make(*at, *doc_count, below));
                }
            }
        }
        _ => {}
    }
    if histogram.descending {
        buckets.reverse();
    }
    listed(buckets, histogram.keyed)
}

fn key_json(key: &Key) -> Value {
    match key {
        Key::Str(text) => json!(text),
        Key::I64(value) => json!(value),
        Key::U64(value) => json!(value),
        Key::F64(value) => json!(value),
    }
}

fn number_text(key: &Key) -> String {
    match key {
        Key::F64(value) => format!("{value:?}"),
        other => text(&key_json(other)),
    }
}

fn millis(key: &Key) -> i64 {
    match key {
        Key::I64(value) => *value,
        Key::U64(value) => i64::try_from(*value).unwrap_or(i64::MAX),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole numbers that came through f64"
        )]
        Key::F64(value) => *value as i64,
        Key::Str(text) => text.parse().unwrap_or_default(),
    }
}

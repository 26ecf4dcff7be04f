//! `_field_stats`, by which Kibana 5 finds the indices that have records of a time range.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::reply::Reply;
use crate::date::math::{self, Round};
use crate::date::parse::{DEFAULT_FORMATS, parse_formats};
use crate::date::{format, now, zone::Zone};
use crate::engine::entry::Entry;
use crate::engine::index::Index;
use crate::error::{ApiError, ApiResult};
use crate::mapping::Kind;
use crate::present::search::shards;
use crate::query::dsl;
use crate::search::{SearchRequest, execute, views};

/// Smallest and largest value of a field in an index, as numbers.
fn bounds(call: &Call, index: &std::sync::Arc<Index>, field: &str) -> ApiResult<Option<(f64, f64, u64)>> {
    let body = json!({"size": 0, "track_total_hits": true, "query": {"exists": {"field": field}},
        "aggs": {"low": {"min": {"field": field}}, "high": {"max": {"field": field}}}});
    let outcome = execute(
        &views(std::slice::from_ref(index)),
        &SearchRequest::parse(&body)?,
        &call.store().limits,
    )?;
    let aggregations = outcome.aggregations.map_or(Value::Null, Value::from);
    let number = |name: &str| {
        aggregations
            .pointer(&format!("/{name}/value"))
            .and_then(Value::as_f64)
    };
    let count = outcome.total.map_or(0, |total| total.value);
    Ok(number("low")
        .zip(number("high"))
        .map(|(low, high)| (low, high, count)))
}

/// `_field_stats`, with an index before it.
pub fn field_stats(call: &Call) -> ApiResult<Reply> {
    let listed = dsl::list(call.body.get("fields"));
    let fields: Vec<String> = match call.params.get("fields") {
        Some(names) => names.split(',').map(ToOwned::to_owned).collect(),
        None => listed.iter().map(dsl::text).collect(),
    };
    let constraints = call.body.get("index_constraints").and_then(Value::as_object);
    let by_index = call.params.get("level").is_some_and(|level| level == "indices");
    let entries = call.entries()?;
    let mut shown = Map::new();
    for entry in &entries {
        let Entry::Log(index) = entry else { continue };
        let mapping = index.mapping();
        let mut of_index = Map::new();
        for field in fields.iter().flat_map(|wanted| mapping.matching(wanted)) {
            let number = matches!(field.kind, Kind::Date | Kind::Double | Kind::Long { .. });
            let Some((low, high, count)) = (if number {
                bounds(call, index, &field.path)?
            } else {
                None
            }) else {
                continue;
            };
            let mut stats = json!({
                "type": if field.kind == Kind::Date { "date" } else { "number" },
                "max_doc": index.doc_count(),
                "doc_count": count,
                "density": (count * 100).checked_div(index.doc_count()).unwrap_or_default(),
                "sum_doc_freq": -1,
                "sum_total_term_freq": -1,
                "searchable": true,
                "aggregatable": true,
                "min_value": low,
                "max_value": high,
            });
            if field.kind == Kind::Date {
                #[expect(clippy::cast_possible_truncation, reason = "milliseconds of dates fit")]
                let (low, high) = (low as i64, high as i64);
                stats["min_value"] = low.into();
                stats["max_value"] = high.into();
                stats["min_value_as_string"] = format::iso(low).into();
                stats["max_value_as_string"] = format::iso(high).into();
            }
            of_index.insert(field.path.to_string(), stats);
        }
        let mut passes = true;
        for (field, rules) in constraints.into_iter().flatten() {
            passes &= within(of_index.get(field), rules)?;
        }
        if passes {
            shown.insert(index.name.clone(), json!({ "fields": of_index }));
        }
    }
    if !by_index {
        // Over all indices, the widest bounds.
        let mut all = Map::new();
        for (_, part) in &shown {
            for (field, stats) in part
                .get("fields")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
            {
                let merged = all.entry(field.clone()).or_insert_with(|| stats.clone());
                widen(merged, stats);
            }
        }
        shown = Map::from_iter([("_all".to_owned(), json!({ "fields": all }))]);
    }
    Ok(Reply::json(
        &json!({"_shards": shards(entries.len()), "indices": shown}),
    ))
}

fn widen(into: &mut Value, from: &Value) {
    let number = |stats: &Value, key: &str| stats.get(key).and_then(Value::as_f64).unwrap_or_default();
    for (key, text, lower) in [
        ("min_value", "min_value_as_string", true),
        ("max_value", "max_value_as_string", false),
    ] {
        let (ours, theirs) = (number(into, key), number(from, key));
        if (lower && theirs < ours) || (!lower && theirs > ours) {
            into[key] = from[key].clone();
            if from.get(text).is_some() {
                into[text] = from[text].clone();
            }
        }
    }
}

/// Whether an index's bounds pass `{"max_value": {"gte": …, "format": …}, "min_value": {"lte": …}}`.
fn within(stats: Option<&Value>, rules: &Value) -> ApiResult<bool> {
    let Some(stats) = stats else { return Ok(false) };
    for (bound, tests) in rules.as_object().into_iter().flatten() {
        let Some(value) = stats.get(bound).and_then(Value::as_f64) else {
            return Ok(false);
        };
        let formats = match tests.get("format") {
            Some(format) => parse_formats(&dsl::text(format)).map_err(ApiError::argument)?,
            None => DEFAULT_FORMATS.to_vec(),
        };
        for (test, limit) in tests.as_object().into_iter().flatten() {
            if test == "format" {
                continue;
            }
            #[expect(
                clippy::cast_precision_loss,
                reason = "milliseconds of dates are exact in f64"
            )]
            let limit = match limit.as_f64() {
                Some(number) => number,
                None => math::evaluate(&dsl::text(limit), &formats, &Zone::UTC, now(), Round::Down)
                    .map_err(ApiError::argument)? as f64,
            };
            let holds = match test.as_str() {
                "gte" => value >= limit,
                "gt" => value > limit,
                "lte" => value <= limit,
                "lt" => value < limit,
                other => return Err(ApiError::parsing(format!("unknown constraint [{other}]"))),
            };
            if !holds {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

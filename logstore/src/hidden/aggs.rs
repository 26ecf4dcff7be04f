//! The aggregations that programs run over their saved objects: counts of values, filters, simple metrics.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::matching::{Matcher, View, millis};
use super::search::{Found, compare};
use crate::date::{format, zone::Zone};
use crate::error::{ApiError, ApiResult};

/// Values of a `terms` aggregation unless it says otherwise.
const DEFAULT_SIZE: usize = 10;

/// Runs aggregations over documents.
pub(super) fn run(specs: &Value, documents: &[&Found]) -> ApiResult<Value> {
    let specs = specs
        .as_object()
        .ok_or_else(|| ApiError::parsing("[aggs] must be an object of named aggregations"))?;
    let mut out = Map::new();
    for (name, spec) in specs {
        out.insert(name.clone(), one(name, spec, documents)?);
    }
    Ok(out.into())
}

fn one(name: &str, spec: &Value, documents: &[&Found]) -> ApiResult<Value> {
    let below = spec.get("aggs").or_else(|| spec.get("aggregations"));
    let (kind, body) = spec
        .as_object()
        .into_iter()
        .flatten()
        .find(|(key, _)| !matches!(key.as_str(), "aggs" | "aggregations" | "meta"))
        .ok_or_else(|| ApiError::parsing(format!("Missing definition for aggregation [{name}]")))?;
    let field = body.get("field").and_then(Value::as_str).unwrap_or_default();
    let bucket = |mut bucket: Value, documents: &[&Found]| -> ApiResult<Value> {
        bucket["doc_count"] = documents.len().into();
        if let (Some(below), Some(bucket)) = (below, bucket.as_object_mut())
            && let Value::Object(inner) = run(below, documents)?
        {
            bucket.extend(inner);
        }
        Ok(bucket)
    };
    Ok(match kind.as_str() {
        "terms" => terms(body, field, documents, &bucket)?,
        "filter" => bucket(json!({}), &filtered(body, documents)?)?,
        "missing" => {
            let without: Vec<&Found> = documents
                .iter()
                .copied()
                .filter(|found| view(found).values(field).1.is_empty())
                .collect();
            bucket(json!({}), &without)?
        }
        "filters" => {
            let mut buckets = Map::new();
            for (key, query) in body
                .get("filters")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
            {
                buckets.insert(key.clone(), bucket(json!({}), &filtered(query, documents)?)?);
            }
            json!({"buckets": buckets})
        }
        // The values below it are found wherever they are.
        "nested" | "reverse_nested" | "global" => bucket(json!({}), documents)?,
        "value_count" => json!({"value": values(field, documents).len()}),
        "cardinality" => {
            let mut distinct: Vec<String> = values(field, documents)
                .iter()
                .map(|(_, value)| value.to_string())
                .collect();
            distinct.sort();
            distinct.dedup();
            json!({"value": distinct.len()})
        }
        "min" | "max" | "sum" | "avg" => metric(kind, field, documents),
        other => {
            return Err(ApiError::parsing(format!(
                "aggregation [{other}] is not supported on hidden indices"
            )));
        }
    })
}

fn view<'a>(found: &'a Found) -> View<'a> {
    View::new(&found.index.name, &found.document, &found.mappings)
}

fn filtered<'a>(query: &Value, documents: &[&'a Found]) -> ApiResult<Vec<&'a Found>> {
    let matcher = Matcher::parse(Some(query))?;
    let mut kept = Vec::new();
    for found in documents {
        if matcher.matches(view(found))? {
            kept.push(*found);
        }
    }
    Ok(kept)
}

/// Every value of a field, with the type of the field. Dates are milliseconds.
fn values(field: &str, documents: &[&Found]) -> Vec<(String, Value)> {
    documents.iter().flat_map(|found| of(field, found)).collect()
}

fn of(field: &str, found: &Found) -> Vec<(String, Value)> {
    let own = |text: &str| vec![("keyword".to_owned(), Value::from(text))];
    match field {
        "_index" => own(&found.index.name),
        "_type" => own(&found.document.doc_type),
        "_id" => own(&found.document.id),
        field => {
            let (type_name, values) = view(found).values(field);
            values
                .into_iter()
                .filter_map(|value| {
                    let value = match type_name {
                        "date" | "date_nanos" => millis(value)?.into(),
                        _ => value.clone(),
                    };
                    Some((type_name.to_owned(), value))
                })
                .collect()
        }
    }
}

fn terms<'a>(
    body: &Value,
    field: &str,
    documents: &[&'a Found],
    bucket: &dyn Fn(Value, &[&'a Found]) -> ApiResult<Value>,
) -> ApiResult<Value> {
    let mut groups: Vec<(String, Value, Vec<&Found>)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for found in documents {
        let mut seen = Vec::new();
        for (type_name, value) in of(field, found) {
            let text = value.to_string();
            if seen.contains(&text) {
                continue;
            }
            let place = *places.entry(text.clone()).or_insert_with(|| {
                groups.push((type_name, value, Vec::new()));
                groups.len() - 1
            });
            groups[place].2.push(found);
            seen.push(text);
        }
    }
    let by_key = body
        .pointer("/order/_key")
        .or_else(|| body.pointer("/order/_term"));
    match by_key.and_then(Value::as_str) {
        Some(direction) => groups.sort_by(|a, b| {
            let ordering = compare(&a.1, &b.1);
            if direction == "desc" {
                ordering.reverse()
            } else {
                ordering
            }
        }),
        None => groups.sort_by(|a, b| b.2.len().cmp(&a.2.len()).then_with(|| compare(&a.1, &b.1))),
    }
    let size = match body.get("size").and_then(Value::as_u64) {
        None => DEFAULT_SIZE,
        Some(0) => usize::MAX,
        Some(size) => usize::try_from(size).unwrap_or(usize::MAX),
    };
    let other: usize = groups.iter().skip(size).map(|(_, _, found)| found.len()).sum();
    let buckets: Vec<Value> = groups
        .into_iter()
        .take(size)
        .map(|(type_name, value, found)| {
            let shown = match (type_name.as_str(), &value) {
                ("date" | "date_nanos", Value::Number(at)) => {
                    json!({"key": value, "key_as_string": format::format(at.as_i64().unwrap_or_default(), None, &Zone::UTC)})
                }
                (_, Value::Bool(flag)) => json!({"key": u8::from(*flag), "key_as_string": flag.to_string()}),
                _ => json!({"key": value}),
            };
            bucket(shown, &found)
        })
        .collect::<ApiResult<_>>()?;
    Ok(json!({"doc_count_error_upper_bound": 0, "sum_other_doc_count": other, "buckets": buckets}))
}

fn metric(kind: &str, field: &str, documents: &[&Found]) -> Value {
    let numbers: Vec<f64> = values(field, documents)
        .iter()
        .filter_map(|(_, value)| value.as_f64())
        .collect();
    let sum: f64 = numbers.iter().sum();
    let value = match kind {
        "sum" => Some(sum),
        _ if numbers.is_empty() => None,
        "min" => numbers.iter().copied().reduce(f64::min),
        "max" => numbers.iter().copied().reduce(f64::max),
        #[expect(clippy::cast_precision_loss, reason = "a mean of a few thousand values")]
        _ => Some(sum / numbers.len() as f64),
    };
    json!({"value": value})
}

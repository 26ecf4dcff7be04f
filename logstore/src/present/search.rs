//! Answers to searches. A hit's `_source` goes out as the bytes that came in, unless it is filtered.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use super::Presented;
use crate::error::{ApiError, ApiResult};
use crate::search::source::SourceFilter;
use crate::search::{Hit, Outcome, SearchRequest, fetch};

#[derive(Serialize)]
struct Answer<'a> {
    took: u64,
    timed_out: bool,
    _shards: Value,
    hits: Hits<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aggregations: Option<&'a Map<String, Value>>,
    /// Of an item of a multi-search.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
}

#[derive(Serialize)]
struct Hits<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<Value>,
    max_score: Option<f32>,
    hits: Vec<OneHit<'a>>,
}

#[derive(Serialize)]
struct OneHit<'a> {
    _index: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    _type: Option<&'static str>,
    _id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    _version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    _seq_no: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    _primary_term: Option<u64>,
    _score: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    _source: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    fields: Map<String, Value>,
    #[serde(skip_serializing_if = "<[Value]>::is_empty")]
    sort: &'a [Value],
}

/// The answer to a search, as JSON text.
pub fn search(
    presented: Presented,
    request: &SearchRequest,
    outcome: &Outcome,
    totals_as_int: bool,
    status: Option<u16>,
) -> ApiResult<String> {
    let hits = outcome
        .hits
        .iter()
        .map(|hit| one(presented, request, hit))
        .collect::<ApiResult<_>>()?;
    let total = outcome.total.map(|total| {
        if totals_as_int {
            json!(total.value)
        } else {
            json!({"value": total.value, "relation": if total.at_least { "gte" } else { "eq" }})
        }
    });
    let answer = Answer {
        took: outcome.took,
        timed_out: false,
        _shards: shards(outcome.shards),
        hits: Hits {
            total,
            max_score: outcome.max_score,
            hits,
        },
        aggregations: outcome.aggregations.as_ref(),
        status,
    };
    serde_json::to_string(&answer).map_err(|error| ApiError::internal(error.to_string()))
}

/// The `hits` of a bucket, as a value: what `top_hits` shows.
pub fn inner_hits(
    request: &SearchRequest,
    hits: &[Hit],
    total: u64,
    max_score: Option<f32>,
) -> ApiResult<Value> {
    let hits = hits
        .iter()
        .map(|hit| {
            let hit = one(Presented::default(), request, hit)?;
            // Through text, since `_source` is text already.
            let text = serde_json::to_string(&hit).map_err(|error| ApiError::internal(error.to_string()))?;
            serde_json::from_str(&text).map_err(|error| ApiError::internal(error.to_string()))
        })
        .collect::<ApiResult<Vec<Value>>>()?;
    Ok(json!({
        "total": {"value": total, "relation": "eq"},
        "max_score": max_score,
        "hits": hits,
    }))
}

/// `_shards` of an answer over some indices, each of which is one shard.
pub fn shards(count: usize) -> Value {
    json!({"total": count, "successful": count, "skipped": 0, "failed": 0})
}

fn one<'a>(presented: Presented, request: &SearchRequest, hit: &'a Hit) -> ApiResult<OneHit<'a>> {
    let unreadable = |error: serde_json::Error| {
        ApiError::internal(format!("stored document [{}] cannot be read: {error}", hit.id))
    };
    let wants_fields = !request.fields.is_empty() || !request.docvalue_fields.is_empty();
    let filters = matches!(request.source, SourceFilter::Some { .. });
    let tree: Option<Value> = if wants_fields || filters {
        Some(serde_json::from_slice(&hit.source).map_err(unreadable)?)
    } else {
        None
    };
    let source = match (&request.source, &tree) {
        (SourceFilter::Nothing, _) => None,
        (SourceFilter::All, _) => {
            let raw: &RawValue = serde_json::from_slice(&hit.source).map_err(unreadable)?;
            Some(raw.to_owned())
        }
        (filter, Some(tree)) => Some(to_raw_value(&filter.apply(tree)).map_err(unreadable)?),
        (_, None) => None,
    };
    let mut fields = Map::new();
    if let Some(tree) = &tree {
        fields = fetch::fields(tree, &hit.mapping, &request.docvalue_fields);
        fields.extend(fetch::fields(tree, &hit.mapping, &request.fields));
    }
    Ok(OneHit {
        _index: &hit.index.name,
        _type: presented.doc_type(),
        _id: &hit.id,
        _version: request.version.then_some(hit.version),
        _seq_no: request.seq_no.then_some(hit.seq_no),
        _primary_term: request.seq_no.then_some(1),
        _score: hit.score,
        _source: source,
        fields,
        sort: &hit.sort,
    })
}

/// Parameters of a URL that a search takes from outside its body.
pub fn totals_as_int(params: &HashMap<String, String>) -> bool {
    params
        .get("rest_total_hits_as_int")
        .is_some_and(|value| value != "false")
}

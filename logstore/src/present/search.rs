//! Answers to searches. A hit's `_source` goes out as the bytes that came in, unless it is filtered.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::Presented;
use crate::error::{ApiError, ApiResult};
use crate::search::{Hit, Outcome, SearchRequest, Total};

/// What an answer has besides what was found.
#[derive(Debug, Clone, Default)]
pub struct Envelope {
    /// Totals are numbers, as before 7.
    pub totals_as_int: bool,
    /// The status, of an item of a multi-search.
    pub status: Option<u16>,
    /// The id of the scroll.
    pub scroll_id: Option<String>,
    /// The id of the point in time.
    pub pit_id: Option<String>,
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    _scroll_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pit_id: Option<&'a str>,
    took: u64,
    timed_out: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    terminated_early: Option<bool>,
    _shards: Value,
    hits: Hits<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aggregations: Option<&'a Map<String, Value>>,
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
struct InnerHits<'a> {
    hits: Hits<'a>,
}

#[derive(Serialize)]
struct OneHit<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    _shard: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    _node: Option<&'static str>,
    _index: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    _type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    _id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    _version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    _seq_no: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    _primary_term: Option<u64>,
    _score: Option<f32>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    _ignored: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    _source: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "is_empty")]
    fields: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "is_empty")]
    highlight: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "<[Value]>::is_empty")]
    sort: &'a [Value],
    #[serde(skip_serializing_if = "Option::is_none")]
    matched_queries: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    _explanation: Option<&'a Value>,
    #[serde(skip_serializing_if = "HashMap::is_empty")]
    inner_hits: HashMap<&'a str, InnerHits<'a>>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes what it has by reference"
)]
fn is_empty(map: &&Map<String, Value>) -> bool {
    map.is_empty()
}

/// The named queries of a hit: a list of names, or their scores by name.
fn matched(named: &[(String, Option<f32>)]) -> Option<Value> {
    if named.is_empty() {
        return None;
    }
    let scores: Option<Map<String, Value>> = named
        .iter()
        .map(|(name, score)| Some((name.clone(), json!((*score)?))))
        .collect();
    Some(match scores {
        Some(scores) => scores.into(),
        None => named.iter().map(|(name, _)| Value::from(name.as_str())).collect(),
    })
}

/// The answer to a search, as JSON text.
pub fn search(
    presented: Presented,
    request: &SearchRequest,
    outcome: &Outcome,
    envelope: &Envelope,
) -> ApiResult<String> {
    let answer = Answer {
        _scroll_id: envelope.scroll_id.as_deref(),
        pit_id: envelope.pit_id.as_deref(),
        took: outcome.took,
        timed_out: outcome.timed_out,
        terminated_early: outcome.terminated_early,
        _shards: shards(outcome.shards),
        hits: hits(presented, request, outcome, envelope.totals_as_int),
        aggregations: outcome.aggregations.as_ref(),
        status: envelope.status,
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
            let hit = one(Presented::default(), request, hit, false);
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

fn total(total: Total, as_int: bool) -> Value {
    if as_int {
        json!(total.value)
    } else {
        json!({"value": total.value, "relation": if total.at_least { "gte" } else { "eq" }})
    }
}

fn hits<'a>(
    presented: Presented,
    request: &SearchRequest,
    outcome: &'a Outcome,
    totals_as_int: bool,
) -> Hits<'a> {
    Hits {
        // A number cannot say that nothing was counted, except as none.
        total: match outcome.total {
            Some(counted) => Some(total(counted, totals_as_int)),
            None => totals_as_int.then(|| json!(-1)),
        },
        max_score: outcome.max_score,
        hits: outcome
            .hits
            .iter()
            .map(|hit| one(presented, request, hit, totals_as_int))
            .collect(),
    }
}

fn one<'a>(presented: Presented, request: &SearchRequest, hit: &'a Hit, totals_as_int: bool) -> OneHit<'a> {
    let inner = request.collapse.iter().flat_map(|collapse| &collapse.inner);
    OneHit {
        _shard: request.explain.then(|| format!("[{}][0]", hit.index)),
        _node: request.explain.then_some("_local"),
        _index: &hit.index,
        _type: presented.doc_type(),
        _id: hit.id.as_deref(),
        _version: request.version.then_some(hit.version),
        _seq_no: request.seq_no.then_some(hit.seq_no),
        _primary_term: request.seq_no.then_some(1),
        _score: hit.score,
        _source: hit.source.as_deref(),
        fields: &hit.fields,
        highlight: &hit.highlight,
        sort: &hit.sort,
        matched_queries: matched(&hit.matched),
        _ignored: &hit.ignored,
        _explanation: hit.explanation.as_ref(),
        inner_hits: hit
            .inner
            .iter()
            .zip(inner)
            .map(|((name, outcome), (_, request))| {
                let hits = hits(presented, request, outcome, totals_as_int);
                (name.as_str(), InnerHits { hits })
            })
            .collect(),
    }
}

/// Parameters of a URL that a search takes from outside its body.
pub fn totals_as_int(params: &HashMap<String, String>) -> bool {
    params
        .get("rest_total_hits_as_int")
        .is_some_and(|value| value != "false")
}

//! The bodies of searches, and how their answers are read. Pure. What is used of the Elasticsearch API exists in
//! all versions and in OpenSearch, except `fixed_interval` (7.2 and later): a store without it cannot count over
//! time, and the console then counts what it has loaded.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::state::logs::{Batch, Bucket, Level, LogQuery, LogRecord};

/// A follower asks again for this much of what it has: records of several nodes arrive out of order.
const OVERLAP: SignedDuration = SignedDuration::from_secs(3);

/// The search for the newest records: all of the window, or what came after `newest`.
pub fn search_body(query: &LogQuery, now: Timestamp, newest: Option<Timestamp>) -> Value {
    let mut from = window_start(query, now);
    if let Some(newest) = newest {
        from = from.max(newest - OVERLAP);
    }
    json!({
        "size": query.page,
        "sort": [{"@timestamp": {"order": "desc"}}, {"_doc": {"order": "desc"}}],
        "query": {"bool": {"filter": filters(query, json!({"gte": from.to_string()}))}},
    })
}

/// The count of records between two times, both excluded: those that a page was too small for.
pub fn between_body(query: &LogQuery, after: Timestamp, before: Timestamp) -> Value {
    let range = json!({"gt": after.to_string(), "lt": before.to_string()});
    json!({"query": {"bool": {"filter": filters(query, range)}}})
}

/// The counts over time.
pub fn counts_body(query: &LogQuery, now: Timestamp, width: u64) -> Value {
    let from = counts_start(query, now, width);
    let range = json!({"gte": from.to_string(), "lte": now.to_string()});
    json!({
        "size": 0,
        "query": {"bool": {"filter": filters(query, range)}},
        "aggs": {"over_time": {
            "date_histogram": {"field": "@timestamp", "fixed_interval": format!("{}s", width / 1000)},
            "aggs": {"level": {"terms": {"field": "log.level", "size": 20}}},
        }},
    })
}

/// The start of the first bucket: buckets start at multiples of their width, as the store's do.
pub fn counts_start(query: &LogQuery, now: Timestamp, width: u64) -> Timestamp {
    let width_ms = i64::try_from(width).unwrap_or(i64::MAX);
    let start = window_start(query, now).as_millisecond().div_euclid(width_ms) * width_ms;
    Timestamp::from_millisecond(start).unwrap_or(now)
}

/// Reads the records of an answer, oldest first.
pub fn read_records(answer: &Value) -> Result<Batch, String> {
    let hits = answer.pointer("/hits/hits").and_then(Value::as_array);
    let hits = hits.ok_or_else(|| "the store's answer has no hits".to_owned())?;
    let mut records: Vec<LogRecord> = hits
        .iter()
        .filter_map(|hit| {
            // The same id may exist in the indices of two days.
            let id = format!(
                "{}/{}",
                hit["_index"].as_str().unwrap_or_default(),
                hit["_id"].as_str()?
            );
            LogRecord::read(&id, &hit["_source"])
        })
        .collect();
    records.reverse();
    Ok(Batch { records, skipped: 0 })
}

/// Reads the counts of an answer into one bucket each `width_ms` from `from` until `now`.
pub fn read_counts(
    answer: &Value,
    from: Timestamp,
    width_ms: u64,
    now: Timestamp,
) -> Result<Vec<Bucket>, String> {
    let found = answer
        .pointer("/aggregations/over_time/buckets")
        .and_then(Value::as_array);
    let found = found.ok_or_else(|| "the store's answer has no counts".to_owned())?;
    let width = i64::try_from(width_ms).unwrap_or(i64::MAX).max(1);
    let span = (now.as_millisecond() - from.as_millisecond()).max(0);
    let count = usize::try_from(span / width + 1).unwrap_or(1).min(10_000);
    let mut buckets = vec![Bucket::default(); count];
    for entry in found {
        let start = entry["key"].as_i64().or_else(|| {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "milliseconds since 1970 fit, in any year"
            )]
            entry["key"].as_f64().map(|key| key as i64)
        });
        let index = start.map(|start| (start - from.as_millisecond()).div_euclid(width));
        let index = index.and_then(|index| usize::try_from(index).ok());
        let Some(bucket) = index.and_then(|index| buckets.get_mut(index)) else {
            continue;
        };
        let mut rest = entry["doc_count"].as_u64().unwrap_or(0);
        for level in entry
            .pointer("/level/buckets")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let count = level["doc_count"].as_u64().unwrap_or(0);
            bucket.add(Level::parse(level["key"].as_str().unwrap_or_default()), count);
            rest = rest.saturating_sub(count);
        }
        // Records without a level.
        bucket.rest += rest;
    }
    Ok(buckets)
}

/// The word that an error of the store is about.
pub fn read_error(status: u16, answer: &str) -> String {
    let parsed: Option<Value> = serde_json::from_str(answer).ok();
    let reason = parsed.as_ref().and_then(|answer| {
        let reason = answer
            .pointer("/error/root_cause/0/reason")
            .or_else(|| answer.pointer("/error/reason"));
        reason.or_else(|| answer.get("error"))?.as_str()
    });
    format!(
        "the store answered {status}: {}",
        reason.unwrap_or("no reason given")
    )
}

fn window_start(query: &LogQuery, now: Timestamp) -> Timestamp {
    let minutes = i64::try_from(query.since_minutes).unwrap_or(i64::MAX / 60);
    now - SignedDuration::from_mins(minutes)
}

fn filters(query: &LogQuery, range: Value) -> Vec<Value> {
    let mut filters = vec![json!({"range": {"@timestamp": range}})];
    if query.level > Level::Trace {
        filters.push(json!({"terms": {"log.level": query.level.spellings_from()}}));
    }
    if !query.clusters.is_empty() {
        filters.push(json!({"terms": {"service.name": query.clusters}}));
    }
    if let Some(node) = &query.node {
        filters.push(json!({"term": {"service.node.name": node}}));
    }
    if !query.text.is_empty() {
        // As everybody means it who types two words.
        filters.push(json!({"query_string": {"query": query.text, "default_operator": "AND"}}));
    }
    filters
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_follower_asks_for_what_came_after_and_a_little_before() {
        let now = at("2026-03-01T12:00:00Z");
        let body = search_body(&LogQuery::recent(), now, Some(at("2026-03-01T11:59:50Z")));
        assert_eq!(
            body["query"]["bool"]["filter"][0]["range"]["@timestamp"]["gte"],
            "2026-03-01T11:59:47Z"
        );
        let body = search_body(&LogQuery::recent(), now, Some(at("2026-03-01T10:00:00Z")));
        assert_eq!(
            body["query"]["bool"]["filter"][0]["range"]["@timestamp"]["gte"],
            "2026-03-01T11:45:00Z"
        );
    }

    #[test]
    fn counts_fill_the_window_and_records_without_a_level_count() {
        let now = at("2026-03-01T12:00:00Z");
        let width = 15_000;
        let from = counts_start(&LogQuery::recent(), now, width);
        assert_eq!(from, at("2026-03-01T11:45:00Z"));
        let key = at("2026-03-01T11:45:15Z").as_millisecond();
        let answer = json!({"aggregations": {"over_time": {"buckets": [{"key": key, "doc_count": 6,
            "level": {"buckets": [{"key": "ERROR", "doc_count": 1}, {"key": "warn", "doc_count": 2}]}}]}}});
        let buckets = read_counts(&answer, from, width, now).unwrap();
        assert_eq!(buckets.len(), 61);
        assert_eq!(
            buckets[1],
            Bucket {
                error: 1,
                warn: 2,
                rest: 3
            }
        );
        assert_eq!(buckets[0], Bucket::default());
    }

    #[test]
    fn errors_of_the_store_are_told_in_its_words() {
        let answer = r#"{"error":{"root_cause":[{"reason":"no mapping for [@timestamp]"}]},"status":400}"#;
        assert_eq!(
            read_error(400, answer),
            "the store answered 400: no mapping for [@timestamp]"
        );
        assert_eq!(
            read_error(502, "<html>"),
            "the store answered 502: no reason given"
        );
    }
}

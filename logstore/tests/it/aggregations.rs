//! Aggregations, over one index and several.

use serde_json::{Value, json};

use crate::server::Server;

async fn logs() -> Server {
    let server = Server::start().await;
    // Two indices and several segments, so that everything is merged.
    let levels = ["info", "info", "warn", "info", "error", "warn"];
    for (number, level) in levels.iter().enumerate() {
        let document = json!({
            "@timestamp": format!("2026-11-{:02}T{:02}:30:00Z", 24 + number / 3, 9 + number % 3),
            "level": level, "ms": (number + 1) * 10, "ok": number % 2 == 0,
        });
        server
            .index(
                &format!("logs-{}", number % 2),
                &[(&number.to_string(), document)],
            )
            .await;
    }
    server
        .index("logs-1", &[("x", json!({"@timestamp": "2026-11-30T00:00:00Z"}))])
        .await;
    server
}

async fn agg(server: &Server, agg: Value) -> Value {
    let answer = server
        .search("logs-*", json!({"size": 0, "aggs": {"a": agg}}))
        .await;
    answer["aggregations"]["a"].clone()
}

fn buckets(agg: &Value) -> Vec<(Value, u64)> {
    let list = agg["buckets"].as_array().unwrap();
    list.iter()
        .map(|bucket| (bucket["key"].clone(), bucket["doc_count"].as_u64().unwrap()))
        .collect()
}

#[tokio::test]
async fn terms_are_counted_ordered_and_nested() {
    let server = logs().await;
    let level = json!({"terms": {"field": "level.keyword"}});
    assert_eq!(
        buckets(&agg(&server, level).await),
        [(json!("info"), 3), (json!("warn"), 2), (json!("error"), 1)]
    );
    let by_key = json!({"terms": {"field": "level.keyword", "order": {"_key": "asc"}, "size": 2}});
    let answer = agg(&server, by_key).await;
    assert_eq!(buckets(&answer), [(json!("error"), 1), (json!("info"), 3)]);
    assert_eq!(answer["sum_other_doc_count"], 2);
    let by_metric = json!({"terms": {"field": "level.keyword", "order": {"slowest.max": "desc"}}, "aggs": {"slowest.max": {"avg": {"field": "ms"}}, "slowest": {"stats": {"field": "ms"}}}});
    let answer = agg(&server, by_metric).await;
    assert_eq!(buckets(&answer)[0].0, "warn");
    assert_eq!(answer["buckets"][0]["slowest"]["max"], 60.0);
    let missing = json!({"terms": {"field": "level.keyword", "missing": "none", "min_doc_count": 1}});
    assert!(buckets(&agg(&server, missing).await).contains(&(json!("none"), 1)));
    let numbers = json!({"terms": {"field": "ms", "order": {"_key": "desc"}, "size": 1}});
    assert_eq!(buckets(&agg(&server, numbers).await), [(json!(60), 1)]);
    let booleans = agg(&server, json!({"terms": {"field": "ok"}})).await;
    assert_eq!(
        (
            &booleans["buckets"][0]["key"],
            &booleans["buckets"][0]["key_as_string"]
        ),
        (&json!(0), &json!("false"))
    );
    let dates = agg(
        &server,
        json!({"terms": {"field": "@timestamp", "order": {"_key": "asc"}}}),
    )
    .await;
    assert_eq!(dates["buckets"][0]["key_as_string"], "2026-11-24T09:30:00.000Z");
    let excluded = agg(
        &server,
        json!({"terms": {"field": "level.keyword", "exclude": ["info"]}}),
    )
    .await;
    assert_eq!(buckets(&excluded), [(json!("warn"), 2), (json!("error"), 1)]);
}

#[tokio::test]
async fn date_histograms_cut_time_by_length_calendar_and_zone() {
    let server = logs().await;
    let at = |answer: &Value| -> Vec<(String, u64)> {
        let list = answer["buckets"].as_array().unwrap();
        list.iter()
            .map(|b| {
                (
                    b["key_as_string"].as_str().unwrap().to_owned(),
                    b["doc_count"].as_u64().unwrap(),
                )
            })
            .collect()
    };
    let own = |list: &[(&str, u64)]| {
        list.iter()
            .map(|(k, n)| ((*k).to_owned(), *n))
            .collect::<Vec<_>>()
    };
    let daily = json!({"date_histogram": {"field": "@timestamp", "calendar_interval": "day", "format": "yyyy-MM-dd", "min_doc_count": 1}});
    assert_eq!(
        at(&agg(&server, daily).await),
        own(&[("2026-11-24", 3), ("2026-11-25", 3), ("2026-11-30", 1)])
    );
    let full = json!({"date_histogram": {"field": "@timestamp", "fixed_interval": "1d"}});
    assert_eq!(
        at(&agg(&server, full).await).len(),
        7,
        "empty buckets between full ones"
    );
    let zoned = json!({"date_histogram": {"field": "@timestamp", "fixed_interval": "1d", "time_zone": "-10:00", "min_doc_count": 1}});
    assert_eq!(
        at(&agg(&server, zoned).await)[0],
        ("2026-11-23T00:00:00.000-10:00".to_owned(), 1)
    );
    let berlin = json!({"date_histogram": {"field": "@timestamp", "calendar_interval": "1d", "time_zone": "+01:00", "min_doc_count": 1}});
    assert_eq!(
        at(&agg(&server, berlin).await)[0],
        ("2026-11-24T00:00:00.000+01:00".to_owned(), 3)
    );
    let weekly = json!({"date_histogram": {"field": "@timestamp", "calendar_interval": "week", "format": "yyyy-MM-dd"}});
    assert_eq!(
        at(&agg(&server, weekly).await),
        own(&[("2026-11-23", 6), ("2026-11-30", 1)])
    );
    let monthly = json!({"date_histogram": {"field": "@timestamp", "calendar_interval": "month", "format": "yyyy-MM"}, "aggs": {"l": {"terms": {"field": "level.keyword", "size": 1}}}});
    let answer = agg(&server, monthly).await;
    assert_eq!(at(&answer), own(&[("2026-11", 7)]));
    assert_eq!(buckets(&answer["buckets"][0]["l"]), [(json!("info"), 3)]);
    let legacy = json!({"date_histogram": {
        "field": "@timestamp", "interval": "12h", "min_doc_count": 0, "format": "epoch_millis",
        "extended_bounds": {"min": 1_795_435_200_000_i64, "max": 1_795_478_400_000_i64},
    }});
    assert_eq!(
        at(&agg(&server, legacy).await)[0],
        ("1795435200000".to_owned(), 0),
        "the bounds are extended"
    );
}

#[tokio::test]
async fn filters_ranges_and_histograms() {
    let server = logs().await;
    let filters = json!({"filters": {"filters": {
        "bad": {"query_string": {"query": "level:(error OR warn)", "analyze_wildcard": true}},
        "all": {"match_all": {}},
    }, "other_bucket": true}, "aggs": {"s": {"sum": {"field": "ms"}}}});
    let answer = agg(&server, filters).await;
    assert_eq!(
        answer["buckets"]["bad"],
        json!({"doc_count": 3, "s": {"value": 140.0}})
    );
    assert_eq!(answer["buckets"]["all"]["doc_count"], 7);
    assert_eq!(answer["buckets"]["_other_"]["doc_count"], 0);
    let filter = json!({"filter": {"term": {"ok": true}}, "aggs": {"m": {"max": {"field": "ms"}}}});
    assert_eq!(
        agg(&server, filter).await,
        json!({"doc_count": 3, "m": {"value": 50.0}})
    );
    let ranges = json!({"range": {"field": "ms", "ranges": [{"to": 30}, {"from": 20, "to": 50, "key": "middle"}, {"from": 50}]}});
    let answer = agg(&server, ranges).await;
    assert_eq!(
        buckets(&answer),
        [(json!("*-30.0"), 2), (json!("middle"), 3), (json!("50.0-*"), 2)],
        "ranges may overlap"
    );
    let histogram = json!({"histogram": {"field": "ms", "interval": 25}});
    assert_eq!(
        buckets(&agg(&server, histogram).await),
        [(json!(0.0), 2), (json!(25.0), 2), (json!(50.0), 2)]
    );
    assert_eq!(
        agg(&server, json!({"missing": {"field": "ms"}})).await,
        json!({"doc_count": 1})
    );
    let nested = json!({"terms": {"field": "level.keyword"}, "aggs": {"f": {"filters": {"filters": [{"term": {"ok": true}}]}}}});
    assert_eq!(
        agg(&server, nested).await["buckets"][0]["f"]["buckets"][0]["doc_count"],
        1
    );
}

#[tokio::test]
async fn metrics_are_computed_over_all_indices() {
    let server = logs().await;
    let value = async |name: &str| agg(&server, json!({name: {"field": "ms"}})).await["value"].clone();
    assert_eq!(value("avg").await, 35.0);
    assert_eq!(value("sum").await, 210.0);
    assert_eq!(value("min").await, 10.0);
    assert_eq!(value("max").await, 60.0);
    assert_eq!(value("value_count").await, 6);
    let levels = json!({"cardinality": {"field": "level.keyword"}});
    assert_eq!(agg(&server, levels).await["value"], 3);
    let stats = agg(&server, json!({"stats": {"field": "ms"}})).await;
    assert_eq!(
        stats,
        json!({"count": 6, "sum": 210.0, "min": 10.0, "max": 60.0, "avg": 35.0})
    );
    let percentiles = agg(
        &server,
        json!({"percentiles": {"field": "ms", "percents": ["50", "99.9"]}}),
    )
    .await;
    let median = percentiles["values"]["50.0"].as_f64().unwrap();
    assert!((median - 30.0).abs() < 11.0, "{percentiles}");
    let newest = agg(&server, json!({"max": {"field": "@timestamp"}})).await;
    assert_eq!(newest["value_as_string"], "2026-11-30T00:00:00.000Z");
    let nothing = agg(&server, json!({"avg": {"field": "nope"}})).await;
    assert_eq!(nothing["value"], Value::Null);
}

#[tokio::test]
async fn too_many_buckets_are_refused_by_name() {
    let server = Server::start_with(&["--max-buckets", "100"]).await;
    let documents = [
        ("1", json!({"@timestamp": "2026-01-01"})),
        ("2", json!({"@timestamp": "2026-12-31"})),
    ];
    server.index("logs", &documents).await;
    let body = json!({"size": 0, "aggs": {"a": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1m"}}}});
    let (status, answer) = server.call("POST", "/logs/_search", Some(body)).await;
    assert_eq!(
        (status, &answer["error"]["type"]),
        (400, &json!("too_many_buckets_exception")),
        "{answer}"
    );
}

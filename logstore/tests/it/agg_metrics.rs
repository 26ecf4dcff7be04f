//! Metrics and pipelines, as a table of requests with the answers that Elasticsearch documents for them.

use serde_json::{Value, json};

use crate::agg_buckets::{ask, shop, table};
use crate::server::Server;

#[tokio::test]
async fn metrics_in_every_form() {
    let server = shop().await;
    let v = |value: f64| json!({"value": value});
    table(&server, vec![
        (json!({"avg": {"field": "price"}}), v(25.125)),
        (json!({"avg": {"field": "price", "missing": 0}}), v(20.1)),
        (json!({"sum": {"field": "price", "format": "0.00"}}), json!({"value": 100.5, "value_as_string": "100.50"})),
        (json!({"min": {"field": "price"}}), v(10.0)),
        (json!({"max": {"field": "at", "format": "yyyy"}}), json!({"value": 1_776_765_600_000.0, "value_as_string": "2026"})),
        (json!({"avg": {"field": "sold"}}), json!({"value": 0.75, "value_as_string": "true"})),
        (json!({"stats": {"field": "count"}}), json!({"count": 4, "min": 1.0, "max": 1.0, "avg": 1.0, "sum": 4.0})),
        (json!({"value_count": {"field": "tags"}}), json!({"value": 6})),
        (json!({"cardinality": {"field": "tags"}}), json!({"value": 3})),
        (json!({"cardinality": {"field": "price", "precision_threshold": 100}}), json!({"value": 4})),
        (json!({"cardinality": {"field": "ip"}}), json!({"value": 4})),
        (json!({"percentiles": {"field": "price", "percents": ["50", 100]}}), json!({"values": {"50.0": 25.0, "100.0": 40.5}})),
        (json!({"percentiles": {"field": "price", "percents": [50], "keyed": false, "hdr": {"number_of_significant_value_digits": 3}}}), json!({"values": [{"key": 50.0, "value": 20.007_812_5}]})),
        (json!({"percentile_ranks": {"field": "price", "values": [100]}}), json!({"values": {"100.0": 100.0}})),
        (json!({"median_absolute_deviation": {"field": "price"}}), v(10.0)),
        (json!({"weighted_avg": {"value": {"field": "price"}, "weight": {"field": "count"}}}), v(25.125)),
        (json!({"top_metrics": {"metrics": [{"field": "price"}, {"field": "kind"}], "sort": {"at": "desc"}}}),
            json!({"top": [{"sort": [1_776_765_600_000_i64], "metrics": {"price": null, "kind": "pin"}}]})),
        (json!({"avg": {"field": "nowhere"}}), json!({"value": null})),
        (json!({"sum": {"field": "nowhere"}}), v(0.0)),
        (json!({"cardinality": {"field": "nowhere"}}), json!({"value": 0})),
        (json!({"stats": {"field": "nowhere"}}), json!({"count": 0, "min": null, "max": null, "avg": null, "sum": 0.0})),
        (json!({"percentiles": {"field": "nowhere", "percents": [50]}}), json!({"values": {"50.0": null}})),
        (json!({"weighted_avg": {"value": {"field": "nowhere"}, "weight": {"field": "count"}}}), json!({"value": null})),
        (json!({"extended_stats": {"field": "count"}}), json!({
            "count": 4, "min": 1.0, "max": 1.0, "avg": 1.0, "sum": 4.0, "sum_of_squares": 4.0,
            "variance": 0.0, "variance_population": 0.0, "variance_sampling": 0.0,
            "std_deviation": 0.0, "std_deviation_population": 0.0, "std_deviation_sampling": 0.0,
            "std_deviation_bounds": {"upper": 1.0, "lower": 1.0, "upper_population": 1.0, "lower_population": 1.0, "upper_sampling": 1.0, "lower_sampling": 1.0},
        })),
    ]).await;
}

#[tokio::test]
async fn top_hits_are_the_best_documents_of_each_bucket() {
    let server = shop().await;
    let agg = json!({"terms": {"field": "kind", "size": 1}, "aggs": {"best": {"top_hits": {
        "size": 1, "from": 1, "sort": [{"at": "desc"}], "_source": ["kind"], "docvalue_fields": [{"field": "at", "format": "yyyy-MM"}],
    }}}});
    let answer = ask(&server, &agg).await;
    let hits = &answer["buckets"][0]["best"]["hits"];
    assert_eq!(hits["total"], json!({"value": 3, "relation": "eq"}));
    let hit = &hits["hits"][0];
    assert_eq!((&hit["_index"], &hit["_id"]), (&json!("shop-a"), &json!("3")));
    assert_eq!(hit["_source"], json!({"kind": "hat"}));
    assert_eq!(hit["fields"], json!({"at": ["2026-02"]}));
    let single = json!({"size": 0, "aggs": {"a": {"top_hits": {"size": 2, "sort": [{"price": "desc"}], "_source": false}}}});
    let answer = server.search("shop-a", single).await;
    let sorted = &answer["aggregations"]["a"]["hits"]["hits"];
    assert_eq!(
        (&sorted[0]["sort"], &sorted[1]["sort"]),
        (&json!([30]), &json!([20]))
    );
    let scored = json!({"size": 0, "query": {"match": {"text": "hat"}}, "aggs": {"best": {"top_hits": {}}}});
    let answer = server.search("shop-*", scored).await;
    let hits = &answer["aggregations"]["best"]["hits"];
    assert_eq!(hits["hits"].as_array().unwrap().len(), 3);
    assert!(hits["max_score"].as_f64().unwrap() > 0.0, "{hits}");
}

async fn sales() -> Server {
    let server = shop().await;
    let body = json!({"mappings": {"properties": {"at": {"type": "date"}, "v": {"type": "double"}, "k": {"type": "keyword"}}}});
    server.put("/sales", body).await;
    let rows: Vec<(String, Value)> = [(1, 10.0), (2, 30.0), (4, 20.0), (5, 60.0)]
        .into_iter()
        .map(|(day, v)| {
            (
                day.to_string(),
                json!({"at": format!("2026-01-{day:02}"), "v": v, "k": if day < 3 { "a" } else { "b" }}),
            )
        })
        .collect();
    let rows: Vec<(&str, Value)> = rows.iter().map(|(id, row)| (id.as_str(), row.clone())).collect();
    server.index("sales", &rows).await;
    server
}

/// The values of a pipeline in each day's bucket; `-`: it has none.
async fn days(server: &Server, pipeline: Value) -> Vec<Value> {
    let body = json!({"size": 0, "aggs": {"days": {
        "date_histogram": {"field": "at", "calendar_interval": "day"},
        "aggs": {"s": {"sum": {"field": "v"}}, "a": {"avg": {"field": "v"}}, "p": pipeline},
    }}});
    let (status, answer) = server.call("POST", "/sales/_search", Some(body)).await;
    assert_eq!(status, 200, "{answer}");
    let list = answer["aggregations"]["days"]["buckets"]
        .as_array()
        .unwrap()
        .clone();
    list.iter()
        .map(|bucket| match bucket.get("p") {
            None => json!("-"),
            Some(p) => p["value"].clone(),
        })
        .collect()
}

#[tokio::test]
async fn parent_pipelines_add_to_each_bucket() {
    let server = sales().await;
    for (pipeline, expected) in [
        (
            json!({"derivative": {"buckets_path": "a"}}),
            json!(["-", 20.0, null, null, 40.0]),
        ),
        (
            json!({"derivative": {"buckets_path": "a", "gap_policy": "insert_zeros"}}),
            json!(["-", 20.0, -30.0, 20.0, 40.0]),
        ),
        (
            json!({"cumulative_sum": {"buckets_path": "s"}}),
            json!([10.0, 40.0, 40.0, 60.0, 120.0]),
        ),
        (
            json!({"serial_diff": {"buckets_path": "s", "lag": 1}}),
            json!(["-", 20.0, "-", "-", 40.0]),
        ),
        (
            json!({"moving_fn": {"buckets_path": "s", "window": 2, "script": "MovingFunctions.unweightedAvg(values)"}}),
            json!([null, 10.0, "-", 20.0, 25.0]),
        ),
        (
            json!({"moving_fn": {"buckets_path": "s", "window": 2, "shift": 1, "script": "MovingFunctions.max(values)"}}),
            json!([10.0, 30.0, "-", 30.0, 60.0]),
        ),
        (
            json!({"bucket_script": {"buckets_path": {"x": "s", "n": "_count"}, "script": "params.x / params.n * 2"}}),
            json!([20.0, 60.0, "-", 40.0, 120.0]),
        ),
        (
            json!({"bucket_script": {"buckets_path": {"x": "s"}, "script": {"source": "x > params.limit ? 1 : 0", "params": {"limit": 25}}}}),
            json!([0.0, 1.0, "-", 0.0, 1.0]),
        ),
        (
            json!({"bucket_selector": {"buckets_path": {"n": "_count"}, "script": "params.n > 0"}}),
            json!(["-", "-", "-", "-"]),
        ),
        (
            json!({"normalize": {"buckets_path": "s", "method": "percent_of_sum", "gap_policy": "insert_zeros"}}),
            json!([10.0 / 120.0, 0.25, 0.0, 20.0 / 120.0, 0.5]),
        ),
    ] {
        assert_eq!(
            Value::from(days(&server, pipeline.clone()).await),
            expected,
            "{pipeline}"
        );
    }
    let keyed = json!({"size": 0, "aggs": {"k": {"terms": {"field": "k"}, "aggs": {
        "d": {"filters": {"filters": {"big": {"range": {"v": {"gte": 25}}}}}},
        "p": {"bucket_script": {"buckets_path": {"b": "d['big']>_count", "n": "d._bucket_count"}, "script": "params.b * 10 + params.n"}},
    }}}});
    let answer = server.search("sales", keyed).await;
    assert_eq!(answer["aggregations"]["k"]["buckets"][0]["p"]["value"], 11.0);
    let units = json!({"size": 0, "aggs": {"d": {"date_histogram": {"field": "at", "calendar_interval": "day", "min_doc_count": 1}, "aggs": {
        "s": {"sum": {"field": "v"}}, "p": {"derivative": {"buckets_path": "s", "unit": "day"}},
        "q": {"derivative": {"buckets_path": "p"}}, "top": {"bucket_sort": {"sort": [{"s": {"order": "desc"}}], "size": 2}},
    }}}});
    let answer = server.search("sales", units).await;
    let buckets = &answer["aggregations"]["d"]["buckets"];
    assert_eq!(buckets.as_array().unwrap().len(), 2);
    assert_eq!(
        (&buckets[0]["s"]["value"], &buckets[1]["s"]["value"]),
        (&json!(60.0), &json!(30.0))
    );
    assert_eq!(buckets[0]["p"], json!({"value": 40.0, "normalized_value": 40.0}));
    assert_eq!(buckets[0]["q"]["value"], 50.0);
}

#[tokio::test]
async fn sibling_pipelines_sum_up_buckets() {
    let server = sales().await;
    let one = |pipeline: Value| {
        json!({"size": 0, "aggs": {
            "k": {"terms": {"field": "k"}, "aggs": {"s": {"sum": {"field": "v"}}, "d": {"date_histogram": {"field": "at", "calendar_interval": "day", "min_doc_count": 1}, "aggs": {"s": {"sum": {"field": "v"}}}}, "m": {"max_bucket": {"buckets_path": "d>s"}}}},
            "p": pipeline,
        }})
    };
    for (pipeline, expected) in [
        (
            json!({"avg_bucket": {"buckets_path": "k>s"}}),
            json!({"value": 60.0}),
        ),
        (
            json!({"sum_bucket": {"buckets_path": "k>_count"}}),
            json!({"value": 4.0}),
        ),
        (
            json!({"max_bucket": {"buckets_path": "k>s"}}),
            json!({"value": 80.0, "keys": ["b"]}),
        ),
        (
            json!({"min_bucket": {"buckets_path": "k>s"}}),
            json!({"value": 40.0, "keys": ["a"]}),
        ),
        (
            json!({"stats_bucket": {"buckets_path": "k>s"}}),
            json!({"count": 2, "min": 40.0, "max": 80.0, "avg": 60.0, "sum": 120.0}),
        ),
        (
            json!({"percentiles_bucket": {"buckets_path": "k>s", "percents": [0, 100]}}),
            json!({"values": {"0.0": 40.0, "100.0": 80.0}}),
        ),
        (
            json!({"avg_bucket": {"buckets_path": "k['a']>s"}}),
            json!({"value": 40.0}),
        ),
    ] {
        let answer = server.search("sales", one(pipeline.clone())).await;
        assert_eq!(answer["aggregations"]["p"], expected, "{pipeline}");
        assert_eq!(answer["aggregations"]["k"]["buckets"][1]["m"]["value"], 60.0);
    }
    for (pipeline, word) in [
        (
            json!({"avg_bucket": {"buckets_path": "nope>s"}}),
            "No aggregation found for path [nope>s]",
        ),
        (
            json!({"derivative": {"buckets_path": "k"}}),
            "must have a histogram",
        ),
        (
            json!({"bucket_script": {"buckets_path": {"a": "k"}, "script": "doc['x'].value"}}),
            "doc",
        ),
    ] {
        let (status, answer) = server.call("POST", "/sales/_search", Some(one(pipeline))).await;
        assert_eq!(status, 400, "{answer}");
        assert!(
            answer["error"]["reason"].as_str().unwrap().contains(word),
            "{answer}"
        );
    }
}

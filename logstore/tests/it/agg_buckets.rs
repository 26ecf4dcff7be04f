//! Buckets, as a table of requests with the answers that Elasticsearch documents for them.

use serde_json::{Value, json};

use crate::server::Server;

/// Two indices whose mappings differ a little; every type that has a column.
pub(crate) async fn shop() -> Server {
    let server = Server::start().await;
    let mapping = |price: &str| {
        json!({"mappings": {"properties": {
            "at": {"type": "date"}, "kind": {"type": "keyword"}, "tags": {"type": "keyword"},
            "price": {"type": price}, "count": {"type": "long"}, "sold": {"type": "boolean"},
            "ip": {"type": "ip"}, "text": {"type": "text"},
        }}})
    };
    server.put("/shop-a", mapping("long")).await;
    server.put("/shop-b", mapping("double")).await;
    let row = |at: &str, kind: &str, tags: &[&str], price: f64, sold: bool, ip: &str| json!({"at": at, "kind": kind, "tags": tags, "price": price, "count": 1, "sold": sold, "ip": ip, "text": kind});
    server
        .index(
            "shop-a",
            &[
                (
                    "1",
                    row(
                        "2026-01-01T10:00:00Z",
                        "hat",
                        &["red", "wool"],
                        10.0,
                        true,
                        "10.0.0.1",
                    ),
                ),
                (
                    "2",
                    row("2026-01-15T10:00:00Z", "bag", &["red"], 20.0, false, "10.0.0.9"),
                ),
                (
                    "3",
                    row("2026-02-03T10:00:00Z", "hat", &["blue"], 30.0, true, "10.0.1.2"),
                ),
            ],
        )
        .await;
    server
        .index(
            "shop-b",
            &[
                (
                    "4",
                    row(
                        "2026-04-20T10:00:00Z",
                        "hat",
                        &["red", "red"],
                        40.5,
                        true,
                        "192.168.0.1",
                    ),
                ),
                ("5", json!({"at": "2026-04-21T10:00:00Z", "kind": "pin"})),
            ],
        )
        .await;
    server
}

pub(crate) async fn ask(server: &Server, agg: &Value) -> Value {
    let body = json!({"size": 0, "aggs": {"a": agg}});
    let (status, answer) = server.call("POST", "/shop-*/_search", Some(body)).await;
    assert_eq!(status, 200, "{agg}: {answer}");
    answer["aggregations"]["a"].clone()
}

/// Asks each request and compares; all differences are shown together.
pub(crate) async fn table(server: &Server, rows: Vec<(Value, Value)>) {
    let mut wrong = Vec::new();
    for (agg, expected) in rows {
        let body = json!({"size": 0, "aggs": {"a": agg}});
        let (_, answer) = server.call("POST", "/shop-*/_search", Some(body)).await;
        let found = match &answer["error"] {
            Value::Null => answer["aggregations"]["a"].clone(),
            error => error.clone(),
        };
        if found != expected {
            wrong.push(format!("asked {agg}\nexpected {expected}\nfound    {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn terms(others: u64, buckets: Value) -> Value {
    json!({"doc_count_error_upper_bound": 0, "sum_other_doc_count": others, "buckets": buckets})
}

#[tokio::test]
async fn terms_in_every_form() {
    let server = shop().await;
    let b = |key: &str, count: u64| json!({"key": key, "doc_count": count});
    table(&server, vec![
        (json!({"terms": {"field": "kind"}}), terms(0, json!([b("hat", 3), b("bag", 1), b("pin", 1)]))),
        (json!({"terms": {"field": "kind", "size": 1}}), terms(2, json!([b("hat", 3)]))),
        (json!({"terms": {"field": "kind", "order": {"_key": "desc"}, "execution_hint": "map", "collect_mode": "breadth_first"}}), terms(0, json!([b("pin", 1), b("hat", 3), b("bag", 1)]))),
        (json!({"terms": {"field": "kind", "order": [{"_count": "asc"}, {"_key": "desc"}]}}), terms(0, json!([b("pin", 1), b("bag", 1), b("hat", 3)]))),
        (json!({"terms": {"field": "tags"}}), terms(0, json!([b("red", 3), b("blue", 1), b("wool", 1)]))),
        (json!({"terms": {"field": "tags", "include": "r.*|b.*", "exclude": ["blue"]}}), terms(0, json!([b("red", 3)]))),
        (json!({"terms": {"field": "tags", "include": ["wool", "none"]}}), terms(0, json!([b("wool", 1)]))),
        (json!({"terms": {"field": "tags", "missing": "none", "min_doc_count": 2}}), terms(0, json!([b("red", 3)]))),
        (json!({"terms": {"field": "tags", "missing": "blue"}}), terms(0, json!([b("red", 3), b("blue", 2), b("wool", 1)]))),
        (json!({"terms": {"field": "kind", "show_term_doc_count_error": true, "size": 1}}), terms(2, json!([{"key": "hat", "doc_count": 3, "doc_count_error_upper_bound": 0}]))),
        (json!({"terms": {"field": "count"}}), terms(0, json!([{"key": 1, "doc_count": 4}]))),
        (json!({"terms": {"field": "count", "missing": 7, "order": {"_key": "desc"}}}), terms(0, json!([{"key": 7, "doc_count": 1}, {"key": 1, "doc_count": 4}]))),
        (json!({"terms": {"field": "price", "order": {"_key": "asc"}, "size": 2, "exclude": [20]}}), terms(1, json!([{"key": 10.0, "doc_count": 1}, {"key": 30.0, "doc_count": 1}]))),
        (json!({"terms": {"field": "sold"}}), terms(0, json!([{"key": 1, "key_as_string": "true", "doc_count": 3}, {"key": 0, "key_as_string": "false", "doc_count": 1}]))),
        (json!({"terms": {"field": "sold", "missing": false, "order": {"_key": "asc"}}}), terms(0, json!([{"key": 0, "key_as_string": "false", "doc_count": 2}, {"key": 1, "key_as_string": "true", "doc_count": 3}]))),
        (json!({"terms": {"field": "ip", "order": {"_key": "asc"}, "size": 3}}), terms(1, json!([b("10.0.0.1", 1), b("10.0.0.9", 1), b("10.0.1.2", 1)]))),
        (json!({"terms": {"field": "at", "format": "yyyy-MM-dd", "order": {"_key": "asc"}, "size": 1}}), terms(4, json!([{"key": 1_767_261_600_000_i64, "key_as_string": "2026-01-01", "doc_count": 1}]))),
        (json!({"terms": {"field": "_index"}}), terms(0, json!([b("shop-a", 3), b("shop-b", 2)]))),
        (json!({"terms": {"field": "nowhere"}}), terms(0, json!([]))),
        (json!({"terms": {"field": "nowhere", "missing": "x"}}), terms(0, json!([b("x", 5)]))),
        (json!({"terms": {"field": "kind", "order": {"p": "desc"}, "size": 1}, "aggs": {"p": {"avg": {"field": "price"}}}}), terms(2, json!([{"key": "hat", "doc_count": 3, "p": {"value": 80.5 / 3.0}}]))),
        (json!({"terms": {"field": "kind", "order": {"f>s.max": "desc"}, "size": 1}, "aggs": {"f": {"filter": {"term": {"sold": false}}, "aggs": {"s": {"stats": {"field": "price"}}}}}}),
            terms(4, json!([{"key": "bag", "doc_count": 1, "f": {"doc_count": 1, "s": {"count": 1, "min": 20.0, "max": 20.0, "avg": 20.0, "sum": 20.0}}}]))),
        (json!({"rare_terms": {"field": "kind"}}), json!({"buckets": [b("bag", 1), b("pin", 1)]})),
        (json!({"multi_terms": {"terms": [{"field": "kind"}, {"field": "sold"}], "size": 1}}), terms(1, json!([{"key": ["hat", true], "key_as_string": "hat|true", "doc_count": 3}]))),
    ]).await;
    let zero = json!({"size": 0, "query": {"term": {"kind": "bag"}}, "aggs": {"a": {"terms": {"field": "kind", "min_doc_count": 0}, "aggs": {"m": {"max": {"field": "price"}}}}}});
    let answer = server.search("shop-*", zero).await;
    assert_eq!(
        answer["aggregations"]["a"]["buckets"],
        json!([{"key": "bag", "doc_count": 1, "m": {"value": 20.0}}, {"key": "hat", "doc_count": 0, "m": {"value": null}}, {"key": "pin", "doc_count": 0, "m": {"value": null}}])
    );
    let mut all = 0;
    for part in 0..3 {
        let agg = json!({"terms": {"field": "tags", "include": {"partition": part, "num_partitions": 3}}});
        all += ask(&server, &agg).await["buckets"].as_array().unwrap().len();
    }
    assert_eq!(all, 3, "each term is in one partition");
}

#[tokio::test]
async fn histograms_in_every_form() {
    let server = shop().await;
    let d = |text: &str, key: i64, count: u64| json!({"key_as_string": text, "key": key, "doc_count": count});
    let n = |key: f64, count: u64| json!({"key": key, "doc_count": count});
    let (jan, feb, mar, apr) = (
        1_767_225_600_000,
        1_769_904_000_000,
        1_772_323_200_000,
        1_775_001_600_000,
    );
    table(&server, vec![
        (json!({"date_histogram": {"field": "at", "calendar_interval": "month", "format": "yyyy-MM"}}),
            json!({"buckets": [d("2026-01", jan, 2), d("2026-02", feb, 1), d("2026-03", mar, 0), d("2026-04", apr, 2)]})),
        (json!({"date_histogram": {"field": "at", "interval": "1M", "format": "yyyy-MM", "min_doc_count": 1, "order": {"_count": "desc"}}}),
            json!({"buckets": [d("2026-01", jan, 2), d("2026-04", apr, 2), d("2026-02", feb, 1)]})),
        (json!({"date_histogram": {"field": "at", "calendar_interval": "quarter", "keyed": true, "format": "yyyy-MM-dd"}}),
            json!({"buckets": {"2026-01-01": d("2026-01-01", jan, 3), "2026-04-01": d("2026-04-01", apr, 2)}})),
        (json!({"date_histogram": {"field": "at", "calendar_interval": "month", "format": "yyyy-MM", "hard_bounds": {"min": "2026-02", "max": "2026-04"}}}),
            json!({"buckets": [d("2026-02", feb, 1)]})),
        (json!({"date_histogram": {"field": "nowhere", "calendar_interval": "month", "format": "yyyy-MM", "extended_bounds": {"min": "2026-01", "max": "2026-02"}}}),
            json!({"buckets": [d("2026-01", jan, 0), d("2026-02", feb, 0)]})),
        (json!({"date_histogram": {"field": "nowhere", "calendar_interval": "month"}}), json!({"buckets": []})),
        (json!({"date_histogram": {"field": "at", "fixed_interval": "30d", "offset": "+6h", "min_doc_count": 2}}),
            json!({"buckets": [d("2026-01-07T06:00:00.000Z", 1_767_765_600_000, 2), d("2026-04-07T06:00:00.000Z", 1_775_541_600_000, 2)]})),
        (json!({"date_histogram": {"field": "at", "calendar_interval": "month", "time_zone": "-11:00", "min_doc_count": 2}}),
            json!({"buckets": [d("2026-04-01T00:00:00.000-11:00", 1_775_041_200_000, 2)]})),
        (json!({"auto_date_histogram": {"field": "at", "buckets": 4, "format": "yyyy-MM"}}),
            json!({"buckets": [d("2026-01", jan, 2), d("2026-02", feb, 1), d("2026-03", mar, 0), d("2026-04", apr, 2)], "interval": "1M"})),
        (json!({"histogram": {"field": "price", "interval": 20}}), json!({"buckets": [n(0.0, 1), n(20.0, 2), n(40.0, 1)]})),
        (json!({"histogram": {"field": "price", "interval": 10, "offset": 5, "min_doc_count": 1}}), json!({"buckets": [n(5.0, 1), n(15.0, 1), n(25.0, 1), n(35.0, 1)]})),
        (json!({"histogram": {"field": "price", "interval": 20, "extended_bounds": {"min": -20, "max": 60}}}),
            json!({"buckets": [n(-20.0, 0), n(0.0, 1), n(20.0, 2), n(40.0, 1), n(60.0, 0)]})),
        (json!({"histogram": {"field": "price", "interval": 20, "hard_bounds": {"min": 20, "max": 30}}}), json!({"buckets": [n(20.0, 2)]})),
        (json!({"histogram": {"field": "price", "interval": 20, "missing": 0, "keyed": true}}),
            json!({"buckets": {"0.0": n(0.0, 2), "20.0": n(20.0, 2), "40.0": n(40.0, 1)}})),
        (json!({"histogram": {"field": "price", "interval": 20, "order": {"_key": "desc"}, "format": "0.0"}}),
            json!({"buckets": [{"key_as_string": "40.0", "key": 40.0, "doc_count": 1}, {"key_as_string": "20.0", "key": 20.0, "doc_count": 2}, {"key_as_string": "0.0", "key": 0.0, "doc_count": 1}]})),
    ]).await;
}

#[tokio::test]
async fn ranges_and_filters_in_every_form() {
    let server = shop().await;
    table(&server, vec![
        (json!({"range": {"field": "price", "ranges": [{"to": 20}, {"from": 20, "to": 40, "key": "mid"}, {"from": 40}]}}),
            json!({"buckets": [{"key": "*-20.0", "to": 20.0, "doc_count": 1}, {"key": "mid", "from": 20.0, "to": 40.0, "doc_count": 2}, {"key": "40.0-*", "from": 40.0, "doc_count": 1}]})),
        (json!({"range": {"field": "price", "keyed": true, "ranges": [{"from": 20, "key": "dear"}]}}),
            json!({"buckets": {"dear": {"from": 20.0, "doc_count": 3}}})),
        (json!({"date_range": {"field": "at", "format": "yyyy-MM-dd", "ranges": [{"to": "2026-02-01"}, {"from": "2026-04-21||-1d/d", "key": "late"}]}}),
            json!({"buckets": [{"key": "*-2026-02-01", "to": 1_769_904_000_000.0, "to_as_string": "2026-02-01", "doc_count": 2}, {"key": "late", "from": 1_776_643_200_000.0, "from_as_string": "2026-04-20", "doc_count": 2}]})),
        (json!({"ip_range": {"field": "ip", "ranges": [{"to": "10.0.1.0"}, {"mask": "10.0.1.0/24"}, {"from": "192.168.0.0"}]}}),
            json!({"buckets": [{"key": "*-10.0.1.0", "to": "10.0.1.0", "doc_count": 2}, {"key": "10.0.1.0/24", "from": "10.0.1.0", "to": "10.0.2.0", "doc_count": 1}, {"key": "192.168.0.0-*", "from": "192.168.0.0", "doc_count": 1}]})),
        (json!({"missing": {"field": "price"}}), json!({"doc_count": 1})),
        (json!({"missing": {"field": "nowhere"}}), json!({"doc_count": 5})),
        (json!({"filters": {"other_bucket_key": "rest", "filters": {"hats": {"term": {"kind": "hat"}}}}}), json!({"buckets": {"hats": {"doc_count": 3}, "rest": {"doc_count": 2}}})),
        (json!({"filters": {"filters": [{"term": {"kind": "hat"}}, {"match_all": {}}]}}), json!({"buckets": [{"doc_count": 3}, {"doc_count": 5}]})),
        (json!({"adjacency_matrix": {"filters": {"x": {"term": {"kind": "hat"}}, "y": {"term": {"tags": "red"}}, "z": {"term": {"kind": "none"}}}}}),
            json!({"buckets": [{"key": "x", "doc_count": 3}, {"key": "x&y", "doc_count": 2}, {"key": "y", "doc_count": 3}]})),
        (json!({"sampler": {"shard_size": 100}, "meta": {"why": "test"}}), json!({"meta": {"why": "test"}, "doc_count": 5})),
    ]).await;
    let body = json!({"size": 0, "query": {"term": {"kind": "pin"}}, "aggs": {
        "all": {"global": {}, "aggs": {"s": {"sum": {"field": "count"}}}}, "own": {"value_count": {"field": "kind"}},
    }});
    assert_eq!(
        server.search("shop-*", body.clone()).await["aggregations"],
        json!({"all": {"doc_count": 5, "s": {"value": 4.0}}, "own": {"value": 1}})
    );
    let (_, typed) = server
        .call("POST", "/shop-*/_search?typed_keys=true", Some(body))
        .await;
    assert_eq!(typed["aggregations"]["global#all"]["sum#s"]["value"], 4.0);
}

#[tokio::test]
async fn composite_pages_visit_each_bucket_once_in_order() {
    let server = shop().await;
    let sources = json!([
        {"month": {"date_histogram": {"field": "at", "calendar_interval": "month", "format": "yyyy-MM", "order": "desc"}}},
        {"tag": {"terms": {"field": "tags", "missing_bucket": true}}},
        {"price": {"histogram": {"field": "price", "interval": 20, "missing_bucket": true}}},
    ]);
    let mut seen = Vec::new();
    let mut after = Value::Null;
    loop {
        let mut composite = json!({"size": 2, "sources": sources});
        if !after.is_null() {
            composite["after"] = after.clone();
        }
        let page = ask(
            &server,
            &json!({"composite": composite, "aggs": {"n": {"value_count": {"field": "kind"}}}}),
        )
        .await;
        let buckets = page["buckets"].as_array().unwrap();
        for bucket in buckets {
            assert_eq!(bucket["n"]["value"], bucket["doc_count"], "{bucket}");
            seen.push(json!([
                bucket["key"]["month"],
                bucket["key"]["tag"],
                bucket["key"]["price"],
                bucket["doc_count"]
            ]));
        }
        if buckets.is_empty() {
            assert!(page.get("after_key").is_none(), "{page}");
            break;
        }
        after = page["after_key"].clone();
        assert_eq!(after, buckets.last().unwrap()["key"]);
    }
    assert_eq!(
        Value::from(seen),
        json!([
            ["2026-04", null, null, 1],
            ["2026-04", "red", 40.0, 1],
            ["2026-02", "blue", 20.0, 1],
            ["2026-01", "red", 0.0, 1],
            ["2026-01", "red", 20.0, 1],
            ["2026-01", "wool", 0.0, 1],
        ])
    );
}

#[tokio::test]
async fn what_cannot_be_aggregated_is_refused_by_name() {
    let server = shop().await;
    server.index("other", &[("1", json!({"kind": 5}))]).await;
    for (path, agg, status, kind, word) in [
        (
            "/shop-a",
            json!({"terms": {"field": "text"}}),
            400,
            "illegal_argument_exception",
            "Text fields are not optimised",
        ),
        (
            "/shop-a",
            json!({"avg": {"field": "kind"}}),
            400,
            "illegal_argument_exception",
            "Field [kind] of type [keyword] is not supported for aggregation [avg]",
        ),
        (
            "/shop-a,other",
            json!({"terms": {"field": "kind"}}),
            500,
            "aggregation_execution_exception",
            "two different types in two different indices",
        ),
        (
            "/shop-a",
            json!({"terms": {"field": "count", "include": "1.*"}}),
            500,
            "aggregation_execution_exception",
            "regular expression",
        ),
        (
            "/shop-a",
            json!({"date_histogram": {"field": "at", "fixed_interval": "1d", "extended_bounds": {"min": "2026-02-01", "max": "2026-01-01"}}}),
            400,
            "illegal_argument_exception",
            "extended_bounds.min",
        ),
        (
            "/shop-a",
            json!({"terms": {"field": "kind"}, "aggs": {"g": {"global": {}}}}),
            500,
            "aggregation_execution_exception",
            "global",
        ),
    ] {
        let body = json!({"size": 0, "aggs": {"a": agg}});
        let (found, answer) = server.call("POST", &format!("{path}/_search"), Some(body)).await;
        let error = &answer["error"]["root_cause"][0];
        assert_eq!((found, error["type"].as_str()), (status, Some(kind)), "{answer}");
        assert!(error["reason"].as_str().unwrap().contains(word), "{answer}");
    }
}

#[tokio::test]
async fn too_much_memory_is_refused_with_429() {
    let server = Server::start_with(&["--max-aggregation-memory", "20000"]).await;
    let rows: Vec<(String, Value)> = (0..500).map(|n| (n.to_string(), json!({"n": n}))).collect();
    let rows: Vec<(&str, Value)> = rows.iter().map(|(id, row)| (id.as_str(), row.clone())).collect();
    server.index("many", &rows).await;
    let body = json!({"size": 0, "aggs": {"a": {"terms": {"field": "n"}, "aggs": {"s": {"stats": {"field": "n"}}}}}});
    let (status, answer) = server.call("POST", "/many/_search", Some(body)).await;
    assert_eq!(
        (status, &answer["error"]["root_cause"][0]["type"]),
        (429, &json!("circuit_breaking_exception")),
        "{answer}"
    );
}

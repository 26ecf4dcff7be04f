//! Whole numbers without a sign, beyond what 63 bits hold.

use serde_json::{Value, json};

use crate::server::Server;

/// Three numbers, two of them beyond 2^63 and so near that a double cannot tell them apart.
const NUMBERS: [u64; 3] = [5, 13_835_058_055_282_163_713, 13_835_058_055_282_163_714];

async fn numbers() -> Server {
    let server = Server::start().await;
    server
        .put(
            "/n",
            json!({"mappings": {"properties": {"n": {"type": "unsigned_long"}}}}),
        )
        .await;
    for (id, number) in NUMBERS.iter().enumerate() {
        server.put(&format!("/n/_doc/{id}"), json!({ "n": number })).await;
    }
    server.get("/n/_refresh").await;
    server
}

#[tokio::test]
async fn they_are_found_exactly() {
    let server = numbers().await;
    for (query, ids) in [
        (json!({"term": {"n": NUMBERS[1]}}), vec!["1"]),
        (json!({"term": {"n": NUMBERS[2].to_string()}}), vec!["2"]),
        (json!({"range": {"n": {"gt": NUMBERS[1]}}}), vec!["2"]),
        (json!({"range": {"n": {"gte": -3, "lt": NUMBERS[1]}}}), vec!["0"]),
        (json!({"range": {"n": {"lt": 0}}}), vec![]),
    ] {
        let found = server.ids("n", json!({"query": query, "sort": ["n"]})).await;
        assert_eq!(found, ids, "{query}");
    }
}

#[tokio::test]
async fn they_are_sorted_and_paged_exactly() {
    let server = numbers().await;
    let found = server.search("n", json!({"sort": [{"n": "desc"}]})).await;
    let sorts: Vec<&Value> = found["hits"]["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| &hit["sort"][0])
        .collect();
    assert_eq!(
        sorts,
        [&json!(NUMBERS[2]), &json!(NUMBERS[1]), &json!(NUMBERS[0])]
    );
    let next = json!({"sort": [{"n": "desc"}], "search_after": [NUMBERS[2]], "size": 1});
    assert_eq!(server.ids("n", next).await, ["1"]);
}

#[tokio::test]
async fn they_are_keys_of_buckets_exactly() {
    let server = numbers().await;
    let found = server
        .search(
            "n",
            json!({"size": 0, "aggs": {
                "t": {"terms": {"field": "n", "order": {"_key": "asc"}}},
                "c": {"composite": {"sources": [{"n": {"terms": {"field": "n"}}}], "after": {"n": NUMBERS[1]}}},
                "d": {"cardinality": {"field": "n"}},
            }}),
        )
        .await;
    let keys: Vec<u64> = found["aggregations"]["t"]["buckets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bucket| bucket["key"].as_u64().unwrap())
        .collect();
    assert_eq!(keys, NUMBERS);
    assert_eq!(found["aggregations"]["c"]["buckets"][0]["key"]["n"], NUMBERS[2]);
    assert_eq!(found["aggregations"]["d"]["value"], 3);
}

#[tokio::test]
async fn an_order_across_kinds_of_numbers_is_refused() {
    let server = numbers().await;
    server.put("/m/_doc/1?refresh=true", json!({"n": 1})).await;
    let (status, answer) = server
        .call("POST", "/n,m/_search", Some(json!({"sort": ["n"]})))
        .await;
    assert_eq!(status, 400, "{answer}");
}

//! Limits of searches that an index or the cluster sets, and what of a request is refused.

use serde_json::json;

use crate::server::Server;

#[tokio::test]
async fn settings_of_an_index_bound_its_searches() {
    let server = Server::start().await;
    let settings = json!({"settings": {"index": {
        "max_result_window": 5, "max_terms_count": 2, "max_regex_length": 3, "max_docvalue_fields_search": 1,
    }}});
    server.put("/small", settings).await;
    server.put("/large", json!({})).await;
    for body in [
        json!({"size": 6}),
        json!({"query": {"terms": {"a": [1, 2, 3]}}}),
        json!({"query": {"regexp": {"a": "abcd"}}}),
        json!({"docvalue_fields": ["a", "b"]}),
    ] {
        let (status, answer) = server.call("POST", "/small/_search", Some(body.clone())).await;
        assert_eq!(status, 400, "{body}: {answer}");
        let (status, answer) = server.call("POST", "/large/_search", Some(body.clone())).await;
        assert_eq!(status, 200, "{body}: {answer}");
    }
}

#[tokio::test]
async fn settings_of_the_cluster_bound_all_searches_until_they_are_taken_back() {
    let server = Server::start().await;
    let lines: String = (0..5)
        .map(|n| format!("{{\"index\":{{}}}}\n{}\n", json!({"k": format!("v{n}")})))
        .collect();
    server.bulk_raw("/logs/_bulk?refresh=true", lines).await.unwrap();
    let body = json!({"size": 0, "aggs": {"k": {"terms": {"field": "k.keyword"}}}});
    for (limit, expected) in [(json!(3), 400), (json!(null), 200)] {
        server
            .put(
                "/_cluster/settings",
                json!({"transient": {"search.max_buckets": limit}}),
            )
            .await;
        let (status, answer) = server.call("POST", "/logs/_search", Some(body.clone())).await;
        assert_eq!(status, expected, "{answer}");
    }
}

#[tokio::test]
async fn a_query_without_its_frame_finds_nothing_by_mistake() {
    let server = Server::start().await;
    server.put("/logs/_doc/1?refresh=true", json!({"a": "x"})).await;
    let (status, answer) = server
        .call("POST", "/logs/_search", Some(json!({"match": {"a": "y"}})))
        .await;
    assert_eq!(status, 400);
    assert_eq!(
        answer["error"]["reason"],
        "Unknown key for a START_OBJECT in [match]."
    );
}

#[tokio::test]
async fn searches_are_counted_by_group() {
    let server = Server::start().await;
    server.put("/logs/_doc/1?refresh=true", json!({"a": 1})).await;
    server.search("logs", json!({"stats": ["panel"]})).await;
    let stats = server.get("/logs/_stats/search?groups=pan*").await;
    assert_eq!(stats["_all"]["total"]["search"]["query_total"], 1);
    assert_eq!(
        stats["_all"]["total"]["search"]["groups"]["panel"]["query_total"],
        1
    );
    let (status, answer) = server.call("GET", "/_stats/fieldata", None).await;
    assert_eq!(status, 400);
    assert!(
        answer["error"]["reason"]
            .as_str()
            .unwrap()
            .ends_with("did you mean [fielddata]?"),
        "{answer}"
    );
}

#[tokio::test]
async fn hits_say_what_was_left_out_and_which_queries_they_match_how_well() {
    let server = Server::start().await;
    let mapping = json!({"mappings": {"properties": {"n": {"type": "integer", "ignore_malformed": true}}}});
    server.put("/logs", mapping).await;
    server
        .put("/logs/_doc/1?refresh=true", json!({"n": "many", "k": 1}))
        .await;
    let query = json!({"constant_score": {"filter": {"term": {"k": 1}}, "boost": 3.0, "_name": "one"}});
    let found = server
        .search(
            "logs",
            json!({"query": query, "include_named_queries_score": true, "fields": ["n"]}),
        )
        .await;
    let hit = &found["hits"]["hits"][0];
    assert_eq!(hit["_ignored"], json!(["n"]));
    assert_eq!(hit["matched_queries"], json!({"one": 3.0}));
    assert!(hit.get("fields").is_none(), "{hit}");
}

#[tokio::test]
async fn a_later_template_wins_over_an_earlier_one() {
    let server = Server::start().await;
    for (name, kind) in [("low", "keyword"), ("high", "text")] {
        server
            .put(
                &format!("/_component_template/{name}"),
                json!({"template": {"mappings": {"properties": {"o.a": {"type": kind}}}}}),
            )
            .await;
    }
    server
        .put(
            "/_index_template/t",
            json!({"index_patterns": ["logs"], "composed_of": ["low", "high"]}),
        )
        .await;
    server.put("/logs", json!({})).await;
    let mapping = server.get("/logs/_mapping").await;
    assert_eq!(
        mapping["logs"]["mappings"]["properties"]["o"]["properties"]["a"]["type"],
        "text"
    );
}

#[tokio::test]
async fn what_matches_everything_scores_one_beside_any_filter() {
    let server = Server::start().await;
    server
        .put("/logs/_doc/1?refresh=true", json!({"k": 1, "t": "a"}))
        .await;
    let everything = json!({"match_all": {}});
    let filter = json!({"term": {"k": 1}});
    let word = json!({"constant_score": {"filter": filter, "boost": 2.0}});
    for (query, score) in [
        (json!({"bool": {"must": everything, "filter": filter}}), 1.0),
        (
            json!({"bool": {"must": [everything, everything], "filter": [filter, filter]}}),
            2.0,
        ),
        (
            json!({"bool": {"must": [everything, word], "filter": filter}}),
            3.0,
        ),
        (json!({"bool": {"must": [everything], "should": [word]}}), 3.0),
        (
            json!({"bool": {"must": [everything], "must_not": [{"term": {"k": 2}}]}}),
            1.0,
        ),
    ] {
        let found = server.search("logs", json!({ "query": query })).await;
        assert_eq!(found["hits"]["hits"][0]["_score"], score, "{query}");
    }
}

#[tokio::test]
async fn a_key_of_a_flattened_object_is_aggregated_sorted_and_collapsed() {
    let server = Server::start().await;
    server
        .put(
            "/logs",
            json!({"mappings": {"properties": {"f": {"type": "flattened"}}}}),
        )
        .await;
    for (id, source) in [
        ("1", json!({"f": {"a": "x", "b": {"c": "y"}}})),
        ("2", json!({"f": {"a": "w"}})),
        ("3", json!({"f": {"a": "w"}})),
    ] {
        server.put(&format!("/logs/_doc/{id}"), source).await;
    }
    server.get("/logs/_refresh").await;
    let aggs = json!({"a": {"terms": {"field": "f.a"}}, "c": {"value_count": {"field": "f.b.c"}}});
    let found = server.search("logs", json!({"size": 0, "aggs": aggs})).await;
    let buckets = &found["aggregations"]["a"]["buckets"];
    assert_eq!(
        *buckets,
        json!([{"key": "w", "doc_count": 2}, {"key": "x", "doc_count": 1}])
    );
    assert_eq!(found["aggregations"]["c"]["value"], 1);
    let sorted = json!({"sort": [{"f.a": "desc"}], "collapse": {"field": "f.a"}});
    assert_eq!(server.ids("logs", sorted).await, ["1", "2"]);
    let numbers = json!({"size": 0, "aggs": {"a": {"avg": {"field": "f.a"}}}});
    let (status, answer) = server.call("POST", "/logs/_search", Some(numbers)).await;
    assert_eq!(status, 400, "{answer}");
}

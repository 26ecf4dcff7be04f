//! Every option of the query language that decides what matches.

use serde_json::{Value, json};

use crate::server::Server;

async fn books() -> Server {
    let server = Server::start().await;
    server
        .index(
            "books",
            &[
                ("1", json!({"title": "the quick brown fox", "body": "jumps over the lazy dog", "n": 1, "tag": "Red"})),
                ("2", json!({"title": "quick silver", "body": "a brown bear", "n": 2, "tag": "blue"})),
                ("3", json!({"title": "slow brown bear", "body": "sleeps quick", "n": 3, "tag": "redder"})),
                ("4", json!({"title": "fox and bear", "body": "brown", "n": 10, "at": "2026-11-24T10:20:30Z"})),
            ],
        )
        .await;
    server
}

async fn matching(server: &Server, query: Value) -> Vec<String> {
    let (status, answer) = server
        .call("POST", "/books/_search", Some(json!({ "query": query })))
        .await;
    assert_eq!(status, 200, "{query}: {answer}");
    let mut ids: Vec<String> = answer["hits"]["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["_id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn options_of_text_queries_decide_what_matches() {
    let server = books().await;
    for (query, expected) in [
        (
            json!({"match": {"title": {"query": "quick brown bear", "minimum_should_match": 2}}}),
            vec!["1", "3"],
        ),
        (
            json!({"match": {"title": {"query": "quick brown bear", "minimum_should_match": "-1"}}}),
            vec!["1", "3"],
        ),
        (
            json!({"match": {"title": {"query": "quick brown bear", "minimum_should_match": "1<-1 5<50%"}}}),
            vec!["1", "3"],
        ),
        (
            json!({"match": {"title": {"query": "quik brwon", "fuzziness": "AUTO", "operator": "and"}}}),
            vec!["1"],
        ),
        (
            json!({"match": {"title": {"query": "quik", "fuzziness": 1, "prefix_length": 3}}}),
            vec!["1", "2"],
        ),
        (
            json!({"match": {"title": {"query": "juick", "fuzziness": 1, "prefix_length": 1}}}),
            vec![],
        ),
        (json!({"match": {"title": {"query": "!!!"}}}), vec![]),
        (
            json!({"match": {"title": {"query": "!!!", "zero_terms_query": "all"}}}),
            vec!["1", "2", "3", "4"],
        ),
        (json!({"match": {"n": {"query": "abc", "lenient": true}}}), vec![]),
        (
            json!({"match": {"title": {"query": "QUICK", "analyzer": "whitespace"}}}),
            vec![],
        ),
        (
            json!({"match_bool_prefix": {"title": "brown qui"}}),
            vec!["1", "2", "3"],
        ),
        (
            json!({"match_bool_prefix": {"title": {"query": "brown qui", "operator": "and"}}}),
            vec!["1"],
        ),
        (
            json!({"match_phrase": {"title": {"query": "quick fox", "slop": 1}}}),
            vec!["1"],
        ),
        (json!({"match_phrase_prefix": {"title": "slow bro"}}), vec!["3"]),
        (
            json!({"multi_match": {"query": "quick bear", "fields": ["title", "body"], "operator": "and"}}),
            vec![],
        ),
        (
            json!({"multi_match": {"query": "quick bear", "fields": ["title", "body"], "type": "cross_fields", "operator": "and"}}),
            vec!["2", "3"],
        ),
        (
            json!({"multi_match": {"query": "lazy dog", "fields": ["*"], "type": "phrase"}}),
            vec!["1"],
        ),
        (
            json!({"multi_match": {"query": "brown be", "fields": ["title", "body"], "type": "phrase_prefix"}}),
            vec!["2", "3"],
        ),
        (
            json!({"multi_match": {"query": "abc", "fields": ["n", "title"], "lenient": true}}),
            vec![],
        ),
        (
            json!({"query_string": {"query": "quick bear", "fields": ["title"], "default_operator": "AND"}}),
            vec![],
        ),
        (
            json!({"query_string": {"query": "title:(quick AND brown) OR n:>=10"}}),
            vec!["1", "4"],
        ),
        (
            json!({"query_string": {"query": "\"quick fox\"", "default_field": "title", "phrase_slop": 1}}),
            vec!["1"],
        ),
        (
            json!({"query_string": {"query": "abc", "fields": ["n"], "lenient": true}}),
            vec![],
        ),
        (
            json!({"query_string": {"query": "quick brown fox", "default_field": "title", "minimum_should_match": 3}}),
            vec!["1"],
        ),
        (
            json!({"simple_query_string": {"query": "quick -silver", "fields": ["title"], "default_operator": "and"}}),
            vec!["1"],
        ),
        (
            json!({"simple_query_string": {"query": "qui*", "fields": ["title"]}}),
            vec!["1", "2"],
        ),
        (
            json!({"simple_query_string": {"query": "qui*", "fields": ["title"], "flags": "AND|OR"}}),
            vec![],
        ),
    ] {
        assert_eq!(matching(&server, query.clone()).await, expected, "{query}");
    }
}

#[tokio::test]
async fn options_of_term_queries_decide_what_matches() {
    let server = books().await;
    for (query, expected) in [
        (
            json!({"term": {"tag.keyword": {"value": "red", "case_insensitive": true}}}),
            vec!["1"],
        ),
        (
            json!({"prefix": {"tag.keyword": {"value": "RED", "case_insensitive": true}}}),
            vec!["1", "3"],
        ),
        (
            json!({"wildcard": {"tag.keyword": {"wildcard": "R?d"}}}),
            vec!["1"],
        ),
        (
            json!({"regexp": {"tag.keyword": {"value": "[Rr]ed.*", "flags": "ALL"}}}),
            vec!["1", "3"],
        ),
        (json!({"regexp": {"title": "qu@"}}), vec!["1", "2"]),
        (
            json!({"fuzzy": {"title": {"value": "quack", "fuzziness": "1"}}}),
            vec!["1", "2"],
        ),
        (
            json!({"range": {"n": {"from": 2, "to": 10, "include_upper": false}}}),
            vec!["2", "3"],
        ),
        (
            json!({"range": {"title": {"gte": "sil", "lt": "slp"}}}),
            vec!["2", "3"],
        ),
        (
            json!({"range": {"at": {"gte": "2026-11-24||/d", "lt": "2026-11-24||+1d/d"}}}),
            vec!["4"],
        ),
        (
            json!({"range": {"at": {"gt": "2026-11-24", "format": "yyyy-MM-dd"}}}),
            vec![],
        ),
        (
            json!({"terms": {"n": {"index": "books", "id": "4", "path": "n"}}}),
            vec!["4"],
        ),
        (
            json!({"terms": {"title": {"index": "books", "id": "missing", "path": "n"}}}),
            vec![],
        ),
        (json!({"ids": {"values": ["1", "3", "9"]}}), vec!["1", "3"]),
        (
            json!({"wrapper": {"query": "eyJ0ZXJtIjp7Im4iOjN9fQ=="}}),
            vec!["3"],
        ),
        (
            json!({"dis_max": {"queries": [{"term": {"n": 1}}, {"term": {"n": 2}}]}}),
            vec!["1", "2"],
        ),
    ] {
        assert_eq!(matching(&server, query.clone()).await, expected, "{query}");
    }
}

#[tokio::test]
async fn functions_and_negative_queries_change_scores() {
    let server = books().await;
    let scores = async |query: Value| {
        let (status, answer) = server
            .call("POST", "/books/_search", Some(json!({ "query": query })))
            .await;
        assert_eq!(status, 200, "{query}: {answer}");
        answer["hits"]["hits"]
            .as_array()
            .unwrap()
            .iter()
            .map(|hit| {
                (
                    hit["_id"].as_str().unwrap().to_owned(),
                    hit["_score"].as_f64().unwrap(),
                )
            })
            .collect::<Vec<_>>()
    };
    let found = scores(json!({"function_score": {
        "query": {"terms": {"n": [1, 2]}},
        "functions": [{"filter": {"term": {"n": 2}}, "weight": 5}, {"field_value_factor": {"field": "n", "factor": 2}}],
        "score_mode": "sum", "boost_mode": "replace",
    }}))
    .await;
    assert_eq!(found, [("2".to_owned(), 9.0), ("1".to_owned(), 2.0)]);
    let found = scores(json!({"boosting": {
        "positive": {"constant_score": {"filter": {"terms": {"n": [1, 2]}}, "boost": 2}},
        "negative": {"term": {"n": 1}}, "negative_boost": 0.5,
    }}))
    .await;
    assert_eq!(found, [("2".to_owned(), 2.0), ("1".to_owned(), 1.0)]);
    let found = scores(json!({"dis_max": {"tie_breaker": 0.5, "queries": [
        {"constant_score": {"filter": {"term": {"n": 1}}, "boost": 2}},
        {"constant_score": {"filter": {"term": {"n": 1}}, "boost": 4}},
    ]}}))
    .await;
    assert_eq!(found, [("1".to_owned(), 5.0)]);
}

#[tokio::test]
async fn what_a_query_cannot_be_is_said_by_name() {
    let server = books().await;
    let many: Vec<usize> = (0..70_000).collect();
    let clauses: Vec<Value> = (0..1_100).map(|n| json!({"term": {"n": n}})).collect();
    for (query, kind, named) in [
        (
            json!({"script": {"script": "1"}}),
            "parsing_exception",
            "[script]",
        ),
        (
            json!({"terms_set": {"a": {}}}),
            "parsing_exception",
            "[terms_set]",
        ),
        (json!({"pinned": {}}), "parsing_exception", "[pinned]"),
        (
            json!({"more_like_this": {}}),
            "parsing_exception",
            "[more_like_this]",
        ),
        (json!({"foo": {}}), "parsing_exception", "unknown query [foo]"),
        (
            json!({"match": {"title": {"query": "x", "wrong": 1}}}),
            "parsing_exception",
            "[wrong]",
        ),
        (
            json!({"match": {"title": {"query": "x", "fuzziness": "lots"}}}),
            "illegal_argument_exception",
            "fuzziness",
        ),
        (
            json!({"multi_match": {"query": "x", "type": "wrong"}}),
            "parsing_exception",
            "[wrong]",
        ),
        (
            json!({"regexp": {"title": "a~b"}}),
            "illegal_argument_exception",
            "[~]",
        ),
        (
            json!({"terms": {"n": many}}),
            "illegal_argument_exception",
            "65536",
        ),
        (json!({"bool": {"should": clauses}}), "too_many_clauses", "1024"),
        (json!({"match": {"n": "abc"}}), "query_shard_exception", "abc"),
    ] {
        let (status, answer) = server
            .call("POST", "/books/_search", Some(json!({ "query": query })))
            .await;
        assert_eq!(status, 400, "{answer}");
        let cause = &answer["error"]["root_cause"][0];
        assert_eq!(cause["type"], kind, "{cause}");
        assert!(cause["reason"].as_str().unwrap().contains(named), "{cause}");
    }
}

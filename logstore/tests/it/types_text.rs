//! Text: analyzers, from the settings of the index to what a search finds.

use serde_json::json;

use crate::server::Server;

#[tokio::test]
async fn text_is_found_by_the_tokens_that_its_analyzer_makes() {
    let server = Server::start().await;
    server
        .put(
            "/t",
            json!({
                "settings": {"analysis": {
                    "tokenizer": {"tri": {"type": "ngram", "min_gram": 3, "max_gram": 3}},
                    "analyzer": {
                        "folded": {"type": "custom", "tokenizer": "standard", "filter": ["lowercase", "asciifolding"]},
                        "grams": {"type": "custom", "tokenizer": "tri", "filter": ["lowercase"]},
                    },
                    "normalizer": {"folded_key": {"type": "custom", "filter": ["lowercase", "asciifolding"]}},
                }},
                "mappings": {"properties": {
                    "plain": {"type": "text"},
                    "english": {"type": "text", "analyzer": "english"},
                    "white": {"type": "text", "analyzer": "whitespace"},
                    "folded": {"type": "text", "analyzer": "folded", "fields": {"grams": {"type": "text", "analyzer": "grams"}}},
                    "key": {"type": "keyword", "normalizer": "folded_key"},
                    "whole": {"type": "text", "analyzer": "keyword"},
                }},
            }),
        )
        .await;
    server
        .index(
            "t",
            &[
                ("1", json!({"plain": "\u{1}The Foxes", "english": "the running foxes of the night", "white": "Foo-Bar baz", "folded": "Café crème", "key": "Ünder", "whole": "A b"})),
            ],
        )
        .await;
    for (query, hits) in [
        (json!({"match": {"plain": "foxes"}}), 1),
        (json!({"match": {"plain": "fox"}}), 0),
        (json!({"match": {"english": "fox run"}}), 1),
        (json!({"match": {"english": "the"}}), 0),
        (json!({"match_phrase": {"english": "foxes of the night"}}), 1),
        (json!({"match_phrase": {"english": "foxes night"}}), 0),
        (json!({"match": {"white": "Foo-Bar"}}), 1),
        (json!({"match": {"white": "foo-bar"}}), 0),
        (json!({"match": {"folded": "CAFE"}}), 1),
        (json!({"match": {"folded.grams": "ÈME"}}), 1),
        (json!({"prefix": {"folded": "cré"}}), 1),
        (json!({"term": {"key": "under"}}), 1),
        (json!({"wildcard": {"key": "ÜN*"}}), 1),
        (json!({"match": {"whole": "A b"}}), 1),
        (json!({"match": {"whole": "a"}}), 0),
    ] {
        let found = server.ids("t", json!({ "query": query })).await;
        assert_eq!(found.len(), hits, "{query}");
    }
}

#[tokio::test]
async fn analyzers_survive_a_restart_and_serve_the_replay() {
    let folder = tempfile::tempdir().unwrap();
    let never = ["--refresh-interval", "1h"];
    let server = Server::start_in(folder.path(), &never).await;
    server
        .put(
            "/t",
            json!({
                "settings": {"analysis": {"analyzer": {"commas": {"tokenizer": "c"}}, "tokenizer": {"c": {"type": "pattern", "pattern": ","}}}},
                "mappings": {"properties": {"x": {"type": "text", "analyzer": "commas"}}},
            }),
        )
        .await;
    server.put("/t/_doc/1", json!({"x": "a b,c d"})).await;
    server.kill();
    let server = Server::start_in(folder.path(), &never).await;
    server.get("/t/_refresh").await;
    assert_eq!(
        server.ids("t", json!({"query": {"term": {"x": "c d"}}})).await,
        ["1"]
    );
}

#[tokio::test]
async fn an_analyzer_that_nobody_defined_is_refused_by_name() {
    let server = Server::start().await;
    let body = json!({"mappings": {"properties": {"x": {"type": "text", "analyzer": "nope"}}}});
    let (status, answer) = server.call("PUT", "/t", Some(body)).await;
    assert_eq!(status, 400, "{answer}");
    assert!(
        answer["error"]["reason"]
            .as_str()
            .unwrap()
            .contains("analyzer [nope] has not been configured"),
        "{answer}"
    );
    let body = json!({"settings": {"analysis": {"analyzer": {"a": {"tokenizer": "klingon"}}}}});
    let (status, answer) = server.call("PUT", "/t", Some(body)).await;
    assert_eq!(status, 400, "{answer}");
}

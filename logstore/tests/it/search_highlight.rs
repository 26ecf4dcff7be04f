//! Marked matches, fields and what of the source is shown.

use serde_json::{Value, json};

use crate::server::Server;

async fn first_hit(server: &Server, body: Value) -> Value {
    let (status, answer) = server.call("POST", "/h/_search", Some(body)).await;
    assert_eq!(status, 200, "{answer}");
    answer["hits"]["hits"][0].clone()
}

async fn one() -> Server {
    let server = Server::start().await;
    let doc = json!({
        "message": "Guild loaded from disk",
        "log": {"level": "info"},
        "tags": ["one", "two"],
        "at": "2026-11-24T10:00:00Z",
        "ms": 5,
    });
    server.index("h", &[("1", doc)]).await;
    server
}

#[tokio::test]
async fn what_dashboards_send_is_marked() {
    let server = one().await;
    let hit = first_hit(
        &server,
        json!({
            "query": {"bool": {"must": [{"query_string": {"query": "guild AND log.level:info", "analyze_wildcard": true}}],
                "filter": [{"range": {"at": {"gte": "2026-01-01", "format": "strict_date_optional_time"}}}]}},
            "highlight": {
                "pre_tags": ["@kibana-highlighted-field@"], "post_tags": ["@/kibana-highlighted-field@"],
                "fields": {"*": {}}, "require_field_match": false, "fragment_size": 2_147_483_647_i64
            },
        }),
    )
    .await;
    assert_eq!(
        hit["highlight"]["message"],
        json!(["@kibana-highlighted-field@Guild@/kibana-highlighted-field@ loaded from disk"])
    );
    assert_eq!(
        hit["highlight"]["log.level"],
        json!(["@kibana-highlighted-field@info@/kibana-highlighted-field@"])
    );
}

#[tokio::test]
async fn phrases_prefixes_and_exact_values_are_marked() {
    let server = one().await;
    for (query, field, expected) in [
        (
            json!({"match_phrase": {"message": "loaded from"}}),
            "message",
            "Guild <em>loaded</em> <em>from</em> disk",
        ),
        (
            json!({"prefix": {"message": "gui"}}),
            "message",
            "<em>Guild</em> loaded from disk",
        ),
        (
            json!({"wildcard": {"message": "d*k"}}),
            "message",
            "Guild loaded from <em>disk</em>",
        ),
        (
            json!({"fuzzy": {"message": "gild"}}),
            "message",
            "<em>Guild</em> loaded from disk",
        ),
        (
            json!({"term": {"log.level.keyword": "info"}}),
            "log.level.keyword",
            "<em>info</em>",
        ),
    ] {
        let hit = first_hit(
            &server,
            json!({"query": query, "highlight": {"fields": {"*": {}}}}),
        )
        .await;
        assert_eq!(hit["highlight"][field], json!([expected]), "{query}: {hit}");
    }
    let hit = first_hit(
        &server,
        json!({"query": {"match": {"message": "guild"}}, "highlight": {"fields": {"log.level": {"no_match_size": 10}}}}),
    )
    .await;
    assert_eq!(hit["highlight"]["log.level"], json!(["info"]));
}

#[tokio::test]
async fn fields_and_sources_are_shown_as_asked() {
    let server = one().await;
    let hit = first_hit(
        &server,
        json!({
            "_source": false,
            "fields": ["log.*", {"field": "at", "format": "epoch_millis"}],
            "docvalue_fields": ["ms", {"field": "at", "format": "strict_date_optional_time"}],
        }),
    )
    .await;
    assert!(hit.get("_source").is_none());
    assert_eq!(hit["fields"]["log.level"], json!(["info"]));
    assert_eq!(hit["fields"]["at"], json!(["1795514400000"]));
    assert_eq!(hit["fields"]["ms"], json!([5]));
    let hit = first_hit(&server, json!({"stored_fields": ["*"]})).await;
    assert!(hit.get("_source").is_none(), "{hit}");
    let hit = first_hit(
        &server,
        json!({"stored_fields": ["*"], "_source": {"excludes": ["log"]}}),
    )
    .await;
    assert_eq!(hit["_source"]["ms"], 5);
    assert!(hit["_source"].get("log").is_none());
    let hit = first_hit(&server, json!({"stored_fields": "_none_"})).await;
    assert!(hit.get("_id").is_none(), "{hit}");
}

//! Writes and look-ups under conditions: versions of the client's own, terms, aliases, what is visible.

use serde_json::json;

use crate::server::Server;

#[tokio::test]
async fn a_version_of_the_client_must_pass_the_one_that_is_there() {
    let server = Server::start().await;
    let write =
        |version: u64, kind: &'static str| format!("/logs/_doc/1?version={version}&version_type={kind}");
    let (status, answer) = server
        .call("PUT", &write(5, "external"), Some(json!({"a": 1})))
        .await;
    assert_eq!((status, &answer["_version"]), (201, &json!(5)));
    let (status, answer) = server
        .call("PUT", &write(5, "external"), Some(json!({"a": 2})))
        .await;
    assert_eq!(status, 409, "{answer}");
    assert!(
        answer["error"]["reason"]
            .as_str()
            .unwrap()
            .contains("current version [5] is higher or equal to the one provided [5]"),
        "{answer}"
    );
    let (status, _) = server
        .call("PUT", &write(5, "external_gte"), Some(json!({"a": 2})))
        .await;
    assert_eq!(status, 200, "the same version may be written again");
    let (status, answer) = server.call("DELETE", &write(9, "external"), None).await;
    assert_eq!((status, &answer["_version"]), (200, &json!(9)));
    let (status, _) = server
        .call("PUT", &write(8, "external"), Some(json!({"a": 3})))
        .await;
    assert_eq!(status, 409, "a deleted document still has its version");
    let (status, _) = server
        .call("PUT", "/logs/_doc/2?version=1", Some(json!({})))
        .await;
    assert_eq!(status, 400, "versions of the store's own are no condition");
    let (status, _) = server
        .call(
            "PUT",
            "/logs/_create/3?version=1&version_type=external",
            Some(json!({})),
        )
        .await;
    assert_eq!(status, 400, "what is new has no version yet");
}

#[tokio::test]
async fn a_primary_term_that_never_was_is_a_conflict() {
    let server = Server::start().await;
    server.put("/logs/_doc/1", json!({"a": 1})).await;
    for (path, expected) in [
        ("/logs/_doc/1?if_seq_no=0&if_primary_term=7", 409),
        ("/logs/_doc/1?if_seq_no=0&if_primary_term=1", 200),
    ] {
        let (status, answer) = server.call("PUT", path, Some(json!({"a": 2}))).await;
        assert_eq!(status, expected, "{answer}");
    }
    let update = "/logs/_update/1?if_seq_no=0&if_primary_term=1";
    let (status, _) = server.call("POST", update, Some(json!({"doc": {"a": 2}}))).await;
    assert_eq!(status, 409, "also where the update would change nothing");
}

#[tokio::test]
async fn an_update_shows_the_document_and_names_a_mistake() {
    let server = Server::start().await;
    server.put("/logs/_doc/1", json!({"a": 1, "b": 2})).await;
    let (_, answer) = server
        .call(
            "POST",
            "/logs/_update/1?_source=a",
            Some(json!({"doc": {"a": 3}})),
        )
        .await;
    assert_eq!(answer["get"]["_source"], json!({"a": 3}));
    let (status, answer) = server
        .call("POST", "/logs/_update/1", Some(json!({"dac": {"a": 3}})))
        .await;
    assert_eq!(status, 400);
    assert_eq!(
        answer["error"]["reason"],
        "[UpdateRequest] unknown field [dac] did you mean [doc]?"
    );
    let body = "{\"update\":{\"_id\":\"1\",\"_source\":[\"b\"]}}\n{\"doc\":{\"a\":4}}\n";
    let (_, answer) = server.bulk_raw("/logs/_bulk", body.to_owned()).await.unwrap();
    assert_eq!(answer["items"][0]["update"]["get"]["_source"], json!({"b": 2}));
}

#[tokio::test]
async fn what_no_refresh_has_shown_is_read_in_real_time_only() {
    let server = Server::start_with(&["--refresh-interval", "1h"]).await;
    let answer = server.put("/logs/_doc/1?refresh=wait_for", json!({"a": 1})).await;
    assert!(
        answer.get("forced_refresh").is_none(),
        "who waits forces nothing: {answer}"
    );
    server.put("/logs/_doc/2", json!({"a": 2})).await;
    for (path, expected) in [
        ("/logs/_doc/1?realtime=false", 200),
        ("/logs/_doc/2", 200),
        ("/logs/_doc/2?realtime=false", 404),
        ("/logs/_doc/2?realtime=false&refresh=true", 200),
    ] {
        assert_eq!(server.call("GET", path, None).await.0, expected, "{path}");
    }
    let (status, _) = server
        .call("PUT", "/logs/_doc/3?refresh=soon", Some(json!({})))
        .await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn a_write_may_insist_on_an_alias() {
    let server = Server::start().await;
    let (status, _) = server
        .call("POST", "/logs/_doc?require_alias=true", Some(json!({"a": 1})))
        .await;
    assert_eq!(status, 404);
    assert_eq!(
        server.call("HEAD", "/logs", None).await.0,
        404,
        "nothing was made"
    );
    server.put("/backing", json!({"aliases": {"logs": {}}})).await;
    let (status, _) = server
        .call("POST", "/logs/_doc?require_alias=true", Some(json!({"a": 1})))
        .await;
    assert_eq!(status, 201);
}

#[tokio::test]
async fn the_source_that_a_mapping_does_not_keep_is_not_shown() {
    let server = Server::start().await;
    let mapping = json!({"mappings": {
        "_source": {"excludes": ["secret"]},
        "properties": {"n": {"type": "long", "store": true}, "secret": {"type": "keyword"}},
    }});
    server.put("/logs", mapping).await;
    server
        .put("/logs/_doc/1?refresh=true", json!({"n": 1, "secret": "x"}))
        .await;
    let shown = server.get("/logs/_doc/1").await;
    assert_eq!(shown["_source"], json!({"n": 1}));
    let shown = server.get("/logs/_doc/1?stored_fields=n,secret").await;
    assert_eq!(shown["fields"], json!({"n": [1]}));
    assert!(shown.get("_source").is_none());
    let found = server
        .search("logs", json!({"query": {"term": {"secret": "x"}}}))
        .await;
    assert_eq!(found["hits"]["hits"][0]["_source"], json!({"n": 1}));
}

#[tokio::test]
async fn nanoseconds_are_sorted_paged_and_shown() {
    let server = Server::start().await;
    let mapping = json!({"mappings": {"properties": {"at": {"type": "date_nanos"}}}});
    server.put("/logs", mapping).await;
    for (id, text) in [
        ("1", "2018-10-29T12:12:12.123456789Z"),
        ("2", "2018-10-29T12:12:12.123456788Z"),
    ] {
        server
            .put(&format!("/logs/_doc/{id}"), json!({ "at": text }))
            .await;
    }
    server.get("/logs/_refresh").await;
    let found = server
        .search(
            "logs",
            json!({"sort": [{"at": "desc"}], "fields": ["at"], "docvalue_fields": [{"field": "at", "format": "epoch_millis"}]}),
        )
        .await;
    let first = &found["hits"]["hits"][0];
    assert_eq!(first["_id"], "1");
    assert_eq!(first["sort"], json!([1_540_815_132_123_456_789_i64]));
    let next = json!({"sort": [{"at": "desc"}], "search_after": [1_540_815_132_123_456_789_i64]});
    assert_eq!(server.ids("logs", next).await, ["2"]);
    let next = json!({"sort": [{"at": "desc"}], "search_after": ["2018-10-29T12:12:12.123456789Z"]});
    assert_eq!(server.ids("logs", next).await, ["2"]);
    let shown = server
        .search("logs", json!({"fields": ["at"], "sort": ["at"]}))
        .await;
    assert_eq!(
        shown["hits"]["hits"][1]["fields"]["at"],
        json!(["2018-10-29T12:12:12.123456789Z"])
    );
    let (status, _) = server
        .call("PUT", "/logs/_doc/3", Some(json!({"at": "1969-12-31T23:59:59Z"})))
        .await;
    assert_eq!(status, 400, "nanoseconds begin in 1970");
}

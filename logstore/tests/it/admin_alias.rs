//! Aliases, closed and blocked indices, expressions that name them.

use serde_json::json;

use crate::server::Server;

#[tokio::test]
async fn an_alias_is_searched_with_its_filter_and_written_through() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_in(folder.path(), &[]).await;
    server
        .put("/logs-1", json!({"aliases": {"logs": {"is_write_index": true}, "errors": {"filter": {"term": {"level": "error"}}}}, "mappings": {"properties": {"level": {"type": "keyword"}}}}))
        .await;
    server
        .put(
            "/logs-2",
            json!({"mappings": {"properties": {"level": {"type": "keyword"}}}}),
        )
        .await;
    server.put("/logs-2/_alias/logs", json!({})).await;
    server
        .index(
            "logs",
            &[("1", json!({"level": "error"})), ("2", json!({"level": "info"}))],
        )
        .await;
    server.index("logs-2", &[("3", json!({"level": "error"}))]).await;
    assert_eq!(server.count("logs", "*").await, 3);
    assert_eq!(server.count("errors", "*").await, 1, "the filter holds");
    assert_eq!(server.count("errors,logs-2", "*").await, 2);
    assert_eq!(server.get("/logs/_doc/1").await["_index"], "logs-1");
    let (status, answer) = server
        .call("POST", "/_aliases", Some(json!({"actions": [{"remove": {"index": "logs-*", "alias": "errors"}}, {"add": {"index": "logs-2", "alias": "logs", "is_write_index": true}}]})))
        .await;
    assert_eq!(status, 400, "two write indices: {answer}");
    assert_eq!(
        server.call("HEAD", "/_alias/errors", None).await.0,
        200,
        "all actions or none"
    );
    server.kill();
    let server = Server::start_in(folder.path(), &[]).await;
    assert_eq!(
        server.get("/_alias/logs").await,
        json!({"logs-1": {"aliases": {"logs": {"is_write_index": true}}}, "logs-2": {"aliases": {"logs": {}}}})
    );
    let (status, answer) = server.call("GET", "/_alias/nope", None).await;
    assert_eq!((status, &answer["error"]), (404, &json!("alias [nope] missing")));
    let (status, _) = server.call("DELETE", "/logs", None).await;
    assert_eq!(status, 400, "an alias is not an index");
    let rows = server
        .get("/_cat/aliases?format=json&h=alias,index&s=alias,index:desc")
        .await;
    assert_eq!(rows[1], json!({"alias": "logs", "index": "logs-2"}));
    assert_eq!(server.call("DELETE", "/logs-1/_alias/errors", None).await.0, 200);
    assert_eq!(server.call("DELETE", "/logs-1/_alias/errors", None).await.0, 404);
}

#[tokio::test]
async fn a_closed_or_blocked_index_says_so() {
    let server = Server::start().await;
    server.index("logs", &[("1", json!({"a": 1}))]).await;
    assert_eq!(server.call("POST", "/logs/_close", None).await.0, 200);
    let (status, answer) = server.call("GET", "/logs/_count", None).await;
    assert_eq!(
        (status, &answer["error"]["type"]),
        (400, &json!("index_closed_exception"))
    );
    assert_eq!(server.get("/lo*/_count").await["count"], 0);
    assert_eq!(
        server.get("/_cat/indices?format=json&h=status").await,
        json!([{"status": "close"}])
    );
    assert_eq!(server.call("POST", "/logs/_open", None).await.0, 200);
    assert_eq!(server.call("PUT", "/logs/_block/write", None).await.0, 200);
    let (status, answer) = server.call("PUT", "/logs/_doc/2", Some(json!({"a": 2}))).await;
    assert_eq!(
        (status, &answer["error"]["type"]),
        (403, &json!("cluster_block_exception"))
    );
    assert_eq!(server.call("PUT", "/logs/_clone/copy", None).await.0, 200);
    assert_eq!(server.count("copy", "*").await, 1);
    server
        .put("/logs/_settings", json!({"index.blocks.write": null}))
        .await;
    server.put("/logs/_doc/2", json!({"a": 2})).await;
    let (status, answer) = server
        .call("PUT", "/logs/_settings", Some(json!({"number_of_shards": 3})))
        .await;
    assert_eq!(status, 400, "{answer}");
    let (status, answer) = server.call("POST", "/logs/_shrink/small", None).await;
    assert_eq!(status, 400);
    assert!(
        answer["error"]["reason"].as_str().unwrap().contains("_shrink"),
        "{answer}"
    );
}

#[tokio::test]
async fn names_may_have_date_math() {
    let server = Server::start().await;
    let (status, answer) = server
        .call("PUT", "/%3Clogs-%7B2026-11-24%7C%7C%2Fd%7Byyyy.MM%7D%7D%3E", None)
        .await;
    assert_eq!(
        (status, &answer["index"]),
        (200, &json!("logs-2026.11")),
        "{answer}"
    );
    assert_eq!(
        server
            .call("GET", "/%3Clogs-%7Bnow%2Fy%7Byyyy%7D%7D%3E/_count", None)
            .await
            .0,
        404
    );
}

#[tokio::test]
async fn tables_are_sorted_sized_and_explained() {
    let server = Server::start().await;
    for name in ["b", "a"] {
        server.index(name, &[("1", json!({"x": 1}))]).await;
    }
    let rows = server
        .get("/_cat/indices/?format=json&h=index,docs.count&s=index:desc&bytes=b")
        .await;
    assert_eq!(
        rows,
        json!([{"index": "b", "docs.count": "1"}, {"index": "a", "docs.count": "1"}])
    );
    let text = server.get("/_cat/indices?v&h=index,pri").await;
    assert_eq!(text, json!("index pri\na       1\nb       1\n"));
    let help = server.get("/_cat/nodes?help").await;
    assert!(help.as_str().unwrap().contains("load_1m"), "{help}");
    for table in [
        "aliases",
        "allocation",
        "count",
        "health",
        "master",
        "nodes",
        "pending_tasks",
        "plugins",
        "segments",
        "shards",
        "tasks",
        "templates",
        "thread_pool",
    ] {
        assert!(
            server.get(&format!("/_cat/{table}?format=json")).await.is_array(),
            "{table}"
        );
    }
    let yaml = server.get("/_cluster/health?format=yaml").await;
    assert!(yaml.as_str().unwrap().contains("status: \"green\""), "{yaml}");
    let kept = server.get("/_cluster/health?filter_path=-status,-c*").await;
    assert!(
        kept.get("status").is_none() && kept.get("timed_out").is_some(),
        "{kept}"
    );
    assert_eq!(
        server.get("/a/_stats/docs?filter_path=_all.primaries").await,
        json!({"_all": {"primaries": {"docs": {"count": 1, "deleted": 0}}}})
    );
}

//! Indices, templates, names.

use serde_json::json;

use crate::server::Server;

#[tokio::test]
async fn a_template_is_kept_and_applied_to_an_index_made_by_a_write() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_in(folder.path(), &[]).await;
    let template = json!({
        "index_patterns": ["guildwatch-*"],
        "template": {
            "settings": {"index": {"refresh_interval": "-1"}},
            "mappings": {
                "dynamic_templates": [{"strings": {"match_mapping_type": "string", "mapping": {"type": "keyword", "ignore_above": 1024}}}],
                "properties": {"@timestamp": {"type": "date"}, "message": {"type": "text"}},
            },
        },
    });
    server.put("/_index_template/guildwatch", template.clone()).await;
    server.kill();
    let server = Server::start_in(folder.path(), &["--refresh-interval", "20ms"]).await;
    let mut shown = template;
    shown["composed_of"] = json!([]);
    assert_eq!(
        server.get("/_index_template/guildwatch").await["index_templates"][0]["index_template"],
        shown
    );
    server
        .put(
            "/guildwatch-1/_doc/1",
            json!({"message": "Hello there", "service": {"name": "Guilds"}}),
        )
        .await;
    let properties =
        server.get("/guildwatch-1/_mapping").await["guildwatch-1"]["mappings"]["properties"].clone();
    assert_eq!(properties["service"]["properties"]["name"]["type"], "keyword");
    assert_eq!(properties["message"], json!({"type": "text"}));
    assert_eq!(
        server.get("/guildwatch-1/_settings").await["guildwatch-1"]["settings"]["index"]["refresh_interval"],
        "-1"
    );
    assert_eq!(
        server.count("guildwatch-1", "*").await,
        0,
        "refresh_interval -1 refreshes only when asked"
    );
    server.get("/guildwatch-1/_refresh").await;
    assert_eq!(server.count("guildwatch-1", "service.name:Guilds").await, 1);
    assert_eq!(
        server.count("guildwatch-1", "service.name:guilds").await,
        0,
        "a keyword is exact"
    );
    assert_eq!(server.count("guildwatch-1", "message:hello").await, 1);
    assert_eq!(server.count("guildwatch-1", "_exists_:message").await, 1);
    assert_eq!(
        server.call("HEAD", "/_index_template/guildwatch", None).await.0,
        200
    );
    assert_eq!(
        server.call("DELETE", "/_index_template/guildwatch", None).await.0,
        200
    );
    assert_eq!(
        server.call("HEAD", "/_index_template/guildwatch", None).await.0,
        404
    );
}

#[tokio::test]
async fn expressions_name_indices_by_list_wildcard_and_exclusion() {
    let server = Server::start().await;
    for name in ["logs-1", "logs-2", "other", ".hidden"] {
        server.index(name, &[("1", json!({"a": 1}))]).await;
    }
    assert_eq!(server.count("logs-*", "*").await, 2);
    assert_eq!(server.count("logs-*,other", "*").await, 3);
    assert_eq!(server.count("logs-*,-logs-2", "*").await, 1);
    assert_eq!(server.count("_all", "*").await, 3);
    assert_eq!(server.count(".hid*", "*").await, 1);
    assert_eq!(server.count("nothing-*", "*").await, 0);
    assert_eq!(server.call("GET", "/logs-1,nope/_count", None).await.0, 404);
    assert_eq!(
        server.get("/logs-1,nope/_count?ignore_unavailable=true").await["count"],
        1
    );
    assert_eq!(
        server
            .call("GET", "/nothing-*/_count?allow_no_indices=false", None)
            .await
            .0,
        404
    );
    assert_eq!(server.count("logs-*", "_index:logs-1").await, 1);
}

#[tokio::test]
async fn an_index_is_made_shown_and_removed() {
    let server = Server::start().await;
    assert_eq!(server.call("HEAD", "/logs", None).await.0, 404);
    server
        .put(
            "/logs",
            json!({"mappings": {"properties": {"n": {"type": "long"}}}}),
        )
        .await;
    assert_eq!(server.call("HEAD", "/logs", None).await.0, 200);
    let (status, answer) = server.call("PUT", "/logs", Some(json!({}))).await;
    assert_eq!(
        (status, &answer["error"]["type"]),
        (400, &json!("resource_already_exists_exception"))
    );
    let (status, answer) = server.call("PUT", "/Logs", Some(json!({}))).await;
    assert_eq!(
        (status, &answer["error"]["type"]),
        (400, &json!("invalid_index_name_exception"))
    );
    server.index("logs", &[("1", json!({"n": 1}))]).await;
    let rows = server
        .get("/_cat/indices?format=json&h=index,docs.count,health")
        .await;
    assert_eq!(rows, json!([{"health": "green", "index": "logs", "docs.count": "1"}])
        .as_array().map(|rows| json!([{"index": rows[0]["index"], "docs.count": rows[0]["docs.count"], "health": rows[0]["health"]}])).unwrap());
    let caps = server.get("/logs/_field_caps?fields=*").await;
    assert_eq!(caps["fields"]["n"]["long"]["aggregatable"], true);
    assert_eq!(server.call("DELETE", "/logs", None).await.0, 200);
    assert_eq!(server.call("GET", "/logs/_search", None).await.0, 404);
    server.index("logs", &[("1", json!({"n": "now a string"}))]).await;
    assert_eq!(
        server.count("logs", "n:string").await,
        1,
        "the new index has nothing of the old one"
    );
}

#[tokio::test]
async fn the_field_limit_refuses_documents_not_the_index() {
    let server = Server::start_with(&["--max-fields", "3"]).await;
    server.put("/logs/_doc/1", json!({"a": 1, "b": 1, "c": 1})).await;
    let (status, answer) = server.call("PUT", "/logs/_doc/2", Some(json!({"d": 1}))).await;
    assert_eq!(status, 400);
    assert!(
        answer["error"]["reason"]
            .as_str()
            .unwrap()
            .contains("Limit of total fields [3]"),
        "{answer}"
    );
    server.put("/logs/_doc/3", json!({"a": 2})).await;
}

#[tokio::test]
async fn the_cluster_answers_what_clients_ask() {
    let server = Server::start().await;
    let health = server.get("/_cluster/health?wait_for_status=yellow").await;
    assert_eq!(
        (&health["status"], &health["timed_out"]),
        (&json!("green"), &json!(false))
    );
    let nodes = server.get("/_nodes?filter_path=nodes.*.version").await;
    assert_eq!(
        nodes["nodes"].as_object().unwrap().values().next().unwrap(),
        &json!({"version": "7.17.28"})
    );
    let (status, answer) = server.call("GET", "/_nope/nope", None).await;
    assert_eq!(status, 400);
    assert!(
        answer["error"]["reason"]
            .as_str()
            .unwrap()
            .contains("/_nope/nope"),
        "{answer}"
    );
    assert_eq!(server.call("DELETE", "/_bulk", None).await.0, 405);
    server.index("logs", &[("1", json!({"n": 1}))]).await;
    let metrics = server
        .http
        .get(format!("{}/metrics", server.base))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        metrics.contains("logstore_documents_written_total 1"),
        "{metrics}"
    );
}

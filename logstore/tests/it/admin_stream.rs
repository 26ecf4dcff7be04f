//! Templates, data streams, rollover, copies and deletions by query.

use serde_json::json;

use crate::server::Server;

#[tokio::test]
async fn a_write_makes_a_data_stream_from_its_template() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_in(folder.path(), &[]).await;
    server
        .put(
            "/_component_template/base",
            json!({"template": {"mappings": {"properties": {"level": {"type": "keyword"}}}}}),
        )
        .await;
    server
        .put("/_index_template/logs", json!({"index_patterns": ["logs-*-*"], "data_stream": {}, "composed_of": ["base"], "priority": 200}))
        .await;
    let bulk = "{\"create\":{}}\n{\"@timestamp\":\"2026-11-24T10:00:00Z\",\"level\":\"info\"}\n{\"index\":{}}\n{\"@timestamp\":\"2026-11-24T10:00:00Z\"}\n{\"create\":{}}\n{\"level\":\"x\"}\n";
    let (_, answer) = server
        .bulk_raw("/logs-app-default/_bulk?refresh=true", bulk.to_owned())
        .await
        .unwrap();
    assert_eq!(answer["items"][0]["create"]["status"], 201, "{answer}");
    assert!(
        answer["items"][0]["create"]["_index"]
            .as_str()
            .unwrap()
            .starts_with(".ds-logs-app-default-"),
        "{answer}"
    );
    assert_eq!(answer["items"][1]["index"]["status"], 400, "only create");
    assert_eq!(answer["items"][2]["create"]["status"], 400, "no @timestamp");
    assert_eq!(server.count("logs-*", "level:info").await, 1);
    let (status, answer) = server.call("POST", "/logs-app-default/_rollover", None).await;
    assert_eq!((status, &answer["rolled_over"]), (200, &json!(true)), "{answer}");
    server.kill();
    let server = Server::start_in(folder.path(), &[]).await;
    let stream = server.get("/_data_stream/logs-app-default").await["data_streams"][0].clone();
    assert_eq!(
        (&stream["generation"], stream["indices"].as_array().unwrap().len()),
        (&json!(2), 2)
    );
    assert_eq!(server.count("logs-app-default", "*").await, 1);
    let write_index = stream["indices"][1]["index_name"].as_str().unwrap();
    assert_eq!(
        server.call("DELETE", &format!("/{write_index}"), None).await.0,
        400
    );
    assert_eq!(
        server
            .call("DELETE", "/_data_stream/logs-app-default", None)
            .await
            .0,
        200
    );
    assert_eq!(
        server.call("GET", "/_data_stream/logs-app-default", None).await.0,
        404
    );
    assert_eq!(
        server.call("DELETE", "/_component_template/base", None).await.0,
        400,
        "in use"
    );
}

#[tokio::test]
async fn templates_say_what_they_would_do() {
    let server = Server::start().await;
    server
        .put(
            "/_component_template/c",
            json!({"template": {"settings": {"number_of_replicas": 0}}}),
        )
        .await;
    server.put("/_index_template/t", json!({"index_patterns": "app-*", "composed_of": ["c"], "template": {"aliases": {"all-apps": {}}, "mappings": {"properties": {"n": {"type": "long"}}}}})).await;
    let (_, answer) = server
        .call("POST", "/_index_template/_simulate_index/app-1", None)
        .await;
    assert_eq!(
        answer["template"]["settings"]["index"]["number_of_replicas"], "0",
        "{answer}"
    );
    assert_eq!(answer["template"]["mappings"]["properties"]["n"]["type"], "long");
    let (status, answer) = server
        .call(
            "PUT",
            "/_index_template/u",
            Some(json!({"index_patterns": ["app-x*"]})),
        )
        .await;
    assert_eq!(status, 400, "same priority: {answer}");
    server.index("app-1", &[("1", json!({"n": 1}))]).await;
    assert_eq!(
        server.count("all-apps", "*").await,
        1,
        "the alias of the template"
    );
    assert_eq!(
        server.call("GET", "/_template/nope", None).await,
        (404, json!({}))
    );
}

#[tokio::test]
async fn an_alias_rolls_over_when_a_condition_is_met() {
    let server = Server::start().await;
    server
        .put(
            "/logs-000001",
            json!({"aliases": {"logs": {"is_write_index": true}}}),
        )
        .await;
    server
        .index("logs", &[("1", json!({"a": 1})), ("2", json!({"a": 2}))])
        .await;
    let (_, answer) = server
        .call(
            "POST",
            "/logs/_rollover",
            Some(json!({"conditions": {"max_docs": 5}})),
        )
        .await;
    assert_eq!(answer["rolled_over"], false, "{answer}");
    let (_, answer) = server
        .call(
            "POST",
            "/logs/_rollover?dry_run",
            Some(json!({"conditions": {"max_docs": 2}})),
        )
        .await;
    assert_eq!(
        (&answer["rolled_over"], &answer["conditions"]["[max_docs: 2]"]),
        (&json!(false), &json!(true))
    );
    let (_, answer) = server
        .call(
            "POST",
            "/logs/_rollover",
            Some(json!({"conditions": {"max_docs": 2}})),
        )
        .await;
    assert_eq!(answer["new_index"], "logs-000002", "{answer}");
    server.index("logs", &[("3", json!({"a": 3}))]).await;
    assert_eq!(server.count("logs-000002", "*").await, 1);
    assert_eq!(server.count("logs", "*").await, 3);
}

#[tokio::test]
async fn documents_are_deleted_updated_and_copied_by_query() {
    let server = Server::start().await;
    let documents: Vec<(String, serde_json::Value)> = (0..20)
        .map(|n| (n.to_string(), json!({"n": n, "even": n % 2 == 0})))
        .collect();
    let documents: Vec<(&str, serde_json::Value)> = documents
        .iter()
        .map(|(id, doc)| (id.as_str(), doc.clone()))
        .collect();
    server.index("logs", &documents).await;
    let (status, answer) = server
        .call(
            "POST",
            "/logs/_delete_by_query?refresh=true",
            Some(json!({"query": {"term": {"even": true}}})),
        )
        .await;
    assert_eq!((status, &answer["deleted"]), (200, &json!(10)), "{answer}");
    let (_, answer) = server.call("POST", "/_reindex?refresh=true&wait_for_completion=false", Some(json!({"source": {"index": "logs", "query": {"range": {"n": {"lt": 10}}}, "_source": ["n"]}, "dest": {"index": "copy"}}))).await;
    let task = server
        .get(&format!("/_tasks/{}", answer["task"].as_str().unwrap()))
        .await;
    assert_eq!(
        (&task["completed"], &task["response"]["created"]),
        (&json!(true), &json!(5)),
        "{task}"
    );
    assert_eq!(server.get("/copy/_doc/1").await["_source"], json!({"n": 1}));
    let (status, answer) = server
        .call(
            "POST",
            "/logs/_update_by_query",
            Some(json!({"script": {"source": "x"}})),
        )
        .await;
    assert_eq!(status, 400);
    assert!(
        answer["error"]["reason"].as_str().unwrap().contains("[script]"),
        "{answer}"
    );
    let (_, answer) = server
        .call("POST", "/logs/_update_by_query?refresh=true", None)
        .await;
    assert_eq!(answer["updated"], 10, "{answer}");
}

//! Ingest pipelines.

use serde_json::json;

use crate::server::Server;

#[tokio::test]
async fn documents_go_through_the_pipelines_of_their_index() {
    let server = Server::start().await;
    server
        .put("/_ingest/pipeline/access", json!({"processors": [
            {"grok": {"field": "message", "patterns": ["%{IP:client.ip} %{WORD:http.method} %{NUMBER:bytes:int}"]}},
            {"set": {"field": "event.dataset", "value": "{{http.method}}-log"}},
            {"drop": {"if": "ctx.http?.method == 'HEAD'"}},
            {"remove": {"field": "message"}},
        ], "on_failure": [{"set": {"field": "error.message", "value": "{{_ingest.on_failure_message}}"}}]}))
        .await;
    server
        .put("/access", json!({"settings": {"default_pipeline": "access"}}))
        .await;
    let bulk = [
        json!({"index": {"_id": "1"}}),
        json!({"message": "10.0.0.1 GET 512"}),
        json!({"index": {"_id": "2"}}),
        json!({"message": "10.0.0.1 HEAD 0"}),
        json!({"index": {"_id": "3"}}),
        json!({"message": "nonsense"}),
    ]
    .map(|line| format!("{line}\n"))
    .concat();
    let (_, answer) = server.bulk_raw("/access/_bulk?refresh=true", bulk).await.unwrap();
    assert_eq!(answer["errors"], false, "{answer}");
    assert_eq!(answer["items"][1]["index"]["result"], "noop", "dropped");
    assert_eq!(
        server.get("/access/_doc/1").await["_source"],
        json!({"client": {"ip": "10.0.0.1"}, "http": {"method": "GET"}, "bytes": 512, "event": {"dataset": "GET-log"}})
    );
    assert_eq!(server.call("GET", "/access/_doc/2", None).await.0, 404);
    assert!(
        server.get("/access/_doc/3").await["_source"]["error"]["message"]
            .as_str()
            .unwrap()
            .contains("do not match")
    );
    server
        .put("/access/_doc/4?pipeline=_none", json!({"message": "raw"}))
        .await;
    assert_eq!(
        server.get("/access/_doc/4").await["_source"],
        json!({"message": "raw"})
    );
    let (status, answer) = server
        .call("PUT", "/access/_doc/5?pipeline=nope", Some(json!({})))
        .await;
    assert_eq!(status, 400, "{answer}");
}

#[tokio::test]
async fn a_pipeline_is_tried_out_and_refused_for_what_it_cannot_do() {
    let server = Server::start().await;
    let (status, answer) = server
        .call("POST", "/_ingest/pipeline/_simulate", Some(json!({
            "pipeline": {"processors": [
                {"kv": {"field": "m", "field_split": " ", "value_split": "=", "target_field": "kv"}},
                {"convert": {"field": "kv.n", "type": "integer"}},
                {"date": {"field": "kv.t", "formats": ["UNIX"]}},
                {"rename": {"field": "kv.s", "target_field": "service.name"}},
                {"uppercase": {"field": "service.name"}},
                {"split": {"field": "list", "separator": ","}},
                {"dissect": {"field": "d", "pattern": "%{a}-%{b}"}},
            ]},
            "docs": [{"_source": {"m": "n=3 t=1795513611 s=api", "list": "x,y", "d": "1-2"}}, {"_source": {"m": "broken"}}],
        })))
        .await;
    assert_eq!(status, 200, "{answer}");
    let source = &answer["docs"][0]["doc"]["_source"];
    assert_eq!(
        (&source["kv"]["n"], &source["service"]["name"], &source["list"]),
        (&json!(3), &json!("API"), &json!(["x", "y"])),
        "{answer}"
    );
    assert_eq!(
        (&source["@timestamp"], &source["b"]),
        (&json!("2026-11-24T09:46:51.000Z"), &json!("2"))
    );
    assert!(answer["docs"][1]["error"]["reason"].is_string(), "{answer}");
    for (processor, word) in [
        (json!({"script": {"source": "x"}}), "script"),
        (json!({"nope": {}}), "nope"),
        (
            json!({"set": {"field": "a", "value": 1, "if": "def x = 1"}}),
            "def x = 1",
        ),
    ] {
        let (status, answer) = server
            .call(
                "PUT",
                "/_ingest/pipeline/p",
                Some(json!({"processors": [processor]})),
            )
            .await;
        assert_eq!(status, 400);
        assert!(
            answer["error"]["reason"].as_str().unwrap().contains(word),
            "{answer}"
        );
    }
    assert_eq!(
        server.call("GET", "/_ingest/pipeline/p", None).await,
        (404, json!({}))
    );
}

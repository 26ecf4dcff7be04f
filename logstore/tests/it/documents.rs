//! Writing and reading documents.

use std::io::Write as _;

use serde_json::json;

use crate::server::Server;

#[tokio::test]
async fn one_bad_document_among_a_thousand_fails_alone() {
    let server = Server::start().await;
    server
        .put(
            "/logs",
            json!({"mappings": {"properties": {"n": {"type": "long"}}}}),
        )
        .await;
    let mut body = String::new();
    for n in 0..1000 {
        let value = if n == 500 {
            json!({"n": "abc"})
        } else {
            json!({"n": n})
        };
        body += &format!("{}\n{value}\n", json!({"create": {"_id": n}}));
    }
    let (status, answer) = server.bulk_raw("/logs/_bulk?refresh=true", body).await.unwrap();
    assert_eq!((status, &answer["errors"]), (200, &json!(true)));
    let items = answer["items"].as_array().unwrap();
    assert_eq!(items.len(), 1000);
    for (n, item) in items.iter().enumerate() {
        let item = &item["create"];
        assert_eq!(item["status"], if n == 500 { 400 } else { 201 }, "{item}");
        if n == 500 {
            assert_eq!(item["error"]["type"], "mapper_parsing_exception");
        }
    }
    assert_eq!(server.count("logs", "*").await, 999);
}

#[tokio::test]
async fn create_conflicts_with_an_id_that_is_not_visible_yet() {
    let server = Server::start_with(&["--refresh-interval", "1h"]).await;
    server.put("/logs/_create/1", json!({"a": 1})).await;
    let (status, answer) = server.call("PUT", "/logs/_create/1", Some(json!({"a": 2}))).await;
    assert_eq!(
        (status, &answer["error"]["type"]),
        (409, &json!("version_conflict_engine_exception"))
    );
    server.get("/logs/_refresh").await;
    let (status, _) = server.call("PUT", "/logs/_create/1", Some(json!({"a": 2}))).await;
    assert_eq!(status, 409, "after a refresh, too");
    assert_eq!(server.get("/logs/_doc/1").await["_source"], json!({"a": 1}));
}

#[tokio::test]
async fn a_document_is_read_in_real_time_and_versions_count() {
    let server = Server::start_with(&["--refresh-interval", "1h"]).await;
    server.put("/logs/_doc/1", json!({"a": 1})).await;
    server.put("/logs/_doc/1", json!({"a": 2})).await;
    let found = server.get("/logs/_doc/1").await;
    assert_eq!(
        (&found["_version"], &found["_source"]),
        (&json!(2), &json!({"a": 2}))
    );
    assert_eq!(server.count("logs", "*").await, 0, "not visible to searches yet");
    server.get("/logs/_refresh").await;
    assert_eq!(server.count("logs", "*").await, 1, "one document in two versions");
    let (status, answer) = server.call("DELETE", "/logs/_doc/1", None).await;
    assert_eq!((status, &answer["result"]), (200, &json!("deleted")));
    assert_eq!(server.call("GET", "/logs/_doc/1", None).await.0, 404);
    server.get("/logs/_refresh").await;
    assert_eq!(server.count("logs", "*").await, 0);
    assert_eq!(server.call("DELETE", "/logs/_doc/1", None).await.0, 404);
}

#[tokio::test]
async fn a_bulk_mixes_actions_and_an_update_sees_what_came_before_it() {
    let server = Server::start().await;
    let body = [
        json!({"index": {"_index": "a", "_id": "1"}}),
        json!({"x": 1, "o": {"k": 1}}),
        json!({"update": {"_index": "a", "_id": "1"}}),
        json!({"doc": {"o": {"l": 2}}}),
        json!({"update": {"_index": "a", "_id": "gone"}}),
        json!({"doc": {"y": 2}}),
        json!({"index": {"_index": "b", "_id": "2"}}),
        json!({"x": 2}),
        json!({"delete": {"_index": "b", "_id": "2"}}),
        json!({"index": {"_index": "BAD", "_id": "2"}}),
        json!({"x": 2}),
    ];
    let body: String = body.iter().map(|line| format!("{line}\n")).collect();
    let (_, answer) = server.bulk_raw("/_bulk", body).await.unwrap();
    let statuses: Vec<u64> = answer["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            item.as_object().unwrap().values().next().unwrap()["status"]
                .as_u64()
                .unwrap()
        })
        .collect();
    assert_eq!(statuses, [201, 200, 404, 201, 200, 400], "{answer}");
    assert_eq!(
        server.get("/a/_doc/1").await["_source"],
        json!({"x": 1, "o": {"k": 1, "l": 2}})
    );
}

#[tokio::test]
async fn packed_bodies_and_vendor_media_types_are_taken() {
    let server = Server::start().await;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"{\"index\":{}}\n{\"a\":1}\n").unwrap();
    let response = server
        .http
        .put(format!("{}/logs/_bulk?refresh=wait_for", server.base))
        .header("content-encoding", "gzip")
        .header(
            "content-type",
            "application/vnd.elasticsearch+x-ndjson; compatible-with=8",
        )
        .body(packed.finish().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(server.count("logs", "a:1").await, 1);
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_413_packed_or_not() {
    let server = Server::start_with(&["--max-content-length", "1000"]).await;
    let long = format!("{{\"index\":{{}}}}\n{{\"a\":\"{}\"}}\n", "x".repeat(2000));
    let (status, answer) = server.bulk_raw("/logs/_bulk", long.clone()).await.unwrap();
    assert_eq!(status, 413, "{answer}");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(long.as_bytes()).unwrap();
    let response = server
        .http
        .post(format!("{}/logs/_bulk", server.base))
        .header("content-encoding", "gzip")
        .body(packed.finish().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 413);
}

#[tokio::test]
async fn a_stale_sequence_number_conflicts() {
    let server = Server::start().await;
    let first = server.put("/k/_doc/1", json!({"a": 1})).await["_seq_no"].clone();
    server.put("/k/_doc/1", json!({"a": 2})).await;
    let path = format!("/k/_doc/1?if_seq_no={first}&if_primary_term=1");
    assert_eq!(server.call("PUT", &path, Some(json!({"a": 3}))).await.0, 409);
}

#[tokio::test]
async fn documents_of_one_bulk_that_contradict_each_other_fail_one_by_one() {
    let server = Server::start().await;
    let body = "{\"index\":{}}\n{\"a.b\":1}\n{\"index\":{}}\n{\"a\":1}\n{\"index\":{}}\n{\"c\":1}\n{\"index\":{}}\n{\"c\":\"x\"}\n";
    let (_, answer) = server.bulk_raw("/logs/_bulk", body.to_owned()).await.unwrap();
    let statuses: Vec<&serde_json::Value> = answer["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["index"]["status"])
        .collect();
    assert_eq!(statuses, [201, 400, 201, 400], "{answer}");
}

#[tokio::test]
async fn more_bulks_than_fit_are_429_and_the_first_goes_on() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let server = Server::start_with(&["--max-bulk-in-flight", "1"]).await;
    let address = server.base.strip_prefix("http://").unwrap();
    let body = "{\"index\":{}}\n{\"a\":1}\n";
    let head = format!(
        "POST /logs/_bulk HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    // Two that begin and do not end: whichever comes second is told so at once.
    let mut one = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut other = tokio::net::TcpStream::connect(address).await.unwrap();
    one.write_all(head.as_bytes()).await.unwrap();
    other.write_all(head.as_bytes()).await.unwrap();
    let (mut first, mut second) = ([0; 4096], [0; 4096]);
    let (refusal, mut accepted) = tokio::select! {
        read = one.read(&mut first) => (String::from_utf8_lossy(&first[..read.unwrap()]).into_owned(), other),
        read = other.read(&mut second) => (String::from_utf8_lossy(&second[..read.unwrap()]).into_owned(), one),
    };
    assert!(
        refusal.starts_with("HTTP/1.1 429") && refusal.contains("es_rejected_execution_exception"),
        "{refusal}"
    );
    accepted.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    accepted.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

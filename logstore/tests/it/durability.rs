//! What was acknowledged survives.

use std::collections::HashSet;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::server::{Server, wait_for, wal_segments};

/// How many times the store is killed under load, unless `LOGSTORE_KILLS` says otherwise.
const KILLS: usize = 5;

/// Connections that write at once.
const WRITERS: usize = 4;

/// Documents of one bulk.
const BATCH: usize = 25;

/// Acknowledged documents before the kill, at least; at most twice as many.
const ENOUGH: usize = 1_000;

fn batch(writer: usize, round: usize, number: usize) -> (Vec<String>, String) {
    let mut ids = Vec::new();
    let mut body = String::new();
    for place in 0..BATCH {
        let id = format!("{writer}-{round}-{number}-{place}");
        body += &format!("{}\n", json!({"create": {"_id": id}}));
        body += &format!(
            "{}\n",
            json!({"@timestamp": "2026-11-24T09:00:00Z", "service.name": "guilds", "number": number})
        );
        ids.push(id);
    }
    (ids, body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn acknowledged_documents_survive_kills_under_load_and_show_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged: HashSet<String> = HashSet::new();
    let mut sent: Vec<String> = Vec::new();
    let kills = std::env::var("LOGSTORE_KILLS").map_or(KILLS, |text| text.parse().unwrap());
    for round in 0..kills {
        let server = Arc::new(Server::start_in(folder.path(), &["--refresh-interval", "50ms"]).await);
        let total = Arc::new(AtomicUsize::new(0));
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            let (server, total) = (Arc::clone(&server), Arc::clone(&total));
            writers.spawn(async move {
                let (mut acknowledged, mut sent) = (Vec::new(), Vec::new());
                for number in 0.. {
                    let (ids, body) = batch(writer, round, number);
                    sent.push(body.clone());
                    // The process dies in the middle of this: then nothing was promised.
                    let Ok((200, answer)) = server.bulk_raw("/logs/_bulk", body).await else {
                        break;
                    };
                    assert_eq!(answer["errors"], false, "{answer}");
                    total.fetch_add(ids.len(), Ordering::Relaxed);
                    acknowledged.extend(ids);
                }
                (acknowledged, sent)
            });
        }
        let enough = ENOUGH + rand::random_range(0..ENOUGH);
        wait_for(|| (total.load(Ordering::Relaxed) >= enough).then_some(())).await;
        server.kill_shared();
        while let Some(done) = writers.join_next().await {
            let (ids, bodies) = done.unwrap();
            acknowledged.extend(ids);
            sent.extend(bodies);
        }
        drop(server);

        let server = Server::start_in(folder.path(), &[]).await;
        server.get("/logs/_refresh").await;
        let ids: Vec<&String> = acknowledged.iter().collect();
        let mut found = 0;
        for part in ids.chunks(1000) {
            let query = json!({"query": {"ids": {"values": part}}, "size": 0, "track_total_hits": true});
            found += server.search("logs", query).await["hits"]["total"]["value"]
                .as_u64()
                .unwrap();
        }
        assert_eq!(
            found,
            acknowledged.len() as u64,
            "round {round}: each acknowledged document, and each once"
        );
        server.kill();
    }

    // A shipper sends again what it has no answer for, and more: nothing may show twice.
    let server = Server::start_in(folder.path(), &[]).await;
    for body in &sent {
        let (status, answer) = server.bulk_raw("/logs/_bulk", body.clone()).await.unwrap();
        assert_eq!(status, 200);
        for item in answer["items"].as_array().unwrap() {
            assert!(
                matches!(item["create"]["status"].as_u64(), Some(201 | 409)),
                "{item}"
            );
        }
    }
    server.get("/logs/_refresh").await;
    assert_eq!(server.count("logs", "*").await, (sent.len() * BATCH) as u64);
}

#[tokio::test]
async fn what_was_learnt_and_deleted_survives_a_kill_before_any_commit() {
    let folder = tempfile::tempdir().unwrap();
    let never = ["--refresh-interval", "1h"];
    let server = Server::start_in(folder.path(), &never).await;
    server.put("/logs/_doc/1", json!({"n": 5, "gone": true})).await;
    server.put("/logs/_doc/2", json!({"n": 6})).await;
    server.call("DELETE", "/logs/_doc/1", None).await;
    server.put("/logs/_doc/2", json!({"n": 7})).await;
    server.kill();
    let server = Server::start_in(folder.path(), &never).await;
    assert_eq!(
        server.call("PUT", "/logs/_create/2", Some(json!({}))).await.0,
        409,
        "after replay, too"
    );
    let found = server.get("/logs/_doc/2").await;
    assert_eq!(
        (&found["_source"]["n"], &found["_version"]),
        (&json!(7), &json!(2))
    );
    assert_eq!(server.call("GET", "/logs/_doc/1", None).await.0, 404);
    server.get("/logs/_refresh").await;
    assert_eq!(server.count("logs", "n:>=0").await, 1);
    let mapping = server.get("/logs/_mapping").await;
    assert_eq!(
        mapping["logs"]["mappings"]["properties"]["gone"]["type"],
        "boolean"
    );
}

#[tokio::test]
async fn a_torn_log_is_cut_off_and_the_store_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let never = ["--refresh-interval", "1h"];
    let server = Server::start_in(folder.path(), &never).await;
    server.put("/logs/_doc/1", json!({"n": 1})).await;
    server.kill();
    let last = wal_segments(folder.path(), "logs").pop().unwrap();
    std::fs::OpenOptions::new()
        .append(true)
        .open(last)
        .unwrap()
        .write_all(&[200, 0, 0, 0, 1, 2])
        .unwrap();
    let server = Server::start_in(folder.path(), &never).await;
    server.put("/logs/_doc/2", json!({"n": 2})).await;
    server.kill();
    let server = Server::start_in(folder.path(), &never).await;
    server.get("/logs/_refresh").await;
    assert_eq!(server.count("logs", "*").await, 2);
}

#[tokio::test]
async fn a_refresh_makes_writes_visible_by_itself() {
    let server = Server::start_with(&["--refresh-interval", "20ms"]).await;
    server.put("/logs/_doc/1", json!({"n": 1})).await;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while server.count("logs", "*").await == 0 {
        assert!(std::time::Instant::now() < deadline, "it never became visible");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn automatic_ids_are_kept_across_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_in(folder.path(), &["--refresh-interval", "1h"]).await;
    let (_, answer) = server.call("POST", "/logs/_doc", Some(json!({"n": 1}))).await;
    let id = answer["_id"].as_str().unwrap().to_owned();
    server.kill();
    let server = Server::start_in(folder.path(), &[]).await;
    let found: Value = server.get(&format!("/logs/_doc/{id}")).await;
    assert_eq!(found["_source"], json!({"n": 1}));
}

#[tokio::test]
async fn a_disk_that_takes_no_more_is_an_error_the_process_survives() {
    let folder = tempfile::tempdir().unwrap();
    // A limit on the size of files stands for a full disk: writes beyond it fail, once the signal is ignored.
    let limited = "trap '' XFSZ; ulimit -f 400; exec \"$0\" \"$@\"";
    let server = Server::start_as(folder.path(), &["--refresh-interval", "1h"], Some(limited)).await;
    let document = json!({"text": "x".repeat(20_000)});
    let (mut kept, mut refused) = (Vec::new(), 0);
    for number in 0..60 {
        let body = format!("{}\n{document}\n", json!({"create": {"_id": number.to_string()}}));
        let (status, answer) = server.bulk_raw("/logs/_bulk", body).await.unwrap();
        assert_eq!(status, 200);
        let item = &answer["items"][0]["create"];
        match item["status"].as_u64() {
            Some(201) => kept.push(number.to_string()),
            Some(503) => {
                assert!(
                    item["error"]["reason"]
                        .as_str()
                        .unwrap()
                        .contains("write-ahead log"),
                    "{item}"
                );
                refused += 1;
            }
            _ => panic!("{item}"),
        }
    }
    assert!(
        !kept.is_empty() && refused > 0,
        "{} kept, {refused} refused",
        kept.len()
    );
    assert_eq!(
        server.get(&format!("/logs/_doc/{}", kept[0])).await["_source"],
        document
    );
    server.kill();
    let server = Server::start_in(folder.path(), &[]).await;
    server.get("/logs/_refresh").await;
    assert_eq!(server.count("logs", "*").await, kept.len() as u64);
}

//! Events by HTTP: what other shippers send, and what they are answered.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::ops::Range;

use serde_json::{Value, json};

use crate::engine::{Engine, Fault};
use crate::http_client::{Response, send, try_send};
use crate::law::assert_law;
use crate::process::{Punt, Site, component};
use crate::wait::until;

const HTTP: &str = "[sources.in]\ntype = \"http\"\nlisten = \"127.0.0.1:0\"\n";

const NDJSON: &str = "content-type: application/x-ndjson";

fn address(punt: &Punt) -> SocketAddr {
    punt.address("http-source")
}

fn bulk(numbers: Range<usize>) -> String {
    let mut body = String::new();
    for number in numbers {
        let _ = write!(
            body,
            "{{\"create\":{{\"_index\":\"app\",\"_id\":\"id-{number}\"}}}}\n\
             {{\"@timestamp\":\"2026-11-24T09:46:51.123Z\",\"message\":\"message {number}\",\
             \"log\":{{\"level\":\"info\",\"file\":{{\"path\":\"/x\"}}}}}}\n"
        );
    }
    body
}

fn statuses(response: &Response) -> Vec<u64> {
    let answer = response.json();
    let items = answer["items"].as_array().expect("items").clone();
    items
        .iter()
        .map(|item| {
            let (_, verdict) = item
                .as_object()
                .expect("an item")
                .iter()
                .next()
                .expect("its operation");
            verdict["status"].as_u64().expect("a status")
        })
        .collect()
}

fn documents(engine: &Engine) -> Vec<Value> {
    engine.stored().documents.values().cloned().collect()
}

#[test]
fn a_bulk_is_stored_once_however_often_and_however_packed_it_is_sent() {
    let engine = Engine::start(Fault::None);
    let site = Site::new(HTTP, &engine.url(), "");
    let punt = site.start();
    let body = bulk(0..500);
    let plain = send(address(&punt), "POST", "/_bulk", &[NDJSON], body.as_bytes());
    assert_eq!(
        (plain.status, plain.json()["errors"].clone()),
        (200, json!(false))
    );
    assert_eq!(statuses(&plain), vec![201; 500]);
    assert_eq!(plain.json()["items"][7]["create"]["_id"], "id-7");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(body.as_bytes()).expect("packed");
    let gzip = gzip.finish().expect("packed");
    let zstd = zstd::encode_all(body.as_bytes(), 3).expect("packed");
    for (header, packed) in [
        ("content-encoding: gzip", &gzip),
        ("content-encoding: zstd", &zstd),
    ] {
        for path in ["/_bulk", "/other/_bulk", "/other/_doc/_bulk"] {
            let chunked = [NDJSON, header, "transfer-encoding: chunked"];
            let again = send(address(&punt), "POST", path, &chunked, packed);
            assert_eq!(statuses(&again), vec![201; 500]);
        }
    }
    punt.wait_for_counter("sink", "acknowledged", 3500);
    assert_eq!(engine.count(), 500);
    engine.assert_each_once(500);
    let document = &documents(&engine)[0];
    assert_eq!(
        document["log"]["file"]["path"], "/x",
        "nested objects are passed on as they are"
    );
    assert_eq!(document["labels.index"], "app", "the client's index is a field");
    assert_law(&punt);
}

#[test]
fn an_answer_means_that_the_events_survive_kill_9() {
    let reserved = Engine::reserve();
    let site = Site::new(HTTP, &format!("http://{reserved}"), "");
    let punt = site.start();
    for part in 0..10 {
        let body = bulk(part * 100..(part + 1) * 100);
        let answer = send(address(&punt), "POST", "/_bulk", &[NDJSON], body.as_bytes());
        assert_eq!(statuses(&answer), vec![201; 100]);
    }
    punt.kill();
    let engine = Engine::start_at(reserved, Fault::None);
    let _punt = site.start();
    engine.wait_for(1000);
    engine.assert_each_once(1000);
}

#[test]
fn a_client_that_sends_again_what_was_not_answered_gets_each_event_stored_once_over_kills() {
    const PARTS: usize = 60;
    let engine = Engine::start(Fault::None);
    let site = Site::new(HTTP, &engine.url(), "");
    let (mut punt, mut part, mut kills) = (site.start(), 0, 0);
    while part < PARTS {
        let at = address(&punt);
        let body = bulk(part * 50..(part + 1) * 50);
        // Killed with the request on its way: whether it arrived, nobody knows.
        if part % 15 == 14 && kills == part / 15 {
            kills += 1;
            let sending =
                std::thread::spawn(move || try_send(at, "POST", "/_bulk", &[NDJSON], body.as_bytes()));
            punt.kill();
            drop(sending.join());
            punt = site.start();
            continue;
        }
        let answer = try_send(at, "POST", "/_bulk", &[NDJSON], body.as_bytes());
        if answer.is_some_and(|answer| answer.status == 200 && answer.json()["errors"] == false) {
            part += 1;
        }
    }
    engine.wait_for(PARTS * 50);
    engine.assert_each_once(PARTS * 50);
    assert_eq!(kills, 4);
}

#[test]
fn what_cannot_be_taken_is_refused_item_by_item_and_counted() {
    let engine = Engine::start(Fault::None);
    let site = Site::new(&format!("{HTTP}max_event_bytes = 1024\n"), &engine.url(), "");
    let punt = site.start();
    let long = "x".repeat(2000);
    let body = format!(
        "{{\"index\":{{\"_index\":\"a\"}}}}\n{{\"message\":\"message 0\"}}\n\
         {{\"update\":{{\"_index\":\"a\",\"_id\":\"1\"}}}}\n{{\"doc\":{{}}}}\n\
         {{\"delete\":{{\"_index\":\"a\",\"_id\":\"1\"}}}}\n\
         {{\"create\":{{\"_index\":\"a\"}}}}\n{{\"message\":\n\
         {{\"create\":{{\"_index\":\"a\"}}}}\n{{\"message\":\"{long}\"}}\n\
         {{\"create\":{{\"_index\":\"a\",\"_id\":\"{long}\"}}}}\n{{\"message\":\"x\"}}\n\
         {{\"create\":{{\"_index\":\"a\"}}}}\n{{\"message\":\"message 1\"}}\n"
    );
    let answer = send(address(&punt), "POST", "/_bulk", &[NDJSON], body.as_bytes());
    assert_eq!(statuses(&answer), [201, 400, 400, 400, 413, 400, 201]);
    let items = answer.json();
    assert_eq!(items["errors"], true);
    assert_eq!(
        items["items"][1]["update"]["error"]["type"],
        "illegal_argument_exception"
    );
    assert_eq!(
        items["items"][3]["create"]["error"]["type"],
        "mapper_parsing_exception"
    );
    engine.wait_for(2);
    engine.assert_each_once(2);
    punt.wait_for_counter("sink", "acknowledged", 2);
    assert_eq!(punt.counter("source", "refused"), 5);
    assert_law(&punt);
}

#[test]
fn a_full_queue_answers_429_for_what_it_has_no_room_for_and_loses_nothing() {
    let address_of_engine = Engine::reserve();
    let source = format!("{HTTP}queue_timeout = \"50ms\"\n");
    let sink = "buffer = { max_bytes = 1048576 }";
    let site = Site::new(&source, &format!("http://{address_of_engine}"), sink);
    let punt = site.start();
    let at = address(&punt);
    let padding = "y".repeat(1000);
    let body = |numbers: Range<usize>| {
        let mut body = String::new();
        for number in numbers {
            let _ = write!(
                body,
                "{{\"create\":{{\"_index\":\"a\",\"_id\":\"{number}\"}}}}\n\
                 {{\"@timestamp\":\"2026-11-24T09:46:51Z\",\"padding\":\"{padding}\",\"message\":\"message {number}\"}}\n"
            );
        }
        body
    };
    // Nothing is acknowledged once the buffer is full, so each sender is on its own.
    let senders: Vec<_> = (0..8)
        .map(|sender| {
            let body = body(sender * 1000..(sender + 1) * 1000);
            std::thread::spawn(move || send(at, "POST", "/_bulk", &[NDJSON], body.as_bytes()))
        })
        .collect();
    until("some are refused", || {
        (punt.counter("source", "refused") > 0).then_some(())
    });
    let _engine = Engine::start_at(address_of_engine, Fault::None);
    let mut refused = 0;
    for (sender, sending) in senders.into_iter().enumerate() {
        let answer = sending.join().expect("sent");
        for (at, status) in statuses(&answer).into_iter().enumerate() {
            match status {
                201 => {}
                429 => {
                    refused += 1;
                    let number = sender * 1000 + at;
                    until("it is taken", || {
                        let again = send(
                            address(&punt),
                            "POST",
                            "/_bulk",
                            &[NDJSON],
                            body(number..number + 1).as_bytes(),
                        );
                        (statuses(&again) == [201]).then_some(())
                    });
                }
                other => panic!("{other}"),
            }
            if refused > 50 {
                break;
            }
        }
    }
    assert!(refused > 0);
    assert_law(&punt);
}

#[test]
fn other_bodies_are_taken_under_their_paths_and_broken_lines_are_kept() {
    let engine = Engine::start(Fault::None);
    let site = Site::new(
        &format!(
            "{HTTP}endpoints = {{ \"/in/app\" = \"ndjson\", \"/json\" = \"json\", \
                                   \"/lines\" = \"plain\" }}\n"
        ),
        &engine.url(),
        "",
    );
    let punt = site.start();
    let post = |path: &str, body: &str| send(address(&punt), "POST", path, &[], body.as_bytes());
    let answer = post(
        "/in/app",
        "{\"message\":\"message 0\"}\n{\"message\": broken\n{\"message\":\"message 1\"}",
    );
    assert_eq!((answer.status, answer.json()), (200, json!({"accepted": 3})));
    let answer = post(
        "/json",
        "[{\"message\":\"message 2\"},\n {\"message\":\n\"message 3\"}]",
    );
    assert_eq!(answer.json(), json!({"accepted": 2}));
    assert_eq!(
        post("/lines", "message 4\r\n\nmessage 5").json(),
        json!({"accepted": 2})
    );
    assert_eq!(post("/json", "[{\"message\":\"x\"},").status, 400);
    assert_eq!(post("/nowhere", "x").status, 400);
    assert_eq!(send(address(&punt), "GET", "/json", &[], b"").status, 405);
    engine.wait_for(7);
    let mut found: Vec<String> = documents(&engine)
        .iter()
        .filter(|document| document["event.kind"].is_null())
        .map(|document| document["message"].as_str().unwrap_or_default().to_owned())
        .collect();
    found.sort();
    assert_eq!(found, (0..6).map(|n| format!("message {n}")).collect::<Vec<_>>());
    assert!(
        documents(&engine)
            .iter()
            .any(|document| document["event.original"] == "{\"message\": broken")
    );
    punt.wait_for_counter("sink", "acknowledged", 7);
    assert_law(&punt);
}

#[test]
fn who_does_not_know_the_secret_is_turned_away_and_big_bodies_are_too() {
    let engine = Engine::start(Fault::None);
    let source = format!(
        "{HTTP}max_body_bytes = 4096\nmax_event_bytes = 2048\n\
         auth = [{{ type = \"basic\", user = \"beats\", password = \"pw\" }}, {{ type = \"api_key\", key = \"i:k\" }}]\n"
    );
    let site = Site::new(&source, &engine.url(), "");
    let punt = site.start();
    let body = bulk(0..3);
    let post =
        |headers: &[&str], body: &str| send(address(&punt), "POST", "/_bulk", headers, body.as_bytes());
    let turned_away = post(&[], &body);
    assert_eq!(turned_away.status, 401);
    assert!(turned_away.header("www-authenticate").is_some());
    assert_eq!(post(&["authorization: Basic YmVhdHM6eA=="], &body).status, 401);
    assert_eq!(
        statuses(&post(&["authorization: Basic YmVhdHM6cHc="], &body)),
        [201; 3]
    );
    assert_eq!(statuses(&post(&["authorization: ApiKey aTpr"], &body)), [201; 3]);
    let large = bulk(0..100);
    assert_eq!(post(&["authorization: ApiKey aTpr"], &large).status, 413);
    assert_eq!(
        post(
            &["authorization: ApiKey aTpr", "transfer-encoding: chunked"],
            &large
        )
        .status,
        413
    );
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(large.as_bytes()).expect("packed");
    let packed = gzip.finish().expect("packed");
    let answer = send(
        address(&punt),
        "POST",
        "/_bulk",
        &["authorization: ApiKey aTpr", "content-encoding: gzip"],
        &packed,
    );
    assert_eq!(answer.status, 413, "the limit holds for what comes out, too");
    assert_eq!(
        post(&["authorization: ApiKey aTpr", "content-encoding: br"], &body).status,
        415
    );
    punt.wait_for_counter("sink", "acknowledged", 6);
    engine.assert_each_once(3);
    assert_law(&punt);
}

#[test]
fn shippers_find_an_elasticsearch_that_they_know() {
    let engine = Engine::start(Fault::None);
    let site = Site::new(HTTP, &engine.url(), "");
    let punt = site.start();
    let root = send(address(&punt), "GET", "/", &[], b"");
    assert_eq!(root.header("x-elastic-product"), Some("Elasticsearch"));
    assert!(
        root.json()["version"]["number"]
            .as_str()
            .is_some_and(|number| number.starts_with("7.17"))
    );
    let eight = send(
        address(&punt),
        "GET",
        "/",
        &["accept: application/vnd.elasticsearch+json; compatible-with=8"],
        b"",
    );
    assert_eq!(
        eight.header("content-type"),
        Some("application/vnd.elasticsearch+json;compatible-with=8")
    );
    assert_eq!(send(address(&punt), "HEAD", "/", &[], b"").status, 200);
    let template = send(
        address(&punt),
        "PUT",
        "/_index_template/x",
        &[],
        b"{\"index_patterns\":[]}",
    );
    assert_eq!(template.json(), json!({"acknowledged": true}));
    let single = send(
        address(&punt),
        "POST",
        "/my%2Dindex/_doc",
        &[],
        b"{\n \"message\": \"message 0\"\n}",
    );
    assert_eq!(
        (single.status, single.json()["result"].clone()),
        (201, json!("created"))
    );
    assert_eq!(single.json()["_index"], "my-index");
    let named = send(
        address(&punt),
        "PUT",
        "/i/_create/seven",
        &[],
        b"{\"message\":\"message 1\"}",
    );
    assert_eq!(named.json()["_id"], "seven");
    engine.wait_for(2);
    engine.assert_each_once(2);
    assert_eq!(send(address(&punt), "GET", "/_search", &[], b"").status, 400);
    assert_law(&punt);
    assert_eq!(component(&punt.stats(), "source")["counters"]["received"], 2);
}

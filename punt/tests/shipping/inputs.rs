//! What comes in, and what becomes of it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{TcpStream, UdpSocket};
use std::path::Path;

use serde_json::{Value, json};

use crate::engine::{Engine, Fault};
use crate::process::{Site, component};
use crate::wait::until;

const SPOOL: &str = "[sources.spool]\ntype = \"spool\"\ndir = \"ROOT/spool\"\nmax_line_bytes = 65536";

fn segment(folder: &Path, name: &str, text: &[u8]) {
    std::fs::create_dir_all(folder).expect("the spool's folder");
    std::fs::write(folder.join(name), text).expect("the segment is written");
}

fn record(number: usize) -> String {
    let record = json!({"@timestamp": "2026-11-24T09:46:51.123Z", "log.level": "info",
                        "message": format!("message {number}"), "service.name": "guilds"});
    format!("{record}\n")
}

fn errors(engine: &Engine) -> Vec<Value> {
    let stored = engine.stored();
    let documents = stored.documents.values();
    documents
        .filter(|document| document["event.kind"] == "pipeline_error")
        .cloned()
        .collect()
}

#[test]
fn datagrams_without_line_ends_are_one_message_each() {
    let engine = Engine::start(Fault::None);
    let source = "[sources.syslog]\ntype = \"syslog\"\nudp = \"127.0.0.1:0\"";
    let site = Site::new(source, &engine.url(), "");
    let punt = site.start();
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    for number in 0..500 {
        let text = format!("<13>1 2026-11-24T09:46:51Z host app 7 - - message {number}");
        socket
            .send_to(text.as_bytes(), punt.address("udp"))
            .expect("sent");
        // UDP has no flow control: go on when it has arrived.
        if number % 100 == 99 {
            punt.wait_for_counter("source", "received", number + 1);
        }
    }
    engine.wait_for(500);
    engine.assert_each_once(500);
    punt.assert_balance();
}

#[test]
fn both_framings_and_nonsense_arrive_on_one_connection() {
    let engine = Engine::start(Fault::Half400);
    let source = "[sources.syslog]\ntype = \"syslog\"\ntcp = \"127.0.0.1:0\"\nmax_frame_bytes = 2048";
    let site = Site::new(source, &engine.url(), "");
    let punt = site.start();
    let mut text = String::new();
    for number in 0..100 {
        let frame =
            format!("<38>1 2026-11-24T09:46:51Z localhost prg 1234 - - \u{feff}seq: message {number}\n");
        let _ = write!(text, "{} {frame}", frame.len());
        let _ = writeln!(
            text,
            "<38>2026-11-24T09:46:51 localhost prg[1234]: message {}",
            1000 + number
        );
    }
    let _ = writeln!(text, "<999>nonsense");
    let _ = writeln!(text, "<13>app: {}", "x".repeat(5000));
    text.push_str("<13>app: without an end");
    let mut stream = TcpStream::connect(punt.address("tcp")).expect("punt listens");
    stream.write_all(text.as_bytes()).expect("punt reads");
    drop(stream);
    punt.wait_for_counter("source", "received", 203);
    punt.wait_for_counter("sink", "acknowledged", 103);
    punt.wait_for_counter("sink", "dead_lettered", 100);
    assert_eq!(punt.counter("source", "failed"), 1);
    assert_eq!(punt.counter("source", "truncated"), 1);
    punt.assert_balance();
    let messages = engine.messages();
    assert!(messages.contains(&"without an end".to_owned()));
    assert!(
        messages.contains(&"seq: message 42".to_owned()),
        "the mark and the line end are gone"
    );
    let errors = errors(&engine);
    assert_eq!(errors[0]["event.original"], "<999>nonsense");
}

#[test]
fn whatever_stands_in_a_spool_is_kept_and_finished_segments_are_deleted() {
    let engine = Engine::start(Fault::None);
    let site = Site::new(SPOOL, &engine.url(), "");
    let spool = site.path("spool/guilds-0");
    let mut first: Vec<u8> = (0..10).flat_map(|n| record(n).into_bytes()).collect();
    first.extend(b"{\"message\": broken}\n\n[1]\n{\"@timestamp\":\"never\",\"message\":\"x\"}\n");
    first.extend(format!("{{\"message\":\"{}\"}}\n", "x".repeat(10 << 20)).into_bytes());
    first.extend(b"{\"message\":\"no time\"}\n");
    first.extend(b"{\"message\":\"torn off");
    segment(&spool, "1795513611123-4294967295-000000.ndjson", &first);
    let second: Vec<u8> = (10..20).flat_map(|n| record(n).into_bytes()).collect();
    segment(&spool, "1795513611123-4294967295-000001.ndjson", &second);
    let punt = site.start();
    // 20 records, one without a time, and five that cannot be read.
    engine.wait_for(26);
    let mut reasons: Vec<String> = errors(&engine)
        .iter()
        .map(|error| error["error.message"].as_str().unwrap_or_default().to_owned())
        .collect();
    reasons.sort();
    assert_eq!(reasons.len(), 5, "{reasons:?}");
    for part in ["too long", "torn off", "@timestamp", "expected"] {
        assert!(
            reasons.iter().any(|reason| reason.contains(part)),
            "{part}: {reasons:?}"
        );
    }
    let ids: Vec<String> = engine
        .stored()
        .documents
        .keys()
        .map(|(_, id)| id.clone())
        .collect();
    assert!(
        ids.contains(&"guilds-0/1795513611123-4294967295/000001/0".to_owned()),
        "{ids:?}"
    );
    until("the finished segment is deleted", || {
        (!spool.join("1795513611123-4294967295-000000.ndjson").exists()).then_some(())
    });
    assert!(
        spool.join("1795513611123-4294967295-000001.ndjson").exists(),
        "it may still be written to"
    );
    punt.wait_for_counter("sink", "acknowledged", 26);
    punt.assert_balance();
}

#[test]
fn a_fact_that_two_nodes_log_is_stored_once() {
    let engine = Engine::start(Fault::None);
    let site = Site::new(SPOOL, &engine.url(), "");
    for node in ["data-0", "data-1"] {
        let fact = json!({"@timestamp": "2026-11-24T09:46:51Z", "message": "message acknowledged",
                          "event.dataset": "data.message", "event.id": "4711", "service.node.name": node});
        segment(
            &site.path("spool").join(node),
            "1795513611123-1-000000.ndjson",
            format!("{fact}\n").as_bytes(),
        );
    }
    let punt = site.start();
    punt.wait_for_counter("sink", "acknowledged", 2);
    assert_eq!(engine.count(), 1);
    assert_eq!(punt.counter("sink", "duplicates"), 1);
    assert!(
        engine
            .stored()
            .documents
            .keys()
            .any(|(_, id)| id == "data.message:4711")
    );
}

#[test]
fn a_file_is_followed_through_renaming_and_truncating() {
    let engine = Engine::start(Fault::None);
    let source = "[sources.nginx]\ntype = \"file\"\npaths = [\"ROOT/log/*.log\"]\n\
                  fields = { \"service.name\" = \"nginx\" }";
    let site = Site::new(source, &engine.url(), "");
    let log = site.path("log/access.log");
    std::fs::create_dir_all(site.path("log")).expect("the folder");
    let append = |path: &Path, numbers: std::ops::Range<usize>| {
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .expect("the file");
        for number in numbers {
            writeln!(file, "message {number}").expect("written");
        }
    };
    append(&log, 0..10);
    let punt = site.start();
    engine.wait_for(10);
    let rotated = site.path("log/access.log.1");
    append(&log, 10..20);
    std::fs::rename(&log, &rotated).expect("renamed");
    append(&rotated, 20..30);
    append(&log, 30..40);
    engine.wait_for(40);
    std::fs::write(&log, "").expect("truncated");
    append(&log, 40..45);
    engine.wait_for(45);
    engine.assert_each_once(45);
    // While punt is down: written, renamed, written.
    until("all is checkpointed", || {
        (punt.counter("sink", "acknowledged") == 45).then_some(())
    });
    punt.terminate();
    append(&log, 45..50);
    std::fs::rename(&log, site.path("log/access.log.2")).expect("renamed");
    append(&log, 50..60);
    let _punt = site.start();
    engine.wait_for(60);
    engine.assert_each_once(60);
    assert!(
        engine
            .stored()
            .documents
            .values()
            .all(|document| document["service.name"] == "nginx")
    );
}

#[test]
fn events_go_where_their_routes_lead_and_the_others_are_counted() {
    let engine = Engine::start(Fault::None);
    let routes =
        format!("{SPOOL}\n[routes.g]\nwhen = {{ \"service.name\" = \"guild*\" }}\nsinks = [\"logs\"]");
    let site = Site::new(&routes, &engine.url(), "");
    let other = "{\"@timestamp\":\"2026-11-24T09:46:51Z\",\"service.name\":\"api\",\"message\":\"x\"}\n";
    let text = format!("{}{other}{}", record(0), record(1));
    segment(
        &site.path("spool/n"),
        "1795513611123-1-000000.ndjson",
        text.as_bytes(),
    );
    let punt = site.start();
    engine.wait_for(2);
    engine.assert_each_once(2);
    punt.wait_for_counter("sink", "acknowledged", 2);
    assert_eq!(component(&punt.stats(), "router")["dropped"]["no_route"], 1);
    punt.assert_balance();
}

//! Defects between the socket and the buffer.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};

use serde_json::Value;

use crate::engine::{Engine, Fault};
use crate::process::Site;
use crate::{documents, original, send, start, start_original, unpack};

#[test]
fn d06_a_line_that_cannot_be_parsed_is_kept_as_itself() {
    let engine = Engine::start(Fault::None);
    let (_site, punt) = start(&engine, "");
    send(
        &punt,
        "<13>Nov 24 09:46:51 host app[7]: message 1\n\
         <165>1 2026-11-24T09:46:51Z host app 7 - - message 2\n\
         <999>message 3\n",
    );
    engine.wait_for(3);
    assert_eq!(engine.messages()[..2], ["input could not be read", "message 1"]);
    let kept: Vec<Value> = documents(&engine);
    assert!(
        kept.iter()
            .any(|document| document["event.original"] == "<999>message 3"),
        "{kept:?}"
    );
    punt.assert_balance();
}

#[test]
fn d07_a_line_without_a_pid_has_none() {
    let engine = Engine::start(Fault::None);
    let (_site, punt) = start(&engine, "");
    send(
        &punt,
        "<13>Nov 24 09:46:51 host app[7]: message 1\n<13>Nov 24 09:46:51 host app: message 2\n",
    );
    engine.wait_for(2);
    for document in documents(&engine) {
        let expected = if document["message"] == "message 1" {
            Value::from(7)
        } else {
            Value::Null
        };
        assert_eq!(document["process.pid"], expected);
    }
}

#[test]
fn d08_a_datagram_is_one_message_whatever_its_end_and_size() {
    let engine = Engine::start(Fault::None);
    let (_site, punt) = start(&engine, "");
    let long = "x".repeat(9000);
    for text in ["message 1", "message 2", &long] {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let datagram = format!("<13>Nov 24 09:46:51 host app: {text}");
        socket
            .send_to(datagram.as_bytes(), punt.address("udp"))
            .expect("sent");
    }
    engine.wait_for(3);
    assert_eq!(engine.messages(), ["message 1", "message 2", long.as_str()]);
}

#[test]
fn d09_a_body_of_null_ends_nothing() {
    for transformer in ["unpack-merge", "unpack-take"] {
        let engine = Engine::start(Fault::None);
        let (_site, punt) = start_original(&original(&engine, &unpack(transformer)));
        for body in ["null", "[]", "7", "\"text\"", "{\"a\":1}"] {
            send(&punt, &format!("<13>Nov 24 09:46:51 host app[7]: {body}\n"));
        }
        engine.wait_for(5);
        punt.assert_balance();
    }
}

#[test]
fn d11_unix_times_are_read() {
    let engine = Engine::start(Fault::None);
    let mut kind = unpack("unpack-merge");
    kind["mutators"] = serde_json::json!([{"name": "unixtime", "config": {"fields": ["at"]}}]);
    let (_site, punt) = start_original(&original(&engine, &kind));
    send(&punt, "<13>Nov 24 09:46:51 host app[7]: {\"at\":1795513611}\n");
    engine.wait_for(1);
    let at = documents(&engine)[0]["at"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(at.starts_with("2026-11-24T09:46:51"), "{at}");
}

#[test]
fn d13_a_line_that_is_no_json_is_shipped_as_it_is() {
    let engine = Engine::start(Fault::None);
    let (_site, punt) = start_original(&original(&engine, &unpack("unpack-merge")));
    send(&punt, "<13>Nov 24 09:46:51 host app[7]: plain text\n");
    engine.wait_for(1);
    assert_eq!(engine.messages(), ["plain text"]);
}

#[test]
fn d18_a_broken_octet_count_is_left_behind() {
    let engine = Engine::start(Fault::None);
    let (_site, punt) = start(&engine, "");
    send(
        &punt,
        "99999999999 <13>app: lost\n<13>Nov 24 09:46:51 host app[7]: message 1\n",
    );
    crate::wait::until("the line behind it arrives", || {
        engine.messages().contains(&"message 1".to_owned()).then_some(())
    });
    punt.assert_balance();
}

#[test]
fn d19_the_end_of_a_stream_keeps_its_last_line_and_closes_the_socket() {
    let engine = Engine::start(Fault::None);
    let (_site, punt) = start(&engine, "");
    let mut stream = TcpStream::connect(punt.address("tcp")).expect("punt listens");
    stream
        .write_all(b"<13>Nov 24 09:46:51 host app[7]: without an end")
        .expect("sent");
    stream.shutdown(std::net::Shutdown::Write).expect("closed");
    assert_eq!(stream.read(&mut [0; 16]).expect("closed by punt"), 0);
    engine.wait_for(1);
    assert_eq!(engine.messages(), ["without an end"]);
}

#[test]
fn d22_a_wrong_clock_creates_no_index_and_times_are_exact() {
    let engine = Engine::start(Fault::None);
    let (_site, punt) = start(&engine, "");
    send(
        &punt,
        "<13>1 1971-01-01T00:00:00Z host app 7 - - message 1\n\
         <13>1 2026-11-24T11:46:51.123456+02:00 host app 7 - - message 2\n",
    );
    engine.wait_for(2);
    let stored = engine.stored();
    for ((index, _), document) in &stored.documents {
        assert!(!index.contains("1971"), "{index}");
        if document["message"] == "message 2" {
            assert_eq!(document["@timestamp"], "2026-11-24T09:46:51.123456Z");
        }
    }
}

#[test]
fn d26_a_thousand_tags_are_no_thousand_metrics() {
    let engine = Engine::start(Fault::None);
    let site = Site::new(crate::SYSLOG, &engine.url(), "");
    let punt = site.start();
    let mut text = String::new();
    for number in 0..1000 {
        text.push_str(&format!(
            "<13>Nov 24 09:46:51 host tag{number}[7]: message {number}\n"
        ));
    }
    send(&punt, &text);
    engine.wait_for(1000);
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_punt"))
        .args(["stats", "-o", "prometheus", "--socket"])
        .arg(punt.socket())
        .output()
        .expect("punt stats runs");
    let metrics = String::from_utf8_lossy(&output.stdout);
    assert!(metrics.contains("component=\"syslog\"} 1000"), "{metrics}");
    assert!(!metrics.contains("tag7"), "{metrics}");
    let lines = metrics
        .lines()
        .filter(|line| line.starts_with("punt_received_events_total"))
        .count();
    assert_eq!(lines, 1);
}

//! Buffers: on disk and in memory, full ones, damaged ones, and several beside each other.

use std::io::Write as _;
use std::net::TcpStream;

use serde_json::Value;

use crate::law::assert_law;
use crate::process::{Punt, Site, component};
use crate::server::{Reply, Request, reserve, serve, serve_at};
use crate::store::{Store, modern, stored};
use crate::wait::until;
use crate::{MESSAGES, SYSLOG};

const MEMORY: &str = "buffer = { type = \"memory\" }";

fn healthy(store: &Store) -> impl Fn(&Request) -> Reply + Send + Sync + 'static {
    let store = store.clone();
    move |request| store.answer(request, &modern(), stored)
}

/// Counters of one sink.
fn sink(punt: &Punt, name: &str) -> Value {
    let stats = punt.stats();
    let components = stats["components"].as_array().expect("components");
    let found = components
        .iter()
        .find(|c| c["kind"] == "sink" && c["name"] == name);
    found.expect("the sink").clone()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

/// Whether each event of one sink is acknowledged, buried, buffered or counted.
fn accounted(sink: &Value) -> u64 {
    let dropped = sink["dropped"].as_object();
    number(&sink["counters"]["acknowledged"])
        + number(&sink["counters"]["dead_lettered"])
        + number(&sink["buffer"]["events"])
        + dropped.map_or(0, |reasons| reasons.values().map(number).sum())
}

/// Sends without waiting to be read.
fn send_in_background(punt: &Punt, from: usize, count: usize) -> std::thread::JoinHandle<()> {
    let address = punt.address("tcp");
    std::thread::spawn(move || {
        let mut stream = TcpStream::connect(address).expect("punt listens");
        for number in from..from + count {
            let line = format!(
                "<13>Nov 24 09:46:51 host app[7]: {} message {number}\n",
                "x".repeat(200)
            );
            if stream.write_all(line.as_bytes()).is_err() {
                return;
            }
        }
    })
}

#[test]
fn a_buffer_in_memory_delivers_and_writes_nothing() {
    let store = Store::default();
    let address = serve(healthy(&store));
    let site = Site::new(SYSLOG, &format!("http://{address}"), MEMORY);
    let punt = site.start();
    punt.send(0, MESSAGES);
    store.wait_for(MESSAGES);
    store.assert_each_once(0..MESSAGES);
    assert_law(&punt);
    assert!(!site.path("data/buffer").exists());
    punt.terminate();
}

#[test]
fn a_file_is_done_only_once_the_engine_has_it_when_the_buffer_is_in_memory() {
    let (store, address) = (Store::default(), reserve());
    let source = "[sources.app]\ntype = \"file\"\npaths = [\"ROOT/app.log\"]";
    let site = Site::new(source, &format!("http://{address}"), MEMORY);
    let lines: String = (0..MESSAGES)
        .map(|number| format!("message {number}\n"))
        .collect();
    std::fs::write(site.path("app.log"), lines).expect("written");
    let punt = site.start();
    punt.wait_for_counter("source", "received", MESSAGES as u64);
    // All of it is in memory, nothing delivered: a kill must cost nothing.
    punt.kill();
    serve_at(address, None, healthy(&store));
    let punt = site.start();
    store.wait_for(MESSAGES);
    store.assert_each_once(0..MESSAGES);
    assert_law(&punt);
    punt.terminate();
    // And now it is done.
    let punt = site.start();
    punt.wait_for_log("tailing files");
    punt.terminate();
    assert_eq!(store.lock().duplicates, 0);
}

#[test]
fn what_is_in_memory_at_the_end_is_counted_and_the_stop_is_clean() {
    let site = Site::new(SYSLOG, &format!("http://{}", reserve()), MEMORY);
    let config = std::fs::read_to_string(site.path("punt.toml")).expect("read");
    std::fs::write(site.path("punt.toml"), config.replace("300s", "1s")).expect("written");
    let punt = site.start();
    punt.send(0, 100);
    punt.wait_for_counter("sink", "buffered", 100);
    punt.terminate();
}

#[test]
fn a_full_buffer_drops_the_newest_or_the_oldest_and_counts_them() {
    for kind in ["disk", "memory"] {
        for (when, reason) in [
            ("drop_newest", "buffer_full"),
            ("drop_oldest", "buffer_full_oldest"),
        ] {
            let (store, address) = (Store::default(), reserve());
            let keys = format!(
                "batch_events = 100\nbuffer = {{ type = \"{kind}\", max_bytes = 1048576, when_full = \"{when}\" }}"
            );
            let site = Site::new(SYSLOG, &format!("http://{address}"), &keys);
            let punt = site.start();
            let count = 3 * MESSAGES;
            send_in_background(&punt, 0, count).join().expect("sent");
            until(&format!("{kind} {when}: all are received"), || {
                (punt.counter("source", "received") == count as u64).then_some(())
            });
            let lost = until("each event is buffered or counted", || {
                let sink = sink(&punt, "logs");
                let lost = number(&sink["dropped"][reason]);
                (lost > 0 && accounted(&sink) == count as u64).then_some(lost)
            });
            assert!(
                number(&sink(&punt, "logs")["buffer"]["bytes"]) <= 1 << 20,
                "{kind} {when}"
            );
            assert_law(&punt);
            serve_at(address, None, healthy(&store));
            store.wait_for(count - usize::try_from(lost).expect("a small number"));
            let mut numbers: Vec<usize> = store
                .lock()
                .documents
                .values()
                .map(crate::store::number)
                .collect();
            numbers.sort_unstable();
            match when {
                "drop_oldest" => assert_eq!(numbers.last(), Some(&(count - 1)), "{kind}: the newest is kept"),
                _ => assert!(
                    numbers.starts_with(&[0, 1, 2]),
                    "{kind}: what was there first is kept"
                ),
            }
            assert_law(&punt);
        }
    }
}

#[test]
fn a_buffer_in_memory_that_blocks_holds_the_sender_and_loses_nothing() {
    let (store, address) = (Store::default(), reserve());
    let keys = "buffer = { type = \"memory\", max_bytes = 1048576 }";
    let site = Site::new(SYSLOG, &format!("http://{address}"), keys);
    let punt = site.start();
    let sending = send_in_background(&punt, 0, 5 * MESSAGES);
    punt.wait_for_log("the buffer is full");
    serve_at(address, None, healthy(&store));
    store.wait_for(5 * MESSAGES);
    sending.join().expect("sent");
    store.assert_each_once(0..5 * MESSAGES);
    assert_law(&punt);
}

#[test]
fn a_sink_that_takes_nothing_does_not_keep_from_another_what_that_was_given() {
    let store = Store::default();
    let address = serve(healthy(&store));
    let site = Site::new(SYSLOG, &format!("http://{address}"), "");
    let mut config = std::fs::read_to_string(site.path("punt.toml")).expect("read");
    config.push_str(&format!(
        "[sinks.dead]\ntype = \"elasticsearch\"\nurl = \"http://{}\"\nbuffer = {{ max_bytes = 1048576 }}\n",
        reserve()
    ));
    std::fs::write(site.path("punt.toml"), config.replace("300s", "1s")).expect("written");
    let punt = site.start();
    let sending = send_in_background(&punt, 0, 5 * MESSAGES);
    punt.wait_for_log("the buffer is full");
    // What the living sink has is delivered while the dead one blocks; both were given the same.
    until("the living sink has all that it was given", || {
        let living = sink(&punt, "logs");
        let given = number(&living["counters"]["buffered"]);
        let dead = number(&sink(&punt, "dead")["counters"]["buffered"]);
        (given >= dead && number(&living["counters"]["acknowledged"]) == given && dead > 0).then_some(())
    });
    punt.terminate();
    sending.join().expect("the sender ends");
}

#[test]
fn a_flipped_byte_costs_one_event_which_is_counted() {
    let (store, address) = (Store::default(), reserve());
    let site = Site::new(SYSLOG, &format!("http://{address}"), "");
    let punt = site.start();
    punt.send(0, MESSAGES);
    punt.wait_for_counter("sink", "buffered", MESSAGES as u64);
    punt.kill();
    let folder = site.path("data/buffer/logs");
    let segments = std::fs::read_dir(&folder)
        .expect("the buffer")
        .map(|entry| entry.expect("an entry").path());
    let largest = segments
        .max_by_key(|path| path.metadata().map_or(0, |data| data.len()))
        .expect("a segment");
    let mut bytes = std::fs::read(&largest).expect("read");
    // One in a length, one in a payload, well apart.
    let marks: Vec<usize> = bytes
        .windows(4)
        .enumerate()
        .filter(|(_, w)| w == b"\xf5PNT")
        .map(|(at, _)| at)
        .collect();
    bytes[marks[100] + 6] ^= 0x40;
    bytes[marks[200] + 40] ^= 0x01;
    std::fs::write(&largest, bytes).expect("written");
    serve_at(address, None, healthy(&store));
    let punt = site.start();
    store.wait_for(MESSAGES - 2);
    let stats = punt.stats();
    assert_eq!(component(&stats, "sink")["dropped"]["buffer_corrupt"], 2);
    assert_eq!(punt.counter("sink", "restored"), MESSAGES as u64 - 2);
}

#[test]
fn with_the_engine_down_for_the_whole_run_memory_is_flat_and_the_disk_has_its_bound() {
    let site = Site::new(
        SYSLOG,
        &format!("http://{}", reserve()),
        "buffer = { max_bytes = 33554432, when_full = \"drop_oldest\" }",
    );
    let punt = site.start();
    let count = 60 * MESSAGES;
    send_in_background(&punt, 0, count).join().expect("sent");
    punt.wait_for_counter("source", "received", count as u64);
    assert_law(&punt);
    let folder = std::fs::read_dir(site.path("data/buffer/logs")).expect("the buffer");
    let disk: u64 = folder
        .map(|entry| entry.and_then(|e| e.metadata()).map_or(0, |data| data.len()))
        .sum();
    assert!(disk <= 33_554_432 + 4096, "{disk}");
    let status = std::fs::read_to_string(format!("/proc/{}/status", punt.id())).expect("it runs");
    let peak = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .expect("a peak");
    let kib: u64 = peak
        .split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse().ok())
        .expect("a number");
    assert!(kib <= 60 * 1024, "{peak}");
}

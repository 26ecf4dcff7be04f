//! Defects of configuration and operation.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::Command;

use serde_json::json;

use crate::engine::{Engine, Fault};
use crate::process::Site;
use crate::{SYSLOG, original, send, start, start_original, unpack};

fn refused(site: &Site, file: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_punt"))
        .args(["run", "--config"])
        .arg(site.path(file))
        .output()
        .expect("punt runs");
    assert_eq!(output.status.code(), Some(78));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn d10_nonsense_on_the_control_socket_ends_nothing() {
    let engine = Engine::start(Fault::None);
    let (_site, punt) = start_original(&original(&engine, &unpack("direct")));
    for line in [
        "tail\n",
        "tail {\"StreamType\":\"app\",\"Filter\":{\"process.pid\":\"7\"}}\n",
        "\n",
        "tail {{{\n",
    ] {
        let mut stream = TcpStream::connect(punt.address("punt-cli")).expect("punt listens");
        stream.write_all(line.as_bytes()).expect("sent");
        punt.send(0, 10);
    }
    punt.wait_for_counter("source", "received", 40);
}

#[test]
fn d12_a_file_that_is_no_json_is_refused() {
    let site = Site::new(SYSLOG, "http://127.0.0.1:1", "");
    std::fs::write(site.path("config.json"), "{\"clusters\": {").expect("written");
    assert!(refused(&site, "config.json").contains("not JSON"));
}

#[test]
fn d15_unknown_names_are_refused_before_anything_runs() {
    let engine = Engine::start(Fault::None);
    let site = Site::new(SYSLOG, "http://127.0.0.1:1", "");
    let mut config = original(&engine, &unpack("unpack-everything"));
    config["types"]["app"]["mutators"] = json!([{"name": "magic", "config": {}}]);
    std::fs::write(site.path("config.json"), config.to_string()).expect("written");
    let complaints = refused(&site, "config.json");
    for part in ["unpack-everything", "magic", "types.app.mutators[0].name"] {
        assert!(complaints.contains(part), "{part} in {complaints}");
    }
}

#[test]
fn d20_a_tail_that_leaves_takes_only_itself_away_and_a_star_is_everything() {
    let engine = Engine::start(Fault::None);
    let (_site, punt) = start_original(&original(&engine, &unpack("direct")));
    let tail = || {
        let mut stream = TcpStream::connect(punt.address("punt-cli")).expect("punt listens");
        stream
            .write_all(b"tail {\"StreamType\":\"*\",\"Filter\":{},\"Sample\":100}\r\n")
            .expect("sent");
        BufReader::new(stream)
    };
    let mut stays = tail();
    for round in 0..3 {
        let mut leaves = tail();
        let mut said = String::new();
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut number = round * 1_000_000;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    send(
                        &punt,
                        &format!("<13>Nov 24 09:46:51 host app[7]: message {number}\n"),
                    );
                    number += 1;
                    std::thread::park_timeout(std::time::Duration::from_millis(10));
                }
            });
            leaves.read_line(&mut said).expect("an event");
            drop(leaves);
            let mut seen = std::collections::BTreeSet::new();
            for _ in 0..5 {
                let mut line = String::new();
                stays.read_line(&mut line).expect("an event");
                assert!(seen.insert(line), "the same event twice");
            }
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    }
}

#[test]
fn d27_a_configuration_is_checked_and_reloaded() {
    let engine = Engine::start(Fault::None);
    let (site, punt) = start(&engine, "");
    site.configure(SYSLOG, &engine.url(), "no_such_key = 1");
    assert!(refused(&site, "punt.toml").contains("no_such_key"));
    assert_eq!(punt.reload().0, Some(78));
    site.configure(SYSLOG, &engine.url(), "batch_events = 10");
    assert_eq!(punt.reload().0, Some(0));
    punt.send(0, 100);
    engine.wait_for(100);
}

#[test]
fn d14_an_alert_on_a_missing_field_and_a_dead_webhook_are_in_nobodys_way() {
    let engine = Engine::start(Fault::None);
    let alerts = format!(
        "{SYSLOG}\n[actions.ops]\ntype = \"webhook\"\nurl = \"http://127.0.0.1:1/hook\"\n\
         [alerts.errors]\nwhen = \"service.name:app\"\nkey = \"no.such.field\"\nfields = [\"no.such.field\"]\naction = \"ops\"\n"
    );
    let site = Site::new(&alerts, &engine.url(), "");
    let punt = site.start();
    punt.send(0, 1000);
    engine.wait_for(1000);
    punt.assert_balance();
}

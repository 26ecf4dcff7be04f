//! The original Punt's config.json, run as it is, and its tail protocol.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use crate::engine::{Engine, Fault};
use crate::process::{Punt, Site};
use crate::wait::until;

/// A config.json as its users have it, with the two keys that its own sample has and nothing reads.
fn config(engine: &Engine) -> String {
    serde_json::json!({
        "clusters": {"main": {
            "url": engine.url(), "num_workers": 2, "bulk_size": 100, "commit_interval": 1,
            "reliability": {"insert_retries": 0, "retry_delay": 100},
            "servers": [{"type": "tcp", "bind": "localhost:0", "octet_counted": false, "buffer_size": 4096}]
        }},
        "types": {
            "*": {"prefix": "other-", "date_format": "2006.01.02", "transformer": {"name": "direct"}},
            "app": {"prefix": "app-", "date_format": "2006.01.02", "transformer": {"name": "unpack-merge"}}
        },
        "templates": {"unused": {}},
        "control_socket": {"enabled": true, "bind": "localhost:0"}
    })
    .to_string()
}

fn start(engine: &Engine) -> (Site, Punt) {
    let site = Site::new("", "http://127.0.0.1:1", "");
    std::fs::write(site.path("config.json"), config(engine)).expect("written");
    let punt = site.start_config("config.json", "punt-data/punt.sock");
    (site, punt)
}

fn send(punt: &Punt, text: &str) {
    let mut stream = TcpStream::connect(punt.address("tcp")).expect("punt listens");
    stream.write_all(text.as_bytes()).expect("punt reads");
}

/// A client of the tail protocol, as a transcript of `punt-cli` has it.
struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(address: SocketAddr, line: &str) -> Self {
        let mut stream = TcpStream::connect(address).expect("punt listens");
        stream.write_all(line.as_bytes()).expect("punt reads");
        Self(BufReader::new(stream))
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("punt writes");
        line
    }
}

#[test]
fn a_config_json_is_run_as_it_is_and_its_types_go_to_their_indices() {
    let engine = Engine::start(Fault::None);
    let (_site, punt) = start(&engine);
    punt.wait_for_log("clusters.main.servers[0].buffer_size");
    send(
        &punt,
        "<13>Nov 24 09:46:51 host app[7]: {\"user\":\"ann\",\"n\":3}\n\
         <13>Nov 24 09:46:51 host app[7]: no JSON\n\
         <13>Nov 24 09:46:51 host app[7]: null\n\
         <13>Nov 24 09:46:51 host cron: message 1\n",
    );
    engine.wait_for(4);
    let stored = engine.stored();
    let of = |prefix: &str| {
        let found = stored
            .documents
            .iter()
            .filter(|((index, _), _)| index.starts_with(prefix));
        found.map(|(_, document)| document.clone()).collect::<Vec<_>>()
    };
    assert_eq!((of("app-").len(), of("other-").len()), (3, 1));
    assert!(
        of("app-")
            .iter()
            .any(|document| document["user"] == "ann" && document["n"] == 3)
    );
    drop(stored);
    punt.assert_balance();
}

#[test]
fn check_and_convert_say_what_has_no_effect_and_what_is_done_otherwise() {
    let engine = Engine::start(Fault::None);
    let site = Site::new("", "http://127.0.0.1:1", "");
    let path = site.path("config.json");
    std::fs::write(&path, config(&engine)).expect("written");
    let punt = |verb: &str, path: &std::path::Path| {
        let output = Command::new(env!("CARGO_BIN_EXE_punt"))
            .arg(verb)
            .arg(path)
            .output()
            .expect("punt runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, said, complaints) = punt("check", &path);
    assert_eq!(code, Some(0), "{complaints}");
    for part in [
        "no faults",
        "clusters.main.servers[0].buffer_size",
        "templates",
        "reliability",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    let (code, toml, complaints) = punt("convert", &path);
    assert_eq!(code, Some(0), "{complaints}");
    let converted = site.path("converted.toml");
    std::fs::write(&converted, toml).expect("written");
    let (code, _, complaints) = punt("check", &converted);
    assert_eq!(code, Some(0), "{complaints}");
    std::fs::write(&path, "{ \"clusters\": ").expect("written");
    let (code, _, complaints) = punt("check", &path);
    assert_eq!(code, Some(78));
    assert!(complaints.contains("not JSON"), "{complaints}");
}

#[test]
fn the_tail_protocol_of_punt_cli_is_spoken() {
    let engine = Engine::start(Fault::None);
    let (_site, punt) = start(&engine);
    let address = punt.address("punt-cli");
    let mut all = Client::connect(
        address,
        "tail {\"StreamType\":\"*\",\"Filter\":{},\"Sample\":100}\r\n",
    );
    let mut app = Client::connect(
        address,
        "tail {\"StreamType\":\"app\",\"Filter\":{\"process.pid\":\"7\"},\"Sample\":100}\r\n",
    );
    let mut older = Client::connect(address, "tail app\r\n");
    let mut unknown = Client::connect(address, "tail {\"StreamType\":\"nothing\"}\r\n");
    assert_eq!(unknown.line(), "Unknown type 'nothing'\n");
    // What killed the original is answered, and the connection goes on.
    let mut stubborn = Client::connect(
        address,
        "tail\r\ntail {\"Filter\":\r\nhello\r\ntail {\"Filter\":{\"process.pid\":7}}\r\n",
    );
    for start in ["Invalid request", "Invalid request", "Unknown command"] {
        assert!(stubborn.line().starts_with(start));
    }
    // The tails are on their way in: send until each of them shows something.
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                send(
                    &punt,
                    "<13>Nov 24 09:46:51 host cron[9]: x\n<13>Nov 24 09:46:51 host app[7]: y\n",
                );
                std::thread::park_timeout(std::time::Duration::from_millis(20));
            }
        });
        for (client, only_app) in [
            (&mut all, false),
            (&mut app, true),
            (&mut older, true),
            (&mut stubborn, true),
        ] {
            let line = client.line();
            let event: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
            assert!(!only_app || event["process.pid"] == 7, "{line}");
        }
        // One that leaves takes only itself away.
        drop(app);
        for _ in 0..5 {
            assert!(!older.line().is_empty());
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

/// `PUNT_CLI=/path/to/punt-cli` runs the original client against us.
#[test]
fn the_original_client_works_when_its_path_is_given() {
    let Some(client) = std::env::var_os("PUNT_CLI") else {
        return;
    };
    let engine = Engine::start(Fault::None);
    let (_site, punt) = start(&engine);
    let mut child = Command::new(client)
        .args([
            "-hosts",
            &punt.address("punt-cli").to_string(),
            "-stream-type",
            "app",
        ])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("punt-cli runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    let reading = std::thread::spawn(move || {
        let line = lines.next();
        let _ = sender.try_send(());
        line
    });
    until("punt-cli shows an event", || {
        send(&punt, "<13>Nov 24 09:46:51 host app[7]: y\n");
        receiver.try_recv().ok()
    });
    let line = reading.join().expect("read").expect("a line").expect("text");
    assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok(), "{line}");
    child.kill().expect("killed");
    child.wait().expect("ours");
}

//! The defects of the original Punt, D1 to D27: a test each, on the real binary, that shows that this one does
//! not have it. The name of a test says what happens instead.
//!
//! Not here: D24, authentication and TLS towards the engine.

mod delivery;
mod intake;
mod operation;

#[path = "../shipping/engine.rs"]
#[allow(
    dead_code,
    reason = "shared with the other test binaries, each of which uses a part"
)]
mod engine;
#[path = "../shipping/process.rs"]
#[allow(
    dead_code,
    reason = "shared with the other test binaries, each of which uses a part"
)]
mod process;
#[path = "../shipping/wait.rs"]
mod wait;

use std::io::Write as _;
use std::net::TcpStream;

use engine::Engine;
use process::{Punt, Site};
use serde_json::{Value, json};

const SYSLOG: &str = "[sources.syslog]\ntype = \"syslog\"\ntcp = \"127.0.0.1:0\"\nudp = \"127.0.0.1:0\"";

fn start(engine: &Engine, sink: &str) -> (Site, Punt) {
    let site = Site::new(SYSLOG, &engine.url(), sink);
    let punt = site.start();
    (site, punt)
}

/// A config.json of the original, with one type for `app`.
fn original(engine: &Engine, kind: &Value) -> Value {
    json!({
        "clusters": {"main": {"url": engine.url(), "servers": [{"type": "tcp", "bind": "127.0.0.1:0"}]}},
        "types": {"app": kind},
        "control_socket": {"enabled": true, "bind": "127.0.0.1:0"}
    })
}

fn start_original(config: &Value) -> (Site, Punt) {
    let site = Site::new("", "http://127.0.0.1:1", "");
    std::fs::write(site.path("config.json"), config.to_string()).expect("written");
    let punt = site.start_config("config.json", "punt-data/punt.sock");
    (site, punt)
}

fn unpack(name: &str) -> Value {
    json!({"prefix": "app-", "date_format": "2006.01.02", "transformer": {"name": name}})
}

fn send(punt: &Punt, text: &str) {
    let mut stream = TcpStream::connect(punt.address("tcp")).expect("punt listens");
    stream.write_all(text.as_bytes()).expect("punt reads");
}

fn documents(engine: &Engine) -> Vec<Value> {
    engine.stored().documents.values().cloned().collect()
}

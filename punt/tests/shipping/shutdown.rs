//! SIGTERM: what was taken is delivered, or on disk for the next start.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};

use crate::engine::{Engine, Fault};
use crate::process::Site;

const SYSLOG: &str = "[sources.syslog]\ntype = \"syslog\"\ntcp = \"127.0.0.1:0\"";

#[test]
fn a_stop_delivers_what_was_sent_before_it() {
    let engine = Engine::start(Fault::None);
    let site = Site::new(SYSLOG, &engine.url(), "");
    let punt = site.start();
    punt.send(0, 20_000);
    punt.wait_for_counter("source", "received", 20_000);
    punt.terminate();
    assert_eq!(engine.count(), 20_000);
    engine.assert_each_once(20_000);
}

#[test]
fn a_stop_while_the_engine_is_down_leaves_the_events_to_the_next_start() {
    let address = Engine::reserve();
    let site = Site::new(SYSLOG, &format!("http://{address}"), "");
    let punt = site.start();
    punt.send(0, 4000);
    punt.wait_for_counter("source", "received", 4000);
    punt.terminate();
    let engine = Engine::start_at(address, Fault::None);
    let _punt = site.start();
    engine.wait_for(4000);
    engine.assert_each_once(4000);
}

#[test]
fn two_punts_do_not_share_a_data_folder() {
    let engine = Engine::start(Fault::None);
    let site = Site::new(SYSLOG, &engine.url(), "");
    let _punt = site.start();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_punt"))
        .args(["run", "--config"])
        .arg(site.path("punt.toml"))
        .output()
        .expect("punt runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("in use by another punt"));
}

#[test]
fn an_inherited_socket_refuses_nobody_while_punt_is_replaced() {
    let engine = Engine::start(Fault::None);
    let site = Site::new(SYSLOG, &engine.url(), "");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let address = listener.local_addr().expect("an address");
    let inherited = || listener.try_clone().expect("a copy of the socket");
    let first = site.start_with("syslog-tcp", inherited());
    assert_eq!(first.address("tcp"), address);
    first.send(0, 10);
    engine.wait_for(10);
    first.terminate();
    // Nobody accepts now; the sender is not refused.
    let mut stream = TcpStream::connect(address).expect("the backlog takes it");
    stream.write_all(b"<13>app: message 10\n").expect("sent");
    drop(stream);
    let _second = site.start_with("syslog-tcp", inherited());
    engine.wait_for(11);
    engine.assert_each_once(11);
}

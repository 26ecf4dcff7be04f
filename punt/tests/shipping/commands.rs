//! The commands and the HTTP listener.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use crate::engine::{Engine, Fault};
use crate::process::Site;

const SYSLOG: &str = "[sources.syslog]\ntype = \"syslog\"\ntcp = \"127.0.0.1:0\"";

fn punt(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_punt"))
        .args(arguments)
        .output()
        .expect("punt runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn check_reports_every_fault_with_its_line_and_a_code_of_its_own() {
    let site = Site::new(SYSLOG, "https://engine", "concurrency = 0\ncolour = \"red\"");
    let path = site.path("punt.toml").display().to_string();
    let (code, _, complaints) = punt(&["check", "--config", &path]);
    assert_eq!(code, Some(78));
    for part in ["unknown field `colour`", "punt.toml:"] {
        assert!(complaints.contains(part), "{part} in {complaints}");
    }
    site.configure(SYSLOG, "http://127.0.0.1:9200", "");
    let (code, said, _) = punt(&["check", "--config", &path]);
    assert_eq!((code, said.contains("no faults")), (Some(0), true));
}

#[test]
fn tail_shows_the_events_that_match_as_they_pass() {
    let engine = Engine::start(Fault::None);
    let site = Site::new(SYSLOG, &engine.url(), "");
    let running = site.start();
    let mut tail = Command::new(env!("CARGO_BIN_EXE_punt"))
        .args(["tail", "--filter", "message=message 7*", "--socket"])
        .arg(running.socket())
        .stdout(Stdio::piped())
        .spawn()
        .expect("punt tail runs");
    let mut lines = BufReader::new(tail.stdout.take().expect("piped")).lines();
    // The tail is on its way in: send until it shows something.
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    let reading = std::thread::spawn(move || {
        let line = lines.next();
        let _ = sender.try_send(());
        line
    });
    crate::wait::until("the tail shows an event", || {
        running.send(70, 10);
        receiver.try_recv().ok()
    });
    let line = reading.join().expect("read").expect("a line").expect("text");
    let event: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(event["service.name"], "app");
    tail.kill().expect("killed");
    tail.wait().expect("ours");
}

#[test]
fn metrics_and_health_are_served() {
    let engine = Engine::start(Fault::None);
    let site = Site::new(SYSLOG, &engine.url(), "");
    let running = site.start();
    running.send(0, 10);
    engine.wait_for(10);
    running.wait_for_counter("sink", "acknowledged", 10);
    let get = |path: &str| {
        let mut stream = TcpStream::connect(running.address("http")).expect("metrics are served");
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        )
        .expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("answered");
        text
    };
    let metrics = get("/metrics");
    for line in [
        "punt_received_events_total{kind=\"source\",component=\"syslog\"} 10",
        "punt_acknowledged_events_total{kind=\"sink\",component=\"logs\"} 10",
        "punt_buffer_events{component=\"logs\"} 0",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    assert!(get("/livez").starts_with("HTTP/1.1 200"));
    assert!(get("/readyz").starts_with("HTTP/1.1 200"));
}

#[test]
fn stats_of_nobody_say_where_they_looked() {
    let (code, _, complaints) = punt(&["stats", "--socket", "/nowhere/punt.sock"]);
    assert_eq!(code, Some(1));
    assert!(complaints.contains("/nowhere/punt.sock"), "{complaints}");
}

//! The sinks that are no engine: file, standard output, HTTP, Loki. They have the same buffer, the same tries, the
//! same dead letters.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use crate::law::assert_law;
use crate::process::Site;
use crate::server::{Reply, reserve, serve, serve_at};
use crate::store::number;
use crate::wait::until;
use crate::{MESSAGES, SYSLOG};

/// A punt with one sink `logs` of these keys.
fn site(sink: &str) -> Site {
    let site = Site::new(SYSLOG, "http://unused", "");
    let root = site.path("").display().to_string();
    let config = format!(
        "data = \"{root}data\"\ngrace = \"300s\"\n{SYSLOG}\n[sinks.logs]\nbatch_timeout_ms = 20\n\
         retry_max_ms = 100\n{}\n",
        sink.replace("ROOT/", &root)
    );
    std::fs::write(site.path("punt.toml"), config).expect("written");
    site
}

/// The numbers of these documents, sorted; fails when one is there twice.
fn numbers(documents: &[Value]) -> Vec<usize> {
    let mut numbers: Vec<usize> = documents.iter().map(number).collect();
    numbers.sort_unstable();
    numbers
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect()
}

#[test]
fn a_file_has_each_event_once_and_is_rotated_by_size() {
    let site = site(
        "type = \"file\"\npath = \"ROOT/out/events.ndjson\"\nrotate_bytes = 200000\nkeep = 100\nbatch_events = 500",
    );
    let punt = site.start();
    punt.send(0, MESSAGES);
    punt.wait_for_counter("sink", "acknowledged", MESSAGES as u64);
    assert_law(&punt);
    punt.terminate();
    let mut documents = Vec::new();
    let mut files = 0;
    for entry in std::fs::read_dir(site.path("out")).expect("the folder") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("read");
        assert!(text.len() <= 200_000, "{}", path.display());
        documents.extend(lines(&text));
        files += 1;
    }
    assert!(files > 2, "{files}");
    assert_eq!(numbers(&documents), (0..MESSAGES).collect::<Vec<_>>());
}

#[test]
fn full_files_beyond_the_bound_are_deleted_and_a_torn_line_is_cut() {
    let site = site(
        "type = \"file\"\npath = \"ROOT/out/events.txt\"\nencoding = \"text\"\nrotate_bytes = 5000\nkeep = 2\nbatch_events = 100",
    );
    std::fs::create_dir(site.path("out")).expect("the folder");
    std::fs::write(site.path("out/events.txt"), "message before\nmessage to").expect("written");
    std::fs::write(site.path("out/events.txt.mine"), "not punt's").expect("written");
    let punt = site.start();
    punt.send(0, 1);
    punt.wait_for_counter("sink", "acknowledged", 1);
    let text = std::fs::read_to_string(site.path("out/events.txt")).expect("read");
    assert_eq!(
        text,
        "message before
message 0
"
    );
    punt.send(1, MESSAGES - 1);
    punt.wait_for_counter("sink", "acknowledged", MESSAGES as u64);
    let count = std::fs::read_dir(site.path("out")).expect("the folder").count();
    assert_eq!(count, 1 + 2 + 1);
    let text = std::fs::read_to_string(site.path("out/events.txt")).expect("read");
    assert!(text.ends_with("message 3999\n"), "{text}");
}

#[test]
fn the_standard_output_has_each_event_once() {
    let site = site("type = \"stdout\"");
    let mut child = Command::new(env!("CARGO_BIN_EXE_punt"))
        .args(["run", "--config"])
        .arg(site.path("punt.toml"))
        .args(["--spool"])
        .arg(site.path("spool"))
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(site.path("stdout")).expect("a file"))
        .stderr(Stdio::null())
        .spawn()
        .expect("punt starts");
    let text = || std::fs::read_to_string(site.path("stdout")).unwrap_or_default();
    let log = || {
        let folder = std::fs::read_dir(site.path("spool")).ok()?;
        let texts: Vec<String> = walk(folder)
            .into_iter()
            .filter_map(|path| std::fs::read_to_string(path).ok())
            .collect();
        let line = texts
            .concat()
            .lines()
            .find(|line| line.contains("listening for syslog"))?
            .to_owned();
        let record: Value = serde_json::from_str(&line).ok()?;
        record["labels.address"]
            .as_str()?
            .parse::<std::net::SocketAddr>()
            .ok()
    };
    let address = until("punt listens", log);
    let mut stream = std::net::TcpStream::connect(address).expect("punt listens");
    for number in 0..100 {
        use std::io::Write as _;
        writeln!(stream, "<13>Nov 24 09:46:51 host app[7]: message {number}").expect("punt reads");
    }
    until("all is there", || (text().lines().count() == 100).then_some(()));
    assert_eq!(numbers(&lines(&text())), (0..100).collect::<Vec<_>>());
    child.kill().expect("it is ours");
    child.wait().expect("it is ours");
}

fn walk(folder: std::fs::ReadDir) -> Vec<std::path::PathBuf> {
    let paths = folder.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    paths
        .flat_map(|path| match std::fs::read_dir(&path) {
            Ok(below) => walk(below),
            Err(_) => vec![path],
        })
        .collect()
}

#[test]
fn http_gets_each_event_once_as_lines_or_as_an_array_after_refusals() {
    for encoding in ["ndjson", "json"] {
        let (got, before) = (Arc::new(Mutex::new(Vec::new())), AtomicUsize::new(0));
        let keep = Arc::clone(&got);
        let address = serve(move |request| {
            assert_eq!(
                (request.method.as_str(), request.path.as_str()),
                ("POST", "/ingest")
            );
            assert_eq!(request.headers["x-team"], "ops");
            match before.fetch_add(1, SeqCst) {
                0 => return Reply::Json(503, Value::Null),
                1 => return Reply::Close,
                2 => return Reply::Json(429, Value::Null),
                _ => {}
            }
            let text = String::from_utf8_lossy(&request.body).into_owned();
            let documents: Vec<Value> = match encoding {
                "json" => serde_json::from_str(&text).expect("an array"),
                _ => lines(&text),
            };
            if documents.iter().any(|document| number(document) == 17) {
                return Reply::Json(422, json!({ "error": "17 is not welcome" }));
            }
            keep.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(documents);
            Reply::Json(204, Value::Null)
        });
        let site = site(&format!(
            "type = \"http\"\nurl = \"http://{address}/ingest\"\nencoding = \"{encoding}\"\n\
             headers = {{ x-team = \"ops\" }}\ncompression = \"gzip\""
        ));
        let punt = site.start();
        punt.send(0, MESSAGES);
        punt.wait_for_counter("sink", "acknowledged", MESSAGES as u64 - 1);
        punt.wait_for_counter("sink", "dead_lettered", 1);
        assert_law(&punt);
        let got = got.lock().unwrap_or_else(PoisonError::into_inner);
        let expected: Vec<usize> = (0..MESSAGES).filter(|number| *number != 17).collect();
        assert_eq!(numbers(&got), expected);
        assert_eq!(site.dead_letters()[0]["status"], 422);
    }
}

#[test]
fn loki_gets_streams_by_label_with_times_in_nanoseconds() {
    let got = Arc::new(Mutex::new(Vec::new()));
    let (keep, address) = (Arc::clone(&got), reserve());
    let site = site(&format!(
        "type = \"loki\"\nurl = \"http://{address}\"\nline = \"message\"\ntenant = \"t1\"\n\
         labels = {{ app = \"{{{{service.name}}}}\", job = \"punt\" }}"
    ));
    let punt = site.start();
    punt.send(0, MESSAGES);
    punt.wait_for_counter("sink", "buffered", MESSAGES as u64);
    serve_at(address, None, move |request| {
        assert_eq!(request.path, "/loki/api/v1/push");
        assert_eq!(request.headers["x-scope-orgid"], "t1");
        let body: Value = serde_json::from_slice(&request.body).expect("JSON");
        for stream in body["streams"].as_array().expect("streams") {
            assert_eq!(stream["stream"], json!({ "app": "app", "job": "punt" }));
            let values = stream["values"].as_array().expect("values").clone();
            keep.lock().unwrap_or_else(PoisonError::into_inner).extend(values);
        }
        Reply::Json(204, Value::Null)
    });
    punt.wait_for_counter("sink", "acknowledged", MESSAGES as u64);
    assert_law(&punt);
    let got = got.lock().unwrap_or_else(PoisonError::into_inner);
    let mut messages: Vec<usize> = got
        .iter()
        .map(|value| number(&json!({ "message": value[1] })))
        .collect();
    messages.sort_unstable();
    assert_eq!(messages, (0..MESSAGES).collect::<Vec<_>>());
    assert!(
        got.iter()
            .all(|value| value[0].as_str().is_some_and(|time| time.len() == 19)),
        "{}",
        got[0]
    );
}

//! What becomes of lines.

use serde_json::json;

use crate::law::{component, count};
use crate::pipe::ship;

fn parse(format: &str) -> String {
    format!("transforms = [\"p\"]\n[transforms.p]\ntype = \"parse\"\n{format}")
}

#[test]
fn json_in_a_message_becomes_fields_and_keeps_every_digit() {
    let line = r#"{"log.level":"warn","service":{"name":"api"},"big":170141183460469231731687303715884105727,"a":1,"a":2}"#;
    let shipped = ship(&[line], &parse("format = \"json\""), 1);
    let document = shipped.only();
    assert_eq!(document["log.level"], "warn");
    assert_eq!(document["service"]["name"], "api");
    assert_eq!(document["a"], 2);
    assert_eq!(document["message"], json!(null));
    let raw = std::fs::read_dir(shipped.site.path("data/buffer/logs")).expect("the buffer's folder");
    let kept = raw.flatten().any(|file| {
        let bytes = std::fs::read(file.path()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).contains("170141183460469231731687303715884105727")
    });
    assert!(kept, "the number has all its digits in the buffer");
}

#[test]
fn what_is_no_json_object_is_shipped_raw_and_counted() {
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(500), "]".repeat(500));
    let many: String = (0..10_000).map(|n| format!("\"k{n}\":{n},")).collect();
    let many = format!("{{{many}\"z\":0}}");
    let lines = [
        "null",
        "[1,2]",
        "plain text",
        "{\"a\":",
        "\"x\"",
        "1e400",
        "{\"@timestamp\":\"soon\"}",
        &deep,
        &many,
    ];
    let shipped = ship(&lines, &parse("format = \"json\""), lines.len());
    let mut messages: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    messages.sort();
    assert_eq!(shipped.engine.messages(), messages);
    let stats = shipped.punt.stats();
    let transform = component(&stats, "transform", "p");
    assert_eq!(count(transform, "received"), lines.len() as u64);
    assert_eq!(count(transform, "failed"), lines.len() as u64);
    let marked = shipped.document(|document| document["message"] == "plain text");
    assert_eq!(marked["labels.failed_transform"], "p");
    assert!(
        marked["error.message"]
            .as_str()
            .expect("a reason")
            .contains("not a JSON object")
    );
}

#[test]
fn ecs_is_flat_and_names_the_index() {
    let line = r#"{"@timestamp":"2024-02-29T23:59:59.5Z","log":{"level":"error"},"service.name":"db","ecs":{"version":"8.11.0"},"message":"it \"broke\""}"#;
    let shipped = ship(&[line], &parse("format = \"ecs\""), 1);
    let document = shipped.only();
    assert_eq!(document["@timestamp"], "2024-02-29T23:59:59.5Z");
    assert_eq!(document["log.level"], "error");
    assert_eq!(document["message"], "it \"broke\"");
    assert_eq!(shipped.index(), "guildwatch-2024.02.29");
}

#[test]
fn an_nginx_access_log_becomes_ecs() {
    let line =
        r#"203.0.113.9 - - [24/Nov/2026:09:46:51 +0000] "GET /a?b HTTP/1.1" 404 153 "-" "curl/8.5" rt=0.003"#;
    let shipped = ship(&[line, "garbage"], &parse("format = \"nginx_access\""), 2);
    let document = shipped.document(|document| document["message"] == line);
    for (key, value) in [
        ("@timestamp", json!("2026-11-24T09:46:51.000Z")),
        ("source.ip", json!("203.0.113.9")),
        ("http.request.method", json!("GET")),
        ("url.original", json!("/a?b")),
        ("http.response.status_code", json!(404)),
        ("http.response.body.bytes", json!(153)),
        ("user_agent.original", json!("curl/8.5")),
        ("event.duration", json!(3_000_000)),
        ("event.outcome", json!("failure")),
    ] {
        assert_eq!(document[key], value, "{key}");
    }
    assert_eq!(
        shipped.document(|document| document["message"] == "garbage")["labels.failed_transform"],
        "p"
    );
}

#[test]
fn an_nginx_error_log_becomes_ecs() {
    let line = r#"2026/11/24 10:46:51 [error] 7#8: *9 connect() failed (111: Connection refused) while connecting to upstream, client: 203.0.113.9, server: _, request: "GET / HTTP/1.1", upstream: "http://127.0.0.1:1/", host: "x""#;
    let config = parse("format = \"nginx_error\"\ntime_zone = \"Europe/Berlin\"");
    let document = ship(&[line], &config, 1).only();
    assert_eq!(document["@timestamp"], "2026-11-24T09:46:51.000Z");
    assert_eq!(document["log.level"], "error");
    assert_eq!(document["process.pid"], 7);
    assert_eq!(
        document["message"],
        "connect() failed (111: Connection refused) while connecting to upstream"
    );
    assert_eq!(document["nginx.error.upstream"], "http://127.0.0.1:1/");
}

#[test]
fn logfmt_pairs_patterns_and_syslog_become_fields() {
    let logfmt = ship(
        &["level=info msg=\"a b\" took=3ms"],
        &parse("format = \"logfmt\"\ntarget = \"app\""),
        1,
    );
    assert_eq!(logfmt.only()["app.msg"], "a b");
    let pairs = parse("format = \"key_value\"\nfield_separator = \";\"\nvalue_separator = \":\"");
    assert_eq!(ship(&["user: ann; id:7"], &pairs, 1).only()["id"], "7");
    let regex = parse(
        "format = \"regex\"\npattern = '^(?<http.request.method>[A-Z]+) (?<url.path>\\S+) (?<took>\\d+)ms$'\nkeep_field = false",
    );
    let document = ship(&["GET /x 12ms"], &regex, 1).only();
    assert_eq!(document["http.request.method"], "GET");
    assert_eq!(document["took"], "12");
    assert_eq!(document["message"], json!(null));
    let syslog = ship(
        &["<11>1 2026-11-24T09:46:51Z web app 7 - - it works"],
        &parse("format = \"syslog\""),
        1,
    );
    let document = syslog.only();
    assert_eq!(document["message"], "it works");
    assert_eq!(document["service.name"], "app");
    assert_eq!(document["log.level"], "error");
}

#[test]
fn punts_own_transformers_do_what_they_did_and_crash_on_nothing() {
    let lines = [r#"{"level":"x","message":"inner"}"#, "null", "[]", "{}", "text"];
    for kind in ["unpack_merge", "unpack_take"] {
        let config = format!(
            "transforms = [\"p\"]\nfields = {{ \"service.name\" = \"s\" }}\n[transforms.p]\ntype = \"{kind}\""
        );
        let shipped = ship(&lines, &config, lines.len());
        let unpacked = shipped.document(|document| document["level"] == "x");
        assert_eq!(unpacked["message"], "inner");
        assert!(unpacked["@timestamp"].is_string());
        let merged = kind == "unpack_merge";
        assert_eq!(unpacked["service.name"] == "s", merged, "{kind}: {unpacked}");
        assert_eq!(
            count(component(&shipped.punt.stats(), "transform", "p"), "failed"),
            3
        );
    }
    let direct = ship(
        &["text"],
        "transforms = [\"p\"]\n[transforms.p]\ntype = \"direct\"",
        1,
    );
    assert_eq!(direct.only()["message"], "text");
}

#[test]
fn dates_and_unix_times_name_the_index() {
    let chain = r#"transforms = ["p", "d"]
[transforms.p]
type = "parse"
format = "logfmt"
[transforms.d]
type = "date"
field = "at"
formats = ["%d.%m.%Y %H:%M", "unix"]
time_zone = "Europe/Berlin"
on_failure = "drop"
"#;
    let shipped = ship(&["at=\"29.03.2026 02:30\"", "at=never"], chain, 1);
    assert_eq!(shipped.only()["@timestamp"], "2026-03-29T01:30:00.000Z");
    assert_eq!(shipped.index(), "guildwatch-2026.03.29");
    let stats = shipped.punt.stats();
    assert_eq!(component(&stats, "transform", "d")["dropped"]["failed"], 1);
    let unix = "transforms = [\"p\", \"u\"]\n[transforms.p]\ntype = \"parse\"\nformat = \"json\"\n[transforms.u]\ntype = \"unixtime\"\nfields = [\"seen\", \"t\"]";
    let document = ship(&["{\"seen\":1795513611,\"t\":\"1795513611250\"}"], unix, 1).only();
    assert_eq!(document["seen"], "2026-11-24T09:46:51.000Z");
    assert_eq!(document["t"], "2026-11-24T09:46:51.250Z");
}

#[test]
fn what_a_transform_fails_on_can_be_put_aside() {
    let shipped = ship(
        &["{\"a\":1}", "text"],
        &parse("format = \"json\"\non_failure = \"dead_letter\""),
        1,
    );
    let letters =
        std::fs::read_to_string(shipped.site.path("data/dead-letter/transform-p.ndjson")).expect("a file");
    let letter: serde_json::Value = serde_json::from_str(letters.trim()).expect("one line of JSON");
    assert_eq!(letter["document"]["message"], "text");
    assert!(
        letter["error.message"]
            .as_str()
            .expect("a reason")
            .contains("not a JSON object")
    );
}

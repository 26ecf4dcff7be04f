//! The log screens over every store there is: the embedded one, Elasticsearch 7.10 and OpenSearch 3 give the console the
//! same records and the same counts for the same queries.
//!
//! Needs `logstored` in the target folder (`cargo build --release --workspace`), and installs the engines where they
//! are missing. `GUILDWATCH_ENGINES_TESTS=off` leaves it out.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what cannot be set up is a failed test"
)]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use engines::{Kind, Settings};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tui::conn::Store;
use tui::state::logs::{Bucket, Level, LogQuery};

/// The embedded store of the same build.
struct Logstored(Child);

impl Logstored {
    async fn start(data: &Path) -> (Self, String) {
        let test = std::env::current_exe().expect("a test has a path");
        let release = test.parent().and_then(Path::parent).expect("target/release/deps");
        let binary = release.join("logstored");
        assert!(
            binary.is_file(),
            "{} is not built: run `cargo build --release --workspace` first",
            binary.display()
        );
        let child = Command::new(binary)
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .stderr(Stdio::null())
            .spawn()
            .expect("logstored starts");
        let store = Self(child);
        for _ in 0..600 {
            if let Ok(address) = std::fs::read_to_string(data.join("http.addr"))
                && !address.trim().is_empty()
            {
                return (store, format!("http://{}", address.trim()));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("logstored does not listen")
    }
}

impl Drop for Logstored {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

async fn send(url: &str, method: reqwest::Method, path: &str, body: String, kind: &str) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http.request(method, format!("{url}/{path}"));
    let answer = request
        .header("content-type", kind)
        .body(body)
        .send()
        .await
        .unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert!(status.is_success(), "{path}: {status} {text}");
    assert!(!text.contains("\"errors\":true"), "{path}: {text}");
}

/// Thirty records, two seconds apart, the last one from `end`.
async fn fill(url: &str, end: Timestamp) {
    let mapping = json!({"mappings": {
        "dynamic_templates": [{"words": {"match_mapping_type": "string", "mapping": {"type": "keyword"}}}],
        "properties": {"@timestamp": {"type": "date"}, "message": {"type": "text"}},
    }});
    let json = "application/json";
    send(
        url,
        reqwest::Method::PUT,
        "guildwatch-2026.03.01",
        mapping.to_string(),
        json,
    )
    .await;
    let mut lines = String::new();
    for number in 0..30_i64 {
        let at = end - SignedDuration::from_secs(2 * (29 - number));
        let level = ["info", "WARN", "error", "debug", "info"][usize::try_from(number % 5).unwrap()];
        let cluster = ["guilds", "sessions"][usize::try_from(number % 2).unwrap()];
        let record = json!({"@timestamp": at.to_string(), "log.level": level, "message": format!("lease number {number}"),
            "service.name": cluster, "service.node.name": format!("{cluster}-{}", number % 3),
            "trace.id": format!("{:04}", number / 3), "labels.guild_id": (number % 7).to_string()});
        lines.push_str(&format!(
            "{}\n{record}\n",
            json!({"create": {"_id": format!("r{number:02}")}})
        ));
    }
    let path = "guildwatch-2026.03.01/_bulk?refresh=true";
    send(url, reqwest::Method::POST, path, lines, "application/x-ndjson").await;
}

/// All that the log screens ask of a store, as text.
async fn everything(url: &str, end: Timestamp) -> Vec<(&'static str, Value)> {
    let store = Store::new(url, "guildwatch-*");
    let queries: [(&str, LogQuery); 6] = [
        ("recent", LogQuery::recent()),
        (
            "all",
            LogQuery {
                level: Level::Trace,
                ..LogQuery::recent()
            },
        ),
        (
            "warnings",
            LogQuery {
                level: Level::Warn,
                ..LogQuery::recent()
            },
        ),
        (
            "of a node",
            LogQuery {
                clusters: ["guilds".to_owned()].into(),
                node: Some("guilds-2".to_owned()),
                ..LogQuery::recent()
            },
        ),
        (
            "in the store's language",
            LogQuery {
                text: "labels.guild_id:3 OR trace.id:0004".to_owned(),
                ..LogQuery::recent()
            },
        ),
        (
            "a small page",
            LogQuery {
                page: 4,
                ..LogQuery::recent()
            },
        ),
    ];
    let mut answers = Vec::new();
    for (name, query) in queries {
        let batch = store
            .records(&query, Some(end - SignedDuration::from_mins(2)))
            .await;
        let batch = batch.unwrap_or_else(|error| panic!("{url}: {name}: {error}"));
        let ids: Vec<String> = batch.records.iter().map(|record| record.id.clone()).collect();
        let counts = store.counts(&query, 15_000).await;
        let counts = counts.unwrap_or_else(|error| panic!("{url}: {name}: {error}"));
        let sum = |count: fn(&Bucket) -> u64| counts.buckets.iter().map(count).sum::<u64>();
        let counted = [sum(|b| b.error), sum(|b| b.warn), sum(|b| b.rest)];
        answers.push((
            name,
            json!({"ids": ids, "skipped": batch.skipped, "counts": counted}),
        ));
    }
    let broken = LogQuery {
        text: "lease AND (".to_owned(),
        ..LogQuery::recent()
    };
    let error = store
        .records(&broken, None)
        .await
        .expect_err("a broken query is refused");
    assert!(error.starts_with("the store answered 400: "), "{url}: {error}");
    let nowhere = Store::new(url, "nothing-*");
    let none = nowhere.records(&LogQuery::recent(), None).await.unwrap();
    assert!(
        none.records.is_empty(),
        "{url}: an index that is not there yet is no error"
    );
    answers
}

#[tokio::test]
async fn the_log_screens_see_the_same_in_every_store() {
    if std::env::var("GUILDWATCH_ENGINES_TESTS").as_deref() == Ok("off") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let end = Timestamp::now();
    let (_store, url) = Logstored::start(&folder.path().join("logstore")).await;
    fill(&url, end).await;
    let ours = everything(&url, end).await;
    let recent = &ours[0].1;
    assert_eq!(recent["counts"], json!([6, 6, 12]));
    assert_eq!(recent["ids"].as_array().map(Vec::len), Some(24));
    assert_eq!(ours[5].1["skipped"], 20, "{}", ours[5].1);
    for kind in [Kind::Elasticsearch7, Kind::OpenSearch3] {
        let engine = engines::start(kind, Settings::new(folder.path().join(kind.name()))).await;
        let engine = engine.unwrap_or_else(|error| panic!("{kind} does not start: {error:#}"));
        fill(&engine.url(), end).await;
        for (ours, theirs) in ours.iter().zip(everything(&engine.url(), end).await) {
            assert_eq!(*ours, theirs, "{kind}");
        }
    }
}

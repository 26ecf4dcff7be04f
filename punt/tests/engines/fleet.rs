//! The engines, and what is asked of them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use engines::{Kind, Running, Settings};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Documents asked for at once: the window of a search in every engine.
const WINDOW: usize = 10_000;

/// All engines.
pub(crate) struct Fleet {
    engines: Vec<Engine>,
    _running: Vec<Running>,
    _store: Store,
    _folder: TempDir,
}

/// One engine, by its URL.
pub(crate) struct Engine {
    pub(crate) name: &'static str,
    url: String,
    http: reqwest::Client,
}

/// The embedded store of the same build.
struct Store(Child);

// === impl Fleet ===

impl Fleet {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut urls = Vec::new();
        let (store, url) = Store::start(folder.path().join("logstore")).await;
        urls.push(("logstored", url));
        let mut running = Vec::new();
        for kind in [Kind::Elasticsearch7, Kind::OpenSearch3, Kind::Elasticsearch5] {
            let engine = engines::start(kind, Settings::new(folder.path().join(kind.name()))).await;
            let engine = engine.unwrap_or_else(|error| panic!("{kind} does not start: {error:#}"));
            urls.push((kind.name(), engine.url()));
            running.push(engine);
        }
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let engine = |(name, url)| Engine {
            name,
            url,
            http: http.clone(),
        };
        Self {
            engines: urls.into_iter().map(engine).collect(),
            _running: running,
            _store: store,
            _folder: folder,
        }
    }

    pub(crate) fn engines(&self) -> &[Engine] {
        &self.engines
    }

    pub(crate) fn urls(&self) -> Vec<(&'static str, String)> {
        self.engines
            .iter()
            .map(|engine| (engine.name, engine.url.clone()))
            .collect()
    }
}

// === impl Engine ===

impl Engine {
    pub(crate) async fn refresh(&self) {
        self.post("guildwatch-*/_refresh", &json!({})).await;
    }

    /// Every document by its id.
    pub(crate) async fn documents(&self) -> BTreeMap<String, Value> {
        let answer = self.post("guildwatch-*/_search", &json!({"size": WINDOW})).await;
        let hits = answer["hits"]["hits"].as_array().cloned().unwrap_or_default();
        let pair = |hit: Value| {
            (
                hit["_id"].as_str().unwrap_or_default().to_owned(),
                hit["_source"].clone(),
            )
        };
        hits.into_iter().map(pair).collect()
    }

    /// Values of a field and how often each occurs.
    pub(crate) async fn groups(&self, field: &str) -> BTreeMap<String, u64> {
        let body = json!({"size": 0, "aggs": {"groups": {"terms": {"field": field, "size": 100}}}});
        let answer = self.post("guildwatch-*/_search", &body).await;
        let buckets = answer["aggregations"]["groups"]["buckets"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let pair = |bucket: Value| {
            let count = bucket["doc_count"].as_u64().unwrap_or_default();
            (bucket["key"].as_str().unwrap_or_default().to_owned(), count)
        };
        buckets.into_iter().map(pair).collect()
    }

    pub(crate) async fn count(&self, query: &Value) -> u64 {
        let answer = self.post("guildwatch-*/_count", &json!({"query": query})).await;
        answer["count"].as_u64().unwrap_or_default()
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self
            .http
            .post(format!("{}/{path}", self.url))
            .json(body)
            .send()
            .await;
        let answer: Value = answer
            .expect("the engine answers")
            .json()
            .await
            .expect("with JSON");
        assert!(answer.get("error").is_none(), "{} {path}: {answer}", self.name);
        answer
    }
}

// === impl Store ===

impl Store {
    async fn start(data: PathBuf) -> (Self, String) {
        let binary = PathBuf::from(env!("CARGO_BIN_EXE_punt")).with_file_name("logstored");
        assert!(
            binary.is_file(),
            "{} is not built: run `cargo build --release --workspace` first",
            binary.display()
        );
        let child = Command::new(binary)
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(&data)
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

impl Drop for Store {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

//! A `logstored` process under test.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Server {
    child: Child,
    pub(crate) base: String,
    pub(crate) http: reqwest::Client,
    _folder: Option<TempDir>,
}

/// The command that runs the store on a free port.
pub(crate) fn command(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logstored"));
    command.args(["--listen", "127.0.0.1:0", "--data"]).arg(data);
    command.env("RUST_LOG", "warn").stdin(Stdio::null());
    command
}

impl Server {
    /// A store with a folder of its own.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with more flags.
    pub(crate) async fn start_with(flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self::start_in(folder.path(), flags).await;
        server._folder = Some(folder);
        server
    }

    /// A store over a given folder.
    pub(crate) async fn start_in(data: &Path, flags: &[&str]) -> Self {
        Self::start_as(data, flags, None).await
    }

    /// The same, started by a shell script that ends in `exec "$0" "$@"`.
    pub(crate) async fn start_as(data: &Path, flags: &[&str], shell: Option<&str>) -> Self {
        let address = data.join("http.addr");
        if address.exists() {
            std::fs::remove_file(&address).unwrap();
        }
        let mut command = match shell {
            None => command(data),
            Some(script) => {
                let mut command = Command::new("sh");
                command.args([
                    "-c",
                    script,
                    env!("CARGO_BIN_EXE_logstored"),
                    "--listen",
                    "127.0.0.1:0",
                    "--data",
                ]);
                command.arg(data);
                command
            }
        };
        let mut child = command.args(flags).spawn().unwrap();
        let bound = wait_for(|| {
            assert!(
                child.try_wait().unwrap().is_none(),
                "the store ended while starting"
            );
            std::fs::read_to_string(&address).ok()
        })
        .await;
        Self {
            child,
            base: format!("http://{bound}"),
            http: reqwest::Client::new(),
            _folder: None,
        }
    }

    /// Ends the process as a crash would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The same while others still talk to it.
    pub(crate) fn kill_shared(&self) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-9", &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Ends the process in order, and returns its exit code.
    pub(crate) async fn stop(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(&pid).status().unwrap().success());
        wait_for(|| self.child.try_wait().unwrap()).await.code()
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let method = method.parse().unwrap();
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["x-elastic-product"], "Elasticsearch", "{path}");
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call("GET", path, None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.call("PUT", path, Some(body)).await;
        assert!(status < 300, "{path}: {answer}");
        answer
    }

    pub(crate) async fn search(&self, index: &str, body: Value) -> Value {
        let (status, answer) = self.call("POST", &format!("/{index}/_search"), Some(body)).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// The ids of the hits, in order.
    pub(crate) async fn ids(&self, index: &str, body: Value) -> Vec<String> {
        let answer = self.search(index, body).await;
        let hits = answer["hits"]["hits"].as_array().unwrap();
        hits.iter()
            .map(|hit| hit["_id"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(crate) async fn count(&self, index: &str, query: &str) -> u64 {
        let url = format!("{}/{index}/_count", self.base);
        let response = self.http.get(url).query(&[("q", query)]).send().await.unwrap();
        let answer: Value = response.json().await.unwrap();
        answer["count"]
            .as_u64()
            .unwrap_or_else(|| panic!("{query}: {answer}"))
    }

    /// Sends a bulk as it is.
    pub(crate) async fn bulk_raw(&self, path: &str, body: String) -> reqwest::Result<(u16, Value)> {
        let response = self
            .http
            .post(format!("{}{path}", self.base))
            .header("content-type", "application/x-ndjson")
            .body(body)
            .send()
            .await?;
        let status = response.status().as_u16();
        Ok((status, response.json().await?))
    }

    /// Indexes documents by id, visible at once.
    pub(crate) async fn index(&self, index: &str, documents: &[(&str, Value)]) {
        let mut body = String::new();
        for (id, document) in documents {
            body += &format!("{}\n{document}\n", json!({"index": {"_id": id}}));
        }
        let (status, answer) = self
            .bulk_raw(&format!("/{index}/_bulk?refresh=true"), body)
            .await
            .unwrap();
        assert_eq!((status, &answer["errors"]), (200, &json!(false)), "{answer}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ended already in the tests that end it themselves.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Waits until something is there.
pub(crate) async fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let found = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    found.await.expect("it never came")
}

/// The segments of an index's write-ahead log.
pub(crate) fn wal_segments(data: &Path, index: &str) -> Vec<PathBuf> {
    let folder = data.join("indices").join(index).join("wal");
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    found.sort();
    found
}

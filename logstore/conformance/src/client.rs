//! The HTTP side: sends a call, and brings the engine back to nothing between tests.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::spec::Call;
use crate::yaml;

/// A client of the engine under test.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    url: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// JSON where it is JSON, a text otherwise.
    pub(crate) body: Value,
    pub(crate) text: String,
}

// === impl Client ===

impl Client {
    /// A client of the engine at `url`.
    pub fn new(url: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(60))
            .build()?;
        Ok(Self {
            http,
            url: url.trim_end_matches('/').to_owned(),
        })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) async fn send(
        &self,
        call: &Call,
        headers: &[(String, String)],
        body: Option<String>,
    ) -> anyhow::Result<Answer> {
        let method: Method = call.method.parse()?;
        let head = method == Method::HEAD;
        let mut request = self
            .http
            .request(method, format!("{}{}", self.url, call.path))
            .query(&call.query);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(body) = body {
            let kind = if call.lines {
                "application/x-ndjson"
            } else {
                "application/json"
            };
            if !headers
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
            {
                request = request.header("content-type", kind);
            }
            request = request.body(body);
        }
        let answer = request
            .send()
            .await
            .with_context(|| format!("{} {}", call.method, call.path))?;
        let status = answer.status().as_u16();
        let kind = answer
            .headers()
            .get("content-type")
            .and_then(|kind| kind.to_str().ok());
        let is_yaml = kind.is_some_and(|kind| kind.contains("yaml"));
        // A table of one number would be JSON, too.
        let is_text = kind.is_some_and(|kind| kind.starts_with("text/plain"));
        let text = String::from_utf8_lossy(&answer.bytes().await?).into_owned();
        let body = if head {
            Value::Bool(status == 200)
        } else if is_text {
            Value::String(text.clone())
        } else if is_yaml {
            yaml::document(&text)?
        } else {
            serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.clone()))
        };
        Ok(Answer { status, body, text })
    }

    /// The version that the engine presents.
    pub async fn version(&self) -> anyhow::Result<String> {
        let answer = self.get("/").await?;
        let number = answer["version"]["number"].as_str();
        Ok(number.context("the engine names no version")?.to_owned())
    }

    /// Deletes whatever a test can have left: indices, data streams, templates, pipelines, scripts, snapshots, settings.
    pub(crate) async fn wipe(&self) -> anyhow::Result<()> {
        self.delete("/_search/point_in_time/_all").await?;
        self.delete("/_search/scroll/_all").await?;
        self.delete("/_data_stream/*?expand_wildcards=all").await?;
        let all = "/*?expand_wildcards=all&ignore_unavailable=true";
        if !self.delete(all).await? {
            // A test that failed midway can leave a block that its end would have lifted.
            let blocks = r#"{"index.blocks.read_only":null,"index.blocks.metadata":null,"index.blocks.read_only_allow_delete":null}"#;
            self.put("/*/_settings?expand_wildcards=all", blocks).await?;
            self.delete(all).await?;
        }
        for (list, what) in [
            ("/_template", "_template"),
            ("/_ingest/pipeline", "_ingest/pipeline"),
            ("/_search/pipeline", "_search/pipeline"),
            ("/_snapshot/_all", "_snapshot"),
        ] {
            let names = self.get(list).await?;
            for name in names.as_object().into_iter().flatten().map(|(name, _)| name) {
                if names[name].is_object() && name != "error" {
                    if what == "_snapshot" {
                        self.delete(&format!("/_snapshot/{name}/*")).await?;
                    }
                    self.delete(&format!("/{what}/{name}")).await?;
                }
            }
        }
        for (what, list) in [
            ("_index_template", "index_templates"),
            ("_component_template", "component_templates"),
        ] {
            let names = self.get(&format!("/{what}")).await?;
            for entry in names[list].as_array().into_iter().flatten() {
                if let Some(name) = entry["name"].as_str() {
                    self.delete(&format!("/{what}/{name}")).await?;
                }
            }
        }
        let settings = r#"{"persistent":{"*":null},"transient":{"*":null}}"#;
        self.put("/_cluster/settings", settings).await
    }

    async fn put(&self, path: &str, body: &'static str) -> anyhow::Result<()> {
        self.http
            .put(format!("{}{path}", self.url))
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await?;
        Ok(())
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let answer = self.http.get(format!("{}{path}", self.url)).send().await?;
        Ok(serde_json::from_slice(&answer.bytes().await?).unwrap_or_default())
    }

    /// Whether it was deleted, or was not there.
    async fn delete(&self, path: &str) -> anyhow::Result<bool> {
        let answer = self.http.delete(format!("{}{path}", self.url)).send().await?;
        Ok(answer.status().is_success() || answer.status() == StatusCode::NOT_FOUND)
    }
}

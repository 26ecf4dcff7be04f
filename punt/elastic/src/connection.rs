//! One engine by its address, and how a request is sent to it.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Method, Url};
use serde::de::DeserializeOwned;

use crate::Error;

pub(crate) const JSON: &str = "application/json";
pub(crate) const NDJSON: &str = "application/x-ndjson";

/// How long a request may take when nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A client of one engine. Cheap to clone; clones share the connections.
#[derive(Debug, Clone)]
pub struct Elastic {
    http: Client,
    base: Url,
    timeout: Duration,
}

// === impl Elastic ===

impl Elastic {
    /// A client of the engine at `url`, such as `http://127.0.0.1:9200` (user and password may stand in it).
    /// It connects with the first request.
    pub fn new(url: &str) -> Result<Self, Error> {
        let address = |reason: String| Error::Address {
            url: url.to_owned(),
            reason,
        };
        let mut base = Url::parse(url).map_err(|error| address(error.to_string()))?;
        if base.scheme() != "http" {
            return Err(address(format!(
                "its scheme is {:?}, not \"http\"",
                base.scheme()
            )));
        }
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let http = Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .tcp_nodelay(true)
            .no_proxy()
            .build()
            .map_err(|error| address(error.to_string()))?;
        Ok(Self {
            http,
            base,
            timeout: TIMEOUT,
        })
    }

    /// The same client with another limit for how long a request may take.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sends one request and reads its answer. `path` has no leading slash and is encoded already.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Option<Bytes>,
    ) -> Result<Bytes, Error> {
        let operation = format!("{method} /{}", path.split('?').next().unwrap_or(path));
        let url = self.base.join(path).map_err(|error| Error::Address {
            url: format!("{}{path}", self.base),
            reason: error.to_string(),
        })?;
        let mut request = self.http.request(method, url).timeout(self.timeout);
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, content_type).body(body);
        }
        let unreachable = |error: reqwest::Error| Error::unreachable(&operation, &error);
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let body = response.bytes().await.map_err(unreachable)?;
        if status.is_success() {
            Ok(body)
        } else {
            Err(Error::refused(&operation, status, retry_after, &body))
        }
    }

    /// Sends a JSON body, or none, and reads a JSON answer.
    pub(crate) async fn json<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<T, Error> {
        let operation = format!("{method} /{}", path.split('?').next().unwrap_or(path));
        let body = body.map(|body| Bytes::from(body.to_string()));
        let answer = self.send(method, path, JSON, body).await?;
        serde_json::from_slice(&answer).map_err(|error| Error::Unreadable {
            operation,
            reason: error.to_string(),
        })
    }
}

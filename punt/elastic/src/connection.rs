//! One engine by its address.

use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use serde::de::DeserializeOwned;

use crate::transport::JSON;
use crate::{Error, Options, Transport};

/// A client of one engine. Cheap to clone; clones share the connections.
#[derive(Debug, Clone)]
pub struct Elastic {
    transport: Transport,
}

// === impl Elastic ===

impl Elastic {
    /// A client of the engine at `url`, such as `http://127.0.0.1:9200` (user and password may stand in it).
    /// It connects with the first request.
    pub fn new(url: &str) -> Result<Self, Error> {
        Self::with(url, &Options::default())
    }

    /// The same with everything that can be said about the connection.
    pub fn with(url: &str, options: &Options) -> Result<Self, Error> {
        Transport::new(url, options).map(|transport| Self { transport })
    }

    /// The same client with another limit for how long a request may take.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self {
            transport: self.transport.with_timeout(timeout),
        }
    }

    /// The address, without user and password.
    pub fn address(&self) -> &str {
        self.transport.address()
    }

    /// Sends one request and reads its answer. `path` has no leading slash and is encoded already.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Option<Bytes>,
    ) -> Result<Bytes, Error> {
        self.transport.send(method, path, content_type, body).await
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

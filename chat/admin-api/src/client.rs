//! The client of an admin port.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{DrainRequest, NodeHealth};

/// Asks one node's admin port.
#[derive(Debug, Clone)]
pub struct AdminClient {
    http: reqwest::Client,
    base: String,
    token: String,
}

/// Why an admin call failed.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// No answer: the node is down, hangs, or the answer was cut.
    #[error("no answer from {base}: {source}")]
    Unreachable {
        /// Where.
        base: String,
        /// What happened.
        source: reqwest::Error,
    },
    /// The node said no.
    #[error("{base} refused: {status} {reason}")]
    Refused {
        /// Where.
        base: String,
        /// The HTTP status.
        status: u16,
        /// The body.
        reason: String,
    },
}

impl AdminClient {
    /// A client of the admin port at `address`; each call ends after two seconds.
    pub fn new(http: reqwest::Client, address: SocketAddr, token: &str) -> Self {
        Self {
            http,
            base: format!("http://{address}"),
            token: token.to_owned(),
        }
    }

    /// The node's account of itself.
    pub async fn health(&self) -> Result<NodeHealth, AdminError> {
        self.send::<(), _>(self.http.get(format!("{}/admin/health", self.base)), None)
            .await
    }

    /// Starts a drain. Safe to repeat.
    pub async fn drain(&self, request: &DrainRequest) -> Result<NodeHealth, AdminError> {
        self.send(
            self.http.post(format!("{}/admin/drain", self.base)),
            Some(request),
        )
        .await
    }

    /// Takes a drain back. Safe to repeat.
    pub async fn undrain(&self) -> Result<NodeHealth, AdminError> {
        self.send::<(), _>(self.http.post(format!("{}/admin/undrain", self.base)), None)
            .await
    }

    async fn send<B: Serialize, T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
        body: Option<&B>,
    ) -> Result<T, AdminError> {
        let unreachable = |source| AdminError::Unreachable {
            base: self.base.clone(),
            source,
        };
        let mut request = request.bearer_auth(&self.token).timeout(Duration::from_secs(2));
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        if !status.is_success() {
            let reason = response.text().await.unwrap_or_default();
            return Err(AdminError::Refused {
                base: self.base.clone(),
                status: status.as_u16(),
                reason,
            });
        }
        response.json().await.map_err(unreachable)
    }
}

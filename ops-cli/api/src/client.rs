//! The client of the control plane.

use std::time::Duration;

use bytes::BytesMut;
use futures_util::{Stream, StreamExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Account, AuditEntry, Fleet, Lock, NewAccounts, NewOperation, Operation, Problem};

/// How long an ordinary call may take.
const TIMEOUT: Duration = Duration::from_secs(15);

/// A line of the watch stream longer than this ends the stream.
const MAX_EVENT_BYTES: usize = 8 << 20;

/// Talks to one control plane.
#[derive(Debug, Clone)]
pub struct ControlClient {
    http: reqwest::Client,
    base: String,
    token: String,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No answer.
    #[error("cannot reach the control plane at {base}: {source}")]
    Unreachable {
        /// Where.
        base: String,
        /// What happened.
        source: reqwest::Error,
    },
    /// It said no.
    #[error("{}", .0.title)]
    Refused(Problem),
    /// It answered something that this version does not understand.
    #[error("the control plane at {base} answered something unexpected: {reason}")]
    Unexpected {
        /// Where.
        base: String,
        /// What.
        reason: String,
    },
}

/// One event of the watch stream.
#[derive(Debug, Clone)]
pub enum WatchEvent {
    /// A new picture of everything.
    Fleet(Box<Fleet>),
    /// An operation changed.
    Operation(Box<Operation>),
    /// Nothing new, but the stream lives.
    Heartbeat,
}

// === impl ControlClient ===

impl ControlClient {
    /// A client of the control plane at `base` (`http://127.0.0.1:7070`).
    pub fn new(base: &str, token: &str) -> Self {
        Self {
            http: reqwest::Client::new(),
            base: base.trim_end_matches('/').to_owned(),
            token: token.trim().to_owned(),
        }
    }

    /// Where it is.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Everything, with verdicts.
    pub async fn status(&self) -> Result<Fleet, ApiError> {
        self.get("/v1/status").await
    }

    /// Starts an operation; the same key answers the same operation.
    pub async fn start(
        &self,
        operation: &NewOperation,
        idempotency_key: &str,
    ) -> Result<Operation, ApiError> {
        let request = self
            .http
            .post(self.url("/v1/operations"))
            .header("idempotency-key", idempotency_key);
        self.send(request.json(operation)).await
    }

    /// All operations, newest first.
    pub async fn operations(&self) -> Result<Vec<Operation>, ApiError> {
        self.get("/v1/operations").await
    }

    /// One operation.
    pub async fn operation(&self, id: &str) -> Result<Operation, ApiError> {
        self.get(&format!("/v1/operations/{id}")).await
    }

    /// Aborts an operation.
    pub async fn abort(&self, id: &str, by: &str) -> Result<Operation, ApiError> {
        self.post_by(&format!("/v1/operations/{id}/abort"), by).await
    }

    /// Pauses an operation: the nodes in hand are finished or taken back, no further one is touched.
    pub async fn pause(&self, id: &str, by: &str) -> Result<Operation, ApiError> {
        self.post_by(&format!("/v1/operations/{id}/pause"), by).await
    }

    /// Lets a paused operation go on.
    pub async fn resume(&self, id: &str, by: &str) -> Result<Operation, ApiError> {
        self.post_by(&format!("/v1/operations/{id}/resume"), by).await
    }

    /// Who holds which part of the stack.
    pub async fn locks(&self) -> Result<Vec<Lock>, ApiError> {
        self.get("/v1/locks").await
    }

    /// Takes the lock of an operation away; the operation ends.
    pub async fn release_lock(&self, operation: &str, by: &str) -> Result<Lock, ApiError> {
        self.post_by(&format!("/v1/locks/{operation}/release"), by).await
    }

    /// The newest entries of the audit log.
    pub async fn audit(&self, limit: usize) -> Result<Vec<AuditEntry>, ApiError> {
        self.get(&format!("/v1/audit?limit={limit}")).await
    }

    /// Creates accounts; the answer is the only place where their tokens are.
    pub async fn create_accounts(&self, accounts: &NewAccounts) -> Result<Vec<Account>, ApiError> {
        self.post("/v1/accounts", accounts).await
    }

    /// Another token for an account.
    pub async fn create_token(&self, id: &str, by: &str) -> Result<Account, ApiError> {
        self.post(
            &format!("/v1/accounts/{id}/token"),
            &serde_json::json!({ "by": by }),
        )
        .await
    }

    /// Accounts after an id, without tokens.
    pub async fn accounts(&self, after: &str) -> Result<Vec<Account>, ApiError> {
        self.get(&format!("/v1/accounts?after={after}")).await
    }

    /// The watch stream. It ends with an error or when the control plane goes away; connect again then.
    pub async fn watch(&self) -> Result<impl Stream<Item = Result<WatchEvent, ApiError>> + use<>, ApiError> {
        let response = self
            .http
            .get(self.url("/v1/watch"))
            .bearer_auth(&self.token)
            .send()
            .await
            .map_err(|source| self.unreachable(source))?;
        let response = self.check(response).await?;
        let client = self.clone();
        let state = (Box::pin(response.bytes_stream()), BytesMut::new(), client);
        Ok(futures_util::stream::try_unfold(
            state,
            |(mut body, mut buffer, client)| async move {
                loop {
                    if let Some(end) = buffer.windows(2).position(|pair| pair == b"\n\n") {
                        let block = buffer.split_to(end + 2);
                        let event = parse_event(&String::from_utf8_lossy(&block)).map_err(|reason| {
                            ApiError::Unexpected {
                                base: client.base.clone(),
                                reason,
                            }
                        })?;
                        return Ok(Some((event, (body, buffer, client))));
                    }
                    if buffer.len() > MAX_EVENT_BYTES {
                        let reason = format!("an event of more than {MAX_EVENT_BYTES} bytes");
                        return Err(ApiError::Unexpected {
                            base: client.base.clone(),
                            reason,
                        });
                    }
                    match body.next().await {
                        Some(Ok(chunk)) => buffer.extend_from_slice(&chunk),
                        Some(Err(source)) => return Err(client.unreachable(source)),
                        None => return Ok(None),
                    }
                }
            },
        ))
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn unreachable(&self, source: reqwest::Error) -> ApiError {
        ApiError::Unreachable {
            base: self.base.clone(),
            source,
        }
    }

    async fn post_by<T: DeserializeOwned>(&self, path: &str, by: &str) -> Result<T, ApiError> {
        self.post(path, &serde_json::json!({ "by": by })).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ApiError> {
        self.send(self.http.get(self.url(path))).await
    }

    async fn post<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T, ApiError> {
        self.send(self.http.post(self.url(path)).json(body)).await
    }

    async fn send<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, ApiError> {
        let request = request.bearer_auth(&self.token).timeout(TIMEOUT);
        let response = request.send().await.map_err(|source| self.unreachable(source))?;
        let response = self.check(response).await?;
        let text = response.text().await.map_err(|source| self.unreachable(source))?;
        serde_json::from_str(&text).map_err(|error| ApiError::Unexpected {
            base: self.base.clone(),
            reason: error.to_string(),
        })
    }

    async fn check(&self, response: reqwest::Response) -> Result<reqwest::Response, ApiError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.text().await.unwrap_or_default();
        Err(match serde_json::from_str(&text) {
            Ok(problem) => ApiError::Refused(problem),
            Err(_) => ApiError::Unexpected {
                base: self.base.clone(),
                reason: format!("{status}: {text}"),
            },
        })
    }
}

fn parse_event(block: &str) -> Result<WatchEvent, String> {
    let mut name = "";
    let mut data = String::new();
    for line in block.lines() {
        if let Some(value) = line.strip_prefix("event:") {
            name = value.trim();
        } else if let Some(value) = line.strip_prefix("data:") {
            data.push_str(value.trim_start());
        }
    }
    match name {
        "fleet" => serde_json::from_str(&data)
            .map(WatchEvent::Fleet)
            .map_err(|error| error.to_string()),
        "operation" => serde_json::from_str(&data)
            .map(WatchEvent::Operation)
            .map_err(|error| error.to_string()),
        _ => Ok(WatchEvent::Heartbeat),
    }
}

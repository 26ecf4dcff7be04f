//! The calls of the chat API that a user's client makes here, each made once. Repeating is the caller's decision:
//! a [`Failure`] says whether it can help and when.

use std::time::Duration;

use chat_proto::{ChannelId, GuildId, MessageId, UserId};
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// How long one attempt may take: longer than the api holds a send while a guild changes its owner (10 s).
const ATTEMPT: Duration = Duration::from_secs(12);

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(3);

/// Messages a page of history: the protocol's most.
pub(crate) const HISTORY_PAGE: usize = 100;

/// A text channel, among the channels of a guild.
const TEXT_CHANNEL: u8 = 0;

/// A client of the chat API, for all users.
#[derive(Debug, Clone)]
pub(crate) struct Rest {
    http: reqwest::Client,
    base: String,
}

/// Why a call failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{call}: {cause}{detail}")]
pub(crate) struct Failure {
    call: &'static str,
    /// A few words for counting: `503`, `timed out`.
    pub(crate) cause: String,
    detail: String,
    /// Whether the same call may succeed later.
    pub(crate) temporary: bool,
    /// When to call again, if the answer said.
    pub(crate) retry_after: Option<Duration>,
}

#[derive(Deserialize)]
struct Identified<T> {
    id: T,
}

#[derive(Deserialize)]
struct Channel {
    id: ChannelId,
    #[serde(rename = "type", default)]
    kind: u8,
}

// === impl Rest ===

impl Rest {
    /// A client of the edge at `edge` (`http://127.0.0.1:8080`).
    pub(crate) fn new(edge: &str) -> reqwest::Result<Self> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("guildwatch-load/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .timeout(ATTEMPT)
            .build()?;
        Ok(Self {
            http,
            base: format!("{edge}/api/v10"),
        })
    }

    /// Creates a guild.
    pub(crate) async fn create_guild(&self, token: &str, name: &str) -> Result<GuildId, Failure> {
        let body = serde_json::json!({ "name": name });
        let made = self
            .call("create guild", Method::POST, "/guilds", token, Some(&body))
            .await?;
        read::<Identified<_>>("create guild", &made).map(|guild| guild.id)
    }

    /// The first text channel of a guild.
    pub(crate) async fn first_channel(&self, token: &str, guild: GuildId) -> Result<ChannelId, Failure> {
        const CALL: &str = "list channels";
        let path = format!("/guilds/{guild}/channels");
        let answer = self.call::<()>(CALL, Method::GET, &path, token, None).await?;
        let channels: Vec<Channel> = read(CALL, &answer)?;
        let text = channels.iter().find(|channel| channel.kind == TEXT_CHANNEL);
        text.map(|channel| channel.id)
            .ok_or_else(|| Failure::unreadable(CALL, &format!("guild {guild} has no text channel")))
    }

    /// Makes a user a member of a guild, in the name of its owner.
    pub(crate) async fn add_member(&self, owner: &str, guild: GuildId, user: UserId) -> Result<(), Failure> {
        let path = format!("/guilds/{guild}/members/{user}");
        let body = serde_json::json!({});
        self.call("add member", Method::PUT, &path, owner, Some(&body))
            .await?;
        Ok(())
    }

    /// Sends a message; safe to repeat under the same nonce.
    pub(crate) async fn send(
        &self,
        token: &str,
        channel: ChannelId,
        content: &str,
        nonce: &str,
    ) -> Result<MessageId, Failure> {
        #[derive(Serialize)]
        struct New<'a> {
            content: &'a str,
            nonce: &'a str,
            enforce_nonce: bool,
        }
        let body = New {
            content,
            nonce,
            enforce_nonce: true,
        };
        let path = format!("/channels/{channel}/messages");
        let answer = self
            .call("send message", Method::POST, &path, token, Some(&body))
            .await?;
        read::<Identified<_>>("send message", &answer).map(|message| message.id)
    }

    /// One page of the messages after `after`, as the JSON that came.
    pub(crate) async fn history(
        &self,
        token: &str,
        channel: ChannelId,
        after: MessageId,
    ) -> Result<String, Failure> {
        let path = format!("/channels/{channel}/messages?after={after}&limit={HISTORY_PAGE}");
        self.call::<()>("read history", Method::GET, &path, token, None)
            .await
    }

    async fn call<B: Serialize>(
        &self,
        call: &'static str,
        method: Method,
        path: &str,
        token: &str,
        body: Option<&B>,
    ) -> Result<String, Failure> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        request = request.header(reqwest::header::AUTHORIZATION, token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| unanswered(call, &error))?;
        let status = response.status();
        let header = response.headers().get(reqwest::header::RETRY_AFTER).cloned();
        let text = response.text().await.map_err(|error| unanswered(call, &error))?;
        if status.is_success() {
            return Ok(text);
        }
        let header = header.and_then(|value| value.to_str().ok()?.parse().ok());
        Err(refused(call, status, header, &text))
    }
}

// === impl Failure ===

impl Failure {
    /// The answer is not what the protocol says.
    pub(crate) fn unreadable(call: &'static str, why: &str) -> Self {
        Self {
            call,
            cause: "unreadable answer".to_owned(),
            detail: format!(" ({why})"),
            temporary: false,
            retry_after: None,
        }
    }
}

/// The answer is a refusal.
fn refused(call: &'static str, status: StatusCode, header: Option<f64>, text: &str) -> Failure {
    #[derive(Deserialize)]
    struct Limited {
        retry_after: f64,
    }
    // The body is the finer of the two: the header of a rate limit is in whole seconds.
    let body = serde_json::from_str::<Limited>(text)
        .map(|body| body.retry_after)
        .ok();
    let retry_after = body
        .or(header)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let detail: String = text.chars().take(200).collect();
    Failure {
        call,
        cause: status.as_u16().to_string(),
        detail: format!(" ({detail})"),
        temporary: status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error(),
        retry_after,
    }
}

/// There is no answer, or not all of it.
fn unanswered(call: &'static str, error: &reqwest::Error) -> Failure {
    let cause = if error.is_timeout() {
        "timed out"
    } else if error.is_connect() {
        "cannot connect"
    } else {
        "connection broke"
    };
    let source = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    Failure {
        call,
        cause: cause.to_owned(),
        detail: format!(" ({source})"),
        temporary: true,
        retry_after: None,
    }
}

fn read<T: DeserializeOwned>(call: &'static str, text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| Failure::unreadable(call, &error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_whether_and_when_to_call_again() {
        let limited = refused(
            "send",
            StatusCode::TOO_MANY_REQUESTS,
            Some(1.0),
            r#"{"retry_after":0.25}"#,
        );
        assert_eq!(
            (limited.temporary, limited.retry_after),
            (true, Some(Duration::from_millis(250)))
        );
        let busy = refused("send", StatusCode::SERVICE_UNAVAILABLE, Some(2.0), "busy");
        assert_eq!(
            (busy.temporary, busy.retry_after),
            (true, Some(Duration::from_secs(2)))
        );
        let broken = refused("send", StatusCode::INTERNAL_SERVER_ERROR, None, "");
        assert_eq!((broken.temporary, broken.retry_after), (true, None));
        let absurd = refused("send", StatusCode::TOO_MANY_REQUESTS, Some(-1.0), "");
        assert_eq!(absurd.retry_after, None);
        for status in [
            StatusCode::BAD_REQUEST,
            StatusCode::UNAUTHORIZED,
            StatusCode::NOT_FOUND,
        ] {
            assert!(!refused("send", status, None, "").temporary, "{status}");
        }
        assert_eq!(busy.to_string(), "send: 503 (busy)");
    }
}

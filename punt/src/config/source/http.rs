//! Events by HTTP: Elasticsearch's bulk API, and plain bodies under paths of one's own.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;

use super::{TlsConfig, WhenLimited, bytes_fault, duration, max_connections, max_line_bytes};

/// An HTTP listener that answers once the events are durable.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpConfig {
    /// Where it listens; an inherited socket called `http` goes before it.
    pub(crate) listen: SocketAddr,
    /// Whether Elasticsearch's API is spoken: `_bulk`, single documents, and what shippers ask before.
    #[serde(default = "yes")]
    pub(crate) elasticsearch: bool,
    /// The Elasticsearch version that is claimed: clients refuse servers that are older than themselves.
    #[serde(default = "version")]
    pub(crate) version: String,
    /// Paths that take other bodies, and what is in them.
    #[serde(default = "endpoints")]
    pub(crate) endpoints: BTreeMap<String, HttpFormat>,
    /// What becomes of the index that a client names.
    #[serde(default)]
    pub(crate) client_index: ClientIndex,
    /// The field of `client_index = "field"`.
    #[serde(default = "index_field")]
    pub(crate) index_field: String,
    /// The `_id` of an event that its client gave none.
    #[serde(default)]
    pub(crate) ids: HttpIds,
    /// Who may send. Empty: everybody who can connect.
    #[serde(default)]
    pub(crate) auth: Vec<HttpAuth>,
    /// Without it, plain HTTP.
    pub(crate) tls: Option<TlsConfig>,
    /// A longer body, packed or unpacked, is refused with 413.
    #[serde(default = "max_body_bytes")]
    pub(crate) max_body_bytes: usize,
    /// While so many bytes of bodies are in hand, further requests are refused with 429.
    #[serde(default = "max_pending_bytes")]
    pub(crate) max_pending_bytes: usize,
    /// A longer document is refused with 413; a longer line of text is cut, marked and counted.
    #[serde(default = "max_line_bytes")]
    pub(crate) max_event_bytes: usize,
    /// No more events per second than this. Without it, no limit.
    pub(crate) max_events_per_second: Option<NonZeroU32>,
    /// What happens to those that are over it.
    #[serde(default)]
    pub(crate) when_limited: WhenLimited,
    /// Further connections wait in the kernel.
    #[serde(default = "max_connections")]
    pub(crate) max_connections: usize,
    /// A connection that is silent for so long is closed.
    #[serde(default = "idle_timeout", with = "duration")]
    pub(crate) idle_timeout: Duration,
    /// What finds no place in the queue for so long is refused with 429.
    #[serde(default = "queue_timeout", with = "duration")]
    pub(crate) queue_timeout: Duration,
    /// What is not durable after so long is answered with 503, and should be sent again.
    #[serde(default = "durable_timeout", with = "duration")]
    pub(crate) durable_timeout: Duration,
}

/// What is in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HttpFormat {
    /// A JSON object a line.
    Ndjson,
    /// An array of JSON objects, or one object, or several after one another.
    Json,
    /// A message a line.
    Plain,
}

/// What becomes of the index that a client names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClientIndex {
    /// It becomes a field, for routes and searches; the sink names the index.
    #[default]
    Field,
    /// It is passed over.
    Ignore,
}

/// The `_id` of an event that its client gave none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HttpIds {
    /// A new one: a request that is sent again is stored again.
    #[default]
    New,
    /// A hash of the document: sent again it is stored once, and so are two events that are equal to the byte.
    Content,
}

/// One way to be let in.
#[derive(Clone, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum HttpAuth {
    /// User and password.
    Basic { user: String, password: String },
    /// `Authorization: Bearer TOKEN`.
    Bearer { token: String },
    /// `Authorization: ApiKey KEY`: the key as clients send it, or as `id:key`.
    ApiKey { key: String },
}

// === impl HttpConfig ===

impl HttpConfig {
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        faults.extend(bytes_fault("max_event_bytes", self.max_event_bytes));
        if self.max_body_bytes < self.max_event_bytes {
            faults.push(format!(
                "max_body_bytes is {}, less than max_event_bytes, {}",
                self.max_body_bytes, self.max_event_bytes
            ));
        }
        if self.max_pending_bytes < self.max_body_bytes {
            faults.push(format!(
                "max_pending_bytes is {}, less than max_body_bytes, {}: such a body would never be taken",
                self.max_pending_bytes, self.max_body_bytes
            ));
        }
        if self.max_connections == 0 {
            faults.push("max_connections is 0, and nobody could connect".to_owned());
        }
        if !self.elasticsearch && self.endpoints.is_empty() {
            faults
                .push("elasticsearch is false and endpoints is empty, and nothing would be taken".to_owned());
        }
        for path in self.endpoints.keys() {
            if !path.starts_with('/') || path.contains(['?', '#', ' ']) {
                faults.push(format!(
                    "endpoints: {path:?} is no path: it starts with / and has no query"
                ));
            }
        }
        faults.extend(self.tls.iter().flat_map(TlsConfig::faults));
        faults
    }
}

// === impl HttpAuth ===

impl fmt::Debug for HttpAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Basic { user, .. } => write!(f, "Basic({user:?}, ***)"),
            Self::Bearer { .. } => f.write_str("Bearer(***)"),
            Self::ApiKey { .. } => f.write_str("ApiKey(***)"),
        }
    }
}

fn yes() -> bool {
    true
}

fn version() -> String {
    "7.17.28".to_owned()
}

fn endpoints() -> BTreeMap<String, HttpFormat> {
    BTreeMap::from([
        ("/ndjson".to_owned(), HttpFormat::Ndjson),
        ("/json".to_owned(), HttpFormat::Json),
        ("/lines".to_owned(), HttpFormat::Plain),
    ])
}

fn index_field() -> String {
    "labels.index".to_owned()
}

fn max_body_bytes() -> usize {
    64 << 20
}

fn max_pending_bytes() -> usize {
    256 << 20
}

fn idle_timeout() -> Duration {
    Duration::from_secs(300)
}

fn queue_timeout() -> Duration {
    Duration::from_secs(5)
}

fn durable_timeout() -> Duration {
    Duration::from_secs(60)
}

//! The original Punt's control protocol, so that its own `punt-cli` works: lines over TCP.
//!
//! ```text
//! > tail {"StreamType":"*","Filter":{"tag":"app"},"Sample":100}\r\n
//! < {...}\n            one event a line, until the client leaves
//! > tail app           older forms: a type, and a type with a filter
//! > tail app {"tag":"app"}
//! < Unknown type 'x'\n
//! ```
//!
//! A type is the syslog tag of an event; `*` is every event. What the original died of (no argument, a filter on a
//! field that is no text, broken JSON) is answered with a line that says what is wrong, and the connection goes on.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::tap::Tap;

/// No request is longer; a longer one is not read to its end.
const REQUEST_BYTES: u64 = 64 << 10;

/// How long a client may take to take a line.
const PATIENCE: Duration = Duration::from_secs(10);

/// Fields that hold the syslog tag: ours, and the original's where a transform keeps its form.
const TAG: &[&str] = &["log.syslog.appname", "service.name", "tag"];

/// The server.
pub(crate) struct PuntCli {
    pub(crate) listener: TcpListener,
    /// The types that there are; empty: any.
    pub(crate) types: Vec<String>,
    pub(crate) tap: Tap,
}

/// What is asked for. Go reads keys in any case, so the usual spellings are here.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Request {
    #[serde(
        rename = "StreamType",
        alias = "streamtype",
        alias = "stream_type",
        default = "every"
    )]
    stream_type: String,
    #[serde(rename = "Filter", alias = "filter", default)]
    filter: Option<Map<String, Value>>,
    #[serde(rename = "Sample", alias = "sample", default = "all")]
    sample: f64,
}

fn every() -> String {
    "*".to_owned()
}

fn all() -> f64 {
    100.0
}

/// Reads a line from a client; the error is the answer.
fn request(line: &str, types: &[String]) -> Result<Request, String> {
    let line = line.trim();
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    if verb != "tail" {
        return Err(format!(
            "Unknown command '{verb}', the only one is: tail {{json}}"
        ));
    }
    let rest = rest.trim();
    let (name, json) = match rest.find('{') {
        Some(at) => (rest[..at].trim(), &rest[at..]),
        None => (rest, ""),
    };
    let parsed = match (name, json) {
        ("", "") => {
            return Err(
                "Invalid request: tail needs an argument, such as tail {\"StreamType\":\"*\"}".to_owned(),
            );
        }
        ("", json) => serde_json::from_str(json),
        (name, "") => Ok(Request {
            stream_type: name.to_owned(),
            filter: None,
            sample: all(),
        }),
        (name, json) => serde_json::from_str(json).map(|filter| Request {
            stream_type: name.to_owned(),
            filter: Some(filter),
            sample: all(),
        }),
    };
    let request = parsed.map_err(|error| format!("Invalid request: {error}"))?;
    if !(0.0..=100.0).contains(&request.sample) {
        return Err(format!(
            "Invalid request: Sample is {}, and must be from 0 to 100",
            request.sample
        ));
    }
    let known = types.is_empty() || request.stream_type == "*" || types.contains(&request.stream_type);
    match known {
        true => Ok(request),
        false => Err(format!("Unknown type '{}'", request.stream_type)),
    }
}

/// The text of a field, whether its dots are flat or nested; numbers and the like as they are written. None: it is
/// missing, null, or no single value.
fn text(event: &Map<String, Value>, name: &str) -> Option<String> {
    match event.get(name) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) => None,
        Some(other) => Some(other.to_string()),
        None => {
            let (first, rest) = name.split_once('.')?;
            text(event.get(first)?.as_object()?, rest)
        }
    }
}

// === impl Request ===

impl Request {
    fn matches(&self, document: &[u8]) -> bool {
        if self.stream_type == "*" && self.filter.as_ref().is_none_or(Map::is_empty) {
            return true;
        }
        let Ok(event) = serde_json::from_slice::<Map<String, Value>>(document) else {
            return false;
        };
        let of_type = self.stream_type == "*"
            || TAG
                .iter()
                .any(|name| text(&event, name).as_deref() == Some(self.stream_type.as_str()));
        of_type
            && self.filter.iter().flatten().all(|(name, wanted)| {
                let found = text(&event, name);
                match wanted {
                    Value::String(text) => found.as_deref() == Some(text),
                    Value::Null => found.is_none(),
                    other => found == Some(other.to_string()),
                }
            })
    }
}

// === impl PuntCli ===

impl PuntCli {
    pub(crate) async fn bind(address: SocketAddr, types: Vec<String>, tap: Tap) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await.map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("cannot listen on {address} (tail): {error}"),
            )
        })?;
        Ok(Self { listener, types, tap })
    }

    /// Serves until `stop`, then ends the streams.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let types: Arc<[String]> = self.types.into();
        let serving = |stream| {
            let (types, tap) = (Arc::clone(&types), self.tap.clone());
            async move { serve(stream, &types, &tap).await }
        };
        super::clients::serve("tail", &self.listener, &stop, serving).await;
    }
}

async fn serve(stream: TcpStream, types: &[String], tap: &Tap) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut reader = BufReader::new(read.take(REQUEST_BYTES));
    loop {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        reader.get_mut().set_limit(REQUEST_BYTES);
        match request(&String::from_utf8_lossy(&line), types) {
            Ok(request) => return stream_tail(&mut reader, &mut write, tap, &request).await,
            Err(reason) => send(&mut write, format!("{reason}\n").as_bytes()).await?,
        }
    }
}

/// Sends events until the client leaves. What it says meanwhile is not read as a request, as in the original.
async fn stream_tail(
    reader: &mut (impl AsyncBufRead + Unpin),
    write: &mut (impl AsyncWrite + Unpin),
    tap: &Tap,
    request: &Request,
) -> io::Result<()> {
    let mut events = tap.watch();
    let mut ignored = [0; 512];
    loop {
        let received = tokio::select! {
            read = reader.read(&mut ignored) => match read? {
                0 => return Ok(()),
                _ => continue,
            },
            received = events.recv() => received,
        };
        match received {
            Ok(document) => {
                if request.matches(&document) && rand::random::<f64>() * 100.0 < request.sample {
                    let mut line = document.to_vec();
                    line.push(b'\n');
                    send(write, &line).await?;
                }
            }
            // Its protocol has no word for it; the watcher is slower than the events.
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}

async fn send(write: &mut (impl AsyncWrite + Unpin), line: &[u8]) -> io::Result<()> {
    timeout(PATIENCE, write.write_all(line)).await?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_its_own_client_is_understood() {
        let line = "tail {\"StreamType\":\"*\",\"Filter\":{\"tag\":\"app\"},\"Sample\":100}\r\n";
        let request = request(line, &["app".to_owned()]).unwrap();
        assert!(request.matches(br#"{"tag":"app","n":1}"#));
        assert!(!request.matches(br#"{"tag":"other"}"#));
        assert!(!request.matches(br#"{"tag":7}"#));
    }

    #[test]
    fn older_forms_name_a_type_and_a_filter() {
        let types = ["app".to_owned()];
        assert!(
            request("tail app", &types)
                .unwrap()
                .matches(br#"{"service.name":"app"}"#)
        );
        let filtered = request("tail app {\"n\":\"1\"}", &types).unwrap();
        assert!(filtered.matches(br#"{"service.name":"app","n":1}"#));
        assert!(!filtered.matches(br#"{"service.name":"app"}"#));
        assert_eq!(request("tail x", &types).unwrap_err(), "Unknown type 'x'");
    }

    #[test]
    fn what_the_original_died_of_is_answered() {
        for line in [
            "tail",
            "tail ",
            "tail {",
            "tail {\"Filter\":7}",
            "tail {\"Sample\":101}",
            "",
            "quit",
        ] {
            assert!(request(line, &[]).is_err(), "{line:?}");
        }
        let numbers = request("tail {\"Filter\":{\"n\":3,\"gone\":null}}", &[]).unwrap();
        assert!(numbers.matches(br#"{"n":3}"#));
        assert!(!numbers.matches(br#"{"n":{"x":1}}"#));
    }
}

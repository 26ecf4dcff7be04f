//! The client of the control socket.

use std::io;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::UnixStream;

use crate::{Answer, Filter, Reload, Request, Stats};

/// Where a punt listens. Each request is a connection of its own.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
}

/// A running tail.
#[derive(Debug)]
pub struct Tail {
    socket: PathBuf,
    lines: Lines<BufReader<UnixStream>>,
}

/// Why punt gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody listens, or the connection broke.
    #[error("cannot talk to punt at {socket}: {source}; is it running, and is that its `control` path?",
            socket = socket.display())]
    Socket {
        /// The socket.
        socket: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// punt refused the request.
    #[error("punt refused the request: {0}")]
    Refused(String),
    /// The answer is of another kind or version.
    #[error("cannot read the answer of punt at {socket}: {reason}", socket = socket.display())]
    Unreadable {
        /// The socket.
        socket: PathBuf,
        /// What was unexpected.
        reason: String,
    },
}

// === impl Client ===

impl Client {
    /// A client of the punt at `socket`. It connects with each request.
    pub fn new(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
        }
    }

    /// The counters of this moment.
    pub async fn stats(&self) -> Result<Stats, Error> {
        let mut answer = self.send(&Request::Stats).await?;
        match answer.next().await? {
            Some(Answer::Stats(stats)) => Ok(*stats),
            other => Err(answer.unreadable(format!("{other:?} in answer to stats"))),
        }
    }

    /// The counters of this moment in Prometheus' text format.
    pub async fn metrics(&self) -> Result<String, Error> {
        let mut answer = self.send(&Request::Metrics).await?;
        match answer.next().await? {
            Some(Answer::Metrics(text)) => Ok(text),
            other => Err(answer.unreadable(format!("{other:?} in answer to metrics"))),
        }
    }

    /// Has the configuration read again, and waits for the outcome. [`Error::Refused`] holds all that is wrong
    /// with it; punt then goes on with the one it had.
    pub async fn reload(&self) -> Result<Reload, Error> {
        let mut answer = self.send(&Request::Reload).await?;
        match answer.next().await? {
            Some(Answer::Reloaded(reload)) => Ok(reload),
            other => Err(answer.unreadable(format!("{other:?} in answer to reload"))),
        }
    }

    /// The events that pass from now on.
    pub async fn tail(&self, filter: Filter, expression: Option<String>, sample: f64) -> Result<Tail, Error> {
        let request = Request::Tail {
            filter,
            expression,
            sample,
        };
        self.send(&request).await
    }

    async fn send(&self, request: &Request) -> Result<Tail, Error> {
        let failed = |source| Error::Socket {
            socket: self.socket.clone(),
            source,
        };
        let mut stream = UnixStream::connect(&self.socket).await.map_err(failed)?;
        let mut line = serde_json::to_vec(request).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        stream.write_all(&line).await.map_err(failed)?;
        Ok(Tail {
            socket: self.socket.clone(),
            lines: BufReader::new(stream).lines(),
        })
    }
}

// === impl Tail ===

impl Tail {
    /// The next line; none when punt has stopped.
    pub async fn next(&mut self) -> Result<Option<Answer>, Error> {
        let line = self.lines.next_line().await.map_err(|source| Error::Socket {
            socket: self.socket.clone(),
            source,
        })?;
        let Some(line) = line else { return Ok(None) };
        match serde_json::from_str(&line) {
            Ok(Answer::Error(reason)) => Err(Error::Refused(reason)),
            Ok(line) => Ok(Some(line)),
            Err(error) => Err(self.unreadable(error.to_string())),
        }
    }

    fn unreadable(&self, reason: String) -> Error {
        Error::Unreadable {
            socket: self.socket.clone(),
            reason,
        }
    }
}

//! What the supervisor's control socket speaks (`DATA/run/supervisor.sock`): one JSON request a line, one JSON
//! reply a line, and the client of it.
//!
//! ```text
//! {"do":"list"}                                                   -> {"listing":{...}}
//! {"do":"stop","node":"guilds-0","incarnation":1,"grace_ms":5000} -> {"stopped":true}   false: nothing to stop
//! {"do":"restart", ... the same as stop ...}                      -> {"stopped":true}   and it is started again
//! {"do":"start","node":"guilds-0"}                                -> {"started":{...}}
//! {"do":"shutdown"}                                               -> {"listing":{...}}
//! ```

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

/// The longest line that either side accepts.
pub const MAX_LINE: u64 = 1 << 20;

/// How long a request may take beyond the grace that it names.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What the supervisor can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase", deny_unknown_fields)]
pub enum Request {
    /// What runs.
    List,
    /// Stop one life of a process, and keep it stopped until it is started. Another life: nothing happens.
    Stop {
        /// The process.
        node: String,
        /// The life of it that is meant ([`Process::incarnation`]).
        incarnation: u64,
        /// Between SIGTERM and SIGKILL, in milliseconds.
        grace_ms: u64,
    },
    /// Stop one life of a process and start the next. For the control plane, which could not ask for its own
    /// start any more.
    Restart {
        /// The process.
        node: String,
        /// The life of it that is meant.
        incarnation: u64,
        /// Between SIGTERM and SIGKILL, in milliseconds.
        grace_ms: u64,
    },
    /// Start a stopped process. One that runs goes on.
    Start {
        /// The process.
        node: String,
    },
    /// Stop everything, in order.
    Shutdown,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reply {
    /// To `list` and `shutdown`.
    Listing(Listing),
    /// To `stop`: whether that life ran and is gone now.
    Stopped(bool),
    /// To `start`.
    Started(Process),
    /// It could not.
    Error(String),
}

/// Everything the supervisor knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// The supervisor's process id.
    pub supervisor: u32,
    /// Where the stack is in its life.
    pub phase: Phase,
    /// The processes in the order of starting.
    pub processes: Vec<Process>,
}

/// Where the stack is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Not every process has been ready yet.
    Starting,
    /// Every process has been ready once.
    Up,
    /// Everything is being stopped.
    Stopping,
}

/// What a process is doing, as its parent sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProcessState {
    /// Its turn has not come.
    Pending,
    /// It runs.
    Running,
    /// It ended by itself and is started again in a moment.
    Waiting,
    /// It was told to stop.
    Stopped,
}

/// One process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its name: `guilds-0`.
    pub node: String,
    /// Its cluster: `guilds`, or `logstore`, `punt`, `control`.
    pub cluster: String,
    /// What it is doing.
    pub state: ProcessState,
    /// Whether this life of it has answered its readiness probe.
    pub ready: bool,
    /// Its process id; 0 when it has none.
    pub pid: u32,
    /// When its current or last life began, in Unix microseconds: with the pid, the name of that life.
    pub incarnation: u64,
    /// How often it was started again after it ended by itself.
    pub restarts: u64,
    /// How its last life ended.
    pub last_exit: Option<String>,
    /// Where its standard error goes.
    pub stderr: PathBuf,
}

/// Why the supervisor did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    /// It does not answer.
    #[error("cannot reach the supervisor at {path}: {source}")]
    Unreachable {
        /// Its socket.
        path: String,
        /// What happened.
        source: std::io::Error,
    },
    /// It said no.
    #[error("the supervisor refused: {0}")]
    Refused(String),
    /// It answered something else.
    #[error("the supervisor answered something unexpected: {0}")]
    Unexpected(String),
}

/// Asks one supervisor. Each request is a connection of its own.
#[derive(Debug, Clone)]
pub struct SupervisorClient {
    socket: PathBuf,
}

// === impl Listing ===

impl Listing {
    /// The process called `node`.
    pub fn process(&self, node: &str) -> Option<&Process> {
        self.processes.iter().find(|process| process.node == node)
    }
}

// === impl SupervisorClient ===

impl SupervisorClient {
    /// A client of the supervisor behind `socket`.
    pub fn new(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
        }
    }

    /// What runs.
    pub async fn list(&self) -> Result<Listing, SupervisorError> {
        match self.ask(&Request::List, Duration::ZERO).await? {
            Reply::Listing(listing) => Ok(listing),
            other => Err(unexpected(&other)),
        }
    }

    /// Stops one life of a process; false: there was nothing to stop.
    pub async fn stop(&self, node: &str, incarnation: u64, grace: Duration) -> Result<bool, SupervisorError> {
        let request = Request::Stop {
            node: node.to_owned(),
            incarnation,
            grace_ms: millis(grace),
        };
        self.end(&request, grace).await
    }

    /// Stops one life of a process and starts the next; false: there was nothing to stop.
    pub async fn restart(
        &self,
        node: &str,
        incarnation: u64,
        grace: Duration,
    ) -> Result<bool, SupervisorError> {
        let request = Request::Restart {
            node: node.to_owned(),
            incarnation,
            grace_ms: millis(grace),
        };
        self.end(&request, grace).await
    }

    async fn end(&self, request: &Request, grace: Duration) -> Result<bool, SupervisorError> {
        match self.ask(request, grace).await? {
            Reply::Stopped(did) => Ok(did),
            other => Err(unexpected(&other)),
        }
    }

    /// Starts a stopped process.
    pub async fn start(&self, node: &str) -> Result<Process, SupervisorError> {
        let request = Request::Start {
            node: node.to_owned(),
        };
        match self.ask(&request, Duration::ZERO).await? {
            Reply::Started(process) => Ok(process),
            other => Err(unexpected(&other)),
        }
    }

    /// Asks it to stop everything; it answers at once and is gone when its lock is free.
    pub async fn shutdown(&self) -> Result<Listing, SupervisorError> {
        match self.ask(&Request::Shutdown, Duration::ZERO).await? {
            Reply::Listing(listing) => Ok(listing),
            other => Err(unexpected(&other)),
        }
    }

    async fn ask(&self, request: &Request, grace: Duration) -> Result<Reply, SupervisorError> {
        let line = tokio::time::timeout(TIMEOUT + grace, self.exchange(request))
            .await
            .unwrap_or_else(|_| {
                Err(std::io::Error::new(
                    std::io::ErrorKind::TimedOut,
                    "no answer in time",
                ))
            })
            .map_err(|source| SupervisorError::Unreachable {
                path: self.socket.display().to_string(),
                source,
            })?;
        match serde_json::from_str(&line) {
            Ok(Reply::Error(reason)) => Err(SupervisorError::Refused(reason)),
            Ok(reply) => Ok(reply),
            Err(error) => Err(SupervisorError::Unexpected(error.to_string())),
        }
    }

    async fn exchange(&self, request: &Request) -> std::io::Result<String> {
        let mut stream = UnixStream::connect(&self.socket).await?;
        let mut line = serde_json::to_vec(request).map_err(std::io::Error::other)?;
        line.push(b'\n');
        stream.write_all(&line).await?;
        let mut answer = String::new();
        BufReader::new(stream.take(MAX_LINE))
            .read_line(&mut answer)
            .await?;
        if answer.is_empty() {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(answer)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn unexpected(reply: &Reply) -> SupervisorError {
    SupervisorError::Unexpected(format!("{reply:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_read_as_the_page_above_shows_them() {
        let read = |text| serde_json::from_str::<Request>(text);
        assert_eq!(read(r#"{"do":"list"}"#).unwrap(), Request::List);
        assert_eq!(
            read(r#"{"do":"stop","node":"guilds-0","incarnation":1,"grace_ms":5000}"#).unwrap(),
            Request::Stop {
                node: "guilds-0".into(),
                incarnation: 1,
                grace_ms: 5000
            }
        );
        assert!(
            read(r#"{"do":"stop","node":"guilds-0"}"#).is_err(),
            "a stop names a life"
        );
        assert_eq!(
            serde_json::to_string(&Reply::Stopped(true)).unwrap(),
            r#"{"stopped":true}"#
        );
    }
}

//! `DATA/run/stack.json`: where a running stack is. Written by the supervisor, read by every `ops` verb.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Where everything of a running stack is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StackFile {
    /// The supervisor's process id.
    pub supervisor_pid: u32,
    /// The environment's name.
    pub environment: String,
    /// The control plane: `http://127.0.0.1:7070`.
    pub control: String,
    /// The log store: `http://127.0.0.1:9200`.
    pub store: String,
    /// The edge: `http://127.0.0.1:8080` (REST under `/api/v10`, gateway on `/`).
    pub edge: String,
    /// punt's syslog listeners, TCP and UDP: `127.0.0.1:5140`.
    pub syslog: String,
    /// punt's control socket.
    pub punt_socket: PathBuf,
    /// Everything else that listens.
    pub endpoints: Vec<Endpoint>,
}

/// Something that listens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Endpoint {
    /// What: `guilds-0`, `guilds-0/admin`.
    pub name: String,
    /// Where.
    pub address: String,
}

impl StackFile {
    /// Its place in a data folder.
    pub fn path(data: &Path) -> PathBuf {
        data.join("run/stack.json")
    }

    /// The operator token's place in a data folder (mode 0600).
    pub fn token_path(data: &Path) -> PathBuf {
        data.join("run/control.token")
    }

    /// Reads it.
    pub fn read(data: &Path) -> std::io::Result<Self> {
        let text = std::fs::read_to_string(Self::path(data))?;
        serde_json::from_str(&text).map_err(std::io::Error::other)
    }
}

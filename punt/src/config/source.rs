//! `[sources.NAME]`: where events come from.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::duration;

/// A source, by `type`.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum SourceConfig {
    Syslog(SyslogConfig),
    File(FileConfig),
    Spool(SpoolConfig),
}

/// Syslog over TCP, UDP or both.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SyslogConfig {
    /// Where TCP is accepted; an inherited socket called `syslog-tcp` goes before it.
    pub(crate) tcp: Option<SocketAddr>,
    /// Where UDP is received: one datagram, one message.
    pub(crate) udp: Option<SocketAddr>,
    /// A longer message is cut here, marked and counted.
    #[serde(default = "max_frame_bytes")]
    pub(crate) max_frame_bytes: usize,
    /// Further connections wait in the kernel.
    #[serde(default = "max_connections")]
    pub(crate) max_connections: usize,
    /// A connection that is silent for so long is closed.
    #[serde(default = "idle_timeout", with = "duration")]
    pub(crate) idle_timeout: Duration,
    /// A sender's time that is further off than this keeps its `@timestamp`, but its index is named from the
    /// time of receipt: a sender with a broken clock cannot create an index for every day since 1970.
    #[serde(default = "max_clock_skew", with = "duration")]
    pub(crate) max_clock_skew: Duration,
}

/// Files that are appended to, and rotated by renaming or truncating.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileConfig {
    /// Glob patterns, such as `/var/log/nginx/*.log`.
    pub(crate) paths: Vec<String>,
    /// What a line is.
    #[serde(default)]
    pub(crate) format: FileFormat,
    /// Fields that every event of this source gets, such as `"service.name" = "nginx"`.
    #[serde(default)]
    pub(crate) fields: BTreeMap<String, String>,
    /// A longer line is cut here, marked and counted.
    #[serde(default = "max_line_bytes")]
    pub(crate) max_line_bytes: usize,
    /// How often files are looked at.
    #[serde(default = "poll", with = "duration")]
    pub(crate) poll: Duration,
}

/// What a line of a file is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FileFormat {
    /// Text: it becomes `message`, at the time of reading.
    #[default]
    Plain,
    /// One log record (flat ECS JSON).
    Json,
}

/// The spools of processes that log with `telemetry`: each sub-folder is one node's.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpoolConfig {
    /// The folder of the spools.
    pub(crate) dir: PathBuf,
    /// A longer record is cut here, marked and counted.
    #[serde(default = "max_line_bytes")]
    pub(crate) max_line_bytes: usize,
    /// How often spools are looked at.
    #[serde(default = "poll", with = "duration")]
    pub(crate) poll: Duration,
}

// === impl SourceConfig ===

impl SourceConfig {
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut limit = |key: &str, value: usize| {
            if !(1024..=64 << 20).contains(&value) {
                faults.push(format!("{key} is {value}, and must be between 1024 and 67108864"));
            }
        };
        match self {
            Self::Syslog(syslog) => {
                limit("max_frame_bytes", syslog.max_frame_bytes);
                if syslog.tcp.is_none() && syslog.udp.is_none() {
                    faults.push("neither tcp nor udp is given, and nothing would be received".to_owned());
                }
                if syslog.max_connections == 0 {
                    faults.push("max_connections is 0, and nobody could connect".to_owned());
                }
            }
            Self::File(file) => {
                limit("max_line_bytes", file.max_line_bytes);
                if file.format == FileFormat::Json && !file.fields.is_empty() {
                    faults.push("fields are for format = \"plain\"; a JSON record has its own".to_owned());
                }
                if file.paths.is_empty() {
                    faults.push("paths is empty, and nothing would be read".to_owned());
                }
                for pattern in &file.paths {
                    if let Err(error) = glob::Pattern::new(pattern) {
                        faults.push(format!("{pattern:?} is no glob pattern: {error}"));
                    }
                }
            }
            Self::Spool(spool) => limit("max_line_bytes", spool.max_line_bytes),
        }
        faults
    }
}

fn max_frame_bytes() -> usize {
    64 << 10
}

fn max_connections() -> usize {
    1024
}

fn idle_timeout() -> Duration {
    Duration::from_secs(3600)
}

fn max_clock_skew() -> Duration {
    Duration::from_secs(86_400)
}

fn max_line_bytes() -> usize {
    1 << 20
}

fn poll() -> Duration {
    Duration::from_millis(100)
}

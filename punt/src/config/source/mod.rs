//! `[sources.NAME]`: where events come from. One file a type of source; this one tells them apart.

mod file;
mod http;
mod spool;
mod syslog;
mod tls;

use std::time::Duration;

use serde::Deserialize;

pub(crate) use file::{FileConfig, FileFormat};
pub(crate) use http::{ClientIndex, HttpAuth, HttpConfig, HttpFormat, HttpIds};
pub(crate) use spool::SpoolConfig;
pub(crate) use syslog::SyslogConfig;
pub(crate) use tls::TlsConfig;

use super::duration;

/// A source, by `type`.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum SourceConfig {
    Syslog(Box<SyslogConfig>),
    File(Box<FileConfig>),
    Spool(SpoolConfig),
    Http(Box<HttpConfig>),
}

// === impl SourceConfig ===

impl SourceConfig {
    pub(super) fn faults(&self) -> Vec<String> {
        match self {
            Self::Syslog(syslog) => syslog.faults(),
            Self::File(file) => file.faults(),
            Self::Spool(spool) => spool.faults(),
            Self::Http(http) => http.faults(),
        }
    }
}

/// A fault unless a limit on bytes is one that a process can hold.
fn bytes_fault(key: &str, value: usize) -> Option<String> {
    (!(1024..=64 << 20).contains(&value))
        .then(|| format!("{key} is {value}, and must be between 1024 and 67108864"))
}

fn max_connections() -> usize {
    1024
}

fn max_line_bytes() -> usize {
    1 << 20
}

fn poll() -> Duration {
    Duration::from_millis(100)
}

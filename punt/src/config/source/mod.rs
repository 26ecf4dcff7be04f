//! `[sources.NAME]`: where events come from. One file a type of source; this one tells them apart.

mod file;
mod http;
mod journald;
mod spool;
mod stdin;
mod syslog;
mod tls;

use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;

pub(crate) use file::{FileConfig, FileFormat, MultilineConfig, ReadFrom};
pub(crate) use http::{ClientIndex, HttpAuth, HttpConfig, HttpFormat, HttpIds};
pub(crate) use journald::JournaldConfig;
pub(crate) use spool::SpoolConfig;
pub(crate) use stdin::StdinConfig;
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
    Stdin(StdinConfig),
    Journald(JournaldConfig),
}

/// What happens to events that are over `max_events_per_second`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WhenLimited {
    /// The sender waits (UDP: the kernel drops, and that is counted; HTTP: 429 after `queue_timeout`).
    #[default]
    Block,
    /// They are dropped and counted (HTTP: answered with 429 at once).
    Drop,
}

// === impl SourceConfig ===

impl SourceConfig {
    /// The limit on events per second, and what happens to what is over it.
    pub(crate) fn rate(&self) -> Option<(NonZeroU32, WhenLimited)> {
        match self {
            Self::Syslog(syslog) => Some((syslog.max_events_per_second?, syslog.when_limited)),
            Self::Http(http) => Some((http.max_events_per_second?, http.when_limited)),
            Self::File(file) => Some((file.max_events_per_second?, WhenLimited::Block)),
            Self::Stdin(stdin) => Some((stdin.max_events_per_second?, WhenLimited::Block)),
            Self::Journald(journald) => Some((journald.max_events_per_second?, WhenLimited::Block)),
            Self::Spool(_) => None,
        }
    }

    pub(super) fn faults(&self) -> Vec<String> {
        match self {
            Self::Syslog(syslog) => syslog.faults(),
            Self::File(file) => file.faults(),
            Self::Spool(spool) => spool.faults(),
            Self::Http(http) => http.faults(),
            Self::Stdin(stdin) => stdin.faults(),
            Self::Journald(journald) => journald.faults(),
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

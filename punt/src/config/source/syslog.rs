//! Syslog from the network and from local sockets.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;

use super::{bytes_fault, duration, max_connections};

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

// === impl SyslogConfig ===

impl SyslogConfig {
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        faults.extend(bytes_fault("max_frame_bytes", self.max_frame_bytes));
        if self.tcp.is_none() && self.udp.is_none() {
            faults.push("neither tcp nor udp is given, and nothing would be received".to_owned());
        }
        if self.max_connections == 0 {
            faults.push("max_connections is 0, and nobody could connect".to_owned());
        }
        faults
    }
}

fn max_frame_bytes() -> usize {
    64 << 10
}

fn idle_timeout() -> Duration {
    Duration::from_secs(3600)
}

fn max_clock_skew() -> Duration {
    Duration::from_secs(86_400)
}

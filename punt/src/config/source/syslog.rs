//! Syslog from the network and from local sockets.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::{TlsConfig, WhenLimited, bytes_fault, duration, max_connections};

/// Syslog over TCP (with or without TLS), UDP and Unix sockets: any number of them at once.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SyslogConfig {
    /// Where TCP is accepted; an inherited socket called `syslog-tcp` goes before it.
    pub(crate) tcp: Option<SocketAddr>,
    /// TLS on the TCP socket (RFC 5425). Without it, plain TCP.
    pub(crate) tls: Option<TlsConfig>,
    /// Whether each TCP connection begins with a header of the PROXY protocol (version 1 or 2), which names the
    /// true sender. Only where nobody but the proxy can connect.
    #[serde(default)]
    pub(crate) proxy_protocol: bool,
    /// Where UDP is received: one datagram, one message.
    pub(crate) udp: Option<SocketAddr>,
    /// The path of a Unix stream socket.
    pub(crate) unix_stream: Option<PathBuf>,
    /// The path of a Unix datagram socket, such as `/dev/log`: one datagram, one message.
    pub(crate) unix_datagram: Option<PathBuf>,
    /// Who may write to the Unix sockets: their mode, such as `0o666`.
    #[serde(default = "unix_mode")]
    pub(crate) unix_mode: u32,
    /// A longer message is cut here, marked and counted.
    #[serde(default = "max_frame_bytes")]
    pub(crate) max_frame_bytes: usize,
    /// No more events per second than this, over all sockets. Without it, no limit.
    pub(crate) max_events_per_second: Option<NonZeroU32>,
    /// What happens to those that are over it.
    #[serde(default)]
    pub(crate) when_limited: WhenLimited,
    /// Further connections wait in the kernel. Counted for TCP and for Unix streams each.
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
        let sockets = [
            self.tcp.is_some(),
            self.udp.is_some(),
            self.unix_stream.is_some(),
            self.unix_datagram.is_some(),
        ];
        if !sockets.contains(&true) {
            faults.push(
                "none of tcp, udp, unix_stream and unix_datagram is given, and nothing would be received"
                    .to_owned(),
            );
        }
        if self.max_connections == 0 {
            faults.push("max_connections is 0, and nobody could connect".to_owned());
        }
        if self.unix_mode > 0o777 {
            faults.push(format!(
                "unix_mode is 0o{:o}, and must be at most 0o777",
                self.unix_mode
            ));
        }
        for (key, given) in [
            ("tls", self.tls.is_some()),
            ("proxy_protocol", self.proxy_protocol),
        ] {
            if given && self.tcp.is_none() {
                faults.push(format!("{key} is for tcp, which is not given"));
            }
        }
        if self.unix_stream.is_some() && self.unix_stream == self.unix_datagram {
            faults.push("unix_stream and unix_datagram are the same path".to_owned());
        }
        faults.extend(self.tls.iter().flat_map(TlsConfig::faults));
        faults
    }
}

fn unix_mode() -> u32 {
    0o666
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

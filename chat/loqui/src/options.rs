//! What a connection may do: one set of options for both sides.

use std::time::Duration;

/// Options of a client's or a server's connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Encodings that are spoken, best first.
    pub encodings: Vec<String>,
    /// How often both sides ping; the server announces it. A side that has not answered one ping when the next
    /// is due is taken for dead.
    pub ping_interval: Duration,
    /// How long connecting, the upgrade and HELLO may take together.
    pub handshake_timeout: Duration,
    /// The largest payload that is sent or accepted.
    pub max_payload_bytes: usize,
    /// The bound, in frames, of a connection's outgoing queue, and of its queue of received pushes.
    pub queue_frames: usize,
    /// Requests of one connection that a server works on at the same time. One more is answered at once by an
    /// error with code [`crate::OVERLOADED`]: to stop reading instead would also stop the answers to pings.
    pub max_in_flight: usize,
    /// Headers that a client adds to its upgrade request.
    pub headers: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            encodings: vec!["msgpack".to_owned()],
            ping_interval: Duration::from_secs(2),
            handshake_timeout: Duration::from_secs(3),
            max_payload_bytes: 16 << 20,
            queue_frames: 4096,
            max_in_flight: 4096,
            headers: Vec::new(),
        }
    }
}

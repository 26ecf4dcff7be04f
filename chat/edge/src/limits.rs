//! What the edge lets through, and how long it waits.

use std::time::Duration;

/// Bounds on clients and on the nodes behind.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The longest request head; a longer one gets 431.
    pub head_bytes: usize,
    /// The longest request body; a longer one gets 413.
    pub body_bytes: usize,
    /// Connections at a time, and tunnels at a time. More connections wait in the listening socket's backlog, more
    /// tunnels get 503.
    pub connections: usize,
    /// How long a client may take for a request's head, and again for its body.
    pub client_time: Duration,
    /// How long connecting to a node may take.
    pub connect_time: Duration,
    /// How long a request may take in all; then it gets 504. Longer than the api's own patience of 10 s.
    pub request_time: Duration,
    /// How long a request is held while no node can take it; then it gets 503.
    pub hold: Duration,
    /// The same for a WebSocket upgrade: with a single gateway node it covers that node's restart.
    pub hold_upgrade: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 32 << 10,
            body_bytes: 1 << 20,
            connections: 16_384,
            client_time: Duration::from_secs(15),
            connect_time: Duration::from_secs(1),
            request_time: Duration::from_secs(20),
            hold: Duration::from_secs(5),
            hold_upgrade: Duration::from_secs(10),
        }
    }
}

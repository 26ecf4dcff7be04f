//! The gateway's bounds, in one place.

use std::time::Duration;

/// Bounds on clients and patience with the clusters behind.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Sockets at a time; more wait in the listening socket's backlog.
    pub sockets: usize,
    /// What Hello tells clients: how often to send a heartbeat.
    pub heartbeat: Duration,
    /// How long a client may be silent: then it is closed with 4009.
    pub silence: Duration,
    /// The longest payload of a client; a longer one is closed with 4002.
    pub payload_bytes: usize,
    /// Events of a client in [`Limits::rate_window`]; one more is closed with 4008.
    pub rate_events: u32,
    /// See [`Limits::rate_events`].
    pub rate_window: Duration,
    /// Frames that wait for a client. A client with more is too slow: it is cut off and may resume.
    pub queue_frames: usize,
    /// How long one write may wait for a client.
    pub write_time: Duration,
    /// Requests of one client that are worked on at a time (op 3 and op 8).
    pub requests: usize,
    /// How long to look for the owner of a session before the client is told to start over.
    pub patience: Duration,
    /// How long the WebSocket handshake may take.
    pub handshake_time: Duration,
    /// How long a client has to hang up itself after a close or a Reconnect.
    pub goodbye_time: Duration,
    /// A drain tells at most so many clients at once to reconnect …
    pub wave_sockets: usize,
    /// … this often.
    pub wave_pause: Duration,
    /// Members in one GUILD_MEMBERS_CHUNK.
    pub chunk_members: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sockets: 20_000,
            heartbeat: Duration::from_millis(41_250),
            silence: Duration::from_millis(41_250 * 3 / 2),
            payload_bytes: 4096,
            rate_events: 120,
            rate_window: Duration::from_secs(60),
            queue_frames: 4096,
            write_time: Duration::from_secs(20),
            requests: 8,
            patience: Duration::from_secs(30),
            handshake_time: Duration::from_secs(10),
            goodbye_time: Duration::from_secs(3),
            wave_sockets: 250,
            wave_pause: Duration::from_millis(200),
            chunk_members: 1000,
        }
    }
}

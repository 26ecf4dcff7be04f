//! Delivery: the real `punt` against servers that refuse, stall, break and lie, over real sockets. In each test
//! what was received is what was stored, buried, buffered or counted, and nothing is stored twice.

mod buffers;
mod connections;
mod dead_letters;
mod engines;
mod matrix;
mod server;
mod sinks;
mod store;

#[path = "../sources/law.rs"]
mod law;
#[path = "../shipping/process.rs"]
#[allow(
    dead_code,
    reason = "shared with the other test binaries, each of which uses a part"
)]
mod process;
#[path = "../shipping/wait.rs"]
mod wait;

/// A syslog source on a free port.
const SYSLOG: &str = "[sources.syslog]\ntype = \"syslog\"\ntcp = \"127.0.0.1:0\"";

/// Messages of a fault, as many as each peer that was measured was given.
const MESSAGES: usize = 4000;

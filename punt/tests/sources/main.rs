//! The sources of the real `punt`, over real sockets and files, up to an engine.

mod certificates;
mod files;
mod http;
mod http_client;
mod law;
mod pipes;
mod senders;
mod syslog;

#[path = "../shipping/engine.rs"]
#[allow(
    dead_code,
    reason = "shared with the other test binaries, each of which uses a part"
)]
mod engine;
#[path = "../shipping/process.rs"]
#[allow(
    dead_code,
    reason = "shared with the other test binaries, each of which uses a part"
)]
mod process;
#[path = "../shipping/wait.rs"]
mod wait;

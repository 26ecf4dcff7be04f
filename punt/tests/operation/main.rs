//! Operating the real `punt`: reloads, stops, its commands, and the original Punt's configuration and protocol.

mod commands;
mod legacy;
mod reload;

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

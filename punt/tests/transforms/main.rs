//! Transforms, conditions and alerts of the real `punt`, from real files and sockets up to an engine.

mod alerts;
mod conditions;
mod counting;
mod faults;
mod hook;
mod law;
mod parsing;
mod pipe;

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

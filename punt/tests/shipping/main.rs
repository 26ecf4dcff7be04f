//! The real `punt` against an engine that misbehaves on demand, over real sockets.
//!
//! Not here: the real store and real senders; those tests stand at the top of the workspace.

mod commands;
mod crash;
mod engine;
mod faults;
mod inputs;
#[allow(
    dead_code,
    reason = "shared with the other test binaries, each of which uses a part"
)]
mod process;
mod shutdown;
mod wait;

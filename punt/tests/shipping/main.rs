//! The real `punt` against an engine that misbehaves on demand, over real sockets.
//!
//! Not here: the real store and real senders; those tests stand at the top of the workspace.

mod commands;
mod crash;
mod engine;
mod faults;
mod inputs;
mod process;
mod shutdown;
mod wait;

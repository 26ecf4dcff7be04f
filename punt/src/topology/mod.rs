//! Building the stages of a configuration, owning their tasks, exchanging them, and stopping them in order.
//!
//! ```text
//! sources --(bounded queue of batches)--> routing stage --(a durable buffer each)--> sinks
//! ```
//!
//! The stop signal goes to the sources only. They drop their end of the queue, so the routing stage ends; it
//! drops the writers, so each sink empties its buffer and ends. What takes longer than the grace period is
//! left: unsent events in the buffers, on disk.
//!
//! A reload (and the start, which is a reload of nothing) goes in two steps. `plan` does everything that can
//! fail: sockets, buffers, clients. Only then `live` exchanges the parts whose settings changed: the routing stage
//! and each sink hand what they have begun to their successor, a source stops taking and its successor listens on
//! the same socket. Nothing in the second step waits for an engine or for room in a buffer.

mod alerts;
mod live;
mod plan;
mod running;
mod sink;

pub(crate) use live::{Report, Topology};
pub(crate) use plan::chain;

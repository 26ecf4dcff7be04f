//! Building the stages of a configuration, owning their tasks, and stopping them in order.
//!
//! ```text
//! sources --(bounded queue of batches)--> routing stage --(a durable buffer each)--> sinks
//! ```
//!
//! The stop signal goes to the sources only. They drop their end of the queue, so the routing stage ends; it
//! drops the writers, so each sink empties its buffer and ends. What takes longer than the grace period is
//! left: unsent events in the buffers, on disk.

mod build;
mod running;

pub(crate) use build::build;

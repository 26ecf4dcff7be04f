//! Storage of the chat stack: one trait, one folder per backend.
//!
//! Only the data cluster opens a store; everybody else asks data. Not here: queues, threads, sockets and
//! group commit (they are `chat/data`'s), and any knowledge of who owns a guild beyond its epoch.
//!
//! - [`Store`] is what data needs: writes in batches (durable at return, all or nothing per write), and reads.
//! - [`embedded`] is the reference backend, redb with Cassandra's layout.
//! - [`contract`] is the suite that every backend passes.

pub mod bucket;
#[cfg(feature = "contract")]
pub mod contract;
pub mod embedded;
mod error;
mod store;

pub use embedded::{Embedded, Settings};
pub use error::StoreError;
pub use store::{EventPage, Store, Write, Written};

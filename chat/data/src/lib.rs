//! data: the only cluster that opens the store.
//!
//! Everybody else asks it over Loqui ([`chat_proto::service::data`]). It knows epochs, not rings: which node
//! *should* own a guild is not its business; that a lower epoch may not write any more, is.
//!
//! - [`writer`]: one thread takes all writes that wait, commits them together, then answers: group commit.
//! - [`reader`]: reads on blocking threads, a bounded number at a time.
//! - [`service`]: requests to writes and reads, and the node's life.
//!
//! **An answer to a write is given after its fsync.** A request that got no answer may or may not have been carried
//! out; each one is safe to send again.

mod reader;
mod service;
mod writer;

pub use service::run;
pub use writer::{Batch, Writer};

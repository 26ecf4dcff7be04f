//! The `file` source: follows files that are appended to, through renaming, copying and truncating, and reads
//! rotated files that were packed.
//!
//! Invariants:
//! - A record's id is `file/<generation>/<offset>`. The generation is random, given to a file when it is first
//!   seen and on disk before any record with it is anywhere: inodes are used again, and offsets start over.
//! - The checkpoint moves over records that are durable in every sink's buffer, never further.
//! - A file is known by its content (see `mark.rs`): under another name it is read on, not again.

mod event;
mod followed;
mod follower;
mod mark;
mod multiline;
mod paths;
mod reader;

pub(super) use event::sample;
pub(super) use follower::run;

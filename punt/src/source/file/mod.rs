//! The `file` source: tails files by pattern, through rotation by renaming and by truncating.
//!
//! Invariants:
//! - A record's id is `file/<generation>/<offset>`. The generation is random, given to a file when it is first
//!   seen, and on disk before any record with it is sent: inode numbers are used again, generations are not.
//! - A file is known again by device, inode and the checksum of its first bytes. If these changed or the file
//!   became shorter, it was truncated: a new generation, from the start.
//! - A file that was renamed is read to its end under its new name, also when punt was down meanwhile.
//! - The checkpoint moves over lines that are durable in every sink's buffer, never further.

mod followed;
mod follower;
mod mark;

pub(crate) use follower::run;

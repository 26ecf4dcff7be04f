//! Snapshots: copies of indices in a folder, as they were at one moment, and the way back.
//!
//! ```text
//! REPOSITORY/NAME.snapshot       what a snapshot holds; sealed with a checksum
//! REPOSITORY/files/UUID/FILE     the files of an index; several snapshots share those that did not change
//! ```
//! tantivy's files never change once they are written, so a second snapshot copies only what is new. A moment is a
//! commit: what was acknowledged before is in it. Every file carries its checksum, which is checked when it is
//! copied, either way. Hidden indices, aliases and templates are not in it.

pub mod repository;
mod restore;
mod take;

pub use repository::{Repository, Snapshot};

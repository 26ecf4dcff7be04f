//! The `spool` source: tails what processes log with `telemetry`, and owns the deletion of it.
//!
//! ```text
//! DIR/<node>/<boot>-<segment>.ndjson      boot = <start>-<pid>     (telemetry::spool)
//! ```
//!
//! Invariants:
//! - A record's id is its place: `<node>/<boot>/<segment>/<offset>`; a record with `event.id` names itself.
//! - The checkpoint moves over records that are durable in every sink's buffer, never further.
//! - A segment is deleted once nobody can append to it, it is read to its end, and all of it is durable.

mod segment;
mod tailer;

pub(super) use tailer::run;

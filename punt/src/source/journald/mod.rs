//! The `journald` source: systemd's journal in its export format, from a command (`journalctl -o export -f`) or a
//! file or pipe.
//!
//! Invariants:
//! - A record's id is its cursor, so an entry that is read again is stored once.
//! - The cursor in the checkpoint is of an entry that is durable in every sink's buffer, and a command is started
//!   behind it.

mod encode;
mod export;
mod reader;

pub(super) use reader::run;

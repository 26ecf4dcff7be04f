//! punt's control socket: its messages and its client.
//!
//! A Unix socket that speaks one JSON object a line. The client sends one [`Request`]; `stats` is answered by
//! one [`Stats`], `tail` by an endless stream of [`TailLine`]. Not here: the server, which is in punt.

mod client;
mod message;
mod stats;

pub use client::{Client, Error, Tail};
pub use message::{Filter, Request, TailLine};
pub use stats::{BufferStats, ComponentStats, Kind, Stats};

//! punt's control socket: its messages and its client.
//!
//! A Unix socket that speaks one JSON object a line. The client sends one [`Request`]; `stats` is answered by
//! one [`Stats`], `reload` by one [`Reload`], `tail` by an endless stream of [`Answer`]s. Not here: the server, which is in punt.

mod balance;
mod client;
mod message;
mod reload;
mod stats;

pub use balance::{Balance, StageBalance};
pub use client::{Client, Error, Tail};
pub use message::{Answer, Filter, Request};
pub use reload::Reload;
pub use stats::{BufferStats, ComponentStats, Kind, Stats};

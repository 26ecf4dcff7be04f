//! A consistent hash ring, compatible point for point with Discord's `ex_hash_ring` 7.
//!
//! It answers which node owns a key. No IO, no clock, no tokio: who is in the ring, and for how long an old ring
//! is kept, is the caller's business.
//!
//! * a key or point is hashed by bytes 8..16 of its MD5, read as a little-endian `u64`;
//! * a node has one point per replica, the hash of its name followed by the replica's decimal number;
//! * a key belongs to the first point strictly above its hash, the smallest point following the largest one.

mod hash;
mod history;
mod ring;

pub use hash::hash;
pub use history::History;
pub use ring::{DEFAULT_REPLICAS, Ring, RingError};

//! Summaries of many values in little memory, which can be merged: sums ([`Stats`]), how many are different
//! ([`Distinct`]), how they are spread ([`Spread`]: [`Digest`] or [`Hdr`]).

pub mod digest;
pub mod distinct;
pub mod hdr;
pub mod spread;
pub mod stats;

pub use digest::Digest;
pub use distinct::{Distinct, hash_number, hash_word};
pub use hdr::Hdr;
pub use spread::{Method, Spread};
pub use stats::{Stats, Sum};

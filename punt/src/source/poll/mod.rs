//! What sources share that read what stays where it is (files, spools, journals): look, read, hand on, learn
//! what is durable, remember it.
//!
//! Invariants:
//! - A checkpoint moves over events that are durable in every sink's buffer, never further.
//! - At a stop, what was handed on is waited for, so that the next start repeats nothing that it need not.

mod driver;
mod handover;

pub(super) use driver::{Driver, Polled};
pub(super) use handover::Handover;

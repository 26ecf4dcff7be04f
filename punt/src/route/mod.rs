//! From the sources' queue into the sinks' buffers: which events go where, and when they are durable.

mod matching;
mod outlet;
mod settle;
mod stage;

pub(crate) use matching::Routes;
pub(crate) use outlet::{Flushed, Outlet, Patience, Store};
pub(crate) use stage::{Handover, Pending, Stage};

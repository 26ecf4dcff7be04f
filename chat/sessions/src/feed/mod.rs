//! Feeds: how the events of a guild reach this node's sessions.
//!
//! One feed for each guild that has sessions here: [`state`] is the state machine, [`driver`] the task that makes
//! its [`calls`], [`feeds`] the table of them that receives the owners' pushes.

mod calls;
mod driver;
mod feeds;
pub(crate) mod state;

pub(crate) use feeds::Feeds;

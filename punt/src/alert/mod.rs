//! Alerts: events that somebody should hear of at once.
//!
//! The routing stage shows each event to the [`Rules`]; what fires is put into the bounded queue of an [`Action`],
//! which has a task of its own. A webhook that hangs or fails therefore costs messages, counted, and never an event.

mod action;
mod message;
mod post;
mod rule;

pub(crate) use action::Action;
pub(crate) use message::Notice;
pub(crate) use rule::{Rule, Rules, tick};

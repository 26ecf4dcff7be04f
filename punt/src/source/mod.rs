//! Where events come in. Only sources hear the stop signal: they finish what is in hand and drop their end of
//! the queue, and the later stages end because of that.

pub(crate) mod file;
mod intake;
mod json;
mod lines;
pub(crate) mod spool;
mod start;
pub(crate) mod syslog;

pub(crate) use intake::Intake;
pub(crate) use start::{Task, start};

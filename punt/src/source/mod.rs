//! Where events come in. Only sources hear the stop signal: they finish what is in hand and drop their end of
//! the queue, and the later stages end because of that.

mod file;
mod http;
mod ids;
mod intake;
mod journald;
mod json;
mod lines;
mod net;
mod pipe;
mod plain;
mod poll;
mod rate;
mod sample;
mod spool;
mod start;
mod stdin;
mod syslog;

pub(crate) use intake::Intake;
pub(crate) use rate::Rate;
pub(crate) use sample::sample;
pub(crate) use start::{Task, start};
pub(crate) use syslog::level;

//! The commands, one a file, and what they say on the terminal.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod convert;
mod layout;
pub(crate) mod man;
pub(crate) mod reload;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod stats;
mod table;
pub(crate) mod tail;
mod terminal;
pub(crate) mod test;
pub(crate) mod top;
mod trial;

pub(crate) use terminal::{complain, failed, say};

//! Parsers of log lines: from one line to named values, borrowed from the line where that is possible.
//!
//! Not here: syslog (`punt-syslog`), JSON (`punt-json`), IO, clocks, and what becomes of the values. No parser
//! panics, whatever the line; what is not in its format is [`NotParsed`], and the caller keeps the line.
//!
//! - [`logfmt`] reads `level=info msg="it works"`.
//! - [`KeyValue`] reads pairs with any separators.
//! - [`nginx::access`] and [`nginx::error`] read nginx's logs into ECS fields.

mod fields;
mod key_value;
mod logfmt;
pub mod nginx;

pub use fields::{Fields, NotParsed, Value};
pub use key_value::KeyValue;
pub use logfmt::logfmt;

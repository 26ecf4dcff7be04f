//! Documents: from the JSON bytes a client sent to what tantivy indexes.
//!
//! [`parse`] walks the bytes once, without building a tree, checks them against the mapping and sorts the
//! values into the three families of the fixed schema; [`model`] shows the result to tantivy; [`path`] reads
//! values back out of a `_source`.

pub mod convert;
pub mod model;
pub mod parse;
pub mod path;

pub use model::{LogDocument, Number, Values};
pub use parse::Parser;

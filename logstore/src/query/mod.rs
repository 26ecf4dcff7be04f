//! Queries: from JSON or Lucene syntax to one tree ([`ast`]), and from the tree to tantivy ([`lower`]).
//!
//! The tree knows neither an index nor tantivy; what a `match` means depends on the field's type in each
//! index, which is why lowering happens once for each index that a search touches.

pub mod address;
pub mod ast;
pub mod dsl;
pub mod lower;
pub mod lucene;
pub mod range;
pub mod terms;

pub use ast::Query;
pub use lower::Lowering;

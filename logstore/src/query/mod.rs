//! Queries: from JSON or Lucene syntax to one tree ([`ast`]), and from the tree to tantivy ([`lower`]).
//!
//! The tree knows neither an index nor tantivy; what a `match` means depends on the field's type in each
//! index, which is why lowering happens once for each index that a search touches.

pub mod address;
pub mod analyzer;
pub mod ast;
pub mod check;
pub mod dsl;
pub mod lower;
pub mod lucene;
pub mod nested;
pub mod query_string;
pub mod range;
pub mod regexp;
pub mod scan;
pub mod scored;
pub mod similarity;
pub mod terms;

pub use ast::Query;
pub use lower::Lowering;

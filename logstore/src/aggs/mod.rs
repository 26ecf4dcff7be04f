//! Aggregations: read ([`request`]), planned over all indices of a search ([`plan`]), lowered to tantivy's for
//! each index ([`lower`]), merged by tantivy and rendered as Elasticsearch renders them ([`render`]).
//!
//! tantivy has no `filters`, `range` with overlaps, `date_range`, `missing`, calendar intervals or time zones.
//! All of them become what it has: several `filter` buckets ([`filter`]), or a `range` whose edges are the
//! calendar's.

pub mod filter;
pub mod lower;
pub mod metric;
pub mod plan;
pub mod render;
pub mod request;

pub use lower::lower;
pub use plan::{Plan, plan};
pub use render::{check_buckets, render};
pub use request::Agg;

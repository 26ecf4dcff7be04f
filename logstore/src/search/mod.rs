//! Searches: what a body asks ([`request`]), how hits are ordered ([`sort`], [`top`]), running it over several
//! indices ([`execute`]) and reading the hits ([`fetch`]).

pub mod execute;
pub mod fetch;
pub mod request;
pub mod sort;
pub mod source;
pub mod top;

pub use execute::{Hit, Outcome, Total, execute};
pub use request::SearchRequest;

//! Lucene's query syntax, as `query_string`, `q=` and the search bars of dashboards write it.
//!
//! [`lex`] cuts the text into tokens, [`grammar`] builds the query tree. Boolean operators follow Lucene's
//! classic parser, in which `a OR b AND c` is not what precedence would make of it: `AND` makes both its
//! neighbours required, `OR` leaves its neighbours as they are.

pub mod grammar;
pub mod lex;

use super::ast::{Operator, Query};
use crate::error::ApiResult;

/// Which of the two syntaxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavor {
    /// `query_string`: mistakes are errors.
    Full,
    /// `simple_query_string`: `+ | - " * ( ) ~`; mistakes are ignored.
    Simple,
}

/// Reads a query; words without a field are looked for in `fields`.
pub fn parse(text: &str, fields: &[(String, f32)], operator: Operator, flavor: Flavor) -> ApiResult<Query> {
    grammar::parse(text, fields, operator, flavor)
}

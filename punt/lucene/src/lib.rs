//! Lucene's query syntax, as `query_string`, `q=`, the search bars of dashboards and punt's conditions write it.
//!
//! - [`parse`] reads a text into a [`Node`]. Boolean operators follow Lucene's classic parser, in which
//!   `a OR b AND c` is not what precedence would make of it: `AND` makes both its neighbours required, `OR` leaves
//!   its neighbours as they are.
//! - [`Expression`] tells whether one JSON document matches, without building a tree of it.
//!
//! Not here: indices, mappings and scores. What a node means in an index is the store's to say.

mod expression;
mod grammar;
mod leaf;
mod lex;
mod node;
mod words;

pub use expression::{Expression, Unreadable};
pub use grammar::parse;
pub use lex::{has_wildcard, unescape};
pub use node::{Bound, Flavor, Node, Operator};

//! Text analysis: from a text to the tokens that are indexed and searched.
//!
//! An [`Analyzer`] is character filters, one tokenizer and token filters. [`Analysis`] holds those that an index's
//! settings define beside the built-in ones. The `standard` analyzer, which nearly every text field has, is not
//! made of these parts: it streams ([`crate::engine::tokenizer`]). Not here: languages other than English,
//! synonyms, phonetics; what is not known is an error that names it.

pub mod analyzer;
pub mod chars;
pub mod define;
pub mod filter;
pub mod split;

pub use analyzer::{Analyzer, Token};
pub use define::Analysis;

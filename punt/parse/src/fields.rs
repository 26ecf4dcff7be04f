//! What a parser gives.

use std::borrow::Cow;

use thiserror::Error;

/// Named values, in the order of the line. A name may stand there twice; the last one counts.
pub type Fields<'a> = Vec<(Cow<'a, str>, Value<'a>)>;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// A text.
    Text(Cow<'a, str>),
    /// A number, as JSON writes it, however large.
    Number(Cow<'a, str>),
    /// True or false.
    Bool(bool),
}

/// Why a line is not in the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not {format}: {reason}")]
pub struct NotParsed {
    /// The format that was expected.
    pub format: &'static str,
    /// What is missing.
    pub reason: &'static str,
}

// === impl Value ===

impl<'a> Value<'a> {
    /// A text.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    /// A whole number.
    pub fn number(number: u64) -> Self {
        Self::Number(Cow::Owned(number.to_string()))
    }
}

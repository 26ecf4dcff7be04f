//! The analyzers that a request names: those of [`crate::analysis`], so that a query and a mapping mean the same by a name.

use std::sync::Arc;

use crate::analysis::{Analysis, Analyzer};
use crate::error::{ApiError, ApiResult};

/// A built-in analyzer by its name.
pub fn named(name: &str) -> ApiResult<Arc<Analyzer>> {
    Analysis::default()
        .analyzer(name)
        .ok_or_else(|| ApiError::argument(format!("failed to find global analyzer [{name}]")))
}

/// The words that an analyzer makes of a text.
pub fn tokens(text: &str, name: Option<&str>) -> ApiResult<Vec<String>> {
    let tokens = named(name.unwrap_or("standard"))?.tokens(text);
    Ok(tokens.into_iter().map(|token| token.text).collect())
}

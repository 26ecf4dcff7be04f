//! What a query may be at most, and what it needs from elsewhere before it can be lowered.

use super::ast::Query;
use crate::engine::store::Store;
use crate::error::{ApiError, ApiResult};
use crate::limits::Limits;

/// Refuses a query with too many clauses or terms.
pub fn check(query: &Query, limits: &Limits) -> ApiResult<()> {
    let mut clauses = 0;
    count(query, limits, &mut clauses)
}

fn count(query: &Query, limits: &Limits, clauses: &mut usize) -> ApiResult<()> {
    if let Query::Terms { values, .. } = query
        && values.len() > limits.max_terms
    {
        return Err(ApiError::argument(format!(
            "The number of terms [{}] used in the Terms Query request has exceeded the allowed maximum of [{}]. This maximum can be set by changing the [index.max_terms_count] index level setting (--max-terms).",
            values.len(),
            limits.max_terms
        )));
    }
    let mut result = Ok(());
    query.each_child(&mut |child| {
        *clauses += 1;
        if result.is_ok() {
            result = if *clauses > limits.max_clauses {
                Err(ApiError::new(
                    400,
                    "too_many_clauses",
                    format!("maxClauseCount is set to {} (--max-clauses)", limits.max_clauses),
                ))
            } else {
                count(child, limits, clauses)
            };
        }
    });
    result
}

/// Replaces lookups by the values they name.
pub fn look_up(query: &mut Query, store: &Store) -> ApiResult<()> {
    if let Query::Lookup {
        field,
        index,
        id,
        path,
    } = query
    {
        let other = store.get(index).ok_or_else(|| ApiError::index_not_found(index))?;
        let values = match other.get(id)? {
            None => Vec::new(),
            Some(found) => {
                let source: serde_json::Value = serde_json::from_slice(&found.source).map_err(|error| {
                    ApiError::internal(format!("stored document [{id}] cannot be read: {error}"))
                })?;
                crate::document::path::values(&source, path)
                    .into_iter()
                    .cloned()
                    .collect()
            }
        };
        *query = Query::Terms {
            field: std::mem::take(field),
            values,
        };
        return Ok(());
    }
    query.each_child_mut(&mut |child| look_up(child, store))
}

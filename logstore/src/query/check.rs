//! What a query may be at most, and what it needs from elsewhere before it can be lowered.

use super::ast::{Pattern, Query};
use crate::aggs::request::{Agg, AggKind};
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
            "The number of terms [{}] used in the Terms Query request has exceeded the allowed maximum of [{}]. This maximum can be set by changing the [index.max_terms_count] index level setting.",
            values.len(),
            limits.max_terms
        )));
    }
    if let Query::Pattern {
        pattern: Pattern::Regexp(text),
        ..
    } = query
    {
        let length = text.chars().count();
        if length > limits.max_regex_length {
            return Err(ApiError::argument(format!(
                "The length of regex [{length}] used in the Regexp Query request has exceeded the allowed maximum of [{}]. This maximum can be set by changing the [index.max_regex_length] index level setting.",
                limits.max_regex_length
            )));
        }
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

/// The same in the filters of aggregations, however deep.
pub fn look_up_below(aggs: &mut [Agg], store: &Store) -> ApiResult<()> {
    for agg in aggs {
        match &mut agg.kind {
            AggKind::Filter(query) => look_up(query, store)?,
            AggKind::Filters(filters) => filters
                .filters
                .iter_mut()
                .try_for_each(|(_, query)| look_up(query, store))?,
            _ => {}
        }
        look_up_below(&mut agg.subs, store)?;
    }
    Ok(())
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

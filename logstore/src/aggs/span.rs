//! The smallest and largest date that a search can meet, from the columns' statistics and the query's ranges.

use tantivy::columnar::ColumnType;
use tantivy::u64_to_i64;

use super::View;
use crate::date::Millis;
use crate::error::ApiResult;
use crate::mapping::Field;
use crate::query::Query;
use crate::query::ast::Range;
use crate::query::range;

/// The span of a date field over all indices, within what the query asks for.
pub fn of(field: &Field, query: &Query, views: &[View], now: Millis) -> ApiResult<Option<(Millis, Millis)>> {
    let Some((min, max)) = stored(field, views)? else {
        return Ok(None);
    };
    let (from, to) = asked(field, query, now);
    let span = (
        from.map_or(min, |from| min.max(from)),
        to.map_or(max, |to| max.min(to)),
    );
    Ok(Some(span).filter(|(min, max)| min <= max))
}

fn stored(field: &Field, views: &[View]) -> ApiResult<Option<(Millis, Millis)>> {
    let Some(column) = field.column() else {
        return Ok(None);
    };
    let mut span: Option<(Millis, Millis)> = None;
    for (_, _, searcher) in views {
        for segment in searcher.segment_readers() {
            let Some((values, ColumnType::I64)) = segment
                .fast_fields()
                .u64_lenient_for_type(Some(&[ColumnType::I64]), &column)?
            else {
                continue;
            };
            let (min, max) = (u64_to_i64(values.min_value()), u64_to_i64(values.max_value()));
            if min <= max {
                span = Some(span.map_or((min, max), |(a, b)| (a.min(min), b.max(max))));
            }
        }
    }
    Ok(span)
}

/// The bounds that the query's required clauses put on the field.
fn asked(field: &Field, query: &Query, now: Millis) -> (Option<Millis>, Option<Millis>) {
    match query {
        Query::Range(range @ Range { field: name, .. }) if **name == *field.path => {
            range::dates(field, range, now).unwrap_or((None, None))
        }
        Query::Constant(inner, _) | Query::Boost(inner, _) => asked(field, inner, now),
        Query::Bool(clauses) => {
            let mut span = (None, None);
            for clause in clauses.must.iter().chain(&clauses.filter) {
                let (from, to) = asked(field, clause, now);
                span.0 = span.0.max(from);
                span.1 = match (span.1, to) {
                    (Some(a), Some(b)) => Some(std::cmp::min::<Millis>(a, b)),
                    (a, b) => a.or(b),
                };
            }
            span
        }
        _ => (None, None),
    }
}

//! Ranges over numbers, dates and strings.

use std::ops::Bound;

use serde_json::Value;
use tantivy::Term;
use tantivy::query::{AllQuery, EmptyQuery, ExistsQuery, Query, RangeQuery};

use super::ast::Range;
use super::dsl::text;
use super::scan::ScanQuery;
use super::{address, terms};
use crate::date::Millis;
use crate::date::math::{self, Round};
use crate::date::parse::parse_formats;
use crate::date::zone::Zone;
use crate::engine::schema::Fields;
use crate::error::{ApiError, ApiResult};
use crate::mapping::number::Numeric;
use crate::mapping::{Field, Kind};

/// The documents with a value of `field` in the range.
pub fn lower(fields: &Fields, field: &Field, range: &Range, now: Millis) -> ApiResult<Box<dyn Query>> {
    match field.kind {
        Kind::Date => {
            let (from, to) = dates(field, range, now)?;
            Ok(whole_range(fields, field, from, to))
        }
        Kind::Long { .. } if field.numeric == Numeric::Unsigned => unsigned_range(fields, field, range),
        Kind::Long { .. } => {
            let from = range
                .from
                .as_ref()
                .map(|(v, included)| long_bound(field, v, *included, true))
                .transpose()?;
            let to = range
                .to
                .as_ref()
                .map(|(v, included)| long_bound(field, v, *included, false))
                .transpose()?;
            Ok(whole_range(fields, field, from, to))
        }
        Kind::Double => {
            let bound = |side: &Option<(Value, bool)>| -> ApiResult<Bound<Term>> {
                let Some((value, included)) = side else {
                    return Ok(Bound::Unbounded);
                };
                let exact = number(field, value)?;
                let term = terms::float(fields.number, &field.path, field.numeric.round(exact));
                // A bound between two numbers of the type takes the nearer one in or leaves it out.
                Ok(if *included {
                    Bound::Included(term)
                } else {
                    Bound::Excluded(term)
                })
            };
            ranged(field, bound(&range.from)?, bound(&range.to)?)
        }
        Kind::Ip => address::range(fields, field, range),
        Kind::Keyword | Kind::Boolean | Kind::Flattened => {
            let bound = |side: &Option<(Value, bool)>| match side {
                None => Bound::Unbounded,
                Some((value, included)) => {
                    let term = terms::string(fields.keyword, &field.path, &field.normalized(&text(value)));
                    if *included {
                        Bound::Included(term)
                    } else {
                        Bound::Excluded(term)
                    }
                }
            };
            ranged(field, bound(&range.from), bound(&range.to))
        }
        Kind::Text => {
            // Analysed terms have no column: their dictionary is looked through.
            let key = |value: &str| {
                terms::string(fields.text, &field.path, value)
                    .serialized_value_bytes()
                    .to_vec()
            };
            let bound = |side: &Option<(Value, bool)>| {
                side.as_ref().map(|(value, included)| {
                    let key = key(&text(value));
                    if *included {
                        Bound::Included(key)
                    } else {
                        Bound::Excluded(key)
                    }
                })
            };
            Ok(Box::new(ScanQuery {
                family: fields.text,
                from: bound(&range.from).unwrap_or_else(|| Bound::Included(key(""))),
                to: bound(&range.to).unwrap_or_else(|| terms::end_of_prefix(&key(""))),
                test: std::sync::Arc::new(|_| true),
            }))
        }
        Kind::Unindexed => Ok(Box::new(EmptyQuery)),
    }
}

fn ranged(field: &Field, from: Bound<Term>, to: Bound<Term>) -> ApiResult<Box<dyn Query>> {
    if matches!((&from, &to), (Bound::Unbounded, Bound::Unbounded)) {
        return Ok(match field.column() {
            Some(column) => Box::new(ExistsQuery::new(column, false)),
            None => Box::new(AllQuery),
        });
    }
    Ok(Box::new(RangeQuery::new(from, to)))
}

/// Documents whose whole number or date lies in an inclusive range.
pub fn whole_range(fields: &Fields, field: &Field, from: Option<i64>, to: Option<i64>) -> Box<dyn Query> {
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        return Box::new(EmptyQuery);
    }
    let bound = |value: Option<i64>| match value {
        None => Bound::Unbounded,
        Some(value) if field.is_timestamp() => Bound::Included(Term::from_field_i64(fields.timestamp, value)),
        Some(value) => Bound::Included(terms::whole(fields.number, &field.path, value)),
    };
    match (bound(from), bound(to)) {
        (Bound::Unbounded, Bound::Unbounded) => {
            Box::new(ExistsQuery::new(field.column().unwrap_or_default(), false))
        }
        (from, to) => Box::new(RangeQuery::new(from, to)),
    }
}

/// Documents whose whole number without a sign lies in a range.
fn unsigned_range(fields: &Fields, field: &Field, range: &Range) -> ApiResult<Box<dyn Query>> {
    let side = |bound: &Option<(Value, bool)>, is_lower: bool| -> ApiResult<Option<i128>> {
        let Some((value, included)) = bound else {
            return Ok(None);
        };
        let exact = match value {
            Value::Number(number) => number
                .as_i64()
                .map(i128::from)
                .or_else(|| number.as_u64().map(i128::from)),
            other => text(other).trim().parse().ok(),
        };
        let (whole, is_exact) = match exact {
            Some(whole) => (whole, true),
            None => {
                let number = number(field, value)?;
                let rounded = if is_lower { number.ceil() } else { number.floor() };
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "saturates, which is right for a bound"
                )]
                let whole = rounded as i128;
                (whole, number.fract() == 0.0)
            }
        };
        Ok(Some(match (*included || !is_exact, is_lower) {
            (true, _) => whole,
            (false, true) => whole.saturating_add(1),
            (false, false) => whole.saturating_sub(1),
        }))
    };
    let (from, to) = (side(&range.from, true)?, side(&range.to, false)?);
    let most = i128::from(u64::MAX);
    if from.is_some_and(|from| from > most) || to.is_some_and(|to| to < 0) {
        return Ok(Box::new(EmptyQuery));
    }
    let bound = |value: Option<i128>| {
        let value = value.and_then(|value| u64::try_from(value.clamp(0, most)).ok());
        value.map_or(Bound::Unbounded, |value| {
            Bound::Included(terms::unsigned(fields.number, &field.path, value))
        })
    };
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        return Ok(Box::new(EmptyQuery));
    }
    ranged(field, bound(from), bound(to))
}

/// The inclusive bounds of a date range.
pub fn dates(field: &Field, range: &Range, now: Millis) -> ApiResult<(Option<Millis>, Option<Millis>)> {
    let formats = match &range.format {
        Some(format) => parse_formats(format).map_err(ApiError::argument)?,
        None => field.formats.clone(),
    };
    let zone = match &range.time_zone {
        Some(zone) => Zone::parse(zone)
            .ok_or_else(|| ApiError::argument(format!("[range] time_zone [{zone}] is unknown")))?,
        None => Zone::UTC,
    };
    let evaluate = |value: &Value, round| {
        math::evaluate(&text(value), &formats, &zone, now, round).map_err(|reason| {
            ApiError::new(
                400,
                "parse_exception",
                format!("{reason} on field [{}]", field.path),
            )
        })
    };
    let from = match &range.from {
        None => None,
        Some((value, true)) => Some(evaluate(value, Round::Down)?),
        Some((value, false)) => Some(evaluate(value, Round::Up)?.saturating_add(1)),
    };
    let to = match &range.to {
        None => None,
        Some((value, true)) => Some(evaluate(value, Round::Up)?),
        Some((value, false)) => Some(evaluate(value, Round::Down)?.saturating_sub(1)),
    };
    Ok((from, to))
}

/// A number in a query.
pub fn number(field: &Field, value: &Value) -> ApiResult<f64> {
    let parsed = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    parsed.ok_or_else(|| {
        ApiError::new(
            400,
            "query_shard_exception",
            format!(
                "failed to create query: For input string: \"{}\" on field [{}]",
                text(value),
                field.path
            ),
        )
    })
}

/// The inclusive whole bound next to a number that may have a fraction.
fn long_bound(field: &Field, value: &Value, included: bool, is_lower: bool) -> ApiResult<i64> {
    let exact = value.as_i64().or_else(|| value.as_str()?.trim().parse().ok());
    let whole = match exact {
        Some(whole) => whole,
        None => {
            let number = number(field, value)?;
            let rounded = if is_lower { number.ceil() } else { number.floor() };
            #[expect(
                clippy::cast_possible_truncation,
                reason = "saturates, which is right for a bound"
            )]
            let whole = rounded as i64;
            if number.fract() != 0.0 {
                return Ok(whole);
            }
            whole
        }
    };
    Ok(match (included, is_lower) {
        (true, _) => whole,
        (false, true) => whole.saturating_add(1),
        (false, false) => whole.saturating_sub(1),
    })
}

//! What a source's values are, over all indices of a search: one type, one way to write them, one value for
//! documents that have none. Indices may disagree on a field's type; here they are made to agree, or refused.

use std::sync::Arc;

use serde_json::Value;
use tantivy::{f64_to_u64, i64_to_u64, u64_to_f64, u64_to_i64};

use super::View;
use super::request::Source;
use super::request::options::as_f64;
use super::show::{Decimal, Show};
use crate::date::Millis;
use crate::date::math::{self, Round};
use crate::date::parse::{DEFAULT_FORMATS, Format, parse_formats};
use crate::date::zone::Zone;
use crate::error::{ApiError, ApiResult};
use crate::mapping::number::Numeric;
use crate::mapping::{Field, Kind};
use crate::query::dsl::text;
use crate::search::sort::no_column;

/// The types that aggregations tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Whole numbers.
    Whole,
    /// Whole numbers without a sign; their order-preserving form is they themselves.
    Unsigned,
    /// Floating-point numbers.
    Float,
    /// Milliseconds since the epoch.
    Date,
    /// 0 and 1.
    Boolean,
    /// Exact strings.
    Word,
    /// Addresses.
    Ip,
}

/// What an aggregation can work with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Anything with a column; where the field is unknown, strings.
    Any,
    /// Numbers, dates and booleans.
    Number,
    /// Dates, and numbers that are meant as dates.
    Date,
    /// Addresses.
    Ip,
}

/// A value for documents without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// A number in its order-preserving form.
    Raw(u64),
    /// A string.
    Word(String),
}

/// A source, resolved.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// Its field's name.
    pub name: String,
    /// The mapped field, from the first index that has it.
    pub field: Option<Arc<Field>>,
    /// The type of its values.
    pub kind: Type,
    /// How they are written.
    pub show: Show,
    /// Value of documents without one.
    pub missing: Option<Missing>,
}

// === impl Type ===

impl Type {
    /// The type of a mapped field, if it has a column.
    pub fn of(field: &Field) -> Option<Self> {
        field.column()?;
        Some(match field.kind {
            Kind::Long { .. } if field.numeric == Numeric::Unsigned => Self::Unsigned,
            Kind::Long { .. } => Self::Whole,
            Kind::Double => Self::Float,
            Kind::Date => Self::Date,
            Kind::Boolean => Self::Boolean,
            Kind::Ip => Self::Ip,
            _ => Self::Word,
        })
    }

    /// Whether values are numbers to compute with.
    pub fn is_number(self) -> bool {
        !matches!(self, Self::Word | Self::Ip)
    }

    /// The number that an order-preserving form stands for.
    #[expect(clippy::cast_precision_loss, reason = "Elasticsearch computes in doubles too")]
    pub fn number(self, raw: u64) -> f64 {
        match self {
            Self::Float => u64_to_f64(raw),
            Self::Unsigned => raw as f64,
            _ => u64_to_i64(raw) as f64,
        }
    }

    /// The order-preserving form of a number.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates"
    )]
    pub fn raw(self, number: f64) -> u64 {
        match self {
            // Both zeros are one value.
            Self::Float => f64_to_u64(number + 0.0),
            Self::Unsigned => number as u64,
            _ => i64_to_u64(number as i64),
        }
    }

    /// The order-preserving form of a whole number in a request, if it is one that the type has.
    pub fn exact(self, value: &Value) -> Option<u64> {
        match self {
            Self::Whole => value.as_i64().map(i64_to_u64),
            Self::Unsigned => value.as_u64().or_else(|| value.as_str()?.parse().ok()),
            _ => None,
        }
    }

    fn join(self, other: Self) -> Option<Self> {
        if self == other {
            return Some(self);
        }
        match (self.is_number(), other.is_number()) {
            (true, true)
                if [self, other]
                    .iter()
                    .any(|kind| matches!(kind, Self::Float | Self::Unsigned)) =>
            {
                Some(Self::Float)
            }
            (true, true) => Some(self),
            (false, false) => Some(Self::Word),
            _ => None,
        }
    }
}

/// Resolves a source over all indices.
pub fn resolve(
    agg: (&str, &str),
    source: &Source,
    want: Want,
    views: &[View],
    now: Millis,
) -> ApiResult<Resolved> {
    let (name, type_name) = agg;
    let mut found: Option<(Arc<Field>, Type)> = None;
    for (_, mapping, _) in views {
        let Some(field) = mapping.resolve(&source.field) else {
            continue;
        };
        let kind = Type::of(&field).ok_or_else(|| unusable(&field))?;
        let fits = match want {
            Want::Any => true,
            Want::Number => kind.is_number(),
            Want::Date => kind.is_number() && kind != Type::Boolean,
            Want::Ip => kind == Type::Ip,
        };
        if !fits {
            return Err(ApiError::argument(format!(
                "Field [{}] of type [{}] is not supported for aggregation [{type_name}]",
                field.path, field.type_name
            )));
        }
        found = Some(match found {
            None => (field, kind),
            Some((first, before)) => {
                let joined = before.join(kind).ok_or_else(|| {
                    ApiError::new(
                        500,
                        "aggregation_execution_exception",
                        format!("Merging/Reducing the aggregations failed when computing the aggregation [{name}] because the field you gave in the aggregation query existed as two different types in two different indices"),
                    )
                })?;
                (first, joined)
            }
        });
    }
    let (field, kind) = match found {
        Some((field, kind)) => (Some(field), kind),
        None => (None, unmapped(source, want)?),
    };
    let show = show(source, field.as_deref(), kind, name)?;
    let missing = source
        .missing
        .as_ref()
        .filter(|value| !value.is_null())
        .map(|value| missing(name, source, value, field.as_deref(), kind, now))
        .transpose()?;
    Ok(Resolved {
        name: source.field.clone(),
        field,
        kind,
        show,
        missing,
    })
}

/// The type of a field that no index maps: one of ours, or what the aggregation expects.
fn unmapped(source: &Source, want: Want) -> ApiResult<Type> {
    let said = source.value_type.as_deref().and_then(|name| {
        Some(match name {
            "long" | "integer" | "short" | "byte" => Type::Whole,
            "unsigned_long" => Type::Unsigned,
            "double" | "float" | "number" | "numeric" => Type::Float,
            "date" => Type::Date,
            "boolean" => Type::Boolean,
            "ip" => Type::Ip,
            _ => return None,
        })
    });
    if let (Some(kind), Want::Any) = (said, want) {
        return Ok(kind);
    }
    Ok(match (source.field.as_str(), want) {
        ("_id", _) => {
            return Err(ApiError::argument(
                "Fielddata access on the _id field is disallowed, keep the value in a field of its own to aggregate it",
            ));
        }
        ("_seq_no" | "_version", _) => Type::Whole,
        (_, Want::Any) => Type::Word,
        (_, Want::Number) => Type::Float,
        (_, Want::Date) => Type::Date,
        (_, Want::Ip) => Type::Ip,
    })
}

fn unusable(field: &Field) -> ApiError {
    if field.kind == Kind::Text {
        return no_column(field);
    }
    ApiError::argument(format!(
        "Can't load fielddata on [{}] because fielddata is unsupported on fields of type [{}]. Use doc values instead.",
        field.path, field.type_name
    ))
}

fn show(source: &Source, field: Option<&Field>, kind: Type, agg: &str) -> ApiResult<Show> {
    Ok(match (kind, &source.format) {
        (Type::Date, format) => Show::Date {
            format: format
                .clone()
                .or_else(|| field.and_then(|field| field.date_format()).map(ToOwned::to_owned)),
            zone: source.zone.clone().unwrap_or(Zone::UTC),
        },
        (Type::Boolean, _) => Show::Boolean,
        (Type::Whole | Type::Unsigned | Type::Float, Some(pattern)) => match Decimal::parse(pattern) {
            Some(decimal) => Show::Decimal(decimal),
            None => {
                return Err(ApiError::argument(format!(
                    "Malformed pattern [{pattern}] in [format] of [{agg}]"
                )));
            }
        },
        _ => Show::Plain,
    })
}

fn missing(
    agg: &str,
    source: &Source,
    value: &Value,
    field: Option<&Field>,
    kind: Type,
    now: Millis,
) -> ApiResult<Missing> {
    let wrong = || {
        ApiError::new(
            400,
            "number_format_exception",
            format!(
                "For input string: \"{}\", which is [missing] of [{agg}] and no value of the field [{}]",
                text(value),
                source.field
            ),
        )
    };
    Ok(match kind {
        Type::Word => Missing::Word(text(value)),
        Type::Ip => Missing::Word(
            text(value)
                .parse::<std::net::IpAddr>()
                .map_err(|_| ApiError::argument(format!("'{}' is not an IP string literal.", text(value))))?
                .to_canonical()
                .to_string(),
        ),
        Type::Whole | Type::Unsigned => match kind.exact(value) {
            Some(raw) => Missing::Raw(raw),
            // A fraction is possible only where values become doubles; elsewhere it is cut off.
            None => Missing::Raw(kind.raw(as_f64(value).ok_or_else(wrong)?)),
        },
        Type::Float => Missing::Raw(kind.raw(as_f64(value).ok_or_else(wrong)?)),
        Type::Boolean => match value {
            Value::Bool(on) => Missing::Raw(i64_to_u64(i64::from(*on))),
            Value::Number(number) => Missing::Raw(i64_to_u64(i64::from(number.as_f64() != Some(0.0)))),
            Value::String(text) if text == "true" || text == "false" => {
                Missing::Raw(i64_to_u64(i64::from(text == "true")))
            }
            _ => return Err(wrong()),
        },
        Type::Date => Missing::Raw(i64_to_u64(date(
            value,
            &formats(source.format.as_deref(), field),
            source.zone.as_ref().unwrap_or(&Zone::UTC),
            now,
        )?)),
    })
}

/// The formats in which dates of a request are read: the asked one if it can be read, the field's, any.
pub fn formats(asked: Option<&str>, field: Option<&Field>) -> Vec<Format> {
    let mut all = asked
        .and_then(|format| parse_formats(format).ok())
        .unwrap_or_default();
    all.extend(
        field
            .map_or(DEFAULT_FORMATS, |field| field.formats.as_slice())
            .iter()
            .cloned(),
    );
    all.dedup();
    all
}

/// A date of a request: a number of milliseconds, a text with or without math.
pub fn date(value: &Value, formats: &[Format], zone: &Zone, now: Millis) -> ApiResult<Millis> {
    match value {
        // A field of seconds is asked in seconds.
        Value::Number(number) if formats.first() == Some(&Format::EpochSecond) => {
            let text = number.to_string();
            math::evaluate(&text, formats, zone, now, Round::Down)
                .map_err(|reason| ApiError::new(400, "parse_exception", reason))
        }
        Value::Number(number) => {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "saturates, which is right for a date"
            )]
            let millis = number.as_i64().or_else(|| number.as_f64().map(|v| v as i64));
            Ok(millis.unwrap_or_default())
        }
        other => {
            let text = text(other);
            math::evaluate(&text, formats, zone, now, Round::Down)
                .or_else(|reason| text.parse::<i64>().map_err(|_| reason))
                .map_err(|reason| ApiError::new(400, "parse_exception", reason))
        }
    }
}

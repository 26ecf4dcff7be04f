//! Converts one JSON scalar to the value that a field's type stores, with Elasticsearch's coercions.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use crate::date::parse::{self, Parsed};
use crate::date::zone::Zone;
use crate::mapping::number::Numeric;
use crate::mapping::{Field, Kind};

use super::model::{Number, Values};
use crate::engine::tokenizer;

/// The longest exact string that is indexed, in bytes; Lucene's limit of a term.
pub const MAX_TERM: usize = 32_766;

/// The path under which the names of a document's text fields are indexed, where no exact multi-field says the
/// same: text has no column, so `exists` asks for this term or for the multi-field's column.
pub static FIELD_NAMES: LazyLock<Arc<str>> = LazyLock::new(|| "_field_names".into());

/// A JSON scalar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar<'a> {
    /// A string.
    Str(&'a str),
    /// A whole number.
    I64(i64),
    /// A whole number beyond `i64`.
    U64(u64),
    /// A number with a fraction.
    F64(f64),
    /// `true` or `false`.
    Bool(bool),
}

/// The path under which the names of fields are indexed whose value was left out (`ignore_malformed`).
pub static IGNORED: LazyLock<Arc<str>> = LazyLock::new(|| "_ignored".into());

/// Why a value does not fit its field, and the type of the error that Elasticsearch has for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit(pub String, pub &'static str);

const ARGUMENT: &str = "illegal_argument_exception";
const FORMAT: &str = "number_format_exception";

impl std::fmt::Display for Scalar<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Str(v) => f.write_str(v),
            Self::I64(v) => v.fmt(f),
            Self::U64(v) => v.fmt(f),
            // With a fraction always, as Java writes it.
            Self::F64(v) => write!(f, "{v:?}"),
            Self::Bool(v) => v.fmt(f),
        }
    }
}

impl Scalar<'_> {
    fn text(&self) -> Arc<str> {
        match self {
            Self::Str(v) => (*v).into(),
            other => other.to_string().into(),
        }
    }
}

/// Adds a value to the families, for the field itself and for each of its multi-fields.
pub fn add(field: &Field, scalar: Scalar<'_>, out: &mut Values) -> Result<(), Misfit> {
    let text = if matches!(field.kind, Kind::Text | Kind::Keyword | Kind::Flattened)
        || !field.subfields.is_empty()
    {
        Some(scalar.text())
    } else {
        None
    };
    add_one(field, scalar, text.as_ref(), out)?;
    for sub in &field.subfields {
        add_one(sub, scalar, text.as_ref(), out)?;
    }
    if field.is_binary() {
        out.keyword
            .push((Arc::clone(&FIELD_NAMES), Arc::clone(&field.path)));
    }
    if field.kind == Kind::Text
        && !field.unindexed
        && let Some(text) = &text
        && !field
            .subfields
            .iter()
            .any(|sub| sub.witnesses() && sub.takes(text))
    {
        out.keyword
            .push((Arc::clone(&FIELD_NAMES), Arc::clone(&field.path)));
    }
    Ok(())
}

fn add_one(
    field: &Field,
    scalar: Scalar<'_>,
    text: Option<&Arc<str>>,
    out: &mut Values,
) -> Result<(), Misfit> {
    if field.unindexed {
        return Ok(());
    }
    if field.coerce == Some(false) {
        uncoerced(field, scalar)?;
    }
    let path = Arc::clone(&field.path);
    let text = || text.cloned().unwrap_or_else(|| scalar.text());
    match field.kind {
        Kind::Text => out
            .text
            .push((path, tokenizer::marked(field.analyzer.as_deref(), text()))),
        Kind::Keyword | Kind::Flattened => exact(field, path, text(), out)?,
        Kind::Long { .. } if field.numeric == Numeric::Tokens => {
            let count = field.search_tokens(&scalar.to_string()).len();
            out.number
                .push((path, Number::I64(i64::try_from(count).unwrap_or(i64::MAX))));
        }
        Kind::Long { .. } if field.numeric == Numeric::Unsigned => out.number.push((path, unsigned(scalar)?)),
        Kind::Long { min, max } => {
            out.number.push((path, Number::I64(long(scalar, min, max)?)));
        }
        Kind::Double => {
            let value = field.numeric.round(double(scalar)?);
            if value.is_infinite() {
                return Err(Misfit(
                    format!(
                        "[{}] supports only finite values, but got [{value:?}]",
                        field.type_name
                    ),
                    ARGUMENT,
                ));
            }
            out.number.push((path, Number::F64(value)));
        }
        Kind::Boolean => out.keyword.push((path, boolean(scalar)?.into())),
        Kind::Date => {
            let at = date(field, scalar)?.start;
            if field.is_nanos() {
                within_nanos(at, scalar)?;
                let rest = match scalar {
                    Scalar::Str(text) => parse::beyond_millis(text),
                    _ => 0,
                };
                out.number.push((field.rest_path().into(), Number::I64(rest)));
            }
            if field.is_timestamp() {
                out.timestamp.get_or_insert(at);
            } else {
                out.number.push((path, Number::I64(at)));
            }
        }
        Kind::Ip => {
            let ip: IpAddr = scalar
                .to_string()
                .parse()
                .map_err(|_| Misfit(format!("'{scalar}' is not an IP string literal."), ARGUMENT))?;
            out.keyword.push((path, ip.to_canonical().to_string().into()));
        }
        Kind::Unindexed => {}
    }
    Ok(())
}

/// An exact string: normalized, and left out where it is longer than the mapping wants.
fn exact(field: &Field, path: Arc<str>, text: Arc<str>, out: &mut Values) -> Result<(), Misfit> {
    if let Some(constant) = &field.constant {
        // Every document has the value already.
        return if *constant == text {
            Ok(())
        } else {
            Err(Misfit(
                format!(
                    "[constant_keyword] field [{}] only accepts values that are equal to the value defined in the mappings [{constant}], but got [{text}]",
                    field.path
                ),
                ARGUMENT,
            ))
        };
    }
    if !field.takes(&text) {
        return Ok(());
    }
    let text = match &field.normalizer {
        Some(normalizer) => normalizer.normalize(&text).into(),
        None => text,
    };
    if text.len() > MAX_TERM {
        return Err(Misfit(
            format!(
                "Document contains at least one immense term in field=\"{}\" (whose UTF8 encoding is longer than the max length {MAX_TERM})",
                field.path
            ),
            ARGUMENT,
        ));
    }
    out.keyword.push((path, text));
    Ok(())
}

/// Refuses what only coercion makes fit, where the mapping does not want that.
pub fn uncoerced(field: &Field, scalar: Scalar<'_>) -> Result<(), Misfit> {
    if !matches!(field.kind, Kind::Long { .. } | Kind::Double) {
        return Ok(());
    }
    match scalar {
        Scalar::Str(_) if field.kind == Kind::Double => {
            Err(Misfit("Double value passed as String".to_owned(), ARGUMENT))
        }
        Scalar::Str(_) => Err(Misfit("Integer value passed as String".to_owned(), ARGUMENT)),
        Scalar::F64(value) if field.kind != Kind::Double && value.fract() != 0.0 => Err(Misfit(
            format!("{value:?} cannot be converted to Integer without data loss"),
            ARGUMENT,
        )),
        _ => Ok(()),
    }
}

/// A whole number of 64 bits without a sign.
fn unsigned(scalar: Scalar<'_>) -> Result<Number, Misfit> {
    let out_of_range = || {
        Misfit(
            format!("Value [{scalar}] is out of range for unsigned long"),
            ARGUMENT,
        )
    };
    let value = match scalar {
        Scalar::U64(value) => value,
        Scalar::I64(value) => u64::try_from(value).map_err(|_| out_of_range())?,
        Scalar::Str(text) => {
            let trimmed = text.trim();
            // What is behind the point is cut off, without a detour over a double, which is coarser.
            let whole = match trimmed.split_once('.') {
                Some((whole, fraction)) if fraction.bytes().all(|b| b.is_ascii_digit()) => whole,
                _ => trimmed,
            };
            whole
                .parse::<u64>()
                .map_err(|_| Misfit(format!("For input string: \"{text}\""), ARGUMENT))?
        }
        // 2^64 is exact in f64; u64::MAX is not.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range is checked"
        )]
        Scalar::F64(value) if value > -1.0 && value < 18_446_744_073_709_551_616.0 => value as u64,
        Scalar::F64(_) => return Err(out_of_range()),
        Scalar::Bool(_) => return Err(not_numeric()),
    };
    Ok(i64::try_from(value).map_or(Number::U64(value), Number::I64))
}

fn not_numeric() -> Misfit {
    Misfit(
        "Current token (VALUE_BOOLEAN) not numeric, can not use numeric value accessors".to_owned(),
        ARGUMENT,
    )
}

/// The name of the type with these bounds.
fn width(max: i64) -> &'static str {
    match max {
        i64::MAX => "a long",
        127 => "a byte",
        32_767 => "a short",
        _ => "an integer",
    }
}

/// A whole number: a fraction is cut off, a string is read.
pub fn long(scalar: Scalar<'_>, min: i64, max: i64) -> Result<i64, Misfit> {
    let out_of_range = || {
        Misfit(
            format!("Value [{scalar}] is out of range for {}", width(max)),
            ARGUMENT,
        )
    };
    let value = match scalar {
        Scalar::I64(v) => v,
        Scalar::U64(_) => return Err(out_of_range()),
        Scalar::F64(v) => truncate(v).ok_or_else(out_of_range)?,
        Scalar::Str(v) => match v.trim().parse::<i64>() {
            Ok(v) => v,
            Err(_) => v.trim().parse::<f64>().ok().and_then(truncate).ok_or_else(|| {
                // Elasticsearch reads the narrower types by another way.
                let kind = if max == i64::MAX { ARGUMENT } else { FORMAT };
                Misfit(format!("For input string: \"{v}\""), kind)
            })?,
        },
        Scalar::Bool(_) => return Err(not_numeric()),
    };
    if (min..=max).contains(&value) {
        Ok(value)
    } else {
        Err(out_of_range())
    }
}

fn truncate(value: f64) -> Option<i64> {
    // 2^63 is exact in f64; i64::MAX is not.
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    (value.is_finite() && value.abs() < 9_223_372_036_854_775_808.0).then_some(value as i64)
}

/// A floating-point number.
pub fn double(scalar: Scalar<'_>) -> Result<f64, Misfit> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a double field keeps 53 bits, as in Elasticsearch"
    )]
    let value = match scalar {
        Scalar::F64(v) => v,
        Scalar::I64(v) => v as f64,
        Scalar::U64(v) => v as f64,
        Scalar::Str(v) => v
            .trim()
            .parse()
            .map_err(|_| Misfit(format!("For input string: \"{v}\""), FORMAT))?,
        Scalar::Bool(_) => return Err(not_numeric()),
    };
    if value.is_finite() {
        Ok(value)
    } else {
        Err(Misfit(
            format!("[double] supports only finite values, but got [{value:?}]"),
            ARGUMENT,
        ))
    }
}

/// `true` or `false`, as the exact string that is stored.
pub fn boolean(scalar: Scalar<'_>) -> Result<&'static str, Misfit> {
    match scalar {
        Scalar::Bool(true) | Scalar::Str("true") => Ok("true"),
        Scalar::Bool(false) | Scalar::Str("false" | "") => Ok("false"),
        other => Err(Misfit(
            format!("Failed to parse value [{other}] as only [true] or [false] are allowed."),
            ARGUMENT,
        )),
    }
}

/// Refuses a date that nanoseconds since 1970 cannot hold in 63 bits.
fn within_nanos(at: i64, scalar: Scalar<'_>) -> Result<(), Misfit> {
    const LAST: i64 = i64::MAX / 1_000_000;
    let wrong = if at < 0 {
        "is before the epoch in 1970"
    } else if at > LAST {
        "is after 2262-04-11T23:47:16.854775807"
    } else {
        return Ok(());
    };
    Err(Misfit(
        format!("date[{scalar}] {wrong} and cannot be stored in nanosecond resolution"),
        ARGUMENT,
    ))
}

/// A date; a number is read as milliseconds unless the field's formats say seconds.
pub fn date(field: &Field, scalar: Scalar<'_>) -> Result<Parsed, Misfit> {
    let misfit = || {
        let format = field
            .date_format()
            .unwrap_or("strict_date_optional_time||epoch_millis");
        Misfit(
            format!("failed to parse date field [{scalar}] with format [{format}]"),
            ARGUMENT,
        )
    };
    match scalar {
        Scalar::Str(text) => parse::parse(text, &field.formats, &Zone::UTC).ok_or_else(misfit),
        Scalar::Bool(_) => Err(misfit()),
        number => parse::parse(&number.to_string(), &field.formats, &Zone::UTC).ok_or_else(misfit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_coerced_as_elasticsearch_coerces_them() {
        assert_eq!(long(Scalar::F64(3.9), i64::MIN, i64::MAX), Ok(3));
        assert_eq!(long(Scalar::Str("42"), i64::MIN, i64::MAX), Ok(42));
        assert!(long(Scalar::Str("abc"), i64::MIN, i64::MAX).is_err());
        assert!(long(Scalar::I64(300), -128, 127).is_err());
        assert!(long(Scalar::U64(u64::MAX), i64::MIN, i64::MAX).is_err());
        assert!(double(Scalar::F64(f64::NAN)).is_err());
        assert_eq!(boolean(Scalar::Str("true")), Ok("true"));
        assert!(boolean(Scalar::I64(1)).is_err());
    }

    #[test]
    fn a_string_with_a_keyword_multi_field_goes_to_both_families() {
        let mut out = Values::default();
        add(&Field::dynamic_string("message"), Scalar::Str("Hello"), &mut out).unwrap();
        assert_eq!(&*out.text[0].0, "message");
        assert_eq!(&*out.keyword[0].0, "message.keyword");
        assert_eq!(
            out.keyword.len(),
            1,
            "the multi-field's column says that there is a value"
        );
        let long = "x".repeat(257);
        let mut out = Values::default();
        add(&Field::dynamic_string("message"), Scalar::Str(&long), &mut out).unwrap();
        assert_eq!(
            out.keyword,
            [(Arc::clone(&FIELD_NAMES), "message".into())],
            "ignore_above leaves long strings out, so their field is named instead"
        );
    }
}

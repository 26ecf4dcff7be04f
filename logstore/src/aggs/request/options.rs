//! The options of one aggregation, read leniently: numbers also in quotes, one value where a list may stand.

use serde_json::{Map, Value, json};

use super::Source;
use crate::date::rounding::FURTHEST;
use crate::date::zone::{Zone, parse_offset};
use crate::engine::settings::duration;
use crate::error::{ApiError, ApiResult};
use crate::query::dsl::text;

/// The options under an aggregation's type.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// The aggregation's name, for errors.
    pub name: &'a str,
    /// Its type, for errors.
    pub type_name: &'a str,
    /// The options.
    pub map: &'a Map<String, Value>,
}

// === impl Options ===

impl<'a> Options<'a> {
    /// An option that is there and not null.
    pub fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// Whether an option is there, and null.
    pub fn has_null(&self, key: &str) -> bool {
        self.map.get(key).is_some_and(Value::is_null)
    }

    /// A scalar as text.
    pub fn string(&self, key: &str) -> Option<String> {
        self.get(key).map(text)
    }

    /// Whether a switch is on.
    pub fn flag(&self, key: &str, default: bool) -> bool {
        match self.get(key) {
            Some(Value::Bool(on)) => *on,
            Some(Value::String(on)) => on == "true",
            _ => default,
        }
    }

    /// A number.
    pub fn number(&self, key: &str) -> ApiResult<Option<f64>> {
        self.get(key)
            .map(|value| as_f64(value).ok_or_else(|| self.invalid(key, value)))
            .transpose()
    }

    /// A count: a whole number that is not negative.
    pub fn count(&self, key: &str) -> ApiResult<Option<u64>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let whole = value
            .as_i64()
            .or_else(|| value.as_str()?.trim().parse().ok())
            .or_else(|| {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "saturates; the fraction is cut off"
                )]
                let whole = value.as_f64()? as i64;
                Some(whole)
            })
            .ok_or_else(|| self.invalid(key, value))?;
        u64::try_from(whole).map(Some).map_err(|_| {
            self.refuse(
                key,
                &format!(
                    "[{key}] must be greater than or equal to 0. Found [{whole}] in [{}]",
                    self.name
                ),
            )
        })
    }

    /// A count that must not be zero.
    pub fn positive(&self, key: &str, default: u64) -> ApiResult<usize> {
        match self.count(key)? {
            Some(0) => Err(self.refuse(
                key,
                &format!("[{key}] must be greater than 0. Found [0] in [{}]", self.name),
            )),
            count => Ok(usize::try_from(count.unwrap_or(default)).unwrap_or(usize::MAX)),
        }
    }

    /// A time zone.
    pub fn zone(&self) -> ApiResult<Option<Zone>> {
        self.string("time_zone")
            .map(|zone| {
                Zone::parse(&zone).ok_or_else(|| {
                    ApiError::argument(format!(
                        "failed to parse [time_zone] of [{}]: Unknown time-zone ID: {zone}",
                        self.name
                    ))
                })
            })
            .transpose()
    }

    /// Refuses a script, which would change what is aggregated.
    pub fn refuse_script(&self) -> ApiResult<()> {
        if self.get("script").is_some() {
            return Err(ApiError::parsing(format!(
                "[script] in aggregation [{}] of type [{}] is not supported by this store",
                self.name, self.type_name
            )));
        }
        Ok(())
    }

    /// The field that is aggregated, with what is said about its values.
    pub fn source(&self) -> ApiResult<Source> {
        self.refuse_script()?;
        let field = self.string("field").ok_or_else(|| {
            ApiError::argument(format!(
                "Required one of fields [field, script], but none were specified in aggregation [{}]. ",
                self.name
            ))
        })?;
        Ok(Source {
            field,
            missing: self.get("missing").cloned(),
            format: self.string("format"),
            zone: self.zone()?,
            value_type: self.string("value_type").or_else(|| self.string("valueType")),
        })
    }

    /// A duration with a sign, in milliseconds.
    pub fn offset(&self) -> ApiResult<i64> {
        let Some(value) = self.get("offset") else {
            return Ok(0);
        };
        signed_duration(&text(value))
            .map(|millis| millis.clamp(-FURTHEST, FURTHEST))
            .ok_or_else(|| self.invalid("offset", value))
    }

    /// `min` and `max` of an option, as they were sent.
    pub fn bounds(&self, key: &str) -> Option<(Value, Value)> {
        let bounds = self.get(key)?.as_object()?;
        let side = |name: &str| bounds.get(name).cloned().unwrap_or(Value::Null);
        Some((side("min"), side("max")))
    }

    /// The error of a value that cannot be read.
    pub fn invalid(&self, key: &str, value: &Value) -> ApiError {
        self.refuse(
            key,
            &format!("[{key}] of [{}] cannot be [{}]", self.name, text(value)),
        )
    }

    /// The error of an option that cannot be accepted, as Elasticsearch's parser wraps it.
    pub fn refuse(&self, key: &str, reason: &str) -> ApiError {
        ApiError::new(
            400,
            "x_content_parse_exception",
            format!("[{}] failed to parse field [{key}]: {reason}", self.type_name),
        )
        .with(
            "caused_by",
            json!({"type": "illegal_argument_exception", "reason": reason}),
        )
    }

    /// Refuses options that the aggregation does not have, which are mostly misspelt ones.
    pub fn check(&self, known: &[&str]) -> ApiResult<()> {
        match self.map.keys().find(|key| !known.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => Err(ApiError::new(
                400,
                "x_content_parse_exception",
                format!("[{}] unknown field [{key}] in [{}]", self.type_name, self.name),
            )),
        }
    }
}

/// A number, also in quotes.
pub fn as_f64(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// `6h`, `+6h`, `-30m`, `-05:00` or plain milliseconds.
pub fn signed_duration(text: &str) -> Option<i64> {
    if let Some(offset) = parse_offset(text.as_bytes()) {
        return Some(offset);
    }
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    duration(text)
        .and_then(|d| i64::try_from(d.as_millis()).ok())
        .or_else(|| text.parse().ok())
        .map(|millis: i64| millis.saturating_mul(sign))
}

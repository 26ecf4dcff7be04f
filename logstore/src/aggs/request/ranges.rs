//! `range`, `date_range` and `ip_range`. Bounds stay as they were sent: what they mean depends on the field.

use serde_json::Value;

use super::Source;
use super::options::Options;
use crate::error::{ApiError, ApiResult};
use crate::query::dsl::{list, text};

/// `range`, `date_range`, `ip_range`.
#[derive(Debug, Clone)]
pub struct Ranges {
    /// Field.
    pub source: Source,
    /// Ranges.
    pub ranges: Vec<Range>,
    /// What the bounds are.
    pub kind: RangeKind,
    /// Buckets are an object instead of a list.
    pub keyed: bool,
}

/// One range: `from` is included, `to` is not.
#[derive(Debug, Clone)]
pub struct Range {
    /// Its name, if it was given one.
    pub key: Option<String>,
    /// Lower bound.
    pub from: Option<Value>,
    /// Upper bound.
    pub to: Option<Value>,
    /// A network, in place of both bounds (`ip_range`).
    pub mask: Option<String>,
}

/// What bounds are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeKind {
    /// Numbers.
    Number,
    /// Dates, with math.
    Date,
    /// Addresses.
    Ip,
}

// === impl Ranges ===

impl Ranges {
    /// Reads any of the three.
    pub fn parse(options: Options<'_>) -> ApiResult<Self> {
        let ranges: Vec<Range> = list(options.get("ranges"))
            .iter()
            .map(|range| {
                let given = |key: &str| range.get(key).filter(|value| !value.is_null());
                Range {
                    key: given("key").map(text),
                    from: given("from").cloned(),
                    to: given("to").cloned(),
                    mask: given("mask").map(text),
                }
            })
            .collect();
        if ranges.is_empty() {
            return Err(ApiError::argument(format!(
                "No [ranges] specified for the [{}] aggregation",
                options.name
            )));
        }
        Ok(Self {
            source: options.source()?,
            ranges,
            kind: match options.type_name {
                "date_range" => RangeKind::Date,
                "ip_range" => RangeKind::Ip,
                _ => RangeKind::Number,
            },
            keyed: options.flag("keyed", false),
        })
    }
}

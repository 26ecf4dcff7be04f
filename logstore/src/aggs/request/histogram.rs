//! `date_histogram`, `auto_date_histogram` and `histogram`.

use serde_json::Value;

use super::Source;
use super::options::{Options, as_f64};
use super::order::{self, By, Order};
use crate::date::math::Unit;
use crate::date::rounding::{FURTHEST, Interval, Rounding};
use crate::date::zone::Zone;
use crate::engine::settings::duration;
use crate::error::{ApiError, ApiResult};
use crate::query::dsl::text;

/// `date_histogram`.
#[derive(Debug, Clone)]
pub struct DateHistogram {
    /// Field.
    pub source: Source,
    /// How time is cut.
    pub rounding: Rounding,
    /// Smallest count of a bucket.
    pub min_doc_count: u64,
    /// Empty buckets are made at least over this range.
    pub extended_bounds: Option<(Value, Value)>,
    /// Buckets are made only in this range.
    pub hard_bounds: Option<(Value, Value)>,
    /// Buckets are an object instead of a list.
    pub keyed: bool,
    /// Order of the buckets.
    pub order: Order,
}

/// `auto_date_histogram`.
#[derive(Debug, Clone)]
pub struct AutoDates {
    /// Field.
    pub source: Source,
    /// About as many buckets are wanted, and not more.
    pub buckets: usize,
    /// Zone.
    pub zone: Zone,
    /// The shortest unit.
    pub minimum: Unit,
}

/// `histogram`.
#[derive(Debug, Clone)]
pub struct Histogram {
    /// Field.
    pub source: Source,
    /// Interval.
    pub interval: f64,
    /// Moves the start of every interval.
    pub offset: f64,
    /// Smallest count of a bucket.
    pub min_doc_count: u64,
    /// Empty buckets are made at least over this range.
    pub extended_bounds: Option<(f64, f64)>,
    /// Buckets are made only in this range.
    pub hard_bounds: Option<(f64, f64)>,
    /// Buckets are an object instead of a list.
    pub keyed: bool,
    /// Order of the buckets.
    pub order: Order,
}

// === impl DateHistogram ===

impl DateHistogram {
    /// Reads `date_histogram`.
    pub fn parse(options: Options<'_>) -> ApiResult<Self> {
        let source = options.source()?;
        Ok(Self {
            rounding: Rounding {
                interval: interval(options)?,
                zone: source.zone.clone().unwrap_or(Zone::UTC),
                offset: options.offset()?,
            },
            source,
            min_doc_count: options.count("min_doc_count")?.unwrap_or(0),
            extended_bounds: options.bounds("extended_bounds"),
            hard_bounds: options.bounds("hard_bounds"),
            keyed: options.flag("keyed", false),
            order: order::parse(options.get("order"), (By::Key, false))?,
        })
    }
}

// === impl AutoDates ===

impl AutoDates {
    /// Reads `auto_date_histogram`.
    pub fn parse(options: Options<'_>) -> ApiResult<Self> {
        let source = options.source()?;
        let minimum = match options.string("minimum_interval").as_deref() {
            None | Some("second") => Unit::Second,
            Some("minute") => Unit::Minute,
            Some("hour") => Unit::Hour,
            Some("day") => Unit::Day,
            Some("month") => Unit::Month,
            Some("year") => Unit::Year,
            Some(other) => {
                return Err(options.refuse("minimum_interval", &format!(
                    "minimum_interval must be one of [year, month, day, hour, minute, second], found [{other}] in [{}]",
                    options.name
                )));
            }
        };
        Ok(Self {
            zone: source.zone.clone().unwrap_or(Zone::UTC),
            source,
            buckets: options.positive("buckets", 10)?,
            minimum,
        })
    }
}

// === impl Histogram ===

impl Histogram {
    /// Reads `histogram`.
    pub fn parse(options: Options<'_>) -> ApiResult<Self> {
        let interval = options
            .number("interval")?
            .filter(|interval| *interval > 0.0 && interval.is_finite())
            .ok_or_else(|| {
                options.refuse(
                    "interval",
                    &format!(
                        "[interval] must be >0 for histogram aggregation [{}]",
                        options.name
                    ),
                )
            })?;
        let bounds = |key: &str| -> ApiResult<Option<(f64, f64)>> {
            let Some((min, max)) = options.bounds(key) else {
                return Ok(None);
            };
            let (min, max) = (
                as_f64(&min).unwrap_or(f64::NEG_INFINITY),
                as_f64(&max).unwrap_or(f64::INFINITY),
            );
            if min > max {
                return Err(ApiError::argument(format!(
                    "[{key}.min][{min}] cannot be greater than [{key}.max][{max}] for histogram aggregation [{}]",
                    options.name
                )));
            }
            Ok(Some((min, max)))
        };
        Ok(Self {
            source: options.source()?,
            interval,
            offset: options.number("offset")?.unwrap_or(0.0),
            min_doc_count: options.count("min_doc_count")?.unwrap_or(0),
            extended_bounds: bounds("extended_bounds")?,
            hard_bounds: bounds("hard_bounds")?,
            keyed: options.flag("keyed", false),
            order: order::parse(options.get("order"), (By::Key, false))?,
        })
    }
}

/// The interval of a date histogram, in its own or the legacy form.
pub fn interval(options: Options<'_>) -> ApiResult<Interval> {
    let name = options.name;
    let given = |key: &str| options.get(key).map(text);
    match (given("fixed_interval"), given("calendar_interval"), given("interval")) {
        (Some(_), Some(_), _) | (_, Some(_), Some(_)) | (Some(_), _, Some(_)) => Err(options.refuse(
            "interval",
            "Cannot use [interval] with [fixed_interval] or [calendar_interval] configuration option, nor both of those.",
        )),
        (Some(text), ..) => fixed(&text).map(Interval::Fixed).ok_or_else(|| {
            options.refuse("fixed_interval", &format!(
                "failed to parse setting [{name}.fixedInterval] with value [{text}] as a time value: unit is missing or unrecognized"
            ))
        }),
        (_, Some(text), _) => calendar(&text).map(Interval::Calendar).ok_or_else(|| {
            options.refuse("calendar_interval", &format!(
                "The supplied interval [{text}] could not be parsed as a calendar interval."
            ))
        }),
        // The legacy form is either; a number is milliseconds.
        (.., Some(text)) => calendar(&text)
            .map(Interval::Calendar)
            .or_else(|| fixed(&text).map(Interval::Fixed))
            .or_else(|| text.parse().ok().filter(|v| (1..=FURTHEST).contains(v)).map(Interval::Fixed))
            .ok_or_else(|| options.refuse("interval", &format!("The supplied interval [{text}] of [{name}] could not be parsed"))),
        _ => Err(ApiError::argument(format!(
            "Invalid interval specified, must be non-null and non-empty: [{name}] needs one of [fixed_interval, calendar_interval]"
        ))),
    }
}

fn fixed(text: &str) -> Option<i64> {
    let millis = i64::try_from(duration(text)?.as_millis()).ok()?;
    (1..=FURTHEST).contains(&millis).then_some(millis)
}

fn calendar(text: &str) -> Option<Unit> {
    Some(match text {
        "1s" | "second" => Unit::Second,
        "1m" | "minute" => Unit::Minute,
        "1h" | "hour" => Unit::Hour,
        "1d" | "day" => Unit::Day,
        "1w" | "week" => Unit::Week,
        "1M" | "month" => Unit::Month,
        "1q" | "quarter" => Unit::Quarter,
        "1y" | "year" => Unit::Year,
        _ => return None,
    })
}

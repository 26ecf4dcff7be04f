//! The order of hits: what a body asks, and values that can be compared across segments and indices.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::view::View;
use crate::date::format as date_format;
use crate::date::zone::Zone;
use crate::error::{ApiError, ApiResult};
use crate::mapping::number::Numeric;
use crate::mapping::{Field, Kind, Mapping};

/// Nanoseconds of a millisecond.
pub const NANOS: i64 = 1_000_000;

/// Most keys of a sort.
const MAX_KEYS: usize = 16;

/// One key of a sort.
#[derive(Debug, Clone, PartialEq)]
pub struct SortKey {
    /// What is compared.
    pub by: By,
    /// Largest first.
    pub descending: bool,
    /// Where documents without a value come.
    pub missing: Absent,
    /// Which of several values counts; by default the one that comes first.
    pub mode: Option<Mode>,
    /// How numbers are compared where indices disagree: `long`, `double`, `date`, `date_nanos`.
    pub numeric_type: Option<String>,
    /// A type to assume where the field is not mapped; without it that is an error.
    pub unmapped_type: Option<String>,
    /// How dates are written.
    pub format: Option<String>,
}

/// Where documents without a value come.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Absent {
    /// After the others.
    #[default]
    Last,
    /// Before the others.
    First,
    /// Where this value would.
    Value(Value),
}

/// Which of several values counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// All of them, added.
    Sum,
    /// Their average.
    Avg,
    /// The one in the middle.
    Median,
}

/// What is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// `_score`.
    Score,
    /// `_doc`: the order of arrival.
    Arrival,
    /// `_shard_doc`: the index, then the order of arrival; no two documents are equal in it.
    Shard,
    /// `_id`.
    Id,
    /// A field.
    Field(String),
}

/// How a key's column is read in one index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// The score.
    Score,
    /// `_seq_no`.
    Arrival,
    /// `_seq_no` below the place of the index in the search.
    Shard(u32),
    /// `_id`.
    Id,
    /// Exact strings `true` and `false`, shown as 1 and 0.
    Bool(String),
    /// Whole numbers and dates.
    Whole(String),
    /// Whole numbers without a sign.
    Unsigned(String),
    /// Dates to the nanosecond: milliseconds, and nanoseconds beyond them where there are any.
    Nanos(String, Option<String>),
    /// Floating-point numbers.
    Float(String),
    /// Exact strings.
    Text(String),
    /// The field is not mapped here.
    Absent,
}

/// A value to sort by.
#[derive(Debug, Clone, PartialEq)]
pub enum SortValue {
    /// A whole number or a date.
    Whole(i64),
    /// Nanoseconds since the epoch.
    Nanos(i64),
    /// A whole number beyond that.
    Unsigned(u64),
    /// A floating-point number or a score.
    Float(f64),
    /// A string.
    Text(String),
    /// No value (of a string; numbers without a value are the largest or smallest one).
    Missing,
}

/// Reads `sort` in all its shapes.
pub fn parse(value: &Value) -> ApiResult<Vec<SortKey>> {
    let mut keys = Vec::new();
    let entries = match value {
        Value::Array(entries) => entries.as_slice(),
        one => std::slice::from_ref(one),
    };
    for entry in entries {
        match entry {
            Value::String(text) => {
                // `field:desc` is the form of the URL parameter.
                let (name, order) = text
                    .rsplit_once(':')
                    .filter(|(_, o)| matches!(*o, "asc" | "desc"))
                    .unwrap_or((text, ""));
                keys.push(key(name, &Value::Null, order)?);
            }
            Value::Object(map) => {
                for (name, options) in map {
                    keys.push(key(name, options, "")?);
                }
            }
            _ => {
                return Err(ApiError::parsing(
                    "malformed sort format, within the sort array, an object, or an actual string are allowed",
                ));
            }
        }
    }
    if keys.len() > MAX_KEYS {
        return Err(ApiError::argument(format!(
            "sort has more than [{MAX_KEYS}] keys"
        )));
    }
    // Sorting by the score alone is the default order.
    if matches!(
        keys.as_slice(),
        [SortKey {
            by: By::Score,
            descending: true,
            ..
        }]
    ) {
        keys.clear();
    }
    Ok(keys)
}

fn key(name: &str, options: &Value, order: &str) -> ApiResult<SortKey> {
    let by = match name {
        "_score" => By::Score,
        "_doc" => By::Arrival,
        "_shard_doc" => By::Shard,
        "_id" => By::Id,
        "_geo_distance" | "_script" => {
            return Err(ApiError::parsing(format!("sort by [{name}] is not supported")));
        }
        field => By::Field(field.to_owned()),
    };
    let text = |key: &str| options.get(key).and_then(Value::as_str);
    let order = options
        .as_str()
        .filter(|_| order.is_empty())
        .or_else(|| text("order"))
        .unwrap_or(order);
    let descending = match order.to_ascii_lowercase().as_str() {
        "" => by == By::Score,
        "asc" => false,
        "desc" => true,
        other => {
            return Err(ApiError::argument(format!(
                "No enum constant for sort order [{other}]"
            )));
        }
    };
    let missing = match options.get("missing") {
        None | Some(Value::Null) => Absent::Last,
        Some(Value::String(word)) if word == "_last" => Absent::Last,
        Some(Value::String(word)) if word == "_first" => Absent::First,
        Some(value @ (Value::String(_) | Value::Number(_) | Value::Bool(_))) => Absent::Value(value.clone()),
        Some(other) => {
            return Err(ApiError::argument(format!(
                "sort [missing] value [{other}] is not a scalar"
            )));
        }
    };
    let mode = match text("mode").map(str::to_ascii_lowercase).as_deref() {
        None => None,
        Some("min") => Some(Mode::Min),
        Some("max") => Some(Mode::Max),
        Some("sum") => Some(Mode::Sum),
        Some("avg") => Some(Mode::Avg),
        Some("median") => Some(Mode::Median),
        Some(other) => return Err(ApiError::argument(format!("Unknown SortMode [{other}]"))),
    };
    for nested in ["nested", "nested_path", "nested_filter"] {
        if options.get(nested).is_some() {
            return Err(ApiError::unsupported(format!("sort with {nested}")));
        }
    }
    let numeric_type = match text("numeric_type") {
        None => None,
        Some(name @ ("long" | "double" | "date" | "date_nanos")) => Some(name.to_owned()),
        Some(other) => {
            return Err(ApiError::argument(format!(
                "invalid value for [numeric_type], must be [long, double, date, date_nanos], got {other}"
            )));
        }
    };
    Ok(SortKey {
        by,
        descending,
        missing,
        mode,
        numeric_type,
        unmapped_type: text("unmapped_type").map(ToOwned::to_owned),
        format: text("format").map(ToOwned::to_owned),
    })
}

// === impl SortKey ===

impl SortKey {
    /// A key in its usual direction: the best score or the smallest value first.
    pub fn new(by: By) -> Self {
        Self {
            descending: by == By::Score,
            by,
            missing: Absent::Last,
            mode: None,
            numeric_type: None,
            unmapped_type: None,
            format: None,
        }
    }

    /// How this key is read in the index at some place of the search.
    pub fn column(&self, mapping: &Mapping, place: usize) -> ApiResult<Column> {
        let name = match &self.by {
            By::Score => return Ok(Column::Score),
            By::Arrival => return Ok(Column::Arrival),
            By::Shard => return Ok(Column::Shard(u32::try_from(place).unwrap_or(u32::MAX))),
            By::Id => return Ok(Column::Id),
            By::Field(name) if name == "_seq_no" => return Ok(Column::Arrival),
            By::Field(name) => name,
        };
        let Some(field) = mapping.resolve(name) else {
            if self.unmapped_type.is_some() {
                return Ok(Column::Absent);
            }
            return Err(ApiError::query_shard(format!(
                "No mapping found for [{name}] in order to sort on"
            )));
        };
        let column = column_of(&field).ok_or_else(|| no_column(&field))?;
        if matches!(column, Column::Text(_) | Column::Bool(_))
            && matches!(self.mode, Some(Mode::Sum | Mode::Avg | Mode::Median))
        {
            return Err(ApiError::argument(format!(
                "we only support AVG, MEDIAN and SUM on number based fields, [{name}] is none"
            )));
        }
        Ok(match (self.numeric_type.as_deref(), column) {
            (Some("date"), Column::Nanos(name, _)) => Column::Whole(name),
            (Some("date_nanos"), Column::Whole(name)) if field.kind == Kind::Date => {
                Column::Nanos(name, None)
            }
            (Some("double"), Column::Whole(name) | Column::Unsigned(name)) => Column::Float(name),
            (Some(_), Column::Float(name)) => Column::Whole(name),
            (_, column) => column,
        })
    }

    /// Whether strings are compared where the field is not mapped.
    fn is_text_where_unmapped(&self) -> bool {
        matches!(
            self.unmapped_type.as_deref(),
            Some("keyword" | "string" | "text" | "ip" | "wildcard")
        )
    }

    /// The value of a document that has none.
    pub fn missing(&self, column: &Column, field: Option<&Field>) -> ApiResult<SortValue> {
        if let Absent::Value(value) = &self.missing
            && !matches!(column, Column::Absent)
        {
            return self.read(value, field);
        }
        // The largest value comes last ascending and first descending.
        let largest = self.descending == (self.missing == Absent::First);
        Ok(match column {
            Column::Float(_) => SortValue::Float(if largest { f64::INFINITY } else { f64::NEG_INFINITY }),
            Column::Text(_) | Column::Score | Column::Id => SortValue::Missing,
            Column::Absent if self.is_text_where_unmapped() => SortValue::Missing,
            Column::Nanos(..) => SortValue::Nanos(if largest { i64::MAX } else { i64::MIN }),
            Column::Unsigned(_) => SortValue::Unsigned(if largest { u64::MAX } else { u64::MIN }),
            _ => SortValue::Whole(if largest { i64::MAX } else { i64::MIN }),
        })
    }

    /// Compares two values in this key's order.
    pub fn compare(&self, a: &SortValue, b: &SortValue) -> Ordering {
        use SortValue::{Float, Missing, Nanos, Text, Unsigned, Whole};
        #[expect(
            clippy::cast_precision_loss,
            reason = "indices that disagree on a field's type are compared roughly"
        )]
        let ordering = match (a, b) {
            (Missing, Missing) => return Ordering::Equal,
            (Missing, _) => {
                return if self.missing == Absent::First {
                    Ordering::Less
                } else {
                    Ordering::Greater
                };
            }
            (_, Missing) => {
                return if self.missing == Absent::First {
                    Ordering::Greater
                } else {
                    Ordering::Less
                };
            }
            // Indices that keep milliseconds and such that keep nanoseconds are compared number by number, as
            // Elasticsearch does unless `numeric_type` says otherwise.
            (Whole(a) | Nanos(a), Whole(b) | Nanos(b)) => a.cmp(b),
            (Float(a), Float(b)) => a.total_cmp(b),
            (Whole(a) | Nanos(a), Float(b)) => (*a as f64).total_cmp(b),
            (Float(a), Whole(b) | Nanos(b)) => a.total_cmp(&(*b as f64)),
            (Text(a), Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Unsigned(a), Unsigned(b)) => a.cmp(b),
            (Unsigned(a), Whole(b) | Nanos(b)) => i128::from(*a).cmp(&i128::from(*b)),
            (Whole(a) | Nanos(a), Unsigned(b)) => i128::from(*a).cmp(&i128::from(*b)),
            (Unsigned(a), Float(b)) => (*a as f64).total_cmp(b),
            (Float(a), Unsigned(b)) => a.total_cmp(&(*b as f64)),
            (Text(_), _) => Ordering::Greater,
            (_, Text(_)) => Ordering::Less,
        };
        if self.descending {
            ordering.reverse()
        } else {
            ordering
        }
    }

    /// Reads a value of `search_after`.
    pub fn read(&self, value: &Value, field: Option<&Field>) -> ApiResult<SortValue> {
        let is_date = field.is_some_and(|field| field.kind == Kind::Date);
        let in_nanos = match self.numeric_type.as_deref() {
            Some(kind) => kind == "date_nanos" && is_date,
            None => field.is_some_and(Field::is_nanos),
        };
        Ok(match value {
            Value::Null => SortValue::Missing,
            Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(whole), _) if in_nanos => SortValue::Nanos(whole),
                (Some(whole), _) => SortValue::Whole(whole),
                (None, Some(whole)) => SortValue::Unsigned(whole),
                _ => SortValue::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::Bool(value) => SortValue::Whole(i64::from(*value)),
            Value::String(text) if field.is_some_and(|field| field.kind == Kind::Boolean) => {
                SortValue::Whole(i64::from(text == "true"))
            }
            Value::String(text) if matches!(text.as_str(), "Infinity" | "-Infinity") => {
                SortValue::Float(if text.starts_with('-') {
                    f64::NEG_INFINITY
                } else {
                    f64::INFINITY
                })
            }
            Value::String(text) => match field {
                Some(field) if is_date => {
                    let parsed =
                        crate::date::parse::parse(text, &field.formats, &Zone::UTC).ok_or_else(|| {
                            ApiError::argument(format!(
                                "Failed to parse search_after value for field [{}]: [{text}]",
                                field.path
                            ))
                        })?;
                    if in_nanos {
                        let rest = crate::date::parse::beyond_millis(text);
                        SortValue::Nanos(parsed.start.saturating_mul(NANOS).saturating_add(rest))
                    } else {
                        SortValue::Whole(parsed.start)
                    }
                }
                Some(field) if field.kind.is_number() => match (text.parse::<i64>(), text.parse::<u64>()) {
                    (Ok(whole), _) => SortValue::Whole(whole),
                    (Err(_), Ok(whole)) => SortValue::Unsigned(whole),
                    _ => SortValue::Float(text.parse().map_err(|_| {
                        ApiError::argument(format!(
                            "Failed to parse search_after value for field [{}]: [{text}]",
                            field.path
                        ))
                    })?),
                },
                _ => SortValue::Text(text.clone()),
            },
            other => {
                return Err(ApiError::argument(format!(
                    "search_after value [{other}] is not a scalar"
                )));
            }
        })
    }

    /// The value as a hit's `sort` shows it.
    pub fn write(&self, value: &SortValue) -> Value {
        match value {
            SortValue::Whole(millis) => match &self.format {
                Some(format) if *millis != i64::MAX && *millis != i64::MIN => {
                    date_format::format(*millis, Some(format), &Zone::UTC).into()
                }
                _ => json!(millis),
            },
            SortValue::Nanos(nanos) => match &self.format {
                Some(format) if *nanos != i64::MAX && *nanos != i64::MIN => {
                    date_format::format_nanos(nanos.div_euclid(NANOS), nanos.rem_euclid(NANOS), Some(format))
                        .into()
                }
                _ => json!(nanos),
            },
            SortValue::Unsigned(whole) => json!(whole),
            SortValue::Float(value) if value.is_finite() => json!(value),
            SortValue::Float(value) => json!(if *value > 0.0 { "Infinity" } else { "-Infinity" }),
            SortValue::Text(text) => json!(text),
            SortValue::Missing => Value::Null,
        }
    }

    /// The value as [`Self::read`] reads it back without loss, whatever the format.
    pub fn write_exactly(&self, value: &SortValue) -> Value {
        match value {
            SortValue::Whole(whole) | SortValue::Nanos(whole) => json!(whole),
            other => self.write(other),
        }
    }
}

/// Refuses an order by a field that is without a sign in one index and another number in another: neither kind can
/// be brought into the other.
pub fn check_types(keys: &[SortKey], views: &[View]) -> ApiResult<()> {
    for key in keys {
        let By::Field(name) = &key.by else { continue };
        let kinds = views
            .iter()
            .filter_map(|(_, mapping, _)| mapping.get(name))
            .filter(|field| field.kind.is_number())
            .map(|field| field.numeric == Numeric::Unsigned);
        let (unsigned, others): (Vec<bool>, Vec<bool>) = kinds.partition(|unsigned| *unsigned);
        if !unsigned.is_empty() && !others.is_empty() {
            let reason = "Can't do sort across indices, as a field has [unsigned_long] type in one index, and different type in another index!";
            return Err(
                ApiError::argument(format!("{reason} It is the field [{name}].")).with(
                    "caused_by",
                    json!({"type": "illegal_argument_exception", "reason": reason}),
                ),
            );
        }
    }
    Ok(())
}

/// The column of a field that can be sorted by.
pub fn column_of(field: &Field) -> Option<Column> {
    let name = field.column()?;
    Some(match field.kind {
        Kind::Long { .. } if field.numeric == Numeric::Unsigned => Column::Unsigned(name),
        Kind::Date if field.is_nanos() => Column::Nanos(name, Some(field.rest_column())),
        Kind::Long { .. } | Kind::Date => Column::Whole(name),
        Kind::Double => Column::Float(name),
        Kind::Boolean => Column::Bool(name),
        _ => Column::Text(name),
    })
}

/// What Elasticsearch says of a field whose values cannot be sorted or aggregated.
pub fn no_column(field: &Field) -> ApiError {
    ApiError::argument(format!(
        "Text fields are not optimised for operations that require per-document field data like aggregations and sorting, so these operations are disabled by default. Please use a keyword field instead. Alternatively, set fielddata=true on [{}] in order to load field data by uninverting the inverted index. Note that this can use significant memory.",
        field.path
    ))
}

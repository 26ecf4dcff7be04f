//! `composite`: combinations of several sources, page by page.

use serde_json::{Map, Value};

use super::Source;
use super::histogram;
use super::options::Options;
use crate::date::rounding::Rounding;
use crate::date::zone::Zone;
use crate::error::{ApiError, ApiResult};
use crate::query::dsl::list;

/// Most sources of one aggregation.
const MAX_SOURCES: usize = 32;

/// `composite`.
#[derive(Debug, Clone)]
pub struct Composite {
    /// Sources, the first one changes slowest.
    pub sources: Vec<CompositeSource>,
    /// Buckets of a page.
    pub size: usize,
    /// The key after which the page starts, one value for each source.
    pub after: Option<Vec<Value>>,
}

/// One source.
#[derive(Debug, Clone)]
pub struct CompositeSource {
    /// Its name in keys.
    pub name: String,
    /// The field.
    pub source: Source,
    /// How its values are cut.
    pub kind: SourceKind,
    /// Whether documents without a value have a bucket.
    pub missing_bucket: bool,
    /// Whether that bucket comes first or last, if that was said.
    pub missing_first: Option<bool>,
    /// Largest first.
    pub descending: bool,
}

/// How values are cut.
#[derive(Debug, Clone)]
pub enum SourceKind {
    /// Not at all.
    Terms,
    /// Intervals of numbers.
    Histogram(f64),
    /// Intervals of time.
    Dates(Rounding),
}

// === impl Composite ===

impl Composite {
    /// Reads `composite`.
    pub fn parse(options: Options<'_>) -> ApiResult<Self> {
        let mut sources: Vec<CompositeSource> = Vec::new();
        let mut push = |spec: &Map<String, Value>| -> ApiResult<()> {
            for (name, spec) in spec {
                if sources.iter().any(|source| source.name == *name) {
                    return Err(ApiError::argument(format!(
                        "Composite source names must be unique, found duplicates: [{name}]"
                    )));
                }
                sources.push(CompositeSource::parse(name, spec)?);
            }
            Ok(())
        };
        for entry in list(options.get("sources")) {
            if let Value::Object(spec) = entry {
                push(spec)?;
            }
        }
        if options.get("sources").is_none() {
            return Err(ApiError::argument("Required [sources]"));
        }
        if sources.is_empty() {
            return Err(ApiError::argument("Composite [sources] cannot be null or empty"));
        }
        if sources.len() > MAX_SOURCES {
            return Err(options.refuse(
                "sources",
                &format!(
                    "Composite [sources] of [{}] must have between 1 and [{MAX_SOURCES}] sources",
                    options.name
                ),
            ));
        }
        let after = match options.get("after") {
            None => None,
            Some(Value::Object(after)) => Some(
                sources
                    .iter()
                    .map(|source| {
                        let value = after.get(&source.name).cloned();
                        match value {
                            Some(Value::Null) | None if !source.missing_bucket => Err(ApiError::argument(
                                format!("Missing value for [after.{}]", source.name),
                            )),
                            value => Ok(value.unwrap_or(Value::Null)),
                        }
                    })
                    .collect::<ApiResult<Vec<_>>>()?,
            ),
            Some(other) => return Err(options.invalid("after", other)),
        };
        if let Some(Value::Object(given)) = options.get("after")
            && given.len() != sources.len()
        {
            return Err(ApiError::argument(format!(
                "[after] has {} value(s) but [sources] has {}",
                given.len(),
                sources.len()
            )));
        }
        Ok(Self {
            sources,
            size: options.positive("size", 10)?,
            after,
        })
    }
}

// === impl CompositeSource ===

impl CompositeSource {
    fn parse(name: &str, spec: &Value) -> ApiResult<Self> {
        let (type_name, map) = spec
            .as_object()
            .and_then(|spec| spec.iter().next())
            .and_then(|(type_name, map)| Some((type_name.as_str(), map.as_object()?)))
            .ok_or_else(|| {
                ApiError::parsing(format!(
                    "[composite] source [{name}] must be an object of one type"
                ))
            })?;
        let options = Options { name, type_name, map };
        let source = options.source()?;
        let kind = match type_name {
            "terms" => SourceKind::Terms,
            "histogram" => SourceKind::Histogram(
                options
                    .number("interval")?
                    .filter(|interval| *interval > 0.0 && interval.is_finite())
                    .ok_or_else(|| {
                        options.refuse(
                            "interval",
                            &format!("[interval] must be greater than 0 for [histogram] source [{name}]"),
                        )
                    })?,
            ),
            "date_histogram" => SourceKind::Dates(Rounding {
                interval: histogram::interval(options)?,
                zone: source.zone.clone().unwrap_or(Zone::UTC),
                offset: options.offset()?,
            }),
            other => {
                return Err(ApiError::parsing(format!(
                    "[composite] source [{name}] of type [{other}] is not supported by this store"
                )));
            }
        };
        let descending = match options.string("order").map(|o| o.to_ascii_lowercase()).as_deref() {
            None | Some("asc") => false,
            Some("desc") => true,
            Some(other) => {
                return Err(ApiError::argument(format!(
                    "Unknown order [{other}] of [composite] source [{name}]"
                )));
            }
        };
        let missing_bucket = options.flag("missing_bucket", false);
        let missing_first = match options.string("missing_order").as_deref() {
            None | Some("default") => None,
            Some("first") => Some(true),
            Some("last") => Some(false),
            Some(other) => {
                return Err(ApiError::argument(format!(
                    "Unknown [missing_order] [{other}] of [composite] source [{name}]"
                )));
            }
        };
        if missing_first.is_some() && !missing_bucket {
            return Err(ApiError::argument("missing_order requires missing_bucket=true"));
        }
        Ok(Self {
            name: name.to_owned(),
            source,
            kind,
            missing_bucket,
            missing_first,
            descending,
        })
    }
}

//! `terms`, `multi_terms`, `rare_terms`, `filters` and `adjacency_matrix`.

use serde_json::{Map, Value};

use super::Source;
use super::options::Options;
use super::order::{self, By, Order};
use crate::error::{ApiError, ApiResult};
use crate::query::Query;
use crate::query::ast::Bool;
use crate::query::dsl::{self, list, text};

/// Most filters of an `adjacency_matrix`.
const MAX_MATRIX: usize = 100;

/// A field whose values make buckets, with what of them is wanted.
#[derive(Debug, Clone)]
pub struct TermsSource {
    /// The field.
    pub source: Source,
    /// Which values.
    pub include: Include,
}

/// Which values make a bucket.
#[derive(Debug, Clone, Default)]
pub struct Include {
    /// Only those that match.
    pub include: Option<Matcher>,
    /// Not those that match.
    pub exclude: Option<Matcher>,
    /// Only one part of many: number and count of parts.
    pub partition: Option<(u64, u64)>,
}

/// A set of values.
#[derive(Debug, Clone)]
pub enum Matcher {
    /// Listed.
    Values(Vec<Value>),
    /// A regular expression over the whole value.
    Regex(regex::Regex),
}

/// `terms` and `multi_terms`.
#[derive(Debug, Clone)]
pub struct Terms {
    /// The field, or several.
    pub sources: Vec<TermsSource>,
    /// Buckets returned.
    pub size: usize,
    /// Buckets that a shard of Elasticsearch would look at; here it only decides what is said about errors.
    pub shard_size: usize,
    /// Smallest count of a bucket.
    pub min_doc_count: u64,
    /// Order of the buckets.
    pub order: Order,
    /// Whether each bucket says how wrong its count may be.
    pub show_error: bool,
}

/// `rare_terms`.
#[derive(Debug, Clone)]
pub struct RareTerms {
    /// The field.
    pub source: Source,
    /// Which values.
    pub include: Include,
    /// Largest count of a bucket.
    pub max_doc_count: u64,
}

/// `filters` and `adjacency_matrix`.
#[derive(Debug, Clone)]
pub struct Filters {
    /// Names and queries; the rest last, if it is wanted.
    pub filters: Vec<(String, Query)>,
    /// Buckets are an object instead of a list.
    pub keyed: bool,
    /// Buckets have their name as `key` and are left out when empty: the form of a matrix.
    pub matrix: bool,
}

// === impl Matcher ===

impl Matcher {
    fn parse(options: Options<'_>, key: &str, value: &Value) -> ApiResult<Self> {
        if let Value::Array(values) = value {
            return Ok(Self::Values(values.clone()));
        }
        let pattern = text(value);
        regex::RegexBuilder::new(&format!("^(?s:{pattern})$"))
            .size_limit(1 << 20)
            .build()
            .map(Self::Regex)
            .map_err(|error| {
                ApiError::argument(format!(
                    "[{key}] of [{}] is not a regular expression: {error}",
                    options.name
                ))
            })
    }
}

// === impl Include ===

impl Include {
    /// Reads `include` and `exclude`.
    pub fn parse(options: Options<'_>) -> ApiResult<Self> {
        let mut out = Self::default();
        match options.get("include") {
            Some(Value::Object(spec)) => {
                let whole = |key: &str| spec.get(key).and_then(Value::as_u64);
                match (whole("partition"), whole("num_partitions")) {
                    (Some(partition), Some(count)) if partition < count => {
                        out.partition = Some((partition, count))
                    }
                    (Some(_), Some(_)) => {
                        return Err(ApiError::argument(format!(
                            "partition of [{}] must be less than num_partitions",
                            options.name
                        )));
                    }
                    _ => {
                        return Err(ApiError::argument(format!(
                            "Missing [partition] and [num_partitions] of [include] in [{}]",
                            options.name
                        )));
                    }
                }
            }
            Some(value) => out.include = Some(Matcher::parse(options, "include", value)?),
            None => {}
        }
        if let Some(value) = options.get("exclude") {
            if out.partition.is_some() {
                return Err(ApiError::argument(
                    "Cannot specify any excludes when using a partition-based include",
                ));
            }
            out.exclude = Some(Matcher::parse(options, "exclude", value)?);
        }
        Ok(out)
    }

    /// Whether everything is wanted.
    pub fn is_all(&self) -> bool {
        self.include.is_none() && self.exclude.is_none() && self.partition.is_none()
    }
}

// === impl Terms ===

impl Terms {
    /// Reads `terms`.
    pub fn parse(options: Options<'_>) -> ApiResult<Self> {
        let source = TermsSource {
            source: options.source()?,
            include: Include::parse(options)?,
        };
        Self::with(options, vec![source])
    }

    /// Reads `multi_terms`.
    pub fn parse_multi(options: Options<'_>) -> ApiResult<Self> {
        let mut sources = Vec::new();
        for spec in list(options.get("terms")) {
            let empty = Map::new();
            let inner = Options {
                map: spec.as_object().unwrap_or(&empty),
                ..options
            };
            sources.push(TermsSource {
                source: inner.source()?,
                include: Include::parse(inner)?,
            });
        }
        if sources.len() < 2 {
            return Err(ApiError::argument(format!(
                "The [terms] parameter in the aggregation [{}] must be present and have at least 2 fields or scripts.",
                options.name
            )));
        }
        if sources.len() > 32 {
            return Err(ApiError::argument(format!(
                "[terms] of [{}] has more than [32] fields",
                options.name
            )));
        }
        Self::with(options, sources)
    }

    fn with(options: Options<'_>, sources: Vec<TermsSource>) -> ApiResult<Self> {
        let size = options.positive("size", 10)?;
        let enough = (size as u64).saturating_add(size as u64 / 2).saturating_add(10);
        Ok(Self {
            sources,
            size,
            shard_size: options.positive("shard_size", enough)?.max(size),
            min_doc_count: options.count("min_doc_count")?.unwrap_or(1),
            order: order::parse(options.get("order"), (By::Count, true))?,
            show_error: options.flag("show_term_doc_count_error", false),
        })
    }
}

// === impl RareTerms ===

impl RareTerms {
    /// Reads `rare_terms`.
    pub fn parse(options: Options<'_>) -> ApiResult<Self> {
        let max_doc_count = options.count("max_doc_count")?.unwrap_or(1);
        if max_doc_count == 0 || max_doc_count > 100 {
            return Err(options.refuse(
                "max_doc_count",
                &format!(
                    "[max_doc_count] must be in (0, 100]. Found [{max_doc_count}] in [{}]",
                    options.name
                ),
            ));
        }
        Ok(Self {
            source: options.source()?,
            include: Include::parse(options)?,
            max_doc_count,
        })
    }
}

// === impl Filters ===

impl Filters {
    /// Reads `filters`.
    pub fn parse(options: Options<'_>) -> ApiResult<Self> {
        let other = match options.string("other_bucket_key") {
            Some(key) => Some(key),
            None => options.flag("other_bucket", false).then(|| "_other_".to_owned()),
        };
        let (mut filters, named) = match options.get("filters") {
            Some(Value::Object(filters)) => (
                filters
                    .iter()
                    .map(|(key, query)| Ok((key.clone(), dsl::parse(query)?)))
                    .collect::<ApiResult<Vec<_>>>()?,
                true,
            ),
            Some(Value::Array(filters)) => (
                filters
                    .iter()
                    .map(|query| Ok((String::new(), dsl::parse(query)?)))
                    .collect::<ApiResult<Vec<_>>>()?,
                false,
            ),
            _ => Default::default(),
        };
        if filters.is_empty() {
            return Err(ApiError::argument(format!(
                "[filters] cannot be empty in [{}]",
                options.name
            )));
        }
        if named {
            filters.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
        if let Some(key) = other {
            let rest = Query::bool(Bool {
                must_not: filters.iter().map(|(_, query)| query.clone()).collect(),
                ..Bool::default()
            });
            filters.push((key, rest));
        }
        Ok(Self {
            filters,
            keyed: named && options.flag("keyed", true),
            matrix: false,
        })
    }

    /// Reads `adjacency_matrix`: each filter, and each pair of them.
    pub fn parse_matrix(options: Options<'_>) -> ApiResult<Self> {
        let separator = options.string("separator").unwrap_or_else(|| "&".to_owned());
        let mut single = Vec::new();
        for (key, query) in options
            .get("filters")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            single.push((key.clone(), dsl::parse(query)?));
        }
        if single.is_empty() || single.len() > MAX_MATRIX {
            return Err(ApiError::argument(format!(
                "Number of filters is [{}] in [{}], it must be between 1 and [{MAX_MATRIX}]",
                single.len(),
                options.name
            )));
        }
        single.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut filters = Vec::with_capacity(single.len() * (single.len() + 1) / 2);
        let only_pairs = options.flag("show_only_intersecting", false);
        for (place, (key, query)) in single.iter().enumerate() {
            if !only_pairs {
                filters.push((key.clone(), query.clone()));
            }
            for (other, second) in single.iter().skip(place + 1) {
                let both = Query::bool(Bool {
                    filter: vec![query.clone(), second.clone()],
                    ..Bool::default()
                });
                filters.push((format!("{key}{separator}{other}"), both));
            }
        }
        filters.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(Self {
            filters,
            keyed: false,
            matrix: true,
        })
    }
}

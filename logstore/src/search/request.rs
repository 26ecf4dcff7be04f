//! Reads the body of a search. Keys that change nothing here are ignored; keys that would change the answer and
//! are not supported are errors that name them.

use serde_json::{Map, Value};

use super::sort::{self, SortKey};
use super::source::SourceFilter;
use crate::aggs::{self, Agg};
use crate::error::{ApiError, ApiResult};
use crate::limits::Limits;
use crate::query::ast::Query;
use crate::query::dsl;

/// How exactly the hits are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Track {
    /// All of them.
    Exact,
    /// Exactly up to a number, beyond it "at least".
    UpTo(u64),
    /// Not at all.
    Off,
}

/// A field asked for by `fields` or `docvalue_fields`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedField {
    /// Name or wildcard.
    pub name: String,
    /// Date format.
    pub format: Option<String>,
}

/// A search.
#[derive(Debug, Clone)]
pub struct SearchRequest {
    /// What matches.
    pub query: Query,
    /// What of the matches counts as a hit, without touching the aggregations.
    pub post_filter: Option<Query>,
    /// Hits skipped.
    pub from: usize,
    /// Hits returned.
    pub size: usize,
    /// Order; empty: by score.
    pub sort: Vec<SortKey>,
    /// Sort values after which hits start.
    pub search_after: Option<Vec<Value>>,
    /// What of `_source` is returned.
    pub source: SourceFilter,
    /// `fields`.
    pub fields: Vec<AskedField>,
    /// `docvalue_fields`.
    pub docvalue_fields: Vec<AskedField>,
    /// Aggregations.
    pub aggs: Vec<Agg>,
    /// How exactly hits are counted.
    pub track: Track,
    /// Scores although the order is another.
    pub track_scores: bool,
    /// Hits show `_version`.
    pub version: bool,
    /// Hits show `_seq_no` and `_primary_term`.
    pub seq_no: bool,
    /// Lowest score of a hit.
    pub min_score: Option<f64>,
    /// Aggregations have their type before their name.
    pub typed_keys: bool,
}

impl Default for SearchRequest {
    fn default() -> Self {
        Self {
            query: Query::All,
            post_filter: None,
            from: 0,
            size: 10,
            sort: Vec::new(),
            search_after: None,
            source: SourceFilter::All,
            fields: Vec::new(),
            docvalue_fields: Vec::new(),
            aggs: Vec::new(),
            track: Track::UpTo(10_000),
            track_scores: false,
            version: false,
            seq_no: false,
            min_score: None,
            typed_keys: false,
        }
    }
}

// === impl SearchRequest ===

impl SearchRequest {
    /// Reads a body.
    pub fn parse(body: &Value) -> ApiResult<Self> {
        let mut request = Self::default();
        let empty = Map::new();
        let body = match body {
            Value::Null => &empty,
            Value::Object(body) => body,
            _ => {
                return Err(ApiError::parsing(
                    "Expected [START_OBJECT] but found another token",
                ));
            }
        };
        for (key, value) in body {
            request.key(key, value)?;
        }
        Ok(request)
    }

    fn key(&mut self, key: &str, value: &Value) -> ApiResult<()> {
        match key {
            "query" if value.as_object().is_some_and(Map::is_empty) || value.is_null() => {}
            "query" => self.query = dsl::parse(value)?,
            "post_filter" => self.post_filter = Some(dsl::parse(value)?),
            "from" => self.from = count(key, value)?,
            "size" => self.size = count(key, value)?,
            "sort" => self.sort = sort::parse(value)?,
            "search_after" => self.search_after = value.as_array().cloned(),
            "_source" => self.source = SourceFilter::parse(value)?,
            "fields" => self.fields = asked(value)?,
            "docvalue_fields" => self.docvalue_fields = asked(value)?,
            "stored_fields" if is_none_list(value) => self.source = SourceFilter::Nothing,
            "aggs" | "aggregations" => self.aggs = aggs::request::parse(value)?,
            "track_total_hits" => {
                self.track = match value {
                    Value::Bool(true) => Track::Exact,
                    Value::Bool(false) => Track::Off,
                    other => Track::UpTo(count(key, other)? as u64),
                }
            }
            "track_scores" => self.track_scores = value == &Value::Bool(true),
            "version" => self.version = value == &Value::Bool(true),
            "seq_no_primary_term" => self.seq_no = value == &Value::Bool(true),
            "min_score" => self.min_score = value.as_f64(),
            // What would change the hits, and is not here.
            "collapse" | "knn" | "rescore" | "suggest" | "pit" | "slice" | "script_fields"
            | "runtime_mappings" => {
                let asks_for_nothing = value.is_null()
                    || value.as_object().is_some_and(Map::is_empty)
                    || value.as_array().is_some_and(Vec::is_empty);
                if !asks_for_nothing {
                    return Err(ApiError::parsing(format!(
                        "[{key}] is not supported by this store"
                    )));
                }
            }
            // `highlight`, `timeout`, `preference`, `explain`, `profile`, `stats`, `indices_boost`,
            // `terminate_after`, `ext` and whatever else clients send.
            _ => {}
        }
        Ok(())
    }

    /// Refuses what is beyond the limits.
    pub fn check(&self, limits: &Limits) -> ApiResult<()> {
        let window = self.from.saturating_add(self.size);
        if window > limits.max_result_window {
            return Err(ApiError::argument(format!(
                "Result window is too large, from + size must be less than or equal to: [{}] but was [{window}]. See the scroll api for a more efficient way to request large data sets. This limit can be set by changing the [index.max_result_window] index level setting.",
                limits.max_result_window
            )));
        }
        if let Some(after) = &self.search_after {
            if self.from > 0 {
                return Err(ApiError::argument(
                    "`from` parameter must be set to 0 when `search_after` is used.",
                ));
            }
            if self.sort.is_empty() {
                return Err(ApiError::argument("Sort must contain at least one field."));
            }
            if after.len() != self.sort.len() {
                return Err(ApiError::argument(format!(
                    "search_after has {} value(s) but sort has {}.",
                    after.len(),
                    self.sort.len()
                )));
            }
        }
        Ok(())
    }
}

/// A count in a body or a parameter.
pub fn count(key: &str, value: &Value) -> ApiResult<usize> {
    let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
    match number.map(usize::try_from) {
        Some(Ok(count)) => Ok(count),
        Some(Err(_)) if value.as_i64() == Some(-1) && key == "from" => Ok(0),
        Some(Err(_)) => Err(ApiError::argument(format!(
            "[{key}] parameter cannot be negative, found [{value}]"
        ))),
        None => Err(ApiError::argument(format!(
            "Failed to parse int parameter [{key}] with value [{value}]"
        ))),
    }
}

fn is_none_list(value: &Value) -> bool {
    match value {
        Value::String(one) => one == "_none_",
        Value::Array(list) => list.is_empty() || list.iter().any(|v| v == "_none_"),
        _ => false,
    }
}

fn asked(value: &Value) -> ApiResult<Vec<AskedField>> {
    dsl::list(Some(value))
        .iter()
        .map(|entry| match entry {
            Value::String(name) => Ok(AskedField {
                name: name.clone(),
                format: None,
            }),
            Value::Object(spec) => {
                let text = |key: &str| spec.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
                let name = text("field").ok_or_else(|| ApiError::parsing("[fields] requires a [field]"))?;
                Ok(AskedField {
                    name,
                    format: text("format").filter(|format| format != "use_field_mapping"),
                })
            }
            _ => Err(ApiError::parsing("[fields] must be names or objects")),
        })
        .collect()
}

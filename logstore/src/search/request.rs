//! Reads the body of a search. Keys that change nothing here are ignored; keys that would change the answer and
//! are not supported are errors that name them.

use std::time::Duration;

use serde_json::{Map, Value};

use super::collapse::Collapse;
use super::highlight::Highlight;
use super::sort::{self, By, SortKey};
use super::source::SourceFilter;
use crate::aggs::{self, Agg};
use crate::engine::settings::duration;
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
    /// Hits say how their score came about.
    pub explain: bool,
    /// How long to search; what was found by then is the answer.
    pub timeout: Option<Duration>,
    /// Documents of each index after which to stop.
    pub terminate_after: Option<u64>,
    /// What of the hits is marked.
    pub highlight: Option<Highlight>,
    /// One hit for each value of a field.
    pub collapse: Option<Collapse>,
    /// Factors of the scores in the indices that a pattern names; the first that matches counts.
    pub indices_boost: Vec<(String, f32)>,
    /// `stored_fields`, if given.
    pub stored_fields: Option<Vec<String>>,
    /// The point in time to look at.
    pub point: Option<Point>,
    /// One part of several that together are everything.
    pub slice: Option<Slice>,
    /// Hits that tie are told apart by a last sort value, as `search_after` in a point in time and scrolls need it.
    pub tiebreak: bool,
    /// Aggregations have their type before their name.
    pub typed_keys: bool,
    /// Hits show the scores of the named queries that they match, instead of their names alone.
    pub named_scores: bool,
    /// Names under which the search is counted.
    pub groups: Vec<String>,
}

/// A point in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// Its id.
    pub id: String,
    /// How long to keep it from now on.
    pub keep_alive: Option<Duration>,
}

/// One part of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// Which part, from 0.
    pub id: u64,
    /// How many parts.
    pub max: u64,
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
            explain: false,
            timeout: None,
            terminate_after: None,
            highlight: None,
            collapse: None,
            indices_boost: Vec::new(),
            stored_fields: None,
            point: None,
            slice: None,
            tiebreak: false,
            typed_keys: false,
            named_scores: false,
            groups: Vec::new(),
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
        if let Some(names) = &request.stored_fields
            && !body.contains_key("_source")
            && !names.iter().any(|name| name == "_source")
        {
            request.source = SourceFilter::Nothing;
        }
        Ok(request)
    }

    fn key(&mut self, key: &str, value: &Value) -> ApiResult<()> {
        match key {
            "query" if value.as_object().is_some_and(Map::is_empty) || value.is_null() => {}
            "query" => self.query = dsl::parse(value)?,
            "post_filter" => self.post_filter = Some(dsl::parse(value)?),
            "from" => self.from = count(key, value)?,
            // -1 is what clients of old send for the default.
            "size" if value.as_i64() == Some(-1) => {}
            "size" => self.size = count(key, value)?,
            "sort" => self.sort = sort::parse(value)?,
            "search_after" => self.search_after = value.as_array().cloned(),
            "_source" => self.source = SourceFilter::parse(value)?,
            "fields" => self.fields = asked(value)?,
            "docvalue_fields" => self.docvalue_fields = asked(value)?,
            "stored_fields" => {
                self.stored_fields = Some(dsl::list(Some(value)).iter().map(dsl::text).collect());
            }
            "explain" => self.explain = value == &Value::Bool(true),
            "timeout" => self.timeout = time(key, value)?,
            "terminate_after" => {
                self.terminate_after = Some(count(key, value)? as u64).filter(|count| *count > 0);
            }
            "highlight" => self.highlight = Highlight::parse(value)?,
            "collapse" if !value.is_null() => self.collapse = Some(Collapse::parse(value)?),
            "indices_boost" => self.indices_boost = boosts(value)?,
            "pit" if !value.is_null() => self.point = Some(point(value)?),
            "slice" if !value.is_null() => self.slice = Some(slice(value)?),
            "aggs" | "aggregations" => self.aggs = aggs::request::parse(value)?,
            "track_total_hits" => {
                self.track = match value {
                    Value::Bool(true) => Track::Exact,
                    Value::Bool(false) => Track::Off,
                    other if other.as_i64() == Some(-1) => Track::Exact,
                    other => match other.as_i64() {
                        Some(number) if number < 0 => {
                            return Err(ApiError::argument(format!(
                                "[track_total_hits] parameter must be positive or equals to -1, got {number}"
                            )));
                        }
                        _ => Track::UpTo(count(key, other)? as u64),
                    },
                }
            }
            "stats" => self.groups = dsl::list(Some(value)).iter().map(dsl::text).collect(),
            "track_scores" => self.track_scores = value == &Value::Bool(true),
            "include_named_queries_score" => self.named_scores = value == &Value::Bool(true),
            "version" => self.version = value == &Value::Bool(true),
            "seq_no_primary_term" => self.seq_no = value == &Value::Bool(true),
            "min_score" => self.min_score = value.as_f64(),
            // What would change the hits, and is not here.
            "knn" | "rescore" | "suggest" | "script_fields" | "runtime_mappings" | "derived" => {
                let asks_for_nothing = value.is_null()
                    || value.as_object().is_some_and(Map::is_empty)
                    || value.as_array().is_some_and(Vec::is_empty);
                if !asks_for_nothing {
                    return Err(ApiError::unsupported(key));
                }
            }
            // A query that lost its frame: without it everything would be found.
            query if dsl::is_query(query) => {
                return Err(ApiError::parsing(format!(
                    "Unknown key for a START_OBJECT in [{query}]."
                )));
            }
            // `preference`, `profile`, `stats`, `ext` and whatever else clients send.
            _ => {}
        }
        Ok(())
    }

    /// The keys of the order: those asked for or else the score, and the tie-breaker where there is one.
    pub fn keys(&self) -> Vec<SortKey> {
        let mut keys = if self.sort.is_empty() {
            vec![SortKey::new(By::Score)]
        } else {
            self.sort.clone()
        };
        if self.tiebreak && !keys.iter().any(|key| key.by == By::Shard) {
            keys.push(SortKey::new(By::Shard));
        }
        keys
    }

    /// Whether hits show the tie-breaker: those of a point in time do, those of a scroll do not.
    pub fn shows_tiebreak(&self) -> bool {
        self.tiebreak && self.point.is_some()
    }

    /// Refuses what is beyond the limits of an index.
    pub fn check_lists(&self, limits: &Limits) -> ApiResult<()> {
        let window = self.from.saturating_add(self.size);
        if window > limits.max_result_window && self.tiebreak && self.point.is_none() {
            return Err(ApiError::argument(format!(
                "Batch size is too large, size must be less than or equal to: [{}] but was [{window}]. Scroll batch sizes cost as much memory as result windows so they are controlled by the [index.max_result_window] index level setting.",
                limits.max_result_window
            )));
        }
        if window > limits.max_result_window {
            return Err(ApiError::argument(format!(
                "Result window is too large, from + size must be less than or equal to: [{}] but was [{window}]. See the scroll api for a more efficient way to request large data sets. This limit can be set by changing the [index.max_result_window] index level setting.",
                limits.max_result_window
            )));
        }
        if let Some(slice) = self.slice
            && slice.max > limits.max_slices
        {
            return Err(ApiError::argument(format!(
                "The number of slices [{}] is too large. It must be less than [{}]. This limit can be set by changing the [index.max_slices_per_scroll] index level setting.",
                slice.max, limits.max_slices
            )));
        }
        if self.docvalue_fields.len() > limits.max_docvalue_fields {
            return Err(ApiError::argument(format!(
                "Trying to retrieve too many docvalue_fields. Must be less than or equal to: [{}] but was [{}]. This limit can be set by changing the [index.max_docvalue_fields_search] index level setting.",
                limits.max_docvalue_fields,
                self.docvalue_fields.len()
            )));
        }
        Ok(())
    }

    /// Refuses what cannot be, whatever the index.
    pub fn check(&self) -> ApiResult<()> {
        if self.slice.is_some() && self.point.is_none() && !self.tiebreak {
            return Err(ApiError::argument(
                "`slice` cannot be used outside of a scroll or a point in time",
            ));
        }
        if self.collapse.is_some() && self.search_after.is_some() {
            return Err(ApiError::argument(
                "cannot use `collapse` in conjunction with `search_after`",
            ));
        }
        if self.tiebreak {
            // The order is made of the keys and the tie-breaker; a client may leave the latter out.
            return Ok(());
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

fn time(key: &str, value: &Value) -> ApiResult<Option<Duration>> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text == "-1" => Ok(None),
        Value::String(text) => duration(text).map(Some).ok_or_else(|| bad_time(key, text)),
        other => Err(bad_time(key, &dsl::text(other))),
    }
}

/// What Elasticsearch says of a time that is none.
pub fn bad_time(key: &str, text: &str) -> ApiError {
    ApiError::argument(format!(
        "failed to parse setting [{key}] with value [{text}] as a time value: unit is missing or unrecognized"
    ))
}

fn point(value: &Value) -> ApiResult<Point> {
    let id = value
        .get("id")
        .and_then(Value::as_str)
        .ok_or_else(|| ApiError::argument("Required [id]"))?;
    Ok(Point {
        id: id.to_owned(),
        keep_alive: match value.get("keep_alive") {
            None => None,
            Some(text) => time("keep_alive", text)?,
        },
    })
}

fn slice(value: &Value) -> ApiResult<Slice> {
    let read = |key: &str| match value.get(key) {
        None => Err(ApiError::argument(format!("[slice] requires [{key}]"))),
        Some(value) => count(key, value),
    };
    let (id, max) = (read("id")? as u64, read("max")? as u64);
    if max < 2 {
        return Err(ApiError::argument("max must be greater than 1"));
    }
    if id >= max {
        return Err(ApiError::argument("max must be greater than id"));
    }
    Ok(Slice { id, max })
}

/// `{"logs-1": 2}` or `[{"logs-1": 2}, {"logs-*": 1.5}]`; only the array has an order.
fn boosts(value: &Value) -> ApiResult<Vec<(String, f32)>> {
    let mut boosts = Vec::new();
    for entry in dsl::list(Some(value)) {
        let Value::Object(entry) = entry else {
            return Err(ApiError::parsing(
                "[indices_boost] must be an object or a list of objects",
            ));
        };
        for (index, boost) in entry {
            #[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
            let boost = boost
                .as_f64()
                .ok_or_else(|| ApiError::parsing(format!("[indices_boost] of [{index}] must be a number")))?
                as f32;
            boosts.push((index.clone(), boost));
        }
    }
    Ok(boosts)
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

//! Searches over hidden indices: every document is looked at.

use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::aggs;
use super::index::{Document, HiddenIndex};
use super::mapping::Mappings;
use super::matching::{Matcher, View, millis};
use crate::engine::block::Doing;
use crate::error::{ApiError, ApiResult};
use crate::limits::Limits;
use crate::query::ast::Query;
use crate::query::dsl;
use crate::search::request::count;
use crate::search::source::SourceFilter;

/// What the URL says beside the body.
#[derive(Debug, Default)]
pub struct Asked {
    /// Only documents of these types (Elasticsearch 5), if any are named.
    pub types: Vec<String>,
    /// `q=`, parsed.
    pub query: Option<Query>,
    /// The total is a number.
    pub total_as_int: bool,
    /// `_source` parameters.
    pub source: Option<SourceFilter>,
    /// `_type` shown for documents without one; `None`: the version has no types.
    pub default_type: Option<&'static str>,
}

/// A matching document and where it is.
pub(super) struct Found {
    pub(super) index: Arc<HiddenIndex>,
    pub(super) document: Arc<Document>,
    pub(super) mappings: Arc<Mappings>,
}

/// All documents that match, in the order of indices and numbers.
pub(super) fn matching(
    indices: &[Arc<HiddenIndex>],
    matcher: &Matcher,
    asked: &Asked,
) -> ApiResult<Vec<Found>> {
    let mut found = Vec::new();
    let own = asked.query.clone().map(|query| Matcher::Leaf(Box::new(query)));
    for index in indices {
        index.check_block(Doing::Reading)?;
        let (mappings, mut documents) = {
            let contents = index.read();
            let documents: Vec<Arc<Document>> = contents.documents.values().cloned().collect();
            (Arc::new(contents.meta.mappings.clone()), documents)
        };
        documents.sort_by_key(|document| document.seq_no);
        for document in documents {
            let view = View::new(&index.name, &document, &mappings);
            let of_type = asked.types.is_empty()
                || asked
                    .types
                    .iter()
                    .any(|wanted| crate::mapping::pattern::matches(wanted, &document.doc_type));
            let fits = of_type
                && matcher.matches(view)?
                && own.as_ref().map_or(Ok(true), |own| own.matches(view))?;
            if fits {
                found.push(Found {
                    index: Arc::clone(index),
                    document,
                    mappings: Arc::clone(&mappings),
                });
            }
        }
    }
    Ok(found)
}

/// The documents that match a query, with their indices.
pub fn select(
    indices: &[Arc<HiddenIndex>],
    query: Option<&Value>,
    asked: &Asked,
) -> ApiResult<Vec<(Arc<HiddenIndex>, Arc<Document>)>> {
    let matcher = Matcher::parse(query)?;
    Ok(matching(indices, &matcher, asked)?
        .into_iter()
        .map(|found| (found.index, found.document))
        .collect())
}

/// Runs a search and returns the whole answer.
pub fn search(
    indices: &[Arc<HiddenIndex>],
    body: &Value,
    asked: &Asked,
    limits: &Limits,
) -> ApiResult<Value> {
    let started = std::time::Instant::now();
    let matcher = Matcher::parse(body.get("query"))?;
    let number = |key: &str, default| body.get(key).map_or(Ok(default), |value| count(key, value));
    let (from, size) = (number("from", 0)?, number("size", 10)?);
    if from.saturating_add(size) > limits.max_result_window {
        return Err(ApiError::argument(format!(
            "Result window is too large, from + size must be less than or equal to: [{}] but was [{}]",
            limits.max_result_window,
            from.saturating_add(size)
        )));
    }
    for key in ["collapse", "knn", "rescore", "suggest", "slice"] {
        if body.get(key).is_some_and(|value| !value.is_null()) {
            return Err(ApiError::parsing(format!(
                "[{key}] is not supported on hidden indices"
            )));
        }
    }
    let mut found = matching(indices, &matcher, asked)?;
    let aggregations = body
        .get("aggs")
        .or_else(|| body.get("aggregations"))
        .map(|specs| aggs::run(specs, &found.iter().collect::<Vec<_>>()))
        .transpose()?;
    if let Some(filter) = body.get("post_filter") {
        let filter = Matcher::parse(Some(filter))?;
        let mut kept = Vec::new();
        for one in found {
            if filter.matches(View::new(&one.index.name, &one.document, &one.mappings))? {
                kept.push(one);
            }
        }
        found = kept;
    }
    let total = found.len();
    let keys = sort_keys(body.get("sort"))?;
    let mut rows: Vec<(Vec<Value>, Found)> = found
        .into_iter()
        .map(|one| (keys.iter().map(|key| key.value(&one)).collect(), one))
        .collect();
    rows.sort_by(|(a, _), (b, _)| order(&keys, a, b));
    if let Some(after) = body.get("search_after").and_then(Value::as_array) {
        rows.retain(|(values, _)| order(&keys, values, after) == Ordering::Greater);
    }
    let by_score = keys.is_empty();
    let filter = match (&asked.source, body.get("_source"), body.get("stored_fields")) {
        (Some(filter), ..) => filter.clone(),
        (None, Some(spec), _) => SourceFilter::parse(spec)?,
        _ => SourceFilter::All,
    };
    let flag = |key: &str| body.get(key) == Some(&Value::Bool(true));
    let hits: Vec<Value> = rows
        .into_iter()
        .skip(from)
        .take(size)
        .map(|(values, one)| {
            let mut hit = Map::new();
            hit.insert("_index".into(), one.index.name.as_str().into());
            if let Some(default) = asked.default_type {
                hit.insert("_type".into(), shown_type(default, &one.document.doc_type).into());
            }
            hit.insert("_id".into(), one.document.id.as_str().into());
            if flag("version") {
                hit.insert("_version".into(), one.document.version.into());
            }
            if flag("seq_no_primary_term") {
                hit.insert("_seq_no".into(), one.document.seq_no.into());
                hit.insert("_primary_term".into(), 1.into());
            }
            hit.insert("_score".into(), if by_score { json!(1.0) } else { Value::Null });
            if filter != SourceFilter::Nothing {
                hit.insert("_source".into(), filter.apply(&one.document.source));
            }
            if !by_score {
                hit.insert("sort".into(), values.into());
            }
            hit.into()
        })
        .collect();
    let max_score = if by_score && !hits.is_empty() {
        json!(1.0)
    } else {
        Value::Null
    };
    let mut shown = Map::new();
    if body.get("track_total_hits") != Some(&Value::Bool(false)) || asked.total_as_int {
        let total = if asked.total_as_int {
            json!(total)
        } else {
            json!({"value": total, "relation": "eq"})
        };
        shown.insert("total".into(), total);
    }
    shown.insert("max_score".into(), max_score);
    shown.insert("hits".into(), hits.into());
    let mut answer = json!({
        "took": u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "timed_out": false,
        "_shards": crate::present::search::shards(indices.len()),
        "hits": shown,
    });
    if let Some(aggregations) = aggregations {
        answer["aggregations"] = aggregations;
    }
    Ok(answer)
}

/// The `_type` of a document where the version has types.
pub fn shown_type<'a>(default: &'a str, doc_type: &'a str) -> &'a str {
    // From 7 on there is one type; 5 and 6 show what the document was written with.
    if default == "_doc" || doc_type.is_empty() {
        default
    } else {
        doc_type
    }
}

struct SortKey {
    field: String,
    descending: bool,
    missing_first: bool,
}

impl SortKey {
    fn value(&self, found: &Found) -> Value {
        match self.field.as_str() {
            "_score" => json!(1.0),
            "_doc" | "_shard_doc" | "_seq_no" => found.document.seq_no.into(),
            "_id" | "_uid" => found.document.id.as_str().into(),
            field => {
                let view = View::new(&found.index.name, &found.document, &found.mappings);
                let (type_name, values) = view.values(field);
                let mut values: Vec<Value> = values
                    .into_iter()
                    .map(|value| {
                        if matches!(type_name, "date" | "date_nanos") {
                            millis(value).map_or(Value::Null, Value::from)
                        } else {
                            value.clone()
                        }
                    })
                    .filter(|value| !value.is_null())
                    .collect();
                values.sort_by(compare);
                let chosen = if self.descending {
                    values.pop()
                } else {
                    values.into_iter().next()
                };
                chosen.unwrap_or(Value::Null)
            }
        }
    }
}

/// Orders two values of a field.
pub(super) fn compare(a: &Value, b: &Value) -> Ordering {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => dsl::text(a).cmp(&dsl::text(b)),
    }
}

fn order(keys: &[SortKey], a: &[Value], b: &[Value]) -> Ordering {
    for ((key, a), b) in keys.iter().zip(a).zip(b) {
        let ordering = match (a.is_null(), b.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) => {
                if key.missing_first {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
            (false, true) => {
                if key.missing_first {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            (false, false) => {
                let ordering = compare(a, b);
                if key.descending {
                    ordering.reverse()
                } else {
                    ordering
                }
            }
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
    Ordering::Equal
}

fn sort_keys(body: Option<&Value>) -> ApiResult<Vec<SortKey>> {
    let mut keys = Vec::new();
    for entry in dsl::list(body) {
        match entry {
            Value::String(text) => {
                let (field, direction) = text.split_once(':').unwrap_or((text, ""));
                keys.push(SortKey {
                    field: field.to_owned(),
                    descending: direction == "desc" || (direction.is_empty() && field == "_score"),
                    missing_first: false,
                });
            }
            Value::Object(map) => {
                for (field, spec) in map {
                    let direction = spec.as_str().or_else(|| spec.get("order")?.as_str());
                    keys.push(SortKey {
                        field: field.clone(),
                        descending: direction
                            .map_or(field == "_score", |word| word.eq_ignore_ascii_case("desc")),
                        missing_first: spec.get("missing").is_some_and(|missing| missing == "_first"),
                    });
                }
            }
            _ => return Err(ApiError::parsing("malformed sort format")),
        }
    }
    if keys.len() == 1 && keys[0].field == "_score" {
        keys.clear();
    }
    Ok(keys)
}

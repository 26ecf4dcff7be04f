//! Documents looked up by their ids: `GET _doc`, `_source`, `_mget`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::app::App;
use super::body;
use super::hidden;
use super::params::{Params, flag, number};
use super::reply::Reply;
use crate::document::path;
use crate::engine::existing::Found;
use crate::engine::index::Index;
use crate::engine::op::PRIMARY_TERM;
use crate::engine::store::Store;
use crate::error::{ApiError, ApiResult};
use crate::present::Presented;
use crate::query::dsl::{list, text};
use crate::search::source::SourceFilter;

/// Keys of an entry of a multi-get.
const DOC_KEYS: &[&str] = &[
    "_index",
    "_type",
    "_id",
    "routing",
    "parent",
    "stored_fields",
    "version",
    "version_type",
    "_source",
];

/// What is asked of a document.
#[derive(Debug, Clone)]
struct Asked {
    /// What of its source is shown.
    filter: SourceFilter,
    /// The stored fields that are shown; `None`: not asked for.
    stored: Option<Vec<String>>,
    /// The version that it must have.
    version: Option<u64>,
    /// Whether writes are seen that no refresh has made visible.
    realtime: bool,
    /// Whether to refresh first.
    refresh: bool,
}

// === impl Asked ===

impl Asked {
    fn of(params: &Params) -> ApiResult<Self> {
        let stored = params.get("stored_fields").map(|names| {
            names
                .split(',')
                .filter(|name| !name.is_empty())
                .map(ToOwned::to_owned)
                .collect::<Vec<_>>()
        });
        let says_source = ["_source", "_source_includes", "_source_excludes"]
            .iter()
            .any(|name| params.contains_key(*name));
        let mut asked = Self {
            filter: source_filter(params),
            stored: None,
            version: number(params, "version")?,
            realtime: params.get("realtime").is_none_or(|value| value != "false"),
            refresh: flag(params, "refresh"),
        };
        if let Some(stored) = stored {
            asked.store_fields(stored, says_source);
        }
        Ok(asked)
    }

    /// Stored fields stand in the place of the source, unless it is asked for, too.
    fn store_fields(&mut self, names: Vec<String>, says_source: bool) {
        if names.iter().any(|name| name == "_source") {
            self.filter = SourceFilter::All;
        } else if !says_source {
            self.filter = SourceFilter::Nothing;
        }
        self.stored = Some(names);
    }

    fn look_up(&self, index: &Index, id: &str) -> ApiResult<Option<Found>> {
        if self.refresh {
            index.refresh()?;
        }
        let found = if self.realtime {
            index.get(id)?
        } else {
            index.get_visible(id)?
        };
        index.activity.looked_up(found.is_some());
        if let (Some(found), Some(wanted)) = (&found, self.version)
            && found.version != wanted
        {
            return Err(ApiError::conflict(
                &index.name,
                format!(
                    "[{id}]: version conflict, current version [{}] is different than the one provided [{wanted}]",
                    found.version
                ),
            ));
        }
        Ok(found)
    }
}

/// The one index of logs that a request for a document names.
fn one(store: &Store, name: &str) -> ApiResult<Arc<Index>> {
    if let Some(index) = store.get(name) {
        return Ok(index);
    }
    if let Some(indices) = store.state().aliases.indices(name)
        && indices.len() > 1
        && crate::security::scope::sees(name)
    {
        let names: Vec<&str> = indices.keys().map(String::as_str).collect();
        return Err(ApiError::argument(format!(
            "alias [{name}] has more than one index associated with it [{}], can't execute a single index op",
            names.join(", ")
        )));
    }
    Err(ApiError::index_not_found(name))
}

/// `GET {index}/_doc/{id}`.
pub async fn get(
    State(app): State<Arc<App>>,
    Path((index, id)): Path<(String, String)>,
    Query(params): Query<Params>,
) -> ApiResult<Reply> {
    let asked = Asked::of(&params)?;
    let presented = app.presented;
    let (found, shown) = app
        .blocking(move |store| {
            let index = one(store, &index)?;
            let found = asked.look_up(&index, &id)?;
            Ok((
                found.is_some(),
                shown(presented, &index, &id, found.as_ref(), &asked)?,
            ))
        })
        .await?;
    Ok(Reply::raw(if found { 200 } else { 404 }, shown))
}

/// `GET {index}/_source/{id}`.
pub async fn source(
    State(app): State<Arc<App>>,
    Path((index, id)): Path<(String, String)>,
    Query(params): Query<Params>,
) -> ApiResult<Reply> {
    let asked = Asked::of(&params)?;
    app.blocking(move |store| {
        let index = one(store, &index)?;
        let missing = |what: &str| {
            ApiError::new(
                404,
                "resource_not_found_exception",
                format!("{what} not found [{}]/[_doc]/[{id}]", index.name),
            )
        };
        let found = asked.look_up(&index, &id)?.ok_or_else(|| missing("Document"))?;
        let filter = asked.filter.within(&index.mapping());
        if filter == SourceFilter::Nothing {
            return Err(missing("Source"));
        }
        if filter == SourceFilter::All {
            return Ok(Reply::raw(
                200,
                String::from_utf8_lossy(&found.source).into_owned(),
            ));
        }
        let source: Value = serde_json::from_slice(&found.source).map_err(|error| unreadable(&id, &error))?;
        Ok(Reply::json(&filter.apply(&source)))
    })
    .await
}

/// One document of a multi-get.
struct Wanted {
    index: Option<String>,
    doc_type: Option<String>,
    id: String,
    asked: Asked,
}

/// Reads the body of a multi-get. Everything that it lacks is told at once, as in Elasticsearch.
fn wanted(body: &Value, default_index: Option<&str>, default: &Asked) -> ApiResult<Vec<Wanted>> {
    let mut all = Vec::new();
    let mut faults = Vec::new();
    for doc in list(body.get("docs")) {
        if let Some(unknown) = doc
            .as_object()
            .into_iter()
            .flat_map(Map::keys)
            .find(|key| !DOC_KEYS.contains(&key.as_str()))
        {
            return Err(ApiError::argument(format!(
                "Failed to parse multi get request, unknown field [{unknown}]"
            )));
        }
        let mut asked = default.clone();
        let says_source = doc.get("_source").is_some();
        if let Some(filter) = doc.get("_source") {
            asked.filter = SourceFilter::parse(filter)?;
        }
        if let Some(names) = doc.get("stored_fields") {
            if !says_source {
                asked.filter = SourceFilter::All;
            }
            asked.store_fields(list(Some(names)).iter().map(text).collect(), says_source);
        }
        if let Some(version) = doc.get("version").and_then(Value::as_u64) {
            asked.version = Some(version);
        }
        let index = doc
            .get("_index")
            .map(text)
            .or_else(|| default_index.map(ToOwned::to_owned));
        if index.is_none() {
            faults.push(format!("index is missing for doc {}", all.len()));
        }
        let id = doc.get("_id").map(text);
        if id.is_none() {
            faults.push(format!("id is missing for doc {}", all.len()));
        }
        all.push(Wanted {
            index,
            doc_type: doc.get("_type").map(text),
            id: id.unwrap_or_default(),
            asked,
        });
    }
    for id in list(body.get("ids")) {
        if default_index.is_none() {
            faults.push(format!("index is missing for doc {}", all.len()));
        }
        all.push(Wanted {
            index: default_index.map(ToOwned::to_owned),
            doc_type: None,
            id: text(id),
            asked: default.clone(),
        });
    }
    if all.is_empty() {
        faults.push("no documents to get".to_owned());
    }
    if faults.is_empty() {
        return Ok(all);
    }
    let reasons: Vec<String> = faults
        .iter()
        .enumerate()
        .map(|(place, fault)| format!("{}: {fault};", place + 1))
        .collect();
    Err(ApiError::new(
        400,
        "action_request_validation_exception",
        format!("Validation Failed: {}", reasons.join("")),
    ))
}

/// `_mget`, with or without an index.
pub async fn multi_get(
    State(app): State<Arc<App>>,
    path: Option<Path<String>>,
    Query(params): Query<Params>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Reply> {
    let body = body::read_json(&headers, body, app.store.limits.max_content_length).await?;
    let default = Asked::of(&params)?;
    let default_index = path.map(|Path(index)| index);
    let presented = app.presented;
    app.blocking(move |store| {
        let mut docs = Vec::new();
        for doc in wanted(&body, default_index.as_deref(), &default)? {
            let name = doc.index.unwrap_or_default();
            if let Some(index) = hidden::target(store, &name) {
                let doc_type = doc.doc_type.as_deref();
                let (_, shown) = hidden::shown(presented, &index, doc_type, &doc.id, &doc.asked.filter);
                docs.push(shown.to_string());
                continue;
            }
            let found = one(store, &name).and_then(|index| {
                let found = doc.asked.look_up(&index, &doc.id)?;
                shown(presented, &index, &doc.id, found.as_ref(), &doc.asked)
            });
            docs.push(found.unwrap_or_else(|error| {
                let error = crate::present::error::body(&error);
                json!({"_index": name, "_id": doc.id, "error": error["error"]}).to_string()
            }));
        }
        Ok(Reply::raw(200, format!("{{\"docs\":[{}]}}", docs.join(","))))
    })
    .await
}

/// The `_source` parameters of a URL.
pub fn source_filter(params: &Params) -> SourceFilter {
    let list = |names: [&str; 2]| -> Vec<String> {
        let text = names.iter().find_map(|name| params.get(*name));
        text.map(|text| text.split(',').map(ToOwned::to_owned).collect())
            .unwrap_or_default()
    };
    let mut includes = list(["_source_includes", "_source_include"]);
    match params.get("_source").map(String::as_str) {
        Some("false") => return SourceFilter::Nothing,
        Some("true" | "") | None => {}
        Some(fields) => includes.extend(fields.split(',').map(ToOwned::to_owned)),
    }
    SourceFilter::new(includes, list(["_source_excludes", "_source_exclude"]))
}

fn unreadable(id: &str, error: &serde_json::Error) -> ApiError {
    ApiError::internal(format!("stored document [{id}] cannot be read: {error}"))
}

/// A document as `GET _doc` shows it, as JSON text.
fn shown(
    presented: Presented,
    index: &Index,
    id: &str,
    found: Option<&Found>,
    asked: &Asked,
) -> ApiResult<String> {
    let mut out = Map::new();
    out.insert("_index".into(), index.name.as_str().into());
    if let Some(doc_type) = presented.doc_type() {
        out.insert("_type".into(), doc_type.into());
    }
    out.insert("_id".into(), id.into());
    let Some(found) = found else {
        out.insert("found".into(), false.into());
        return Ok(Value::from(out).to_string());
    };
    out.insert("_version".into(), found.version.into());
    out.insert("_seq_no".into(), found.seq_no.into());
    out.insert("_primary_term".into(), PRIMARY_TERM.into());
    out.insert("found".into(), true.into());
    let mapping = index.mapping();
    if let Some(names) = &asked.stored {
        let tree: Value = serde_json::from_slice(&found.source).map_err(|error| unreadable(id, &error))?;
        let mut fields = Map::new();
        for field in names
            .iter()
            .filter_map(|name| mapping.get(name))
            .filter(|field| field.is_stored())
        {
            let values: Vec<Value> = path::values(&tree, &field.path).into_iter().cloned().collect();
            if !values.is_empty() {
                fields.insert(field.path.to_string(), values.into());
            }
        }
        if !fields.is_empty() {
            out.insert("fields".into(), fields.into());
        }
    }
    let filter = asked.filter.within(&mapping);
    let source = match &filter {
        SourceFilter::Nothing => return Ok(Value::from(out).to_string()),
        SourceFilter::All => {
            let raw: &RawValue =
                serde_json::from_slice(&found.source).map_err(|error| unreadable(id, &error))?;
            raw.get().to_owned()
        }
        filter => filter
            .apply(&serde_json::from_slice(&found.source).map_err(|error| unreadable(id, &error))?)
            .to_string(),
    };
    let mut text = Value::from(out).to_string();
    text.pop();
    Ok(format!("{text},\"_source\":{source}}}"))
}

/// The `get` of an update's answer: the document as it is after it.
pub fn after_update(seq_no: u64, source: &[u8], filter: &SourceFilter) -> ApiResult<Value> {
    let source: Value = serde_json::from_slice(source)
        .map_err(|error| ApiError::internal(format!("an updated document cannot be read: {error}")))?;
    Ok(json!({
        "_seq_no": seq_no,
        "_primary_term": PRIMARY_TERM,
        "found": true,
        "_source": filter.apply(&source),
    }))
}

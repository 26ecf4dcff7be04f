//! Single documents: `_doc`, `_create`, `_source`, `_update`, `_mget`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use bytes::Bytes;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::app::App;
use super::body;
use super::hidden;
use super::params::{Params, number};
use super::reply::Reply;
use crate::engine::entry::Entry;
use crate::engine::existing::Found;
use crate::engine::index::Index;
use crate::engine::op::{Done, Outcome};
use crate::engine::update::Update;
use crate::engine::wal::Position;
use crate::engine::write::Request;
use crate::error::{ApiError, ApiResult};
use crate::ingest::{self, OfIndex, Ready};
use crate::present::{Presented, write};
use crate::search::source::SourceFilter;

/// `POST {index}/_doc`.
pub async fn post(
    State(app): State<Arc<App>>,
    Path(index): Path<String>,
    Query(params): Query<Params>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Reply> {
    write_one(app, index, None, params, headers, body, false).await
}

/// `PUT {index}/_doc/{id}`.
pub async fn put(
    State(app): State<Arc<App>>,
    Path((index, id)): Path<(String, String)>,
    Query(params): Query<Params>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Reply> {
    let create = params.get("op_type").is_some_and(|op| op == "create");
    write_one(app, index, Some(id), params, headers, body, create).await
}

/// `PUT {index}/_create/{id}`.
pub async fn create(
    State(app): State<Arc<App>>,
    Path((index, id)): Path<(String, String)>,
    Query(params): Query<Params>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Reply> {
    write_one(app, index, Some(id), params, headers, body, true).await
}

fn refresh(params: &Params) -> bool {
    params.get("refresh").is_some_and(|value| value != "false")
}

async fn write_one(
    app: Arc<App>,
    index: String,
    id: Option<String>,
    params: Params,
    headers: HeaderMap,
    body: Body,
    create: bool,
) -> ApiResult<Reply> {
    let _permit = app.bulk_permit()?;
    let limit = app.store.limits.max_content_length;
    let packed = body::is_gzip(&headers)?;
    let bytes = body::read(&headers, body, limit).await?;
    let if_seq_no = number(&params, "if_seq_no")?;
    let refresh = refresh(&params);
    let (name, outcome) = app
        .blocking(move |store| {
            let source: Bytes = if packed {
                body::gunzip(&bytes, limit)?
            } else {
                bytes
            };
            if source.is_empty() {
                return Err(ApiError::parsing("request body is required"));
            }
            let of_index = OfIndex::of(store, &index);
            let asked = params.get("pipeline").map(String::as_str);
            let ready = Ready { index, id, source };
            let name = ready.index.clone();
            let known_id = ready.id.clone();
            let Some(Ready { index, id, source }) = ingest::prepare(store, &of_index, asked, ready)? else {
                return Ok((name, super::bulk::dropped(known_id.as_deref())));
            };
            let Entry::Log(index) = store.write_entry(&index, Some(create || id.is_none()))? else {
                return Err(ApiError::argument(format!(
                    "a pipeline sent the document to the hidden index [{index}], which it cannot write to"
                )));
            };
            let request = Request {
                id,
                source: Some(source),
                create,
                if_seq_no,
            };
            let outcome = finish(&index, index.apply(index.prepare(&[request])), refresh)?;
            Ok((index.name.clone(), outcome))
        })
        .await?;
    Ok(Reply::raw(
        outcome.done.status(),
        write::outcome(app.presented, &name, &outcome, refresh),
    ))
}

/// Makes one applied write durable and, if asked, visible.
fn finish(
    index: &Index,
    applied: ApiResult<(Vec<ApiResult<Outcome>>, Position)>,
    refresh: bool,
) -> ApiResult<Outcome> {
    let (outcomes, position) = applied?;
    let outcome = outcomes
        .into_iter()
        .next()
        .ok_or_else(|| ApiError::internal("a write came to nothing"))??;
    if position != Position::default() {
        index.sync(position)?;
    }
    if refresh {
        index.refresh()?;
    }
    Ok(outcome)
}

/// `DELETE {index}/_doc/{id}`.
pub async fn delete(
    State(app): State<Arc<App>>,
    Path((index, id)): Path<(String, String)>,
    Query(params): Query<Params>,
) -> ApiResult<Reply> {
    let if_seq_no = number(&params, "if_seq_no")?;
    let refresh = refresh(&params);
    let (name, outcome) = app
        .blocking(move |store| {
            let index = store
                .get(&index)
                .ok_or_else(|| ApiError::index_not_found(&index))?;
            let request = Request {
                id: Some(id),
                source: None,
                create: false,
                if_seq_no,
            };
            let outcome = finish(&index, index.apply(index.prepare(&[request])), refresh)?;
            Ok((index.name.clone(), outcome))
        })
        .await?;
    Ok(Reply::raw(
        outcome.done.status(),
        write::outcome(app.presented, &name, &outcome, refresh),
    ))
}

/// `POST {index}/_update/{id}`.
pub async fn update(
    State(app): State<Arc<App>>,
    Path((index, id)): Path<(String, String)>,
    Query(params): Query<Params>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Reply> {
    let _permit = app.bulk_permit()?;
    let body = body::read_json(&headers, body, app.store.limits.max_content_length).await?;
    let update = Update {
        if_seq_no: number(&params, "if_seq_no")?,
        retries: number(&params, "retry_on_conflict")?.unwrap_or(0),
        ..Update::parse(&body)?
    };
    let refresh = refresh(&params);
    let (name, outcome) = app
        .blocking(move |store| {
            let index = store.get_or_create(&index)?;
            let (outcome, position) = index.update(&id, &update)?;
            let outcome = finish(&index, Ok((vec![Ok(outcome)], position)), refresh)?;
            Ok((index.name.clone(), outcome))
        })
        .await?;
    let status = if outcome.done == Done::Created { 201 } else { 200 };
    Ok(Reply::raw(
        status,
        write::outcome(app.presented, &name, &outcome, refresh),
    ))
}

/// `GET {index}/_doc/{id}`.
pub async fn get(
    State(app): State<Arc<App>>,
    Path((index, id)): Path<(String, String)>,
    Query(params): Query<Params>,
) -> ApiResult<Reply> {
    let filter = source_filter(&params);
    let presented = app.presented;
    let (found, shown) = app
        .blocking(move |store| {
            let index = store
                .get(&index)
                .ok_or_else(|| ApiError::index_not_found(&index))?;
            let found = index.get(&id)?;
            Ok((
                found.is_some(),
                shown(presented, &index.name, &id, found.as_ref(), &filter)?,
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
    let filter = source_filter(&params);
    app.blocking(move |store| {
        let index = store
            .get(&index)
            .ok_or_else(|| ApiError::index_not_found(&index))?;
        let found = index.get(&id)?.ok_or_else(|| {
            ApiError::new(
                404,
                "resource_not_found_exception",
                format!("Document not found [{}]/[_doc]/[{id}]", index.name),
            )
        })?;
        if filter == SourceFilter::All {
            return Ok(Reply::raw(
                200,
                String::from_utf8_lossy(&found.source).into_owned(),
            ));
        }
        let source: Value = serde_json::from_slice(&found.source)
            .map_err(|error| ApiError::internal(format!("stored document [{id}] cannot be read: {error}")))?;
        Ok(Reply::json(&filter.apply(&source)))
    })
    .await
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
    let default_filter = source_filter(&params);
    let default_index = path.map(|Path(index)| index);
    let presented = app.presented;
    app.blocking(move |store| {
        let mut asked: Vec<(Option<String>, String, Option<String>, SourceFilter)> = Vec::new();
        let text = crate::query::dsl::text;
        for doc in crate::query::dsl::list(body.get("docs")) {
            let id = doc
                .get("_id")
                .map(text)
                .ok_or_else(|| ApiError::validation("id is missing"))?;
            let filter = match doc.get("_source").or_else(|| doc.get("stored_fields")) {
                Some(filter) => SourceFilter::parse(filter)?,
                None => default_filter.clone(),
            };
            let index = doc.get("_index").map(text).or_else(|| default_index.clone());
            asked.push((index, id, doc.get("_type").map(text), filter));
        }
        for id in crate::query::dsl::list(body.get("ids")) {
            asked.push((default_index.clone(), text(id), None, default_filter.clone()));
        }
        if asked.is_empty() {
            return Err(ApiError::validation("no documents to get"));
        }
        let mut docs = Vec::with_capacity(asked.len());
        for (index, id, doc_type, filter) in asked {
            let index = index.ok_or_else(|| ApiError::validation("index is missing"))?;
            if let Some(index) = hidden::target(store, &index) {
                let doc_type = doc_type.as_deref();
                docs.push(
                    hidden::shown(presented, &index, doc_type, &id, &filter)
                        .1
                        .to_string(),
                );
                continue;
            }
            docs.push(match store.get(&index) {
                Some(index) => shown(presented, &index.name, &id, index.get(&id)?.as_ref(), &filter)?,
                None => {
                    let error = crate::present::error::body(&ApiError::index_not_found(&index));
                    json!({"_index": index, "_id": id, "error": error["error"]}).to_string()
                }
            });
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
    match params.get("_source").map(String::as_str) {
        Some("false") => return SourceFilter::Nothing,
        Some("true" | "") | None => {}
        Some(fields) => {
            return SourceFilter::new(fields.split(',').map(ToOwned::to_owned).collect(), Vec::new());
        }
    }
    SourceFilter::new(
        list(["_source_includes", "_source_include"]),
        list(["_source_excludes", "_source_exclude"]),
    )
}

/// A document as `GET _doc` shows it, as JSON text.
fn shown(
    presented: Presented,
    index: &str,
    id: &str,
    found: Option<&Found>,
    filter: &SourceFilter,
) -> ApiResult<String> {
    let mut out = Map::new();
    out.insert("_index".into(), index.into());
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
    out.insert("_primary_term".into(), 1.into());
    out.insert("found".into(), true.into());
    let unreadable = |error: serde_json::Error| {
        ApiError::internal(format!("stored document [{id}] cannot be read: {error}"))
    };
    let source = match filter {
        SourceFilter::Nothing => return Ok(Value::from(out).to_string()),
        SourceFilter::All => {
            let raw: &RawValue = serde_json::from_slice(&found.source).map_err(unreadable)?;
            raw.get().to_owned()
        }
        filter => filter
            .apply(&serde_json::from_slice(&found.source).map_err(unreadable)?)
            .to_string(),
    };
    let mut text = Value::from(out).to_string();
    text.pop();
    Ok(format!("{text},\"_source\":{source}}}"))
}

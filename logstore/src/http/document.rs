//! Writes of single documents: `_doc`, `_create`, `_update`. How they are read is in [`super::lookup`].

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use bytes::Bytes;

use super::app::App;
use super::body;
use super::lookup::{after_update, source_filter};
use super::params::{Params, Refresh, flag, given_version, number};
use super::reply::Reply;
use crate::engine::entry::Entry;
use crate::engine::index::Index;
use crate::engine::op::{Done, Outcome};
use crate::engine::store::Store;
use crate::engine::update::Update;
use crate::engine::wal::Position;
use crate::engine::write::Request;
use crate::error::{ApiError, ApiResult};
use crate::ingest::{self, OfIndex, Ready};
use crate::present::write;
use crate::search::source::SourceFilter;

/// The parameters by which an update is asked to show the document.
pub(super) const SOURCE_PARAMS: [&str; 3] = ["_source", "_source_includes", "_source_excludes"];

/// `POST {index}/_doc`.
pub async fn post(
    State(app): State<Arc<App>>,
    Path(index): Path<String>,
    Query(params): Query<Params>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Reply> {
    let create = params.get("op_type").is_some_and(|op| op == "create");
    write_one(app, index, None, params, headers, body, create).await
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

/// Refuses a write to what is no alias, where the client asks for that.
fn check_alias(store: &Store, params: &Params, name: &str) -> ApiResult<()> {
    if !flag(params, "require_alias") || store.state().aliases.contains(name) {
        return Ok(());
    }
    Err(ApiError::index_not_found(name).because(format!(
        "no such index [{name}] and [require_alias] request flag is [true] and [{name}] is not an alias"
    )))
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
    let condition = Request {
        if_seq_no: number(&params, "if_seq_no")?,
        if_primary_term: number(&params, "if_primary_term")?,
        version: given_version(&params)?,
        create,
        ..Request::default()
    };
    if create && condition.version.is_some() {
        return Err(ApiError::validation(
            "create operations only support internal versioning. use index instead",
        ));
    }
    let refresh = Refresh::of(&params)?;
    let (name, outcome) = app
        .blocking(move |store| {
            check_alias(store, &params, &index)?;
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
                ..condition
            };
            let outcome = finish(&index, index.apply(index.prepare(&[request])), refresh)?;
            Ok((index.name.clone(), outcome))
        })
        .await?;
    Ok(Reply::raw(
        outcome.done.status(),
        write::outcome(app.presented, &name, &outcome, refresh.is_forced()),
    ))
}

/// Makes one applied write durable and, if asked, visible.
fn finish(
    index: &Index,
    applied: ApiResult<(Vec<ApiResult<Outcome>>, Position)>,
    refresh: Refresh,
) -> ApiResult<Outcome> {
    let (outcomes, position) = applied?;
    let outcome = outcomes
        .into_iter()
        .next()
        .ok_or_else(|| ApiError::internal("a write came to nothing"))??;
    if position != Position::default() {
        index.sync(position)?;
    }
    if refresh != Refresh::No {
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
    let request = Request {
        id: Some(id),
        if_seq_no: number(&params, "if_seq_no")?,
        if_primary_term: number(&params, "if_primary_term")?,
        version: given_version(&params)?,
        ..Request::default()
    };
    let refresh = Refresh::of(&params)?;
    let (name, outcome) = app
        .blocking(move |store| {
            let index = store
                .get(&index)
                .ok_or_else(|| ApiError::index_not_found(&index))?;
            let outcome = finish(&index, index.apply(index.prepare(&[request])), refresh)?;
            Ok((index.name.clone(), outcome))
        })
        .await?;
    Ok(Reply::raw(
        outcome.done.status(),
        write::outcome(app.presented, &name, &outcome, refresh.is_forced()),
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
        if_primary_term: number(&params, "if_primary_term")?,
        retries: number(&params, "retry_on_conflict")?.unwrap_or(0),
        ..Update::parse(&body)?
    };
    let refresh = Refresh::of(&params)?;
    let presented = app.presented;
    app.blocking(move |store| {
        check_alias(store, &params, &index)?;
        let index = store.get_or_create(&index)?;
        let updated = index.update(&id, &update)?;
        let outcome = finish(&index, Ok((vec![Ok(updated.outcome)], updated.position)), refresh)?;
        let mut text = write::outcome(presented, &index.name, &outcome, refresh.is_forced());
        let filter = match &update.source {
            Some(filter) => Some(filter.clone()),
            None if SOURCE_PARAMS.iter().any(|name| params.contains_key(*name)) => {
                Some(source_filter(&params))
            }
            None => None,
        };
        if let Some(filter) = filter.filter(|filter| *filter != SourceFilter::Nothing) {
            text.pop();
            let shown = after_update(outcome.seq_no, &updated.source, &filter)?;
            text = format!("{text},\"get\":{shown}}}");
        }
        let status = if outcome.done == Done::Created { 201 } else { 200 };
        Ok(Reply::raw(status, text))
    })
    .await
}

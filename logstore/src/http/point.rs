//! Points in time: `_pit` as Elasticsearch has it, `_search/point_in_time` as OpenSearch has it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::app::App;
use super::params::{Params, index_options};
use super::reply::Reply;
use super::search::{read_body, time};
use crate::date;
use crate::error::{ApiError, ApiResult};
use crate::present;
use crate::query::dsl;
use crate::search::held::Purpose;
use crate::search::views;

async fn opened(app: &Arc<App>, index: String, params: Params) -> ApiResult<(String, usize)> {
    let keep_alive =
        time(&params, "keep_alive")?.ok_or_else(|| ApiError::validation("[keep_alive] is not specified"))?;
    let held = Arc::clone(&app.held);
    app.blocking(move |store| {
        store.refuse_filtered(&index, "_pit")?;
        let indices = store.resolve(&index, index_options(&params))?;
        let id = held.open(views(&indices), Purpose::Point, keep_alive)?;
        Ok((id, indices.len()))
    })
    .await
}

/// `POST {index}/_pit`.
pub async fn open(
    State(app): State<Arc<App>>,
    Path(index): Path<String>,
    Query(params): Query<Params>,
) -> ApiResult<Reply> {
    let (id, _) = opened(&app, index, params).await?;
    Ok(Reply::json(&json!({ "id": id })))
}

/// `DELETE _pit`.
pub async fn close(
    State(app): State<Arc<App>>,
    Query(params): Query<Params>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Reply> {
    let body = read_body(&app, &params, &headers, body).await?;
    let id = body
        .get("id")
        .and_then(Value::as_str)
        .ok_or_else(|| ApiError::argument("Required [id]"))?;
    let freed = app.held.close(id, false);
    Ok(Reply::status(
        if freed { 200 } else { 404 },
        &json!({"succeeded": true, "num_freed": u8::from(freed)}),
    ))
}

/// `POST {index}/_search/point_in_time`.
pub async fn open_opensearch(
    State(app): State<Arc<App>>,
    Path(index): Path<String>,
    Query(params): Query<Params>,
) -> ApiResult<Reply> {
    let (id, shards) = opened(&app, index, params).await?;
    Ok(Reply::json(&json!({
        "pit_id": id,
        "_shards": present::search::shards(shards),
        "creation_time": date::now(),
    })))
}

/// `DELETE _search/point_in_time`.
pub async fn close_opensearch(
    State(app): State<Arc<App>>,
    Query(params): Query<Params>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Reply> {
    let body = read_body(&app, &params, &headers, body).await?;
    let ids: Vec<String> = dsl::list(body.get("pit_id")).iter().map(dsl::text).collect();
    if ids.is_empty() {
        return Err(ApiError::validation("no pit ids specified"));
    }
    let closed: Vec<Value> = ids
        .iter()
        .map(|id| json!({"successful": app.held.close(id, false), "pit_id": id}))
        .collect();
    Ok(Reply::json(&json!({ "pits": closed })))
}

/// `DELETE _search/point_in_time/_all`.
pub async fn close_all_opensearch(State(app): State<Arc<App>>) -> ApiResult<Reply> {
    let ids = app.held.points();
    let closed: Vec<Value> = ids
        .iter()
        .map(|(id, ..)| json!({"successful": app.held.close(id, false), "pit_id": id}))
        .collect();
    Ok(Reply::json(&json!({ "pits": closed })))
}

/// `GET _search/point_in_time/_all`.
pub async fn list_opensearch(State(app): State<Arc<App>>) -> ApiResult<Reply> {
    let open: Vec<Value> = app
        .held
        .points()
        .iter()
        .map(|(id, opened, kept)| json!({"pit_id": id, "creation_time": opened, "keep_alive": kept}))
        .collect();
    Ok(Reply::json(&json!({ "pits": open })))
}

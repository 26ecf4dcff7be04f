//! Searches in other dress: `_search_shards`, `_async_search`, and what is refused by name.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::HeaderMap;
use serde_json::{Map, json};

use super::app::App;
use super::params::{Params, index_options};
use super::reply::Reply;
use super::search::{Searching, parse, read_body};
use crate::date;
use crate::error::{ApiError, ApiResult};
use crate::present;
use crate::present::search::Envelope;

/// How long an asynchronous search would be kept, in milliseconds. It is answered at once, so nothing is.
const KEPT: i64 = 5 * 24 * 3_600_000;

/// `_search_shards`, with or without an index: every index is one shard of this node.
pub async fn search_shards(
    State(app): State<Arc<App>>,
    path: Option<Path<String>>,
    Query(params): Query<Params>,
) -> ApiResult<Reply> {
    let (node, address) = (app.node.clone(), app.address.clone());
    app.blocking(move |store| {
        let expression = path.as_ref().map_or("", |Path(index)| index.as_str());
        let found = store.resolve(expression, index_options(&params))?;
        let mut indices = Map::new();
        let mut shards = Vec::with_capacity(found.len());
        for index in &found {
            indices.insert(index.name.clone(), json!({}));
            shards.push(json!([{
                "state": "STARTED",
                "primary": true,
                "node": node,
                "relocating_node": null,
                "shard": 0,
                "index": index.name,
                "allocation_id": {"id": index.uuid},
            }]));
        }
        let mut nodes = Map::new();
        nodes.insert(
            node.clone(),
            json!({"name": node, "ephemeral_id": node, "transport_address": address, "attributes": {}}),
        );
        Ok(Reply::json(
            &json!({"nodes": nodes, "indices": indices, "shards": shards}),
        ))
    })
    .await
}

/// `_async_search`, with or without an index: answered at once, and so never running.
pub async fn async_search(
    State(app): State<Arc<App>>,
    path: Option<Path<String>>,
    Query(params): Query<Params>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Reply> {
    let body = read_body(&app, &params, &headers, body).await?;
    let _permit = app.search_permit().await?;
    let searching = Searching::of(&app);
    app.blocking(move |store| {
        let started = date::now();
        let request = parse(&body, &params)?;
        let expression = path.as_ref().map_or("", |Path(index)| index.as_str());
        let envelope = Envelope {
            totals_as_int: present::search::totals_as_int(&params),
            ..Envelope::default()
        };
        let text = searching.run(store, expression, index_options(&params), request, envelope)?;
        Ok(Reply::raw(
            200,
            format!(
                "{{\"is_partial\":false,\"is_running\":false,\"start_time_in_millis\":{started},\"expiration_time_in_millis\":{},\"completion_time_in_millis\":{},\"response\":{text}}}",
                started + KEPT,
                date::now()
            ),
        ))
    })
    .await
}

/// `_async_search/{id}`: nothing is kept, so nothing is found.
pub async fn async_search_by_id(Path(id): Path<String>) -> ApiResult<Reply> {
    Err(ApiError::new(404, "resource_not_found_exception", id))
}

/// An endpoint of Elasticsearch's search side that this store does not have.
pub async fn refused(request: Request) -> ApiResult<Reply> {
    let path = request.uri().path();
    let name = path
        .split('/')
        .find(|part| part.starts_with('_'))
        .unwrap_or(path)
        .to_owned();
    let name = match (name.as_str(), path.ends_with("/template")) {
        ("_search" | "_msearch", true) => format!("{name}/template"),
        _ => name,
    };
    Err(ApiError::argument(format!(
        "[{name}] is not supported by this store"
    )))
}

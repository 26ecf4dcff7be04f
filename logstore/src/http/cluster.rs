//! What clients ask about the cluster, which here is one node: green unless something on its disk is damaged.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use serde_json::{Map, Value, json};

use super::app::App;
use super::params::Params;
use super::reply::Reply;
use crate::engine::health::Status;
use crate::error::{ApiError, ApiResult};
use crate::present::root::{self, CLUSTER_NAME};

/// The node's id in answers.
const NODE_ID: &str = "logstore-node-00000000";

/// `GET /`.
pub async fn root(State(app): State<Arc<App>>) -> Reply {
    Reply::json(&root::info(app.presented, &app.node, &app.store.cluster_uuid))
}

/// `_cluster/health`, with or without an index.
pub async fn health(
    State(app): State<Arc<App>>,
    path: Option<Path<String>>,
    Query(params): Query<Params>,
) -> ApiResult<Reply> {
    if let Some(wanted) = params.get("wait_for_status")
        && !matches!(wanted.as_str(), "green" | "yellow" | "red")
    {
        return Err(ApiError::argument(format!(
            "unknown cluster health status [{wanted}]"
        )));
    }
    // A missing index never becomes healthy: Elasticsearch waits out the timeout and says so.
    let missing = match &path {
        Some(Path(name)) if !name.contains('*') => name.split(',').any(|name| app.store.get(name).is_none()),
        _ => false,
    };
    let options = crate::engine::resolve::Options {
        ignore_unavailable: true,
        allow_no_indices: true,
    };
    let (shards, found) = match &path {
        Some(Path(name)) => {
            let indices = app.store.resolve(name, options)?;
            let worst = indices.iter().map(|index| index.status()).max();
            (indices.len(), worst.unwrap_or(Status::Green))
        }
        None => (app.store.list().len(), app.store.status()),
    };
    let status = if missing { "red" } else { found.word() };
    let body = json!({
        "cluster_name": CLUSTER_NAME,
        "status": status,
        "timed_out": missing,
        "number_of_nodes": 1,
        "number_of_data_nodes": 1,
        "active_primary_shards": shards,
        "active_shards": shards,
        "relocating_shards": 0,
        "initializing_shards": 0,
        "unassigned_shards": 0,
        "delayed_unassigned_shards": 0,
        "number_of_pending_tasks": 0,
        "number_of_in_flight_fetch": 0,
        "task_max_waiting_in_queue_millis": 0,
        "active_shards_percent_as_number": 100.0,
    });
    Ok(Reply::status(if missing { 408 } else { 200 }, &body))
}

/// `_nodes` and `_nodes/{what}`.
pub async fn nodes(State(app): State<Arc<App>>) -> Reply {
    let ip = app
        .address
        .rsplit_once(':')
        .map_or(app.address.as_str(), |(ip, _)| ip);
    let node = json!({
        "name": app.node,
        "transport_address": app.address,
        "host": ip,
        "ip": ip,
        "version": app.presented.number(),
        "build_flavor": "default",
        "build_type": "tar",
        "build_hash": env!("CARGO_PKG_VERSION"),
        "roles": ["data", "ingest", "master"],
        "http": {"bound_address": [app.address], "publish_address": app.address, "max_content_length_in_bytes": app.store.limits.max_content_length},
    });
    Reply::json(&json!({
        "_nodes": {"total": 1, "successful": 1, "failed": 0},
        "cluster_name": CLUSTER_NAME,
        "nodes": {NODE_ID: node},
    }))
}

/// `_stats`, with or without an index.
pub async fn stats(State(app): State<Arc<App>>, path: Option<Path<String>>) -> ApiResult<Reply> {
    app.blocking(move |store| {
        let expression = path.as_ref().map_or("", |Path(index)| index.as_str());
        let (mut docs, mut size) = (0, 0);
        let mut indices = Map::new();
        let indices_found = store.resolve(expression, crate::engine::resolve::Options::default())?;
        for index in &indices_found {
            let part = json!({"docs": {"count": index.doc_count(), "deleted": 0}, "store": {"size_in_bytes": index.size_bytes()}});
            docs += index.doc_count();
            size += index.size_bytes();
            indices.insert(index.name.clone(), json!({"uuid": index.uuid, "primaries": part, "total": part}));
        }
        let all = json!({"docs": {"count": docs, "deleted": 0}, "store": {"size_in_bytes": size}});
        Ok(Reply::json(&json!({
            "_shards": crate::present::search::shards(indices_found.len()),
            "_all": {"primaries": all, "total": all},
            "indices": Value::from(indices),
        })))
    })
    .await
}

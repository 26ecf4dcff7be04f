//! `_cat`: tables for people, or the same as JSON or YAML.

pub mod cluster;
pub mod indices;
pub mod table;

use table::Table;

use super::call::Call;
use super::reply::Reply;
use crate::error::{ApiError, ApiResult};

/// A table by its name in the path.
type Make = fn(&Call) -> ApiResult<Table>;

/// Every table.
const TABLES: &[(&str, Make)] = &[
    ("aliases", indices::aliases),
    ("allocation", cluster::allocation),
    ("cluster_manager", cluster::master),
    ("count", indices::count),
    ("fielddata", cluster::fielddata),
    ("health", cluster::health),
    ("indices", indices::indices),
    ("master", cluster::master),
    ("nodeattrs", cluster::attributes),
    ("nodes", cluster::nodes),
    ("pending_tasks", cluster::pending_tasks),
    ("plugins", cluster::plugins),
    ("recovery", indices::recovery),
    ("repositories", cluster::repositories),
    ("segments", indices::segments),
    ("shards", indices::shards),
    ("snapshots", cluster::snapshots),
    ("tasks", cluster::tasks),
    ("templates", indices::templates),
    ("thread_pool", cluster::thread_pool),
];

/// `_cat/{table}`, `_cat/{table}/{index}`.
pub fn show(call: &Call) -> ApiResult<Reply> {
    let name = call.name("table");
    let (_, make) = TABLES.iter().find(|(known, _)| *known == name).ok_or_else(|| {
        ApiError::argument(format!(
            "no handler found for uri [/_cat/{name}] and method [{}]",
            call.method
        ))
    })?;
    let mut params = call.params.clone();
    // Who accepts only JSON or YAML gets that, without saying so a second time.
    let accept = call
        .headers
        .get(axum::http::header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .unwrap_or_default();
    for (kind, format) in [("application/json", "json"), ("application/yaml", "yaml")] {
        if accept.starts_with(kind) {
            params
                .entry("format".to_owned())
                .or_insert_with(|| format.to_owned());
        }
    }
    make(call)?.reply(&params)
}

/// `_cat`: what there is.
pub fn list(_call: &Call) -> ApiResult<Reply> {
    let mut text = String::from("=^.^=\n");
    for (name, _) in TABLES {
        text.push_str("/_cat/");
        text.push_str(name);
        text.push('\n');
    }
    Ok(Reply::text(text))
}

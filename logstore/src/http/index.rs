//! Indices: made, shown, removed; their mappings and settings.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use serde_json::{Map, Value, json};

use super::app::App;
use super::body;
use super::params::{Params, flag, index_options};
use super::reply::Reply;
use crate::engine::index::Index;
use crate::engine::resolve::Options;
use crate::engine::settings::nest;
use crate::error::{ApiError, ApiResult};
use crate::mapping::{json as mapping_json, pattern};
use crate::present::search::shards;

/// `PUT {index}`.
pub async fn create(
    State(app): State<Arc<App>>,
    Path(index): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Reply> {
    let body = body::read_json(&headers, body, app.store.limits.max_content_length).await?;
    app.blocking(move |store| {
        store.create(&index, &body)?;
        Ok(Reply::json(
            &json!({"acknowledged": true, "shards_acknowledged": true, "index": index}),
        ))
    })
    .await
}

/// Shows something of each index of an expression.
async fn show(
    app: Arc<App>,
    expression: String,
    params: &Params,
    one: impl Fn(&Index) -> Value + Send + 'static,
) -> ApiResult<Reply> {
    let options = index_options(params);
    app.blocking(move |store| {
        let shown: Map<String, Value> = store
            .resolve(&expression, options)?
            .iter()
            .map(|index| (index.name.clone(), one(index)))
            .collect();
        Ok(Reply::json(&shown.into()))
    })
    .await
}

/// `GET {index}`.
pub async fn get(
    State(app): State<Arc<App>>,
    Path(index): Path<String>,
    Query(params): Query<Params>,
) -> ApiResult<Reply> {
    let flat = flag(&params, "flat_settings");
    show(app, index, &params, move |index| {
        json!({"aliases": {}, "mappings": mapping_json::to_json(&index.mapping()), "settings": settings(index, None, flat)})
    })
    .await
}

/// `HEAD {index}`.
pub async fn exists(
    State(app): State<Arc<App>>,
    Path(index): Path<String>,
    Query(params): Query<Params>,
) -> ApiResult<Reply> {
    let options = Options {
        allow_no_indices: false,
        ..index_options(&params)
    };
    app.blocking(move |store| {
        Ok(Reply::empty(match store.resolve(&index, options) {
            Ok(found) if !found.is_empty() => 200,
            _ => 404,
        }))
    })
    .await
}

/// `DELETE {index}`.
pub async fn delete(
    State(app): State<Arc<App>>,
    Path(index): Path<String>,
    Query(params): Query<Params>,
) -> ApiResult<Reply> {
    let options = index_options(&params);
    app.blocking(move |store| {
        for index in store.resolve(&index, options)? {
            store.delete(&index)?;
        }
        Ok(Reply::acknowledged())
    })
    .await
}

/// `GET {index}/_mapping`.
pub async fn mapping(
    State(app): State<Arc<App>>,
    path: Option<Path<String>>,
    Query(params): Query<Params>,
) -> ApiResult<Reply> {
    let expression = path.map_or_else(String::new, |Path(index)| index);
    show(
        app,
        expression,
        &params,
        |index| json!({"mappings": mapping_json::to_json(&index.mapping())}),
    )
    .await
}

/// `PUT {index}/_mapping`.
pub async fn put_mapping(
    State(app): State<Arc<App>>,
    Path(index): Path<String>,
    Query(params): Query<Params>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Reply> {
    let body = body::read_json(&headers, body, app.store.limits.max_content_length).await?;
    let options = Options {
        allow_no_indices: false,
        ..index_options(&params)
    };
    app.blocking(move |store| {
        for index in store.resolve(&index, options)? {
            index.put_mapping(&body)?;
        }
        Ok(Reply::acknowledged())
    })
    .await
}

/// `GET {index}/_mapping/field/{fields}`.
pub async fn field_mapping(
    State(app): State<Arc<App>>,
    Path((index, fields)): Path<(String, String)>,
    Query(params): Query<Params>,
) -> ApiResult<Reply> {
    show(app, index, &params, move |index| {
        let mapping = index.mapping();
        let shown: Map<String, Value> = fields
            .split(',')
            .flat_map(|name| mapping.matching(name))
            .map(|field| {
                let leaf = field.path.rsplit('.').next().unwrap_or_default();
                let body = json!({"full_name": &*field.path, "mapping": {leaf: mapping_json::field_to_json(&field)}});
                (field.path.to_string(), body)
            })
            .collect();
        json!({"mappings": shown})
    })
    .await
}

fn settings(index: &Index, only: Option<&str>, flat: bool) -> Value {
    let mut all = index.settings_json();
    if let Some(only) = only {
        all.retain(|key, _| only.split(',').any(|name| pattern::matches(name, key)));
    }
    if flat { all.into() } else { nest(&all) }
}

/// `GET {index}/_settings`.
pub async fn get_settings(
    State(app): State<Arc<App>>,
    Path(index): Path<String>,
    Query(params): Query<Params>,
) -> ApiResult<Reply> {
    let flat = flag(&params, "flat_settings");
    show(
        app,
        index,
        &params,
        move |index| json!({"settings": settings(index, None, flat)}),
    )
    .await
}

/// `GET {index}/_settings/{name}`.
pub async fn get_setting(
    State(app): State<Arc<App>>,
    Path((index, name)): Path<(String, String)>,
    Query(params): Query<Params>,
) -> ApiResult<Reply> {
    let flat = flag(&params, "flat_settings");
    show(
        app,
        index,
        &params,
        move |index| json!({"settings": settings(index, Some(&name), flat)}),
    )
    .await
}

/// `PUT {index}/_settings`.
pub async fn put_settings(
    State(app): State<Arc<App>>,
    Path(index): Path<String>,
    Query(params): Query<Params>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Reply> {
    let body = body::read_json(&headers, body, app.store.limits.max_content_length).await?;
    let body = body.get("settings").cloned().unwrap_or(body);
    let options = Options {
        allow_no_indices: false,
        ..index_options(&params)
    };
    app.blocking(move |store| {
        for index in store.resolve(&index, options)? {
            index.put_settings(&body)?;
        }
        Ok(Reply::acknowledged())
    })
    .await
}

/// `_refresh`, and `_flush`, which is the same here: a commit.
pub async fn refresh(
    State(app): State<Arc<App>>,
    path: Option<Path<String>>,
    Query(params): Query<Params>,
) -> ApiResult<Reply> {
    let options = index_options(&params);
    app.blocking(move |store| {
        let indices = store.resolve(path.as_ref().map_or("", |Path(index)| index.as_str()), options)?;
        for index in &indices {
            index.refresh()?;
        }
        Ok(Reply::json(&json!({"_shards": shards(indices.len())})))
    })
    .await
}

/// `_resolve/index/{name}`.
pub async fn resolve(State(app): State<Arc<App>>, Path(name): Path<String>) -> ApiResult<Reply> {
    app.blocking(move |store| {
        let options = Options {
            ignore_unavailable: true,
            allow_no_indices: true,
        };
        let found: Vec<Value> = store
            .resolve(&name, options)?
            .iter()
            .map(|index| json!({"name": index.name, "attributes": ["open"]}))
            .collect();
        if found.is_empty() && !name.contains('*') {
            return Err(ApiError::index_not_found(&name));
        }
        Ok(Reply::json(
            &json!({"indices": found, "aliases": [], "data_streams": []}),
        ))
    })
    .await
}

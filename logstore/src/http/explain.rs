//! `_explain/{id}` and `_validate/query`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use serde_json::{Map, Value, json};

use super::app::App;
use super::lookup::source_filter;
use super::params::{Params, flag, index_options};
use super::reply::Reply;
use super::search::{lone_query, read_body, seen};
use crate::date;
use crate::engine::existing;
use crate::error::{ApiError, ApiResult};
use crate::present;
use crate::query::{Lowering, check};
use crate::search::source::SourceFilter;
use crate::search::{hit, views};

/// `{index}/_explain/{id}`: whether and how one document matches a query.
pub async fn explain(
    State(app): State<Arc<App>>,
    Path((index, id)): Path<(String, String)>,
    Query(params): Query<Params>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Reply> {
    let body = read_body(&app, &params, &headers, body).await?;
    let _permit = app.search_permit().await?;
    let presented = app.presented;
    app.blocking(move |store| {
        let mut query = lone_query(&body, &params)?;
        if body.get("query").is_none() && !params.contains_key("q") {
            return Err(ApiError::validation("query is missing"));
        }
        check::look_up(&mut query, store)?;
        let seen = seen(store, &index, index_options(&params), &mut query)?;
        let mut answer = Map::new();
        for view in &seen {
            let Some(address) = existing::find(&view.2, &id)? else {
                continue;
            };
            let lowered = Lowering::new(&view.0.name, &view.1, date::now())
                .lower(&query)
                .map_err(|error| error.on_shard(&view.0.name))?;
            let matched = hit::score_of(lowered.as_ref(), view, address)?.is_some();
            answer.insert("_index".into(), view.0.name.as_str().into());
            if let Some(doc_type) = presented.doc_type() {
                answer.insert("_type".into(), doc_type.into());
            }
            answer.insert("_id".into(), id.as_str().into());
            answer.insert("matched".into(), matched.into());
            answer.insert(
                "explanation".into(),
                hit::explanation(lowered.as_ref(), view, address)?,
            );
            let filter = source_filter(&params);
            if params.keys().any(|name| name.starts_with("_source")) && filter != SourceFilter::Nothing {
                let (_, source) = existing::stored(&view.2, address)?;
                let source: Value = serde_json::from_slice(&source).map_err(|error| {
                    ApiError::internal(format!("stored document [{id}] cannot be read: {error}"))
                })?;
                answer.insert(
                    "get".into(),
                    json!({"found": true, "_source": filter.apply(&source)}),
                );
            }
            return Ok(Reply::json(&answer.into()));
        }
        let name = seen.first().map_or(index.as_str(), |view| view.0.name.as_str());
        let mut answer = json!({"_index": name});
        if let Some(doc_type) = presented.doc_type() {
            answer["_type"] = doc_type.into();
        }
        answer["_id"] = id.as_str().into();
        answer["matched"] = false.into();
        Ok(Reply::status(404, &answer))
    })
    .await
}

/// `_validate/query`, with or without an index: whether a query can be read, and what is made of it.
pub async fn validate(
    State(app): State<Arc<App>>,
    path: Option<Path<String>>,
    Query(params): Query<Params>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Reply> {
    let body = read_body(&app, &params, &headers, body).await;
    app.blocking(move |store| {
        let expression = path.as_ref().map_or("", |Path(index)| index.as_str());
        let seen = views(&store.resolve(expression, index_options(&params))?);
        let explains = flag(&params, "explain") || flag(&params, "rewrite");
        let query = body.and_then(|body| {
            let mut query = lone_query(&body, &params)?;
            check::look_up(&mut query, store)?;
            check::check(&query, &store.limits)?;
            Ok(query)
        });
        let (mut valid, mut explanations) = (true, Vec::new());
        match query {
            Err(error) => {
                let mut answer = json!({"valid": false});
                if explains {
                    answer["error"] = format!("{}: {}", error.kind, error.reason).into();
                }
                return Ok(Reply::json(&answer));
            }
            Ok(query) => {
                for view in &seen {
                    let mut one = json!({"index": view.0.name, "valid": true});
                    match Lowering::new(&view.0.name, &view.1, date::now()).lower(&query) {
                        Ok(lowered) => one["explanation"] = format!("{lowered:?}").into(),
                        Err(error) => {
                            valid = false;
                            one["valid"] = false.into();
                            one["error"] =
                                format!("[{}] {}: {}", view.0.name, error.kind, error.reason).into();
                        }
                    }
                    explanations.push(one);
                }
            }
        }
        let mut answer = json!({"_shards": present::search::shards(seen.len()), "valid": valid});
        if explains {
            answer["explanations"] = explanations.into();
        }
        Ok(Reply::json(&answer))
    })
    .await
}

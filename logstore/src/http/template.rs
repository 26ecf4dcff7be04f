//! `_index_template`, `_component_template` and the legacy `_template`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde_json::{Map, Value, json};

use super::app::App;
use super::body;
use super::reply::Reply;
use crate::engine::template::TemplateKind;
use crate::error::{ApiError, ApiResult};
use crate::mapping::pattern;

/// The kind of template that a path speaks of.
fn kind(word: &str) -> Option<TemplateKind> {
    match word {
        "_index_template" => Some(TemplateKind::Index),
        "_component_template" => Some(TemplateKind::Component),
        "_template" => Some(TemplateKind::Legacy),
        _ => None,
    }
}

/// Puts a template.
pub async fn put(
    app: Arc<App>,
    word: &'static str,
    name: String,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Reply> {
    let body = body::read_json(&headers, body, app.store.limits.max_content_length).await?;
    let kind = kind(word).ok_or_else(|| ApiError::internal("no such kind of template"))?;
    app.blocking(move |store| {
        store.put_template(kind, &name, body)?;
        Ok(Reply::acknowledged())
    })
    .await
}

/// Shows templates whose name matches.
pub async fn get(app: Arc<App>, word: &'static str, name: Option<String>) -> ApiResult<Reply> {
    let kind = kind(word).ok_or_else(|| ApiError::internal("no such kind of template"))?;
    let templates = app.store.templates();
    let name = name.unwrap_or_else(|| "*".to_owned());
    let found: Vec<(&String, &Value)> = templates
        .of(kind)
        .iter()
        .filter(|(known, _)| name.split(',').any(|name| pattern::matches(name, known)))
        .collect();
    if found.is_empty() && !name.contains('*') {
        if kind == TemplateKind::Legacy {
            return Ok(Reply::status(404, &json!({})));
        }
        let what = if kind == TemplateKind::Index {
            "index"
        } else {
            "component"
        };
        return Err(ApiError::new(
            404,
            "resource_not_found_exception",
            format!("{what} template matching [{name}] not found"),
        ));
    }
    let shown = match kind {
        TemplateKind::Legacy => found
            .into_iter()
            .map(|(name, body)| (name.clone(), body.clone()))
            .collect::<Map<_, _>>()
            .into(),
        TemplateKind::Index => json!({"index_templates": found.into_iter()
            .map(|(name, body)| json!({"name": name, "index_template": body})).collect::<Vec<_>>()}),
        TemplateKind::Component => json!({"component_templates": found.into_iter()
            .map(|(name, body)| json!({"name": name, "component_template": body})).collect::<Vec<_>>()}),
    };
    Ok(Reply::json(&shown))
}

/// Removes templates whose name matches.
pub async fn delete(app: Arc<App>, word: &'static str, name: String) -> ApiResult<Reply> {
    let kind = kind(word).ok_or_else(|| ApiError::internal("no such kind of template"))?;
    app.blocking(move |store| {
        if store.remove_template(kind, &name)? == 0 && !name.contains('*') {
            return Err(ApiError::new(
                404,
                "index_template_missing_exception",
                format!("index_template [{name}] missing"),
            ));
        }
        Ok(Reply::acknowledged())
    })
    .await
}

/// The routes of one kind of template.
pub fn routes(word: &'static str) -> axum::Router<Arc<App>> {
    use axum::routing::get as on_get;
    let one = on_get(move |State(app): State<Arc<App>>, Path(name): Path<String>| get(app, word, Some(name)))
        .put(
            move |State(app): State<Arc<App>>, Path(name): Path<String>, headers: HeaderMap, body: Body| {
                put(app, word, name, headers, body)
            },
        )
        .post(
            move |State(app): State<Arc<App>>, Path(name): Path<String>, headers: HeaderMap, body: Body| {
                put(app, word, name, headers, body)
            },
        )
        .delete(move |State(app): State<Arc<App>>, Path(name): Path<String>| delete(app, word, name));
    let all = on_get(move |State(app): State<Arc<App>>| get(app, word, None));
    axum::Router::new()
        .route(&format!("/{word}/{{name}}"), one)
        .route(&format!("/{word}"), all)
}

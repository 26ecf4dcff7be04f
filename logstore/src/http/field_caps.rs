//! `_field_caps`: which fields the indices have, of what types, and what they can be used for.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use serde_json::{Map, Value, json};

use super::app::App;
use super::body;
use super::params::{Params, index_options};
use super::reply::Reply;
use crate::error::{ApiError, ApiResult};
use crate::mapping::Kind;
use crate::query::dsl;

/// Fields that every document has.
const META: &[(&str, &str, bool, bool)] = &[
    ("_id", "_id", true, false),
    ("_index", "_index", true, true),
    ("_source", "_source", false, false),
    ("_seq_no", "_seq_no", true, true),
    ("_version", "_version", false, true),
];

struct Caps {
    searchable: bool,
    aggregatable: bool,
    metadata: bool,
    indices: Vec<String>,
}

/// `_field_caps`, with or without an index.
pub async fn field_caps(
    State(app): State<Arc<App>>,
    path: Option<Path<String>>,
    Query(params): Query<Params>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Reply> {
    let body = body::read_json(&headers, body, app.store.limits.max_content_length).await?;
    app.blocking(move |store| {
        let patterns: Vec<String> = match params.get("fields") {
            Some(fields) => fields.split(',').map(ToOwned::to_owned).collect(),
            None => dsl::list(body.get("fields")).iter().map(dsl::text).collect(),
        };
        if patterns.is_empty() {
            return Err(ApiError::validation("no fields specified"));
        }
        let indices = store.resolve(
            path.as_ref().map_or("", |Path(index)| index.as_str()),
            index_options(&params),
        )?;
        let mut fields: BTreeMap<String, BTreeMap<String, Caps>> = BTreeMap::new();
        let mut add = |name: &str, type_name: &str, searchable, aggregatable, metadata, index: &str| {
            let caps = fields
                .entry(name.to_owned())
                .or_default()
                .entry(type_name.to_owned())
                .or_insert(Caps {
                    searchable,
                    aggregatable,
                    metadata,
                    indices: Vec::new(),
                });
            if caps.indices.last().is_none_or(|last| last != index) {
                caps.indices.push(index.to_owned());
            }
        };
        for index in &indices {
            let mapping = index.mapping();
            for pattern in &patterns {
                for field in mapping.matching(pattern) {
                    let family = if field.kind == Kind::Unindexed {
                        "object"
                    } else {
                        family(&field.type_name)
                    };
                    add(
                        &field.path,
                        family,
                        !field.unindexed,
                        field.column().is_some(),
                        false,
                        &index.name,
                    );
                }
                for object in mapping
                    .objects
                    .keys()
                    .filter(|path| crate::mapping::pattern::matches(pattern, path))
                {
                    add(object, "object", false, false, false, &index.name);
                }
                for (name, type_name, searchable, aggregatable) in META {
                    if crate::mapping::pattern::matches(pattern, name) {
                        add(name, type_name, *searchable, *aggregatable, true, &index.name);
                    }
                }
            }
        }
        let shown: Map<String, Value> = fields
            .into_iter()
            .map(|(name, types)| (name, show(types)))
            .collect();
        let names: Vec<&str> = indices.iter().map(|index| index.name.as_str()).collect();
        Ok(Reply::json(&json!({"indices": names, "fields": shown})))
    })
    .await
}

fn show(types: BTreeMap<String, Caps>) -> Value {
    let several = types.len() > 1;
    types
        .into_iter()
        .map(|(type_name, caps)| {
            let mut shown = json!({
                "type": type_name,
                "metadata_field": caps.metadata,
                "searchable": caps.searchable,
                "aggregatable": caps.aggregatable,
            });
            if several {
                shown["indices"] = json!(caps.indices);
            }
            (type_name, shown)
        })
        .collect::<Map<_, _>>()
        .into()
}

/// The family under which `_field_caps` shows a type.
fn family(type_name: &str) -> &str {
    match type_name {
        "constant_keyword" | "wildcard" => "keyword",
        "match_only_text" => "text",
        other => other,
    }
}

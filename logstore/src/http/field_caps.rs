//! `_field_caps`: which fields the indices have, of what types, and what they can be used for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use serde_json::{Map, Value, json};

use super::app::App;
use super::body;
use super::params::{Params, flag, index_options};
use super::reply::Reply;
use crate::error::{ApiError, ApiResult};
use crate::mapping::Kind;
use crate::query::dsl;
use crate::search::execute;

/// Fields that every document has.
const META: &[(&str, &str, bool, bool)] = &[
    ("_id", "_id", true, false),
    ("_index", "_index", true, true),
    ("_source", "_source", false, false),
    ("_seq_no", "_seq_no", true, true),
    ("_version", "_version", false, true),
];

/// What a field of one type can be used for, over the indices that have it.
struct Caps {
    metadata: bool,
    indices: Vec<String>,
    not_searchable: Vec<String>,
    not_aggregatable: Vec<String>,
    /// What mappings say of the field in `meta`.
    meta: BTreeMap<String, BTreeSet<String>>,
}

/// Which fields are left out.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a filter of the API")]
struct Filters {
    metadata: bool,
    parents: bool,
    nested: bool,
    multi_fields: bool,
    types: Vec<String>,
}

// === impl Filters ===

impl Filters {
    /// `filters=-metadata,-parent` and `types=keyword,long`.
    fn read(params: &Params) -> ApiResult<Self> {
        let mut filters = Self {
            types: words(params, "types"),
            ..Self::default()
        };
        for word in words(params, "filters") {
            match word.as_str() {
                "-metadata" => filters.metadata = true,
                "-parent" => filters.parents = true,
                "-nested" => filters.nested = true,
                "-multifield" => filters.multi_fields = true,
                "+metadata" => {}
                other => {
                    return Err(ApiError::argument(format!(
                        "[field_caps] filter [{other}] is not supported"
                    )));
                }
            }
        }
        Ok(filters)
    }

    fn takes(&self, type_name: &str) -> bool {
        (self.types.is_empty() || self.types.iter().any(|one| one == type_name))
            && !(self.parents && matches!(type_name, "object" | "nested"))
            && !(self.nested && type_name == "nested")
    }
}

fn words(params: &Params, name: &str) -> Vec<String> {
    params
        .get(name)
        .into_iter()
        .flat_map(|text| text.split(','))
        .filter(|word| !word.is_empty())
        .map(ToOwned::to_owned)
        .collect()
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
        let filters = Filters::read(&params)?;
        let mut indices = store.resolve(
            path.as_ref().map_or("", |Path(index)| index.as_str()),
            index_options(&params),
        )?;
        if let Some(filter) = body.get("index_filter") {
            // Only indices in which something can match.
            let filter = dsl::parse(filter)?;
            let mut kept = Vec::with_capacity(indices.len());
            for index in indices {
                if execute::count(std::slice::from_ref(&index), &filter)? > 0 {
                    kept.push(index);
                }
            }
            indices = kept;
        }
        let mut fields: BTreeMap<String, BTreeMap<String, Caps>> = BTreeMap::new();
        let mut add = |name: &str,
                       type_name: &str,
                       searchable: bool,
                       aggregatable: bool,
                       metadata,
                       index: &str,
                       meta: Option<&Value>| {
            if !filters.takes(type_name) {
                return;
            }
            let caps = fields
                .entry(name.to_owned())
                .or_default()
                .entry(type_name.to_owned())
                .or_insert_with(|| Caps {
                    metadata,
                    indices: Vec::new(),
                    not_searchable: Vec::new(),
                    not_aggregatable: Vec::new(),
                    meta: BTreeMap::new(),
                });
            for (key, value) in meta.and_then(Value::as_object).into_iter().flatten() {
                caps.meta.entry(key.clone()).or_default().insert(dsl::text(value));
            }
            if caps.indices.last().is_none_or(|last| last != index) {
                caps.indices.push(index.to_owned());
                if !searchable {
                    caps.not_searchable.push(index.to_owned());
                }
                if !aggregatable {
                    caps.not_aggregatable.push(index.to_owned());
                }
            }
        };
        for index in &indices {
            let mapping = index.mapping();
            for pattern in &patterns {
                for field in mapping.matching(pattern) {
                    if filters.multi_fields && mapping.multi.contains_key(&field.path) {
                        continue;
                    }
                    let family = if field.kind == Kind::Unindexed {
                        "object"
                    } else {
                        family(&field.type_name)
                    };
                    add(
                        &field.path,
                        family,
                        !field.unindexed && !field.says_no("index"),
                        field.column().is_some() && !field.says_no("doc_values"),
                        false,
                        &index.name,
                        field.params.get("meta"),
                    );
                }
                for (path, object) in mapping
                    .objects
                    .iter()
                    .filter(|(path, _)| crate::mapping::pattern::matches(pattern, path))
                {
                    let kind = if object.nested { "nested" } else { "object" };
                    add(path, kind, false, false, false, &index.name, None);
                }
                for (name, type_name, searchable, aggregatable) in META {
                    if !filters.metadata && crate::mapping::pattern::matches(pattern, name) {
                        add(
                            name,
                            type_name,
                            *searchable,
                            *aggregatable,
                            true,
                            &index.name,
                            None,
                        );
                    }
                }
            }
        }
        let names: Vec<&str> = indices.iter().map(|index| index.name.as_str()).collect();
        if flag(&params, "include_unmapped") {
            for types in fields.values_mut() {
                add_unmapped(types, &names);
            }
        }
        let shown: Map<String, Value> = fields
            .into_iter()
            .map(|(name, types)| (name, show(types)))
            .collect();
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
                "searchable": caps.not_searchable.is_empty(),
                "aggregatable": caps.not_aggregatable.is_empty(),
            });
            if several {
                shown["indices"] = json!(caps.indices);
            }
            for (key, some) in [
                ("non_searchable_indices", &caps.not_searchable),
                ("non_aggregatable_indices", &caps.not_aggregatable),
            ] {
                if !some.is_empty() && some.len() < caps.indices.len() {
                    shown[key] = json!(some);
                }
            }
            if !caps.meta.is_empty() {
                shown["meta"] = json!(caps.meta);
            }
            (type_name, shown)
        })
        .collect::<Map<_, _>>()
        .into()
}

/// Says in which indices a field is not mapped.
fn add_unmapped(types: &mut BTreeMap<String, Caps>, all: &[&str]) {
    let without: Vec<String> = all
        .iter()
        .filter(|name| {
            !types
                .values()
                .any(|caps| caps.indices.iter().any(|one| one == *name))
        })
        .map(|name| (*name).to_owned())
        .collect();
    if !without.is_empty() {
        types.insert(
            "unmapped".to_owned(),
            Caps {
                metadata: false,
                not_searchable: without.clone(),
                not_aggregatable: without.clone(),
                meta: BTreeMap::new(),
                indices: without,
            },
        );
    }
}

/// The family under which `_field_caps` shows a type.
fn family(type_name: &str) -> &str {
    match type_name {
        "constant_keyword" | "wildcard" => "keyword",
        "match_only_text" => "text",
        other => other,
    }
}

//! Indices: made, shown, opened, closed, removed, copied; their mappings and settings.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::params::options_over;
use super::reply::Reply;
use super::stats::declared;
use crate::engine::entry::Entry;
use crate::engine::name;
use crate::engine::resolve::Options;
use crate::engine::settings::nest;
use crate::error::{ApiError, ApiResult};
use crate::mapping::pattern;
use crate::present::legacy;
use crate::security::{Privilege, scope};

/// For what changes indices: a name that matches nothing is an error.
fn must_exist() -> Options {
    Options {
        allow_no_indices: false,
        closed: true,
        ..Options::default()
    }
}

/// The indices that a change is for.
fn to_change(call: &Call) -> ApiResult<Vec<Entry>> {
    let name = call.name("index");
    let options = options_over(must_exist(), &call.params);
    // `_settings` without an index is for all of them, of which there may be none.
    let options = Options {
        allow_no_indices: options.allow_no_indices || name.is_empty() || name == "_all" || name == "*",
        ..options
    };
    call.store().resolve_all(name, options)
}

/// `PUT {index}`.
pub fn create(call: &Call) -> ApiResult<Reply> {
    let body = legacy::index_body(&call.body);
    if let Some(unknown) = body
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
        .find(|key| !matches!(key.as_str(), "settings" | "mappings" | "aliases"))
    {
        return Err(ApiError::parsing(format!(
            "unknown key [{unknown}] for create index"
        )));
    }
    let entry = call.store().create(call.name("index"), &body)?;
    Ok(Reply::json(
        &json!({"acknowledged": true, "shards_acknowledged": true, "index": entry.name()}),
    ))
}

/// Settings that an index has although nobody put them, as `include_defaults` shows them.
fn defaults(call: &Call, entry: &Entry) -> Value {
    let limits = &call.store().limits;
    let had = entry.settings_json();
    let defaults: Map<String, Value> = [
        (
            "index.refresh_interval",
            format!("{}s", limits.refresh_interval.as_secs_f64()),
        ),
        ("index.max_result_window", limits.max_result_window.to_string()),
        ("index.max_terms_count", limits.max_terms.to_string()),
        ("index.max_regex_length", limits.max_regex_length.to_string()),
        (
            "index.max_docvalue_fields_search",
            limits.max_docvalue_fields.to_string(),
        ),
        ("index.mapping.total_fields.limit", limits.max_fields.to_string()),
        ("index.translog.durability", "REQUEST".to_owned()),
    ]
    .into_iter()
    .filter(|(key, _)| !had.contains_key(*key))
    .map(|(key, value)| (key.to_owned(), value.into()))
    .collect();
    if call.flag("flat_settings") {
        defaults.into()
    } else {
        nest(&defaults)
    }
}

fn settings(entry: &Entry, only: &str, flat: bool) -> Value {
    let mut all = entry.settings_json();
    if !matches!(only, "" | "_all" | "*") {
        all.retain(|key, _| only.split(',').any(|name| pattern::matches(name, key)));
    }
    if flat { all.into() } else { nest(&all) }
}

/// Shows something of each index that the path names.
fn show(call: &Call, one: impl Fn(&Entry) -> Option<Value>) -> ApiResult<Reply> {
    let shown: Map<String, Value> = call
        .entries_of_metadata()?
        .iter()
        .filter_map(|entry| Some((entry.name().to_owned(), one(entry)?)))
        .collect();
    Ok(Reply::json(&shown.into()))
}

/// `GET {index}`.
pub fn get(call: &Call) -> ApiResult<Reply> {
    let state = call.store().state();
    let flat = call.flag("flat_settings");
    show(call, |entry| {
        let mut shown = json!({
            "aliases": state.aliases.json_of(entry.name()),
            "mappings": entry.mapping_json(call.typed(), call.app.presented.default_type()),
            "settings": settings(entry, "", flat),
        });
        if let Some((stream, _)) = state
            .data_streams
            .iter()
            .find(|(_, stream)| stream.indices.iter().any(|index| index == entry.name()))
        {
            shown["data_stream"] = stream.as_str().into();
        }
        if call.flag("include_defaults") {
            shown["defaults"] = defaults(call, entry);
        }
        if call.flag("human") {
            let created = crate::date::format::iso(entry.created());
            let number = call.app.presented.number();
            if flat {
                shown["settings"]["index.creation_date_string"] = created.into();
                shown["settings"]["index.version.created_string"] = number.into();
            } else {
                shown["settings"]["index"]["creation_date_string"] = created.into();
                shown["settings"]["index"]["version"]["created_string"] = number.into();
            }
        }
        Some(shown)
    })
}

/// `HEAD {index}`.
pub fn exists(call: &Call) -> ApiResult<Reply> {
    let options = options_over(must_exist(), &call.params);
    Ok(Reply::empty(
        match call.store().resolve_all(call.name("index"), options) {
            Ok(found) if !found.is_empty() => 200,
            _ => 404,
        },
    ))
}

/// `DELETE {index}`. Aliases and data streams are not what it takes: their indices would go unnamed.
pub fn delete(call: &Call) -> ApiResult<Reply> {
    let state = call.store().state();
    let expression = call.name("index");
    let parts = name::split(expression);
    for part in &parts {
        let what = if state.aliases.contains(part) {
            "an alias, specify the corresponding concrete indices instead."
        } else if state.data_streams.contains_key(*part) {
            "a data stream, use the data stream APIs instead."
        } else {
            continue;
        };
        if !call.flag("ignore_unavailable") {
            return Err(ApiError::argument(format!(
                "The provided expression [{part}] matches {what}"
            )));
        }
    }
    let options = options_over(
        Options {
            closed: true,
            ..Options::default()
        },
        &call.params,
    );
    if !options.allow_no_indices
        && let Some(part) = parts.iter().find(|part| {
            part.contains('*')
                && !call
                    .store()
                    .list_all()
                    .iter()
                    .any(|entry| pattern::matches(part, entry.name()))
        })
    {
        return Err(ApiError::index_not_found(part));
    }
    let entries = call.store().resolve_all(expression, options)?;
    let by_own_name = |entry: &&Entry| {
        parts.iter().any(|part| {
            let part = name::resolve_dates(part, crate::date::now()).unwrap_or_default();
            part == "_all" || pattern::matches(&part, entry.name())
        })
    };
    for entry in entries.iter().filter(by_own_name) {
        call.store().delete_entry(entry)?;
    }
    Ok(Reply::acknowledged())
}

/// `GET _mapping`, `GET {index}/_mapping`, with a document type at the end in Elasticsearch 5.
pub fn mapping(call: &Call) -> ApiResult<Reply> {
    let wanted = call.name("type");
    show(call, |entry| {
        let mut body = entry.mapping_json(call.typed(), call.app.presented.default_type());
        if !wanted.is_empty()
            && call.typed()
            && let Some(types) = body.as_object_mut()
        {
            types.retain(|name, _| {
                wanted
                    .split(',')
                    .any(|one| one == "_all" || pattern::matches(one, name))
            });
            if types.is_empty() {
                return None;
            }
        }
        Some(json!({ "mappings": body }))
    })
}

/// `PUT {index}/_mapping`, with a document type at the end in Elasticsearch 5.
pub fn put_mapping(call: &Call) -> ApiResult<Reply> {
    let body = legacy::mappings(call.required_body()?);
    if body.get("_doc").is_some_and(Value::is_object)
        && !call.typed()
        && body.as_object().is_some_and(|b| b.len() == 1)
    {
        return Err(ApiError::argument(if call.app.presented.doc_type().is_some() {
            "Types cannot be provided in put mapping requests, unless the include_type_name parameter is set to true."
        } else {
            "Types cannot be provided in put mapping requests"
        }));
    }
    let doc_type = Some(call.name("type"))
        .filter(|name| !name.is_empty())
        .or(call.doc_type.as_deref());
    change(call, |entry| call.store().put_mapping(entry, doc_type, &body))
}

/// `PUT {index}/_settings`.
pub fn put_settings(call: &Call) -> ApiResult<Reply> {
    let body = call.required_body()?;
    let body = body.get("settings").unwrap_or(body);
    let keep = call.flag("preserve_existing");
    change(call, |entry| call.store().put_settings(entry, body, keep))
}

/// Changes each index that the path names.
fn change(call: &Call, one: impl Fn(&Entry) -> ApiResult<()>) -> ApiResult<Reply> {
    to_change(call)?.iter().try_for_each(one)?;
    Ok(Reply::acknowledged())
}

/// `GET {index}/_mapping/field/{fields}`, with a document type before `field` in Elasticsearch 5.
pub fn field_mapping(call: &Call) -> ApiResult<Reply> {
    let patterns: Vec<&str> = call.name("fields").split(',').collect();
    show(call, |entry| {
        let shown = legacy::field_mappings(
            entry,
            &patterns,
            call.flag("include_defaults"),
            call.app.presented.has_types(),
        );
        if !call.typed() {
            return Some(json!({"mappings": shown.into_values().next().unwrap_or_else(|| json!({}))}));
        }
        let wanted = call.name("type");
        let shown: Map<String, Value> = shown
            .into_iter()
            .filter(|(name, fields)| {
                let asked = wanted.is_empty() || wanted.split(',').any(|one| pattern::matches(one, name));
                asked && fields.as_object().is_some_and(|fields| !fields.is_empty())
            })
            .collect();
        (!shown.is_empty()).then(|| json!({ "mappings": shown }))
    })
}

/// `GET _settings`, `GET {index}/_settings`, with names of settings at the end.
pub fn get_settings(call: &Call) -> ApiResult<Reply> {
    let flat = call.flag("flat_settings");
    show(call, |entry| {
        let shown = settings(entry, call.name("name"), flat);
        if shown.as_object().is_some_and(Map::is_empty) {
            return None;
        }
        let mut shown = json!({ "settings": shown });
        if call.flag("include_defaults") {
            shown["defaults"] = defaults(call, entry);
        }
        Some(shown)
    })
}

/// `_refresh`: a commit. Hidden indices are always fresh.
pub fn refresh(call: &Call) -> ApiResult<Reply> {
    let entries = call.entries()?;
    for entry in &entries {
        if let Entry::Log(index) = entry {
            index.refresh()?;
        }
    }
    Ok(Reply::json(&json!({"_shards": declared(&entries)})))
}

/// `_flush`: a commit, whether something waits for it or not.
pub fn flush(call: &Call) -> ApiResult<Reply> {
    if call.flag("force")
        && call
            .params
            .get("wait_if_ongoing")
            .is_some_and(|wait| wait == "false")
    {
        return Err(ApiError::validation(
            "wait_if_ongoing must be true for a force flush",
        ));
    }
    for entry in call.entries()? {
        if let Entry::Log(index) = entry {
            index.activity.flushes.add(1);
        }
    }
    refresh(call)
}

/// `_cache/clear`, `_flush/synced`: nothing to do here but to say so of each index.
pub fn nothing_to_do(call: &Call) -> ApiResult<Reply> {
    Ok(Reply::json(&json!({"_shards": declared(&call.entries()?)})))
}

/// `_forcemerge`: merges each index's segments, in the background of the index writer, and commits.
pub fn force_merge(call: &Call) -> ApiResult<Reply> {
    let entries = call.entries()?;
    if !call.flag("only_expunge_deletes") || call.params.contains_key("max_num_segments") {
        for entry in &entries {
            if let Entry::Log(index) = entry {
                index.refresh()?;
                index.merge_all()?;
            }
        }
    }
    let mut shards = declared(&entries);
    if call.flag("primary_only") {
        shards["total"] = shards["successful"].clone();
    }
    Ok(Reply::json(&json!({ "_shards": shards })))
}

/// `_close` and `_open`.
pub fn close(call: &Call) -> ApiResult<Reply> {
    let mut shown = Map::new();
    for entry in to_change(call)? {
        call.store().set_closed(&entry, true)?;
        shown.insert(entry.name().to_owned(), json!({"closed": true}));
    }
    Ok(Reply::json(
        &json!({"acknowledged": true, "shards_acknowledged": true, "indices": shown}),
    ))
}

/// `_open`.
pub fn open(call: &Call) -> ApiResult<Reply> {
    for entry in to_change(call)? {
        call.store().set_closed(&entry, false)?;
    }
    Ok(Reply::json(
        &json!({"acknowledged": true, "shards_acknowledged": true}),
    ))
}

/// `PUT {index}/_block/{block}`.
pub fn add_block(call: &Call) -> ApiResult<Reply> {
    let block = call.name("block");
    if !matches!(block, "write" | "read" | "read_only" | "metadata") {
        return Err(ApiError::argument(format!("No block found with name {block}")));
    }
    let mut shown = Vec::new();
    for entry in to_change(call)? {
        call.store()
            .set(&entry, &json!({format!("index.blocks.{block}"): "true"}))?;
        shown.push(json!({"name": entry.name(), "blocked": true}));
    }
    Ok(Reply::json(
        &json!({"acknowledged": true, "shards_acknowledged": true, "indices": shown}),
    ))
}

/// `_clone/{target}`: a copy of an index that takes no writes.
pub fn clone(call: &Call) -> ApiResult<Reply> {
    let source = call
        .store()
        .get(call.name("index"))
        .ok_or_else(|| ApiError::index_not_found(call.name("index")))?;
    let target = call.name("target");
    scope::check(target, Privilege::Manage)?;
    call.store().clone_index(&source, target, &call.body)?;
    Ok(Reply::json(
        &json!({"acknowledged": true, "shards_acknowledged": true, "index": target}),
    ))
}

fn one_shard(verb: &str) -> ApiError {
    ApiError::argument(format!(
        "[{verb}] is not supported by this store: an index has one shard, always; use _clone for a copy"
    ))
}

/// `_shrink/{target}`.
pub fn shrink(_call: &Call) -> ApiResult<Reply> {
    Err(one_shard("_shrink"))
}

/// `_split/{target}`.
pub fn split(_call: &Call) -> ApiResult<Reply> {
    Err(one_shard("_split"))
}

/// `_resolve/index/{name}`.
pub fn resolve(call: &Call) -> ApiResult<Reply> {
    let expression = call.name("name");
    let state = call.store().state();
    let options = options_over(
        Options {
            ignore_unavailable: true,
            ..Options::default()
        },
        &call.params,
    );
    let parts = name::split(expression);
    let named = |known: &str| {
        parts
            .iter()
            .any(|part| *part == "_all" || pattern::matches(part, known))
            && scope::sees(known)
    };
    let mut indices = Vec::new();
    for entry in call.store().resolve_all(expression, options)? {
        if !named(entry.name()) {
            continue;
        }
        let mut attributes = vec![if entry.is_closed() { "closed" } else { "open" }];
        if entry.is_hidden() {
            attributes.insert(0, "hidden");
        }
        let mut shown = json!({"name": entry.name(), "attributes": attributes});
        let aliases: Vec<&String> = state
            .aliases
            .of_index(entry.name())
            .map(|(alias, _)| alias)
            .collect();
        if !aliases.is_empty() {
            shown["aliases"] = json!(aliases);
        }
        if let Some((stream, _)) = state
            .data_streams
            .iter()
            .find(|(_, stream)| stream.indices.iter().any(|index| index == entry.name()))
        {
            shown["data_stream"] = stream.as_str().into();
        }
        indices.push(shown);
    }
    let by_dot = expression.contains('.') || options.hidden;
    let aliases: Vec<Value> = state
        .aliases
        .iter()
        .filter(|(alias, _)| named(alias) && (by_dot || !alias.starts_with('.')))
        .map(|(alias, indices)| json!({"name": alias, "indices": indices.keys().collect::<Vec<_>>()}))
        .collect();
    let streams: Vec<Value> = state
        .data_streams
        .iter()
        .filter(|(stream, _)| named(stream))
        .map(|(stream, spec)| json!({"name": stream, "backing_indices": spec.indices, "timestamp_field": "@timestamp"}))
        .collect();
    if indices.is_empty() && aliases.is_empty() && streams.is_empty() && !expression.contains('*') {
        return Err(ApiError::index_not_found(expression));
    }
    Ok(Reply::json(
        &json!({"indices": indices, "aliases": aliases, "data_streams": streams}),
    ))
}

//! Data streams and rollover: `_data_stream` and `{target}/_rollover`.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::reply::Reply;
use crate::date;
use crate::engine::name;
use crate::engine::settings::duration;
use crate::error::{ApiError, ApiResult};
use crate::mapping::pattern;
use crate::present::search::shards;
use crate::query::dsl;
use crate::security::{Privilege, scope};

/// The data streams that the path names.
fn named(call: &Call) -> ApiResult<Vec<(String, crate::engine::data_stream::DataStream)>> {
    let wanted = call.name("name");
    let state = call.store().state();
    let found: Vec<_> = state
        .data_streams
        .iter()
        .filter(|(stream, _)| scope::sees(stream))
        .filter(|(stream, _)| {
            wanted.is_empty()
                || wanted
                    .split(',')
                    .any(|one| one == "_all" || pattern::matches(one, stream))
        })
        .map(|(stream, spec)| (stream.clone(), spec.clone()))
        .collect();
    for one in wanted
        .split(',')
        .filter(|one| !one.is_empty() && !one.contains('*') && *one != "_all")
    {
        if !found.iter().any(|(stream, _)| stream == one) {
            return Err(ApiError::index_not_found(one));
        }
    }
    Ok(found)
}

/// `PUT _data_stream/{name}`.
pub fn create(call: &Call) -> ApiResult<Reply> {
    scope::check(call.name("name"), Privilege::Manage)?;
    call.store().create_data_stream(call.name("name"))?;
    Ok(Reply::acknowledged())
}

/// `GET _data_stream`, `GET _data_stream/{name}`.
pub fn get(call: &Call) -> ApiResult<Reply> {
    let shown: Vec<Value> = named(call)?
        .into_iter()
        .map(|(stream, spec)| {
            let indices: Vec<Value> = spec
                .indices
                .iter()
                .filter_map(|index| call.store().entry(index))
                .map(|entry| json!({"index_name": entry.name(), "index_uuid": entry.uuid()}))
                .collect();
            json!({
                "name": stream,
                "timestamp_field": {"name": "@timestamp"},
                "indices": indices,
                "generation": spec.generation,
                "status": "GREEN",
                "template": spec.template,
                "hidden": spec.hidden,
                "system": false,
                "allow_custom_routing": false,
                "replicated": false,
            })
        })
        .collect();
    Ok(Reply::json(&json!({ "data_streams": shown })))
}

/// `DELETE _data_stream/{name}`.
pub fn delete(call: &Call) -> ApiResult<Reply> {
    for (stream, _) in named(call)? {
        scope::check(&stream, Privilege::Manage)?;
        call.store().delete_data_stream(&stream)?;
    }
    Ok(Reply::acknowledged())
}

/// `_data_stream/{name}/_stats`.
pub fn stats(call: &Call) -> ApiResult<Reply> {
    let (mut all_bytes, mut backing, mut shown) = (0, 0, Vec::new());
    for (stream, spec) in named(call)? {
        let entries: Vec<_> = spec
            .indices
            .iter()
            .filter_map(|index| call.store().entry(index))
            .collect();
        let bytes: u64 = entries.iter().map(crate::engine::entry::Entry::size_bytes).sum();
        all_bytes += bytes;
        backing += entries.len();
        let newest = newest_timestamp(call, &stream)?;
        shown.push(json!({"data_stream": stream, "backing_indices": entries.len(), "store_size_bytes": bytes, "maximum_timestamp": newest}));
    }
    Ok(Reply::json(&json!({
        "_shards": shards(backing),
        "data_stream_count": shown.len(),
        "backing_indices": backing,
        "total_store_size_bytes": all_bytes,
        "data_streams": shown,
    })))
}

fn newest_timestamp(call: &Call, stream: &str) -> ApiResult<Value> {
    let body = json!({"size": 1, "sort": [{"@timestamp": "desc"}], "_source": false});
    let request = crate::search::SearchRequest::parse(&body)?;
    let indices = call
        .store()
        .resolve(stream, crate::engine::resolve::Options::default())?;
    let outcome = crate::search::execute(&crate::search::views(&indices), &request, &call.store().limits)?;
    Ok(outcome
        .hits
        .first()
        .and_then(|hit| hit.sort.first().cloned())
        .unwrap_or_else(|| json!(0)))
}

/// `{target}/_rollover`, `{target}/_rollover/{new}`: without conditions always, else when one is met.
pub fn rollover(call: &Call) -> ApiResult<Reply> {
    let target = call.name("index");
    let asked = Some(call.name("new")).filter(|name| !name.is_empty());
    if let Some(new) = asked {
        scope::check(new, Privilege::Manage)?;
    }
    let body = if call.body.is_null() {
        json!({})
    } else {
        call.body.clone()
    };
    let next = call.store().next_index(target, asked)?;
    // Whether it is due or not, so that nobody finds out only when it is.
    if !call.store().state().data_streams.contains_key(target) {
        name::check(&next.new)?;
        call.store().check_free(&next.new)?;
    }
    let mut met = Map::new();
    let conditions = body
        .get("conditions")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    for (name, limit) in &conditions {
        let holds = holds(call, &next.old, name, limit)?;
        met.insert(format!("[{name}: {}]", dsl::text(limit)), holds.into());
    }
    let due = met.is_empty() || met.values().any(|holds| holds == &Value::Bool(true));
    let dry_run = call.flag("dry_run");
    let mut names = next;
    if due && !dry_run {
        let creation: Map<String, Value> = ["settings", "mappings", "aliases"]
            .iter()
            .filter_map(|key| Some(((*key).to_owned(), body.get(*key)?.clone())))
            .collect();
        names = call.store().rollover(target, asked, &creation.into())?;
    }
    let done = due && !dry_run;
    Ok(Reply::json(&json!({
        "acknowledged": done,
        "shards_acknowledged": done,
        "old_index": names.old,
        "new_index": names.new,
        "rolled_over": done,
        "dry_run": dry_run,
        "conditions": met,
    })))
}

fn holds(call: &Call, index: &str, name: &str, limit: &Value) -> ApiResult<bool> {
    let entry = call
        .store()
        .entry(index)
        .ok_or_else(|| ApiError::index_not_found(index))?;
    let text = dsl::text(limit);
    let bad = || ApiError::argument(format!("failed to parse condition [{name}] with value [{text}]"));
    Ok(match name {
        "max_age" => {
            let age = date::now() - entry.created();
            let limit = duration(&text).ok_or_else(bad)?;
            u128::try_from(age).unwrap_or_default() >= limit.as_millis()
        }
        "max_docs" | "max_primary_shard_docs" => entry.doc_count() >= text.parse().map_err(|_| bad())?,
        // What an index takes before it has documents is not what is meant.
        "max_size" | "max_primary_shard_size" if entry.doc_count() == 0 => false,
        "max_size" | "max_primary_shard_size" => entry.size_bytes() >= bytes(&text).ok_or_else(bad)?,
        other => return Err(ApiError::parsing(format!("[conditions] unknown field [{other}]"))),
    })
}

/// `50gb`, `10mb`, `1b` as bytes.
fn bytes(text: &str) -> Option<u64> {
    let text = text.to_lowercase();
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (digits, unit) = text.split_at(split);
    let shift = match unit {
        "b" => 0,
        "k" | "kb" => 10,
        "m" | "mb" => 20,
        "g" | "gb" => 30,
        "t" | "tb" => 40,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_shl(shift)
}

//! `_snapshot`: repositories, snapshots and restores. A snapshot is complete when its request is answered, whether
//! the client waits for completion or not.

use regex::Regex;
use serde_json::{Map, Value, json};

use super::call::Call;
use super::reply::Reply;
use crate::date::format::iso;
use crate::engine::resolve::Options;
use crate::engine::snapshot::{Repository, Snapshot};
use crate::error::{ApiError, ApiResult};
use crate::mapping::pattern;

fn missing(name: &str) -> ApiError {
    ApiError::new(404, "repository_missing_exception", format!("[{name}] missing"))
}

fn repository(call: &Call) -> ApiResult<Repository> {
    let name = call.name("repository");
    let state = call.store().state();
    let body = state.repositories.get(name).ok_or_else(|| missing(name))?;
    Repository::open(name, body, &call.store().repository_roots())
}

/// `PUT _snapshot/{repository}`.
pub fn put_repository(call: &Call) -> ApiResult<Reply> {
    let (name, body) = (call.name("repository").to_owned(), call.required_body()?.clone());
    let opened = Repository::open(&name, &body, &call.store().repository_roots())?;
    if call.params.get("verify").is_none_or(|verify| verify != "false") {
        opened.verify()?;
    }
    call.store().change_state(|state| {
        state.repositories.insert(name, body);
        Ok(())
    })?;
    Ok(Reply::acknowledged())
}

/// `GET _snapshot`, with or without names.
pub fn get_repository(call: &Call) -> ApiResult<Reply> {
    let wanted = call.name("repository");
    let state = call.store().state();
    let all = wanted.is_empty() || wanted == "_all";
    let shown: Map<String, Value> = state
        .repositories
        .iter()
        .filter(|(name, _)| all || wanted.split(',').any(|one| pattern::matches(one, name)))
        .map(|(name, body)| (name.clone(), body.clone()))
        .collect();
    match wanted
        .split(',')
        .find(|one| !all && !one.contains('*') && !shown.contains_key(*one))
    {
        Some(name) => Err(missing(name)),
        None => Ok(Reply::json(&shown.into())),
    }
}

/// `DELETE _snapshot/{repository}`: forgets it; its files stay.
pub fn delete_repository(call: &Call) -> ApiResult<Reply> {
    let wanted = call.name("repository");
    call.store().change_state(|state| {
        let before = state.repositories.len();
        state
            .repositories
            .retain(|name, _| !wanted.split(',').any(|one| pattern::matches(one, name)));
        if state.repositories.len() == before {
            Err(missing(wanted))
        } else {
            Ok(())
        }
    })?;
    Ok(Reply::acknowledged())
}

/// `POST _snapshot/{repository}/_verify`.
pub fn verify(call: &Call) -> ApiResult<Reply> {
    repository(call)?.verify()?;
    Ok(Reply::json(
        &json!({"nodes": {super::nodes::NODE_ID: {"name": call.app.node}}}),
    ))
}

/// `POST _snapshot/{repository}/_cleanup`. Deleting a snapshot takes its files along: nothing is left to clean up.
pub fn clean_up(call: &Call) -> ApiResult<Reply> {
    repository(call)?;
    Ok(Reply::json(
        &json!({"results": {"deleted_bytes": 0, "deleted_blobs": 0}}),
    ))
}

/// The `indices` of a body: a list, or one string with commas; nothing means all.
fn expression(body: &Value) -> String {
    match body.get("indices") {
        Some(Value::Array(list)) => list
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(","),
        Some(Value::String(text)) => text.clone(),
        _ => "*".to_owned(),
    }
}

/// `PUT _snapshot/{repository}/{snapshot}`.
pub fn take(call: &Call) -> ApiResult<Reply> {
    let repository = repository(call)?;
    let options = Options {
        ignore_unavailable: call.body.get("ignore_unavailable") == Some(&Value::Bool(true)),
        closed: true,
        ..Options::default()
    };
    let indices = call.store().resolve(&expression(&call.body), options)?;
    let metadata = call.body.get("metadata").cloned().unwrap_or(Value::Null);
    let snapshot = call
        .store()
        .take_snapshot(&repository, call.name("snapshot"), &indices, metadata)?;
    if call.flag("wait_for_completion") {
        return Ok(Reply::json(&json!({ "snapshot": shown(&snapshot) })));
    }
    Ok(Reply::json(&json!({"accepted": true})))
}

fn shown(snapshot: &Snapshot) -> Value {
    let (failed, successful) = (snapshot.failures.len(), snapshot.indices.len());
    let state = match (failed, successful) {
        (0, _) => "SUCCESS",
        (_, 0) => "FAILED",
        _ => "PARTIAL",
    };
    let failures: Vec<Value> = snapshot
        .failures
        .iter()
        .map(|(index, reason)| json!({"index": index, "shard_id": 0, "reason": reason, "status": "INTERNAL_SERVER_ERROR"}))
        .collect();
    let mut body = json!({
        "snapshot": snapshot.name,
        "uuid": snapshot.uuid,
        "version_id": 7_170_099,
        "version": "7.17.0",
        "indices": snapshot.indices.keys().collect::<Vec<_>>(),
        "data_streams": [],
        "include_global_state": false,
        "state": state,
        "start_time": iso(snapshot.started),
        "start_time_in_millis": snapshot.started,
        "end_time": iso(snapshot.ended),
        "end_time_in_millis": snapshot.ended,
        "duration_in_millis": snapshot.ended - snapshot.started,
        "failures": failures,
        "shards": {"total": failed + successful, "failed": failed, "successful": successful},
        "feature_states": [],
    });
    if !snapshot.metadata.is_null() {
        body["metadata"] = snapshot.metadata.clone();
    }
    body
}

fn named(repository: &Repository, wanted: &str, lenient: bool) -> ApiResult<Vec<Snapshot>> {
    let all = matches!(wanted, "" | "_all" | "*");
    if !all && !wanted.contains('*') {
        let found = wanted.split(',').map(|name| repository.get(name));
        return if lenient {
            Ok(found.flatten().collect())
        } else {
            found.collect()
        };
    }
    let mut found = repository.list()?;
    found.retain(|snapshot| all || wanted.split(',').any(|one| pattern::matches(one, &snapshot.name)));
    Ok(found)
}

/// `GET _snapshot/{repository}/{snapshot}`.
pub fn get(call: &Call) -> ApiResult<Reply> {
    let repository = repository(call)?;
    // Snapshots are complete when their request is answered: none is ever running.
    let found = match call.name("snapshot") {
        "_current" => Vec::new(),
        wanted => named(&repository, wanted, call.flag("ignore_unavailable"))?,
    };
    let verbose = call
        .params
        .get("verbose")
        .is_none_or(|verbose| verbose != "false");
    let list: Vec<Value> = found
        .iter()
        .map(|snapshot| {
            let mut body = shown(snapshot);
            if let (false, Some(body)) = (verbose, body.as_object_mut()) {
                body.retain(|key, _| matches!(key.as_str(), "snapshot" | "uuid" | "indices" | "state"));
            }
            body
        })
        .collect();
    let total = list.len();
    Ok(Reply::json(
        &json!({"snapshots": list, "total": total, "remaining": 0}),
    ))
}

/// `GET _snapshot/{repository}/{snapshot}/_status`.
pub fn status(call: &Call) -> ApiResult<Reply> {
    let repository = repository(call)?;
    let found = named(
        &repository,
        call.name("snapshot"),
        call.flag("ignore_unavailable"),
    )?;
    let all = repository.list()?;
    let list: Vec<Value> = found
        .iter()
        .map(|snapshot| {
            let (mut files, mut bytes) = (0, 0);
            let (mut new_files, mut new_bytes) = (0, 0);
            // What an earlier snapshot has of the same index was not copied again.
            let had = |uuid: &str, file: &str| {
                all.iter()
                    .filter(|other| other.started < snapshot.started)
                    .flat_map(|other| other.indices.values())
                    .any(|held| held.uuid == uuid && held.files.contains_key(file))
            };
            for held in snapshot.indices.values() {
                // Mapping and settings are written anew with each snapshot.
                let described = held.meta.to_string().len() as u64;
                files += 1;
                bytes += described;
                new_files += 1;
                new_bytes += described;
                files += held.files.len();
                bytes += held.files.values().sum::<u64>();
                for (_, size) in held.files.iter().filter(|(file, _)| !had(&held.uuid, file)) {
                    new_files += 1;
                    new_bytes += size;
                }
            }
            json!({
                "snapshot": snapshot.name, "repository": repository.name, "uuid": snapshot.uuid, "state": "SUCCESS",
                "include_global_state": false,
                "shards_stats": {"initializing": 0, "started": 0, "finalizing": 0, "done": snapshot.indices.len(), "failed": snapshot.failures.len(), "total": snapshot.indices.len() + snapshot.failures.len()},
                "stats": {
                    "incremental": {"file_count": new_files, "size_in_bytes": new_bytes},
                    "total": {"file_count": files, "size_in_bytes": bytes},
                    "start_time_in_millis": snapshot.started,
                    "time_in_millis": snapshot.ended - snapshot.started,
                },
                "indices": {},
            })
        })
        .collect();
    Ok(Reply::json(&json!({ "snapshots": list })))
}

/// `DELETE _snapshot/{repository}/{snapshot}`.
pub fn delete(call: &Call) -> ApiResult<Reply> {
    let repository = repository(call)?;
    let _one_at_a_time = call.store().hold_snapshots();
    for snapshot in named(&repository, call.name("snapshot"), false)? {
        repository.delete(&snapshot.name)?;
    }
    Ok(Reply::acknowledged())
}

/// `POST _snapshot/{repository}/{snapshot}/_restore`.
pub fn restore(call: &Call) -> ApiResult<Reply> {
    let repository = repository(call)?;
    let snapshot = repository.get(call.name("snapshot"))?;
    let wanted = expression(&call.body);
    let text = |key: &str| call.body.get(key).and_then(Value::as_str);
    let rename = match text("rename_pattern") {
        Some(pattern) => Some((
            Regex::new(pattern).map_err(|error| {
                ApiError::argument(format!("[rename_pattern] [{pattern}] cannot be used: {error}"))
            })?,
            text("rename_replacement").unwrap_or_default(),
        )),
        None => None,
    };
    for one in wanted
        .split(',')
        .filter(|one| !one.contains('*') && *one != "_all")
    {
        if !snapshot.indices.contains_key(one)
            && call.body.get("ignore_unavailable") != Some(&Value::Bool(true))
        {
            return Err(ApiError::index_not_found(one));
        }
    }
    let chosen: Vec<&String> = snapshot
        .indices
        .keys()
        .filter(|name| wanted == "_all" || wanted.split(',').any(|one| pattern::matches(one, name)))
        .collect();
    let settings = call.body.get("index_settings").unwrap_or(&Value::Null);
    let mut restored = Vec::new();
    for source in chosen {
        let target = match &rename {
            // Java writes $1 where this engine would read $1abc as one name.
            Some((pattern, to)) => pattern.replace_all(source, braced(to).as_str()).into_owned(),
            None => source.clone(),
        };
        call.store()
            .restore_index(&repository, &snapshot, source, &target, settings)?;
        restored.push(target);
    }
    if call.flag("wait_for_completion") {
        let shards = json!({"total": restored.len(), "failed": 0, "successful": restored.len()});
        return Ok(Reply::json(
            &json!({"snapshot": {"snapshot": snapshot.name, "indices": restored, "shards": shards}}),
        ));
    }
    Ok(Reply::json(&json!({"accepted": true})))
}

fn braced(replacement: &str) -> String {
    let mut out = String::new();
    let mut chars = replacement.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(c);
        if c == '$' && chars.peek().is_some_and(char::is_ascii_digit) {
            out.push('{');
            while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                out.push(digit);
            }
            out.push('}');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn groups_of_a_replacement_are_java_s() {
        assert_eq!(super::braced("restored_$1x"), "restored_${1}x");
    }
}

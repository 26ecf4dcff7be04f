//! `_stats`, `_segments`, `_recovery`: figures of indices in Elasticsearch's shape. What is
//! not counted here is zero.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::call::Call;
use super::cat::table::{human_bytes, human_time};
use super::nodes::NODE_ID;
use super::params::{index_options, options_over};
use super::reply::Reply;
use crate::engine::activity::{Activity, Counter};
use crate::engine::entry::Entry;
use crate::engine::resolve::Options;
use crate::error::{ApiError, ApiResult, nearest};
use crate::mapping::pattern;
use crate::present::search::shards;

/// Every section, in Elasticsearch's order.
const SECTIONS: &[&str] = &[
    "docs",
    "store",
    "indexing",
    "get",
    "search",
    "merges",
    "refresh",
    "flush",
    "warmer",
    "query_cache",
    "fielddata",
    "completion",
    "segments",
    "translog",
    "request_cache",
    "recovery",
];

/// Figures of several indices together, of the sections that are asked for. `groups`: patterns of the groups of
/// searches that are shown, too.
pub(super) fn sections(entries: &[&Entry], asked: &dyn Fn(&str) -> bool, groups: &[&str]) -> Value {
    let sum = |of: fn(&Entry) -> u64| entries.iter().map(|entry| of(entry)).sum::<u64>();
    let logs = || {
        entries.iter().filter_map(|entry| match entry {
            Entry::Log(index) => Some(index),
            Entry::Hidden(_) => None,
        })
    };
    let counted = |of: fn(&Activity) -> &Counter| logs().map(|index| of(&index.activity).get()).sum::<u64>();
    let size = sum(Entry::size_bytes);
    let segments: usize = entries
        .iter()
        .map(|entry| match entry {
            Entry::Log(index) => index.searcher().segment_readers().len(),
            Entry::Hidden(_) => 1,
        })
        .sum();
    let mut out = Map::new();
    for name in SECTIONS.iter().filter(|name| asked(name)) {
        let body = match *name {
            "docs" => json!({"count": sum(Entry::doc_count), "deleted": sum(Entry::deleted_count)}),
            "store" => {
                json!({"size_in_bytes": size, "total_data_set_size_in_bytes": size, "reserved_in_bytes": 0})
            }
            "indexing" => {
                json!({"index_total": counted(|a| &a.indexed), "index_time_in_millis": 0, "index_current": 0, "index_failed": 0, "delete_total": counted(|a| &a.deleted), "delete_time_in_millis": 0, "delete_current": 0, "noop_update_total": counted(|a| &a.noops), "is_throttled": false, "throttle_time_in_millis": 0})
            }
            "get" => {
                let (found, missing) = (counted(|a| &a.found), counted(|a| &a.not_found));
                json!({"total": found + missing, "time_in_millis": 0, "exists_total": found, "exists_time_in_millis": 0, "missing_total": missing, "missing_time_in_millis": 0, "current": 0})
            }
            "search" => searches(&logs().map(|index| &index.activity).collect::<Vec<_>>(), groups),
            "merges" => {
                json!({"current": 0, "current_docs": 0, "current_size_in_bytes": 0, "total": 0, "total_time_in_millis": 0, "total_docs": 0, "total_size_in_bytes": 0, "total_stopped_time_in_millis": 0, "total_throttled_time_in_millis": 0, "total_auto_throttle_in_bytes": 0})
            }
            "refresh" => {
                let count = counted(|a| &a.refreshes);
                json!({"total": count, "total_time_in_millis": 0, "external_total": count, "external_total_time_in_millis": 0, "listeners": 0})
            }
            "flush" => json!({"total": counted(|a| &a.flushes), "periodic": 0, "total_time_in_millis": 0}),
            "warmer" => json!({"current": 0, "total": 0, "total_time_in_millis": 0}),
            "query_cache" => {
                json!({"memory_size_in_bytes": 0, "total_count": 0, "hit_count": 0, "miss_count": 0, "cache_size": 0, "cache_count": 0, "evictions": 0})
            }
            "fielddata" => json!({"memory_size_in_bytes": 0, "evictions": 0}),
            "completion" => json!({"size_in_bytes": 0}),
            "segments" => {
                json!({"count": segments, "memory_in_bytes": 0, "terms_memory_in_bytes": 0, "stored_fields_memory_in_bytes": 0, "term_vectors_memory_in_bytes": 0, "norms_memory_in_bytes": 0, "points_memory_in_bytes": 0, "doc_values_memory_in_bytes": 0, "index_writer_memory_in_bytes": 0, "version_map_memory_in_bytes": 0, "fixed_bit_set_memory_in_bytes": 0, "max_unsafe_auto_id_timestamp": -1, "file_sizes": {}})
            }
            "translog" => {
                let (operations, bytes) = logs()
                    .map(|index| index.uncommitted())
                    .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
                json!({"operations": operations, "size_in_bytes": bytes, "uncommitted_operations": operations, "uncommitted_size_in_bytes": bytes, "earliest_last_modified_age": 0})
            }
            "request_cache" => {
                json!({"memory_size_in_bytes": 0, "evictions": 0, "hit_count": 0, "miss_count": 0})
            }
            _ => json!({"current_as_source": 0, "current_as_target": 0, "throttle_time_in_millis": 0}),
        };
        out.insert((*name).to_owned(), body);
    }
    out.into()
}

/// The section of searches.
fn searches(all: &[&Activity], groups: &[&str]) -> Value {
    let count: u64 = all.iter().map(|activity| activity.searches.get()).sum();
    let millis: u64 = all.iter().map(|activity| activity.search_millis.get()).sum();
    let shape = |count: u64, millis: u64| json!({"query_total": count, "query_time_in_millis": millis, "query_current": 0, "fetch_total": count, "fetch_time_in_millis": 0, "fetch_current": 0, "scroll_total": 0, "scroll_time_in_millis": 0, "scroll_current": 0, "suggest_total": 0, "suggest_time_in_millis": 0, "suggest_current": 0});
    let mut body = shape(count, millis);
    body["open_contexts"] = 0.into();
    let mut shown: BTreeMap<String, u64> = BTreeMap::new();
    for (group, count) in all.iter().flat_map(|activity| activity.groups()) {
        if groups
            .iter()
            .any(|wanted| *wanted == "_all" || pattern::matches(wanted, &group))
        {
            *shown.entry(group).or_default() += count;
        }
    }
    if !shown.is_empty() {
        let shown: Map<String, Value> = shown
            .into_iter()
            .map(|(group, count)| (group, shape(count, 0)))
            .collect();
        body["groups"] = shown.into();
    }
    body
}

/// The `_shards` of what was done in each shard of some indices: as their settings declare them.
pub(super) fn declared(entries: &[Entry]) -> Value {
    let (shards, copies) = entries
        .iter()
        .map(Entry::declared_shards)
        .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    json!({"total": copies, "successful": shards, "failed": 0})
}

/// Refuses a section that there is none of.
fn check_sections(call: &Call, wanted: &str) -> ApiResult<()> {
    for name in wanted.split(',').filter(|name| !name.is_empty()) {
        let known =
            |name: &str| SECTIONS.contains(&name) || matches!(name, "_all" | "merge" | "suggest" | "bulk");
        if known(name) {
            continue;
        }
        let index = match call.name("index") {
            "" => String::new(),
            index => format!("/{index}"),
        };
        let hint =
            nearest(name, SECTIONS).map_or_else(String::new, |known| format!(" -> did you mean [{known}]?"));
        return Err(ApiError::argument(format!(
            "request [{index}/_stats/{wanted}] contains unrecognized metric: [{name}]{hint}"
        )));
    }
    Ok(())
}

/// `_stats`, with an index before it and sections after it.
pub fn stats(call: &Call) -> ApiResult<Reply> {
    let wanted = call.name("metric");
    check_sections(call, wanted)?;
    let asked = |name: &str| {
        wanted.is_empty()
            || wanted
                .split(',')
                .any(|one| one == name || one == "_all" || (one == "merge" && name == "merges"))
    };
    let groups: Vec<&str> = call
        .params
        .get("groups")
        .map_or_else(Vec::new, |names| names.split(',').collect());
    let options = index_options(&call.params);
    let entries = call.store().resolve_all(
        call.name("index"),
        Options {
            closed: options.closed
                && call
                    .params
                    .get("forbid_closed_indices")
                    .is_some_and(|forbid| forbid == "false"),
            ..options
        },
    )?;
    let level = call.params.get("level").map_or("indices", String::as_str);
    let all = sections(&entries.iter().collect::<Vec<_>>(), &asked, &groups);
    let mut body = json!({
        "_shards": declared(&entries),
        "_all": {"primaries": all, "total": all},
    });
    if level != "cluster" {
        let indices: Map<String, Value> = entries
            .iter()
            .map(|entry| {
                let part = sections(&[entry], &asked, &groups);
                let mut shown = json!({"uuid": entry.uuid(), "primaries": part, "total": part});
                if level == "shards" {
                    let mut shard = part.clone();
                    shard["routing"] = json!({"state": "STARTED", "primary": true, "node": NODE_ID, "relocating_node": null});
                    shard["commit"] = json!({"id": entry.uuid(), "generation": 1, "user_data": {}, "num_docs": entry.doc_count()});
                    shown["shards"] = json!({"0": [shard]});
                }
                (entry.name().to_owned(), shown)
            })
            .collect();
        body["indices"] = indices.into();
    }
    if call.flag("human") {
        humanize(&mut body);
    }
    Ok(Reply::json(&body))
}

/// Puts a text beside each time and size: `time` beside `time_in_millis`.
pub(super) fn humanize(value: &mut Value) {
    let Value::Object(map) = value else { return };
    let mut texts = Vec::new();
    for (key, child) in map.iter_mut() {
        if let (Some(name), Some(millis)) = (key.strip_suffix("_in_millis"), child.as_u64()) {
            let text = match millis {
                0 => "0s".to_owned(),
                _ => human_time(millis),
            };
            if name == "time" {
                // OpenSearch has both ways of writing it.
                texts.push(("getTime".to_owned(), text.clone()));
            }
            texts.push((name.to_owned(), text));
        } else if let (Some(name), Some(bytes)) = (key.strip_suffix("_in_bytes"), child.as_u64()) {
            texts.push((name.to_owned(), human_bytes(bytes)));
        } else {
            humanize(child);
        }
    }
    for (name, text) in texts {
        map.entry(name).or_insert_with(|| text.into());
    }
}

/// `_segments`.
pub fn segments(call: &Call) -> ApiResult<Reply> {
    let entries = call.entries()?;
    let indices: Map<String, Value> = entries
        .iter()
        .map(|entry| {
            let mut segments = Map::new();
            if let Entry::Log(index) = entry {
                for (number, segment) in index.searcher().segment_readers().iter().enumerate() {
                    let bytes = segment.space_usage().map_or(0, |usage| usage.total().get_bytes());
                    segments.insert(
                        segment.segment_id().short_uuid_string(),
                        json!({"generation": number, "num_docs": segment.num_docs(), "deleted_docs": segment.num_deleted_docs(), "size_in_bytes": bytes, "memory_in_bytes": 0, "committed": true, "search": true, "version": "0", "compound": false, "attributes": {}}),
                    );
                }
            }
            let count = segments.len();
            let shard = json!({"routing": {"state": "STARTED", "primary": true, "node": NODE_ID}, "num_committed_segments": count, "num_search_segments": count, "segments": segments});
            (entry.name().to_owned(), json!({"shards": {"0": [shard]}}))
        })
        .collect();
    Ok(Reply::json(
        &json!({"_shards": shards(entries.len()), "indices": indices}),
    ))
}

/// `_recovery`: what there was to replay was replayed before the store answered.
pub fn recovery(call: &Call) -> ApiResult<Reply> {
    let options = options_over(Options::default(), &call.params);
    let shown: Map<String, Value> = call
        .store()
        .resolve_all(call.name("index"), options)?
        .iter()
        .map(|entry| {
            let shard = json!({"id": 0, "type": "EXISTING_STORE", "stage": "DONE", "primary": true, "start_time_in_millis": entry.created(), "total_time_in_millis": 0});
            (entry.name().to_owned(), json!({"shards": [shard]}))
        })
        .collect();
    Ok(Reply::json(&shown.into()))
}

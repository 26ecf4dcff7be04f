//! `_stats`, `_segments`, `_recovery`: figures of indices in Elasticsearch's shape. What is
//! not counted here is zero.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::nodes::NODE_ID;
use super::params::options_over;
use super::reply::Reply;
use crate::engine::entry::Entry;
use crate::engine::resolve::Options;
use crate::error::{ApiError, ApiResult};
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

/// Figures of several indices together, of the sections that are asked for.
pub(super) fn sections(entries: &[&Entry], asked: &dyn Fn(&str) -> bool) -> Value {
    let sum = |of: fn(&Entry) -> u64| entries.iter().map(|entry| of(entry)).sum::<u64>();
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
                json!({"index_total": sum(Entry::doc_count), "index_time_in_millis": 0, "index_current": 0, "index_failed": 0, "delete_total": 0, "delete_time_in_millis": 0, "delete_current": 0, "noop_update_total": 0, "is_throttled": false, "throttle_time_in_millis": 0})
            }
            "get" => {
                json!({"total": 0, "time_in_millis": 0, "exists_total": 0, "exists_time_in_millis": 0, "missing_total": 0, "missing_time_in_millis": 0, "current": 0})
            }
            "search" => {
                json!({"open_contexts": 0, "query_total": 0, "query_time_in_millis": 0, "query_current": 0, "fetch_total": 0, "fetch_time_in_millis": 0, "fetch_current": 0, "scroll_total": 0, "scroll_time_in_millis": 0, "scroll_current": 0, "suggest_total": 0, "suggest_time_in_millis": 0, "suggest_current": 0})
            }
            "merges" => {
                json!({"current": 0, "current_docs": 0, "current_size_in_bytes": 0, "total": 0, "total_time_in_millis": 0, "total_docs": 0, "total_size_in_bytes": 0, "total_stopped_time_in_millis": 0, "total_throttled_time_in_millis": 0, "total_auto_throttle_in_bytes": 0})
            }
            "refresh" => {
                json!({"total": 0, "total_time_in_millis": 0, "external_total": 0, "external_total_time_in_millis": 0, "listeners": 0})
            }
            "flush" => json!({"total": 0, "periodic": 0, "total_time_in_millis": 0}),
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
                json!({"operations": 0, "size_in_bytes": 0, "uncommitted_operations": 0, "uncommitted_size_in_bytes": 0, "earliest_last_modified_age": 0})
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

/// `_stats`, with an index before it and sections after it.
pub fn stats(call: &Call) -> ApiResult<Reply> {
    let wanted = call.name("metric");
    for name in wanted.split(',').filter(|name| !name.is_empty()) {
        let name = if name == "merge" { "merges" } else { name };
        if name != "_all" && !SECTIONS.contains(&name) && name != "suggest" && name != "bulk" {
            return Err(ApiError::argument(format!(
                "request [{}] contains unrecognized metric: [{name}]",
                call.name("index")
            )));
        }
    }
    let asked = |name: &str| {
        wanted.is_empty()
            || wanted
                .split(',')
                .any(|one| one == name || one == "_all" || (one == "merge" && name == "merges"))
    };
    let entries = call.entries()?;
    let level = call.params.get("level").map_or("indices", String::as_str);
    let all = sections(&entries.iter().collect::<Vec<_>>(), &asked);
    let mut body = json!({
        "_shards": shards(entries.len()),
        "_all": {"primaries": all, "total": all},
    });
    if level != "cluster" {
        let indices: Map<String, Value> = entries
            .iter()
            .map(|entry| {
                let part = sections(&[entry], &asked);
                let mut shown = json!({"uuid": entry.uuid(), "primaries": part, "total": part});
                if level == "shards" {
                    let mut shard = part.clone();
                    shard["routing"] = json!({"state": "STARTED", "primary": true, "node": NODE_ID, "relocating_node": null});
                    shown["shards"] = json!({"0": [shard]});
                }
                (entry.name().to_owned(), shown)
            })
            .collect();
        body["indices"] = indices.into();
    }
    Ok(Reply::json(&body))
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

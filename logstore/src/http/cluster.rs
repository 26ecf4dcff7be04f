//! What clients ask about the cluster, which here is one node, green unless something on its disk is
//! damaged: the root answer, health, state, settings.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::nodes::NODE_ID;
use super::params::options_over;
use super::reply::Reply;
use crate::engine::entry::Entry;
use crate::engine::health::Status;
use crate::engine::name;
use crate::engine::resolve::Options;
use crate::engine::settings::nest;
use crate::engine::template::TemplateKind;
use crate::error::{ApiError, ApiResult};
use crate::present::Presented;
use crate::present::root::{self, CLUSTER_NAME};

/// `GET /`.
pub fn root(call: &Call) -> ApiResult<Reply> {
    Ok(Reply::json(&root::info(
        call.app.presented,
        &call.app.node,
        &call.store().cluster_uuid,
    )))
}

/// `_cluster/health`, with or without an index.
pub fn health(call: &Call) -> ApiResult<Reply> {
    if let Some(wanted) = call.params.get("wait_for_status")
        && !matches!(wanted.to_lowercase().as_str(), "green" | "yellow" | "red")
    {
        return Err(ApiError::argument(format!(
            "unknown cluster health status [{wanted}]"
        )));
    }
    let expression = call.name("index");
    let options = Options {
        ignore_unavailable: true,
        hidden: true,
        closed: true,
        ..Options::default()
    };
    let entries = call
        .store()
        .resolve_all(expression, options_over(options, &call.params))?;
    // A missing index never becomes healthy: Elasticsearch waits out the timeout and says so.
    let state = call.store().state();
    let missing = name::split(expression).iter().any(|part| {
        !part.contains('*')
            && *part != "_all"
            && call.store().entry(part).is_none()
            && !state.aliases.contains(part)
            && !state.data_streams.contains_key(*part)
    });
    let nodes_wanted = call.params.get("wait_for_nodes").is_some_and(|wanted| {
        let number: String = wanted.chars().filter(char::is_ascii_digit).collect();
        let least = wanted.starts_with(['>', 'g']) || wanted.bytes().all(|b| b.is_ascii_digit());
        least && number.parse::<u32>().is_ok_and(|number| number > 1)
    });
    let timed_out = missing || nodes_wanted;
    let health = if expression.is_empty() {
        call.store().status()
    } else {
        entries.iter().map(Entry::status).max().unwrap_or(Status::Green)
    }
    .word();
    let shards: u64 = entries.iter().map(|entry| entry.declared_shards().0).sum();
    let mut body = json!({
        "cluster_name": CLUSTER_NAME,
        "status": if missing { "red" } else { health },
        "timed_out": timed_out,
        "number_of_nodes": 1,
        "number_of_data_nodes": 1,
        "active_primary_shards": shards,
        "active_shards": shards,
        "relocating_shards": 0,
        "initializing_shards": 0,
        "unassigned_shards": 0,
        "delayed_unassigned_shards": 0,
        "number_of_pending_tasks": 0,
        "number_of_in_flight_fetch": 0,
        "task_max_waiting_in_queue_millis": 0,
        "active_shards_percent_as_number": 100.0,
    });
    if call.app.presented == crate::present::Presented::OpenSearch3 {
        body["discovered_master"] = true.into();
        body["discovered_cluster_manager"] = true.into();
    }
    let level = call.params.get("level").map_or("cluster", String::as_str);
    if level != "cluster" {
        let of_index = |entry: &Entry| {
            let shards = entry.declared_shards().0;
            let mut shown = json!({
                "status": entry.status().word(),
                "number_of_shards": shards,
                "number_of_replicas": 0,
                "active_primary_shards": shards,
                "active_shards": shards,
                "relocating_shards": 0,
                "initializing_shards": 0,
                "unassigned_shards": 0,
            });
            if level == "shards" {
                shown["shards"] = json!({"0": {"status": entry.status().word(), "primary_active": true, "active_shards": 1, "relocating_shards": 0, "initializing_shards": 0, "unassigned_shards": 0}});
            }
            (entry.name().to_owned(), shown)
        };
        body["indices"] = entries.iter().map(of_index).collect::<Map<_, _>>().into();
    }
    Ok(Reply::status(if timed_out { 408 } else { 200 }, &body))
}

/// `_cluster/state`, with metrics and indices at the end.
pub fn state(call: &Call) -> ApiResult<Reply> {
    let metrics = call.name("metric");
    let asked = |name: &str| {
        metrics.is_empty()
            || metrics
                .split(',')
                .any(|metric| metric == name || metric == "_all")
    };
    let options = Options {
        hidden: true,
        closed: true,
        ..Options::default()
    };
    let entries = call
        .store()
        .resolve_all(call.name("index"), options_over(options, &call.params))?;
    let known = call.store().state();
    let mut out = Map::new();
    out.insert("cluster_name".into(), CLUSTER_NAME.into());
    out.insert("cluster_uuid".into(), call.store().cluster_uuid.as_str().into());
    if asked("version") {
        out.insert("version".into(), 1.into());
        out.insert("state_uuid".into(), call.store().cluster_uuid.as_str().into());
    }
    if asked("master_node") || asked("cluster_manager_node") {
        out.insert("master_node".into(), NODE_ID.into());
        if call.app.presented == crate::present::Presented::OpenSearch3 {
            out.insert("cluster_manager_node".into(), NODE_ID.into());
        }
    }
    if asked("blocks") {
        out.insert("blocks".into(), json!({}));
    }
    if asked("nodes") {
        out.insert(
            "nodes".into(),
            json!({NODE_ID: {"name": call.app.node, "ephemeral_id": NODE_ID, "transport_address": call.app.address, "attributes": {}, "roles": ["data", "ingest", "master"]}}),
        );
    }
    if asked("metadata") {
        let templates: Map<String, Value> = call
            .store()
            .templates()
            .of(TemplateKind::Legacy)
            .iter()
            .map(|(name, body)| (name.clone(), body.clone()))
            .collect();
        let indices: Map<String, Value> = entries
            .iter()
            .map(|entry| {
                let aliases: Vec<&String> = known
                    .aliases
                    .of_index(entry.name())
                    .map(|(alias, _)| alias)
                    .collect();
                let shown = json!({
                    "version": 1,
                    "mapping_version": 1,
                    "settings_version": 1,
                    "state": if entry.is_closed() { "close" } else { "open" },
                    "settings": nest(&entry.settings_json()),
                    "mappings": entry.mapping_json(true, call.app.presented.default_type()),
                    "aliases": aliases,
                });
                (entry.name().to_owned(), shown)
            })
            .collect();
        out.insert(
            "metadata".into(),
            json!({"cluster_uuid": call.store().cluster_uuid, "cluster_uuid_committed": true, "templates": templates, "indices": indices, "index-graveyard": {"tombstones": []}}),
        );
    }
    let shard = |entry: &Entry| json!({"state": "STARTED", "primary": true, "node": NODE_ID, "relocating_node": null, "shard": 0, "index": entry.name()});
    if asked("routing_table") {
        let indices: Map<String, Value> = entries
            .iter()
            .map(|entry| (entry.name().to_owned(), json!({"shards": {"0": [shard(entry)]}})))
            .collect();
        out.insert("routing_table".into(), json!({ "indices": indices }));
    }
    if asked("routing_nodes") {
        let shards: Vec<Value> = entries.iter().map(shard).collect();
        out.insert(
            "routing_nodes".into(),
            json!({"unassigned": [], "nodes": {NODE_ID: shards}}),
        );
    }
    Ok(Reply::json(&out.into()))
}

/// `GET _cluster/settings`.
pub fn get_settings(call: &Call) -> ApiResult<Reply> {
    let flat = call.flag("flat_settings");
    let known = call.store().state();
    let shown = if flat {
        known.settings.clone().into()
    } else {
        nest(&known.settings)
    };
    let transient = if flat {
        known.transient.clone().into()
    } else {
        nest(&known.transient)
    };
    let mut body = json!({"persistent": shown, "transient": transient});
    if call.flag("include_defaults") {
        let defaults = Map::from_iter([
            ("cluster.name".to_owned(), json!(CLUSTER_NAME)),
            ("node.name".to_owned(), json!(call.app.node)),
            ("action.auto_create_index".to_owned(), json!("true")),
            ("script.allowed_types".to_owned(), json!(["none"])),
            (
                "http.max_content_length".to_owned(),
                json!(format!("{}b", call.store().limits.max_content_length)),
            ),
        ]);
        body["defaults"] = if flat { defaults.into() } else { nest(&defaults) };
    }
    Ok(Reply::json(&body))
}

/// `PUT _cluster/settings`: kept and shown. Transient ones outlive a restart, too.
pub fn put_settings(call: &Call) -> ApiResult<Reply> {
    let body = call.required_body()?;
    if let Some(unknown) = body
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
        .find(|key| !matches!(key.as_str(), "persistent" | "transient"))
    {
        return Err(ApiError::argument(format!(
            "unknown section [{unknown}] of cluster settings"
        )));
    }
    let mut answer = json!({"acknowledged": true, "persistent": {}, "transient": {}});
    let flat_settings = call.flag("flat_settings");
    call.store().change_state(|state| {
        for section in ["persistent", "transient"] {
            let Some(changes) = body.get(section) else {
                continue;
            };
            let flat = flatten(changes);
            let set: Map<String, Value> = flat
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            let settings = if section == "transient" {
                &mut state.transient
            } else {
                &mut state.settings
            };
            for (key, value) in flat {
                if value.is_null() {
                    let known: Vec<String> = settings
                        .keys()
                        .filter(|known| crate::mapping::pattern::matches(&key, known))
                        .cloned()
                        .collect();
                    known.iter().for_each(|known| {
                        settings.shift_remove(known);
                    });
                } else {
                    settings.insert(key, value);
                }
            }
            answer[section] = if flat_settings { set.into() } else { nest(&set) };
        }
        Ok(())
    })?;
    Ok(Reply::json(&answer))
}

/// Cluster settings flat: keys with dots, values as text.
fn flatten(value: &Value) -> Map<String, Value> {
    fn walk(prefix: &str, value: &Value, out: &mut Map<String, Value>) {
        match value {
            Value::Object(map) => {
                for (key, child) in map {
                    let path = if prefix.is_empty() {
                        key.clone()
                    } else {
                        format!("{prefix}.{key}")
                    };
                    walk(&path, child, out);
                }
            }
            Value::Null | Value::Array(_) => {
                out.insert(prefix.to_owned(), value.clone());
            }
            leaf => {
                out.insert(prefix.to_owned(), crate::query::dsl::text(leaf).into());
            }
        }
    }
    let mut out = Map::new();
    walk("", value, &mut out);
    out
}

/// `_cluster/pending_tasks`.
pub fn pending_tasks(_call: &Call) -> ApiResult<Reply> {
    Ok(Reply::json(&json!({"tasks": []})))
}

/// `_cluster/allocation/explain`: there is nothing unassigned to explain.
pub fn explain_allocation(_call: &Call) -> ApiResult<Reply> {
    Err(ApiError::argument(
        "unable to find any unassigned shards to explain: every shard of this store is assigned",
    ))
}

/// How many nodes have each role.
fn count_of_nodes(presented: Presented) -> Value {
    let mut count = json!({"total": 1, "coordinating_only": 0, "data": 1, "ingest": 1, "master": 1, "remote_cluster_client": 0});
    if presented == Presented::OpenSearch3 {
        count["cluster_manager"] = 1.into();
        count["search"] = 0.into();
        count["warm"] = 0.into();
    }
    count
}

/// `_cluster/stats`.
pub fn stats(call: &Call) -> ApiResult<Reply> {
    let all = call.store().list_all();
    let figures = call.app.figures();
    let docs: u64 = all.iter().map(Entry::doc_count).sum();
    let deleted: u64 = all.iter().map(Entry::deleted_count).sum();
    let size: u64 = all.iter().map(Entry::size_bytes).sum();
    let count = all.len();
    let segments: usize = all
        .iter()
        .map(|entry| match entry {
            Entry::Log(index) => index.searcher().segment_readers().len(),
            Entry::Hidden(_) => 1,
        })
        .sum();
    let spread = json!({"min": u8::from(count > 0), "max": u8::from(count > 0), "avg": f32::from(u8::from(count > 0))});
    Ok(Reply::json(&json!({
        "_nodes": {"total": 1, "successful": 1, "failed": 0},
        "cluster_name": CLUSTER_NAME,
        "cluster_uuid": call.store().cluster_uuid,
        "timestamp": crate::date::now(),
        "status": call.store().status().word(),
        "indices": {
            "count": count,
            "shards": {"total": count, "primaries": count, "replication": 0.0, "index": {"shards": spread, "primaries": spread, "replication": {"min": 0.0, "max": 0.0, "avg": 0.0}}},
            "docs": {"count": docs, "deleted": deleted},
            "store": {"size_in_bytes": size, "total_data_set_size_in_bytes": size, "reserved_in_bytes": 0},
            "fielddata": {"memory_size_in_bytes": 0, "evictions": 0},
            "query_cache": {"memory_size_in_bytes": 0, "total_count": 0, "hit_count": 0, "miss_count": 0, "cache_size": 0, "cache_count": 0, "evictions": 0},
            "completion": {"size_in_bytes": 0},
            "segments": {"count": segments, "memory_in_bytes": 0},
            "mappings": {"field_types": []},
            "analysis": {"char_filter_types": [], "tokenizer_types": [], "filter_types": [], "analyzer_types": [], "built_in_char_filters": [], "built_in_tokenizers": [], "built_in_filters": [], "built_in_analyzers": []},
            "versions": [],
        },
        "nodes": {
            "count": count_of_nodes(call.app.presented),
            "versions": [call.app.presented.number()],
            "os": {
                "available_processors": figures.processors,
                "allocated_processors": figures.processors,
                "names": [{"name": "Linux", "count": 1}],
                "mem": {
                    "total_in_bytes": figures.memory_total,
                    "free_in_bytes": figures.memory_free,
                    "used_in_bytes": figures.memory_total - figures.memory_free.min(figures.memory_total),
                    "free_percent": 100 - figures.memory_percent().min(100),
                    "used_percent": figures.memory_percent(),
                },
            },
            "process": {"cpu": {"percent": call.app.processor_percent()}, "open_file_descriptors": {"min": figures.open_files, "max": figures.open_files, "avg": figures.open_files}},
            // There is no Java; dashboards divide these two.
            "jvm": {"max_uptime_in_millis": figures.uptime_millis, "versions": [], "mem": {"heap_used_in_bytes": figures.resident, "heap_max_in_bytes": figures.memory_total}, "threads": 0},
            "fs": {"total_in_bytes": figures.disk_total, "free_in_bytes": figures.disk_free, "available_in_bytes": figures.disk_free},
            "plugins": [],
            "network_types": {"transport_types": {}, "http_types": {}},
            "discovery_types": {"single-node": 1},
            "packaging_types": [{"type": "tar", "count": 1}],
        },
    })))
}

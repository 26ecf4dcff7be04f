//! `_nodes`: what the one node is, what it does, and which paths name it.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::reply::Reply;
use crate::engine::entry::Entry;
use crate::error::ApiResult;
use crate::present::Presented;
use crate::present::root::CLUSTER_NAME;

/// The node's id in answers.
pub const NODE_ID: &str = "logstore-node-00000000";

/// Parts of `_nodes` and of `_nodes/stats`: a path that is none of these names nodes.
const METRICS: &[&str] = &[
    "_all",
    "settings",
    "os",
    "process",
    "jvm",
    "thread_pool",
    "transport",
    "http",
    "plugins",
    "ingest",
    "aggregations",
    "indices",
    "fs",
    "breaker",
    "script",
    "discovery",
    "adaptive_selection",
];

fn answer(node: Option<Value>) -> Reply {
    let count = u8::from(node.is_some());
    let nodes: Map<String, Value> = node.into_iter().map(|node| (NODE_ID.to_owned(), node)).collect();
    Reply::json(&json!({
        "_nodes": {"total": count, "successful": count, "failed": 0},
        "cluster_name": CLUSTER_NAME,
        "nodes": nodes,
    }))
}

/// Whether a path's word for nodes means this one.
fn is_this(call: &Call, nodes: &str) -> bool {
    nodes.is_empty()
        || nodes.split(',').any(|word| {
            matches!(
                word,
                "_all"
                    | "_local"
                    | "_master"
                    | "_cluster_manager"
                    | "*"
                    | "master:true"
                    | "data:true"
                    | "ingest:true"
            ) || word == NODE_ID
                || word == call.app.ip()
                || crate::mapping::pattern::matches(word, &call.app.node)
        })
}

fn is_metrics(words: &str) -> bool {
    words.split(',').all(|word| METRICS.contains(&word))
}

/// `_nodes`, `_nodes/{nodes or metrics}`, `_nodes/{nodes}/{metrics}`.
pub fn info(call: &Call) -> ApiResult<Reply> {
    let (first, second) = (call.name("nodes"), call.name("metrics"));
    let (nodes, metrics) = if second.is_empty() && is_metrics(first) {
        ("", first)
    } else {
        (first, second)
    };
    if matches!(first, "stats" | "usage" | "hot_threads") {
        return other(call, first, second);
    }
    if matches!(second, "stats" | "usage" | "hot_threads") {
        return if is_this(call, first) {
            other(call, second, "")
        } else {
            Ok(answer(None))
        };
    }
    if !is_this(call, nodes) {
        return Ok(answer(None));
    }
    let asked = |name: &str| {
        metrics.is_empty()
            || metrics
                .split(',')
                .any(|metric| metric == name || metric == "_all")
    };
    let address = &call.app.address;
    let figures = call.app.figures();
    let mut node = json!({
        "name": call.app.node,
        "transport_address": address,
        "host": call.app.ip(),
        "ip": call.app.ip(),
        "version": call.app.presented.number(),
        "build_flavor": "default",
        "build_type": "tar",
        "build_hash": env!("CARGO_PKG_VERSION"),
        "roles": roles(call.app.presented),
        "attributes": {},
    });
    let parts = [
        (
            "settings",
            json!({"cluster": {"name": CLUSTER_NAME}, "node": {"name": call.app.node}}),
        ),
        (
            "os",
            json!({"refresh_interval_in_millis": 1000, "name": "Linux", "arch": std::env::consts::ARCH, "available_processors": figures.processors, "allocated_processors": figures.processors}),
        ),
        (
            "process",
            json!({"refresh_interval_in_millis": 1000, "id": std::process::id(), "mlockall": false}),
        ),
        (
            "http",
            json!({"bound_address": [address], "publish_address": address, "max_content_length_in_bytes": call.store().limits.max_content_length}),
        ),
        (
            "transport",
            json!({"bound_address": [address], "publish_address": address, "profiles": {}}),
        ),
        ("plugins", json!([])),
        ("modules", json!([])),
        (
            "ingest",
            json!({"processors": crate::ingest::PROCESSORS.iter().map(|name| json!({"type": name})).collect::<Vec<_>>()}),
        ),
    ];
    for (name, body) in parts {
        if asked(name) || (name == "modules" && asked("plugins")) {
            node[name] = body;
        }
    }
    Ok(answer(Some(node)))
}

/// `_nodes/{nodes}/stats/{metrics}`.
pub fn stats_of(call: &Call) -> ApiResult<Reply> {
    if !is_this(call, call.name("nodes")) {
        return Ok(answer(None));
    }
    other(call, "stats", call.name("metrics"))
}

fn other(call: &Call, what: &str, metrics: &str) -> ApiResult<Reply> {
    match what {
        "stats" => Ok(answer(Some(stats(call, metrics)))),
        "hot_threads" => Ok(Reply::text(format!("::: {{{}}}\n", call.app.node))),
        _ => Ok(answer(Some(
            json!({"timestamp": crate::date::now(), "since": crate::date::now(), "rest_actions": {}, "aggregations": {}}),
        ))),
    }
}

fn stats(call: &Call, metrics: &str) -> Value {
    let asked = |name: &str| {
        metrics.is_empty()
            || metrics
                .split(',')
                .any(|metric| metric == name || metric == "_all")
    };
    let figures = call.app.figures();
    let used = figures.memory_total - figures.memory_free.min(figures.memory_total);
    let mut node = json!({
        "timestamp": crate::date::now(),
        "name": call.app.node,
        "transport_address": call.app.address,
        "host": call.app.ip(),
        "ip": call.app.address,
        "roles": roles(call.app.presented),
        "attributes": {},
    });
    let percent = call.app.processor_percent();
    if asked("indices") {
        let entries = call.store().list_all();
        node["indices"] = super::stats::sections(&entries.iter().collect::<Vec<&Entry>>(), &|_| true, &[]);
    }
    let load = json!({"1m": figures.load[0], "5m": figures.load[1], "15m": figures.load[2]});
    let parts = [
        ("os", json!({
            "timestamp": crate::date::now(),
            "cpu": {"percent": percent, "load_average": load},
            "mem": {"total_in_bytes": figures.memory_total, "free_in_bytes": figures.memory_free, "used_in_bytes": used, "free_percent": 100 - figures.memory_percent().min(100), "used_percent": figures.memory_percent()},
            "swap": {"total_in_bytes": 0, "free_in_bytes": 0, "used_in_bytes": 0},
        })),
        ("process", json!({
            "timestamp": crate::date::now(),
            "open_file_descriptors": figures.open_files,
            "max_file_descriptors": -1,
            "cpu": {"percent": percent, "total_in_millis": figures.processor_millis},
            "mem": {"total_virtual_in_bytes": figures.resident},
        })),
        // There is no Java; dashboards show these two as the memory of the process.
        ("jvm", json!({
            "timestamp": crate::date::now(),
            "uptime_in_millis": figures.uptime_millis,
            "mem": {"heap_used_in_bytes": figures.resident, "heap_used_percent": figures.resident_percent(), "heap_committed_in_bytes": figures.resident, "heap_max_in_bytes": figures.memory_total, "non_heap_used_in_bytes": 0, "non_heap_committed_in_bytes": 0, "pools": {}},
            "threads": {"count": 0, "peak_count": 0},
            "gc": {"collectors": {}},
            "buffer_pools": {},
            "classes": {"current_loaded_count": 0, "total_loaded_count": 0, "total_unloaded_count": 0},
        })),
        ("fs", json!({
            "timestamp": crate::date::now(),
            "total": {"total_in_bytes": figures.disk_total, "free_in_bytes": figures.disk_free, "available_in_bytes": figures.disk_free},
            "data": [{"path": call.store().path().display().to_string(), "type": "disk", "total_in_bytes": figures.disk_total, "free_in_bytes": figures.disk_free, "available_in_bytes": figures.disk_free}],
        })),
        ("thread_pool", call.app.pools().iter().map(|(name, active, size)| {
            ((*name).to_owned(), json!({"threads": size, "queue": 0, "active": active, "rejected": 0, "largest": size, "completed": 0}))
        }).collect::<Map<_, _>>().into()),
        ("breakers", json!({})),
        ("transport", json!({"server_open": 0, "rx_count": 0, "rx_size_in_bytes": 0, "tx_count": 0, "tx_size_in_bytes": 0})),
        ("http", json!({"current_open": 0, "total_opened": 0})),
        ("ingest", json!({"total": {"count": 0, "time_in_millis": 0, "current": 0, "failed": 0}, "pipelines": {}})),
        ("script", json!({"compilations": 0, "cache_evictions": 0})),
    ];
    for (name, body) in parts {
        if asked(name) || (name == "breakers" && asked("breaker")) {
            node[name] = body;
        }
    }
    node
}

/// The roles of the node, in the words of the presented version.
fn roles(presented: Presented) -> [&'static str; 3] {
    if presented == Presented::OpenSearch3 {
        ["cluster_manager", "data", "ingest"]
    } else {
        ["data", "ingest", "master"]
    }
}

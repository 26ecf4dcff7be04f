//! What shippers ask of Elasticsearch before they send: who it is, its licence, whether templates, policies,
//! pipelines and data streams are there. Punt is no engine; it says what lets them go on.
//!
//! | request | asked by | answer |
//! |---|---|---|
//! | `GET /` | every client | name and version |
//! | `GET /_license`, `/_xpack` | Beats, Logstash | a basic licence |
//! | `GET /_cluster/health`, `/_nodes…` | clients that look for nodes | one green node: this one |
//! | `HEAD` of a template, policy, alias, index, data stream | Beats, Logstash | 200: it is there |
//! | `PUT` of one | the same | acknowledged, and passed over |
//! | `PUT /_ingest/pipeline/…` | Beats' modules | acknowledged with a warning: nothing will run it |

use http::Method;
use serde_json::{Value, json};

use super::answer::Answer;
use super::refusal::Refusal;

const NODE: &str = "cHVudC1odHRwLXNvdXJjZQ";

/// Who we are to the clients.
pub(super) struct Facade {
    pub(super) version: String,
    /// `host:port`, for clients that look for nodes.
    pub(super) address: String,
}

// === impl Facade ===

impl Facade {
    /// The answer to what is neither a bulk nor a document. `path`: the segments, unescaped.
    pub(super) fn answer(&self, method: &Method, path: &[&str]) -> Answer {
        let reading = matches!(*method, Method::GET | Method::HEAD);
        let writing = matches!(*method, Method::PUT | Method::POST);
        let value = match path {
            [] if reading => self.root(),
            ["_license"] | ["_xpack", "license"] if reading => license(),
            ["_xpack"] if reading => xpack(),
            ["_cluster", "health", ..] if reading => health(),
            ["_nodes", ..] if reading => self.nodes(),
            ["_template" | "_index_template" | "_component_template", name] if reading => templates(name),
            ["_template" | "_index_template" | "_component_template"] if reading => json!({}),
            ["_ilm", "policy", name] if reading => {
                json!({ *name: {"version": 1, "modified_date": "1970-01-01T00:00:00.000Z", "policy": {"phases": {}}} })
            }
            ["_ilm", "status"] if reading => json!({"operation_mode": "RUNNING"}),
            ["_ingest", "pipeline", ..] | ["_alias", ..] | [_, "_alias", ..] | ["_mapping"] if reading => {
                json!({})
            }
            ["_data_stream", ..] if reading => json!({"data_streams": []}),
            ["_ilm", "policy", _]
            | ["_template" | "_index_template" | "_component_template", _]
            | ["_ingest", "pipeline", _]
            | ["_data_stream", _]
            | ["_alias" | "_aliases", ..]
                if writing =>
            {
                json!({"acknowledged": true})
            }
            ["_refresh" | "_flush"] | [_, "_refresh" | "_flush"] => {
                json!({"_shards": {"total": 1, "successful": 1, "failed": 0}})
            }
            [index] | [index, "_alias" | "_mapping" | "_settings", ..]
                if reading && !index.starts_with('_') =>
            {
                json!({ *index: {"aliases": {}, "mappings": {}, "settings": {}} })
            }
            [index] | [index, "_alias" | "_mapping" | "_settings", ..]
                if *method == Method::PUT && !index.starts_with('_') =>
            {
                json!({"acknowledged": true, "shards_acknowledged": true, "index": index})
            }
            _ => return no_handler(method, path),
        };
        Answer::json(200, &value)
    }

    fn root(&self) -> Value {
        json!({
            "name": "punt",
            "cluster_name": "punt",
            "cluster_uuid": NODE,
            "version": {
                "number": self.version,
                "build_flavor": "default",
                "build_type": "tar",
                "build_hash": env!("CARGO_PKG_VERSION"),
                "build_date": "1970-01-01T00:00:00.000000000Z",
                "build_snapshot": false,
                "lucene_version": "8.11.3",
                "minimum_wire_compatibility_version": "6.8.0",
                "minimum_index_compatibility_version": "6.0.0-beta1",
            },
            "tagline": "You Know, for Search",
        })
    }

    fn nodes(&self) -> Value {
        json!({
            "_nodes": {"total": 1, "successful": 1, "failed": 0},
            "cluster_name": "punt",
            "nodes": {NODE: {
                "name": "punt",
                "host": self.address.rsplit_once(':').map_or("", |(host, _)| host),
                "version": self.version,
                "roles": ["data", "ingest", "master"],
                "http": {"bound_address": [self.address], "publish_address": self.address},
            }},
        })
    }
}

fn license() -> Value {
    json!({"license": {
        "status": "active", "uid": NODE, "type": "basic", "mode": "basic",
        "issue_date_in_millis": 0, "max_nodes": 1000, "issued_to": "punt", "issuer": "punt",
    }})
}

fn xpack() -> Value {
    let feature = |enabled: bool| json!({"available": true, "enabled": enabled});
    json!({
        "build": {"hash": env!("CARGO_PKG_VERSION"), "date": "1970-01-01T00:00:00.000Z"},
        "license": {"uid": NODE, "type": "basic", "mode": "basic", "status": "active"},
        "features": {
            "data_streams": feature(true), "ilm": feature(true), "security": feature(false),
            "monitoring": feature(false), "logstash": feature(false),
        },
        "tagline": "You know, for X",
    })
}

fn health() -> Value {
    json!({
        "cluster_name": "punt", "status": "green", "timed_out": false, "number_of_nodes": 1,
        "number_of_data_nodes": 1, "active_primary_shards": 1, "active_shards": 1, "relocating_shards": 0,
        "initializing_shards": 0, "unassigned_shards": 0, "delayed_unassigned_shards": 0,
        "number_of_pending_tasks": 0, "number_of_in_flight_fetch": 0, "task_max_waiting_in_queue_millis": 0,
        "active_shards_percent_as_number": 100.0,
    })
}

fn templates(name: &str) -> Value {
    json!({
        "index_templates": [{"name": name, "index_template": {"index_patterns": []}}],
        "component_templates": [],
    })
}

fn no_handler(method: &Method, path: &[&str]) -> Answer {
    let path = path.join("/");
    Refusal::argument(format!(
        "no handler found for uri [/{path}] and method [{method}]: punt takes bulk requests and documents, \
         and has nothing to search"
    ))
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(method: Method, path: &str) -> u16 {
        let facade = Facade {
            version: "7.17.28".into(),
            address: "127.0.0.1:9200".into(),
        };
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        facade.answer(&method, &segments).status
    }

    #[test]
    fn what_shippers_probe_is_there_and_what_they_install_is_acknowledged() {
        for path in [
            "/",
            "/_license",
            "/_xpack",
            "/_cluster/health",
            "/_nodes/http",
            "/_template/logstash",
            "/_index_template/filebeat",
            "/_ilm/policy/filebeat",
            "/_ilm/status",
            "/_data_stream/logs-x-default",
            "/_alias/filebeat",
            "/_ingest/pipeline/p",
            "/logs-2026",
        ] {
            assert_eq!(status(Method::GET, path), 200, "{path}");
            assert_eq!(status(Method::HEAD, path), 200, "{path}");
        }
        for path in [
            "/_template/x",
            "/_index_template/x",
            "/_ilm/policy/x",
            "/_ingest/pipeline/x",
            "/_data_stream/x",
            "/logs-000001",
        ] {
            assert_eq!(status(Method::PUT, path), 200, "{path}");
        }
    }

    #[test]
    fn a_search_is_refused_with_the_reason() {
        assert_eq!(status(Method::POST, "/logs/_search"), 400);
        assert_eq!(status(Method::GET, "/_search"), 400);
    }
}

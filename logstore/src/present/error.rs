//! Errors as Elasticsearch writes them.

use serde_json::{Map, Value, json};

use crate::error::ApiError;

/// The `error` object of an item of a bulk or multi-search answer.
pub fn cause(error: &ApiError) -> Value {
    let mut out = Map::new();
    out.insert("type".into(), error.kind.into());
    out.insert("reason".into(), error.reason.as_str().into());
    out.extend(
        error
            .extra
            .iter()
            .map(|(key, value)| (key.clone(), value.clone())),
    );
    out.into()
}

/// The whole body of an error answer.
pub fn body(error: &ApiError) -> Value {
    let own = cause(error);
    if let Some(index) = &error.shard {
        let failed = json!({"shard": 0, "index": index, "node": "_local", "reason": own});
        return json!({
            "error": {
                "root_cause": [own],
                "type": "search_phase_execution_exception",
                "reason": "all shards failed",
                "phase": "query",
                "grouped": true,
                "failed_shards": [failed],
            },
            "status": error.status,
        });
    }
    let mut full = Map::new();
    full.insert("root_cause".into(), json!([own]));
    if let Value::Object(own) = own {
        full.extend(own);
    }
    json!({"error": full, "status": error.status})
}

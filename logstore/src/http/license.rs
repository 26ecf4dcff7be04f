//! What shippers and dashboards ask about features that Elasticsearch has and this store has not: they want
//! to hear that there are none, or that what they would set up is kept.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::reply::Reply;
use crate::error::{ApiError, ApiResult};
use crate::mapping::pattern;

/// `_license`.
pub fn license(call: &Call) -> ApiResult<Reply> {
    let license = json!({
        "status": "active",
        "uid": call.store().cluster_uuid,
        "type": "basic",
        "issue_date": "2026-01-01T00:00:00.000Z",
        "issue_date_in_millis": 1_767_225_600_000_u64,
        "max_nodes": 1000,
        "issued_to": crate::present::root::CLUSTER_NAME,
        "issuer": "guildwatch",
        "start_date_in_millis": -1,
    });
    Ok(Reply::json(&json!({ "license": license })))
}

/// `_xpack`.
pub fn xpack(call: &Call) -> ApiResult<Reply> {
    let feature = |available: bool| json!({"available": available, "enabled": available});
    let features = [
        "analytics",
        "ccr",
        "enrich",
        "eql",
        "frozen_indices",
        "graph",
        "logstash",
        "ml",
        "monitoring",
        "rollup",
        "searchable_snapshots",
        "security",
        "slm",
        "spatial",
        "sql",
        "transform",
        "vectors",
        "voting_only",
        "watcher",
    ];
    let mut shown: Map<String, Value> = features
        .iter()
        .map(|name| ((*name).to_owned(), feature(false)))
        .collect();
    for name in ["data_streams", "ilm"] {
        shown.insert(name.to_owned(), feature(true));
    }
    Ok(Reply::json(&json!({
        "build": {"hash": env!("CARGO_PKG_VERSION"), "date": "2026-01-01T00:00:00.000000Z"},
        "license": {"uid": call.store().cluster_uuid, "type": "basic", "mode": "basic", "status": "active"},
        "features": shown,
        "tagline": "You know, for X",
    })))
}

/// `_xpack/usage`.
pub fn usage(_call: &Call) -> ApiResult<Reply> {
    Ok(Reply::json(&json!({
        "security": {"available": false, "enabled": false},
        "monitoring": {"available": false, "enabled": false},
        "ilm": {"available": true, "enabled": true, "policy_count": 0},
    })))
}

/// `_ilm/policy`: policies are kept and shown, and not run; retention is a flag of the store.
pub fn put_policy(call: &Call) -> ApiResult<Reply> {
    let body = call.required_body()?;
    if !body.get("policy").is_some_and(Value::is_object) {
        return Err(ApiError::parsing("[put_lifecycle_request] required [policy]"));
    }
    let (name, policy) = (call.name("name").to_owned(), body["policy"].clone());
    call.store().change_state(|state| {
        state.policies.insert(name, policy);
        Ok(())
    })?;
    Ok(Reply::acknowledged())
}

/// `GET _ilm/policy`.
pub fn get_policy(call: &Call) -> ApiResult<Reply> {
    let wanted = call.name("name");
    let shown: Map<String, Value> = call
        .store()
        .state()
        .policies
        .iter()
        .filter(|(name, _)| wanted.is_empty() || wanted.split(',').any(|one| pattern::matches(one, name)))
        .map(|(name, policy)| {
            let body = json!({"version": 1, "modified_date": "2026-01-01T00:00:00.000Z", "policy": policy, "in_use_by": {"indices": [], "data_streams": [], "composable_templates": []}});
            (name.clone(), body)
        })
        .collect();
    if shown.is_empty() && !wanted.is_empty() && !wanted.contains('*') {
        return Err(no_policy(wanted));
    }
    Ok(Reply::json(&shown.into()))
}

fn no_policy(name: &str) -> ApiError {
    ApiError::new(
        404,
        "resource_not_found_exception",
        format!("Lifecycle policy not found: {name}"),
    )
}

/// `DELETE _ilm/policy/{name}`.
pub fn delete_policy(call: &Call) -> ApiResult<Reply> {
    let name = call.name("name");
    let had = call
        .store()
        .change_state(|state| Ok(state.policies.remove(name).is_some()))?;
    if had {
        Ok(Reply::acknowledged())
    } else {
        Err(no_policy(name))
    }
}

/// `_ilm/status`, `_slm/status`.
pub fn life_cycle_status(_call: &Call) -> ApiResult<Reply> {
    Ok(Reply::json(&json!({"operation_mode": "RUNNING"})))
}

/// `{index}/_ilm/explain`: no index is managed.
pub fn explain(call: &Call) -> ApiResult<Reply> {
    let indices: Map<String, Value> = call
        .entries()?
        .iter()
        .map(|entry| {
            let name = entry.name().to_owned();
            (name.clone(), json!({"index": name, "managed": false}))
        })
        .collect();
    Ok(Reply::json(&json!({ "indices": indices })))
}

/// `{}`: there is nothing of the kind.
pub fn nothing(_call: &Call) -> ApiResult<Reply> {
    Ok(Reply::json(&json!({})))
}

/// `_plugins/_ism/policies`: none.
pub fn ism_policies(_call: &Call) -> ApiResult<Reply> {
    Ok(Reply::json(&json!({"policies": [], "total_policies": 0})))
}

/// `_monitoring/bulk`: taken and let go, as Elasticsearch does where the collection is off.
pub fn monitoring(_call: &Call) -> ApiResult<Reply> {
    Ok(Reply::json(&json!({"took": 0, "ignored": true, "errors": false})))
}

/// Scripts of any kind.
pub fn scripts(call: &Call) -> ApiResult<Reply> {
    Err(match call.method {
        axum::http::Method::GET | axum::http::Method::HEAD => ApiError::new(
            404,
            "resource_not_found_exception",
            format!(
                "unable to find script [{}]: this store runs no scripts",
                call.name("name")
            ),
        ),
        _ => ApiError::argument("[_scripts] is not supported: this store runs no scripts"),
    })
}

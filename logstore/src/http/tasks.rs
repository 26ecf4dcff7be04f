//! `_tasks`: long work that was asked for without waiting. It is complete before its number is given out, so
//! what is kept here are answers that somebody will come for.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::call::Call;
use super::nodes::NODE_ID;
use super::reply::Reply;
use crate::date;
use crate::error::{ApiError, ApiResult};

/// Answers kept; the oldest are forgotten.
const KEPT: usize = 256;

/// Completed tasks: bounded, the oldest make room.
#[derive(Debug, Default)]
pub struct Tasks {
    kept: Mutex<(u64, VecDeque<(u64, Value)>)>,
}

impl Tasks {
    /// Keeps the answer of a task, and returns its id.
    pub fn complete(&self, answer: &Value) -> String {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.0 += 1;
        let number = kept.0;
        if kept.1.len() >= KEPT {
            kept.1.pop_front();
        }
        kept.1.push_back((number, answer.clone()));
        format!("{NODE_ID}:{number}")
    }

    fn find(&self, id: &str) -> Option<Value> {
        let number: u64 = id.strip_prefix(NODE_ID)?.strip_prefix(':')?.parse().ok()?;
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.1
            .iter()
            .find(|(known, _)| *known == number)
            .map(|(_, answer)| answer.clone())
    }
}

/// `_tasks/{id}`.
pub fn get(call: &Call) -> ApiResult<Reply> {
    let id = call.name("id");
    let Some(answer) = call.app.tasks.find(id) else {
        return Err(ApiError::new(
            404,
            "resource_not_found_exception",
            format!("task [{id}] isn't running and hasn't stored its results"),
        ));
    };
    let number = id
        .rsplit(':')
        .next()
        .unwrap_or_default()
        .parse::<u64>()
        .unwrap_or_default();
    let took = answer.get("took").and_then(Value::as_u64).unwrap_or_default();
    Ok(Reply::json(&json!({
        "completed": true,
        "task": {
            "node": NODE_ID,
            "id": number,
            "type": "transport",
            "action": "indices:data/write/reindex",
            "status": answer,
            "description": "",
            "start_time_in_millis": date::now(),
            "running_time_in_nanos": took.saturating_mul(1_000_000),
            "cancellable": false,
            "headers": {},
        },
        "response": answer,
    })))
}

/// `_tasks`: what is running, which is this request.
pub fn list(call: &Call) -> ApiResult<Reply> {
    let task = json!({"node": NODE_ID, "id": 1, "type": "transport", "action": "cluster:monitor/tasks/lists", "start_time_in_millis": date::now(), "running_time_in_nanos": 0, "cancellable": false, "headers": {}});
    if call.params.get("group_by").is_some_and(|by| by == "none") {
        return Ok(Reply::json(&json!({"tasks": [task]})));
    }
    Ok(Reply::json(
        &json!({"nodes": {NODE_ID: {"name": call.app.node, "transport_address": call.app.address, "host": call.app.ip(), "ip": call.app.address, "roles": ["data", "ingest", "master"], "tasks": {format!("{NODE_ID}:1"): task}}}}),
    ))
}

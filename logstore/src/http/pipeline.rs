//! `_ingest/pipeline`: put, shown, removed, tried out.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::reply::Reply;
use crate::error::{ApiError, ApiResult};
use crate::ingest::processor::Flow;
use crate::ingest::{Ingested, Pipeline, grok, pipeline};
use crate::mapping::pattern;

/// Most documents of one simulation.
const MAX_DOCS: usize = 1_000;

/// `PUT _ingest/pipeline/{name}`.
pub fn put(call: &Call) -> ApiResult<Reply> {
    let body = call.required_body()?;
    Pipeline::parse(body)?;
    let (name, body) = (call.name("name").to_owned(), body.clone());
    call.store().change_state(|state| {
        state.pipelines.insert(name, body);
        Ok(())
    })?;
    call.store().pipelines.forget();
    Ok(Reply::acknowledged())
}

/// `GET _ingest/pipeline`, with or without names.
pub fn get(call: &Call) -> ApiResult<Reply> {
    let wanted = call.name("name");
    let state = call.store().state();
    let shown: Map<String, Value> = state
        .pipelines
        .iter()
        .filter(|(name, _)| wanted.is_empty() || wanted.split(',').any(|one| pattern::matches(one, name)))
        .map(|(name, body)| {
            let body = if call.flag("summary") {
                json!({})
            } else {
                body.clone()
            };
            (name.clone(), body)
        })
        .collect();
    if shown.is_empty() && !wanted.is_empty() && !wanted.contains('*') {
        return Ok(Reply::status(404, &json!({})));
    }
    Ok(Reply::json(&shown.into()))
}

/// `DELETE _ingest/pipeline/{name}`.
pub fn delete(call: &Call) -> ApiResult<Reply> {
    let wanted = call.name("name");
    let removed = call.store().change_state(|state| {
        let before = state.pipelines.len();
        state
            .pipelines
            .retain(|name, _| !wanted.split(',').any(|one| pattern::matches(one, name)));
        Ok(before - state.pipelines.len())
    })?;
    call.store().pipelines.forget();
    if removed == 0 && wanted != "*" {
        return Err(ApiError::new(
            404,
            "resource_not_found_exception",
            format!("pipeline [{wanted}] is missing"),
        ));
    }
    Ok(Reply::acknowledged())
}

/// `_ingest/pipeline/_simulate`, with or without the name of a pipeline.
pub fn simulate(call: &Call) -> ApiResult<Reply> {
    let body = call.required_body()?;
    let own;
    let named;
    let pipeline = match (call.name("name"), body.get("pipeline")) {
        ("", Some(spec)) => {
            own = Pipeline::parse(spec)?;
            &own
        }
        ("", None) => {
            return Err(ApiError::new(
                400,
                "parse_exception",
                "[pipeline] required property is missing",
            ));
        }
        (name, _) => {
            named = call.store().pipelines.get(call.store(), name)?;
            &named
        }
    };
    let docs = body
        .get("docs")
        .and_then(Value::as_array)
        .filter(|docs| !docs.is_empty())
        .ok_or_else(|| ApiError::argument("must specify at least one document in [docs]"))?;
    if docs.len() > MAX_DOCS {
        return Err(ApiError::argument(format!(
            "more than [{MAX_DOCS}] documents in one simulation"
        )));
    }
    let mut shown = Vec::with_capacity(docs.len());
    for doc in docs {
        let source = doc
            .get("_source")
            .cloned()
            .ok_or_else(|| ApiError::new(400, "parse_exception", "[_source] required property is missing"))?;
        let index = doc.get("_index").and_then(Value::as_str).unwrap_or("_index");
        let id = doc.get("_id").and_then(Value::as_str).unwrap_or("_id");
        let mut document = Ingested::new(index, Some(id), source);
        if call.flag("verbose") {
            shown.push(json!({"processor_results": pipeline.trace(call.store(), &mut document)}));
            continue;
        }
        shown.push(match pipeline.run(call.store(), &mut document, 0) {
            Ok(Flow::Go) => json!({"doc": pipeline::simulated(&document)}),
            Ok(Flow::Drop) => Value::Null,
            Err(failure) => json!({"error": crate::present::error::body(&failure.into())["error"]}),
        });
    }
    Ok(Reply::json(&json!({ "docs": shown })))
}

/// `_ingest/processor/grok`: the patterns that are always there.
pub fn grok_patterns(_call: &Call) -> ApiResult<Reply> {
    let shown: Map<String, Value> = grok::PATTERNS
        .iter()
        .map(|(name, body)| ((*name).to_owned(), (*body).into()))
        .collect();
    Ok(Reply::json(&json!({ "patterns": shown })))
}

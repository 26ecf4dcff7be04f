//! `_index_template`, `_component_template` and the legacy `_template`, with what they would do.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::reply::Reply;
use crate::engine::settings::{Settings, nest};
use crate::engine::template::{TemplateKind, Templates};
use crate::error::{ApiError, ApiResult};
use crate::mapping::pattern;
use crate::present::legacy;

/// The kind of template that a path speaks of, and the word for it in errors.
fn kind(call: &Call) -> (TemplateKind, &'static str) {
    match call.name("kind") {
        "_component_template" => (TemplateKind::Component, "component"),
        "_template" => (TemplateKind::Legacy, "legacy"),
        _ => (TemplateKind::Index, "index"),
    }
}

/// Puts a template.
pub fn put(call: &Call) -> ApiResult<Reply> {
    let (kind, word) = kind(call);
    let name = call.name("name");
    let mut body = legacy::mappings(call.required_body()?);
    if call.flag("create") && call.store().templates().of(kind).contains_key(name) {
        return Err(ApiError::argument(format!(
            "{word} template [{name}] already exists"
        )));
    }
    if kind == TemplateKind::Legacy
        && let Some(body) = body.as_object_mut()
    {
        // Elasticsearch fills these in, and clients read them.
        if let Some(order) = call
            .params
            .get("order")
            .and_then(|order| order.parse::<i64>().ok())
        {
            body.insert("order".into(), order.into());
        }
        if let Some(Value::String(one)) = body.get("index_patterns").cloned() {
            body.insert("index_patterns".into(), json!([one]));
        }
    }
    call.store().put_template(kind, name, body)?;
    Ok(Reply::acknowledged())
}

/// Settings of a template as Elasticsearch shows them: nested below `index`.
fn shown_settings(body: &mut Value, flat: bool) {
    if let Some(settings) = body.get_mut("settings") {
        let mut read = Settings::default();
        if read.merge(settings).is_ok() {
            *settings = if flat {
                read.flat().clone().into()
            } else {
                nest(read.flat())
            };
        }
    }
}

/// Shows templates whose name matches.
pub fn get(call: &Call) -> ApiResult<Reply> {
    let (kind, word) = kind(call);
    let templates = call.store().templates();
    let name = match call.name("name") {
        "" => "*",
        name => name,
    };
    let found: Vec<(&String, &Value)> = templates
        .of(kind)
        .iter()
        .filter(|(known, _)| name.split(',').any(|name| pattern::matches(name, known)))
        .collect();
    if found.is_empty() && !name.contains('*') {
        if kind == TemplateKind::Legacy {
            return Ok(Reply::status(404, &json!({})));
        }
        return Err(ApiError::new(
            404,
            "resource_not_found_exception",
            format!("{word} template matching [{name}] not found"),
        ));
    }
    let flat = call.flag("flat_settings");
    let shown = match kind {
        TemplateKind::Legacy => found
            .into_iter()
            .map(|(name, body)| {
                let mut body = body.clone();
                shown_settings(&mut body, flat);
                shown_aliases(&mut body);
                if let Some(body) = body.as_object_mut() {
                    for (key, value) in [
                        ("order", json!(0)),
                        ("settings", json!({})),
                        ("mappings", json!({})),
                        ("aliases", json!({})),
                    ] {
                        body.entry(key).or_insert(value);
                    }
                }
                (name.clone(), body)
            })
            .collect::<Map<_, _>>()
            .into(),
        TemplateKind::Index => json!({"index_templates": found.into_iter().map(|(name, body)| {
            let mut body = body.clone();
            if let Some(Value::String(one)) = body.get("index_patterns").cloned() {
                body["index_patterns"] = json!([one]);
            }
            if let Some(template) = body.get_mut("template") {
                shown_settings(template, flat);
                shown_aliases(template);
            }
            if let Some(body) = body.as_object_mut() {
                body.entry("composed_of").or_insert(json!([]));
            }
            json!({"name": name, "index_template": body})
        }).collect::<Vec<_>>()}),
        TemplateKind::Component => json!({"component_templates": found.into_iter().map(|(name, body)| {
            let mut body = body.clone();
            if let Some(template) = body.get_mut("template") {
                shown_settings(template, flat);
                shown_aliases(template);
            }
            json!({"name": name, "component_template": body})
        }).collect::<Vec<_>>()}),
    };
    Ok(Reply::json(&shown))
}

/// Removes templates whose name matches.
pub fn delete(call: &Call) -> ApiResult<Reply> {
    let (kind, _) = kind(call);
    let name = call.name("name");
    if call.store().remove_template(kind, name)? == 0 && !(name.contains('*') && kind == TemplateKind::Legacy)
    {
        return Err(ApiError::new(
            404,
            "index_template_missing_exception",
            format!("index_template [{name}] missing"),
        ));
    }
    Ok(Reply::acknowledged())
}

/// `_index_template/_simulate_index/{name}`: what a new index of that name would get.
pub fn simulate_index(call: &Call) -> ApiResult<Reply> {
    let name = call.name("name");
    let mut templates = call.store().templates();
    if !call.body.is_null() {
        templates.put(TemplateKind::Index, "simulated", call.body.clone())?;
    }
    simulated(&templates, name)
}

fn simulated(templates: &Templates, name: &str) -> ApiResult<Reply> {
    let resolved = templates.resolve(name)?;
    Ok(Reply::json(&json!({
        "template": Templates::simulated(&resolved.parts)?,
        "overlapping": listed(&resolved.overlapping),
    })))
}

fn listed(overlapping: &[(String, Vec<String>)]) -> Value {
    overlapping
        .iter()
        .map(|(name, patterns)| json!({"name": name, "index_patterns": patterns}))
        .collect()
}

/// Shows the routing of an alias as it is kept: one for the index, one for searches.
fn shown_aliases(body: &mut Value) {
    let Some(Value::Object(aliases)) = body.get_mut("aliases") else {
        return;
    };
    for alias in aliases.values_mut().filter_map(Value::as_object_mut) {
        if let Some(routing) = alias.shift_remove("routing") {
            for key in ["index_routing", "search_routing"] {
                alias.entry(key).or_insert_with(|| routing.clone());
            }
        }
    }
}

/// `_index_template/_simulate`, with or without the name of a template: what it would give.
pub fn simulate(call: &Call) -> ApiResult<Reply> {
    let templates = call.store().templates();
    let name = call.name("name");
    let body = if call.body.is_null() {
        templates
            .of(TemplateKind::Index)
            .get(name)
            .cloned()
            .ok_or_else(|| {
                ApiError::argument(format!(
                    "unable to simulate template [{name}] that does not exist"
                ))
            })?
    } else {
        templates.check(
            TemplateKind::Index,
            if name.is_empty() { "simulated" } else { name },
            &call.body,
        )?;
        call.body.clone()
    };
    let parts = templates.parts(TemplateKind::Index, name, &body)?;
    let overlapping = templates.overlapping(name, &body);
    Ok(Reply::json(
        &json!({"template": Templates::simulated(&parts)?, "overlapping": listed(&overlapping)}),
    ))
}

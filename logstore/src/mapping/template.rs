//! Dynamic templates: rules that say how a field is mapped when it is seen for the first time.

use regex::Regex;
use serde_json::{Map, Value};

use super::{Kind, json, pattern};
use crate::error::{ApiError, ApiResult};

/// A rule for fields that are learnt.
#[derive(Debug, Clone)]
pub struct DynamicTemplate {
    /// Its name.
    pub name: String,
    /// As it was put.
    pub body: Value,
    /// `match_pattern: regex`: `match` and `unmatch` are expressions, which were compiled.
    expressions: Option<(Option<Regex>, Option<Regex>)>,
}

const KNOWN: &[&str] = &[
    "match",
    "unmatch",
    "path_match",
    "path_unmatch",
    "match_mapping_type",
    "unmatch_mapping_type",
    "match_pattern",
    "mapping",
    "runtime",
];

const MATCHED_TYPES: &[&str] = &[
    "*", "object", "string", "long", "double", "boolean", "date", "binary",
];

/// Reads `dynamic_templates`.
///
/// # Errors
/// A `mapper_parsing_exception` in Elasticsearch's words.
pub fn parse(value: &Value) -> ApiResult<Vec<DynamicTemplate>> {
    let list = value.as_array().ok_or_else(|| {
        ApiError::mapper("Dynamic template syntax error. An array of named objects is expected.")
    })?;
    list.iter()
        .map(|entry| {
            let (name, body) = entry
                .as_object()
                .filter(|entry| entry.len() == 1)
                .and_then(|entry| entry.iter().next())
                .ok_or_else(|| ApiError::mapper("A dynamic template must be defined with a name"))?;
            one(name, body)
        })
        .collect()
}

fn one(name: &str, body: &Value) -> ApiResult<DynamicTemplate> {
    let refused = |reason: String| {
        ApiError::mapper(format!(
            "Failed to parse mapping: dynamic template [{name}]: {reason}"
        ))
    };
    for key in body.as_object().into_iter().flat_map(Map::keys) {
        if !KNOWN.contains(&key.as_str()) {
            return Err(refused(format!("Illegal dynamic template parameter: [{key}]")));
        }
    }
    if body.get("mapping").is_none() && body.get("runtime").is_none() {
        return Err(refused(
            "template must have either mapping or runtime set".to_owned(),
        ));
    }
    for key in ["match_mapping_type", "unmatch_mapping_type"] {
        for wanted in texts(body.get(key)) {
            if !MATCHED_TYPES.contains(&wanted) {
                return Err(refused(format!(
                    "No field type matched on [{wanted}], possible values are [object, string, long, double, boolean, date, binary]"
                )));
            }
        }
    }
    if let Some(type_name) = body
        .get("mapping")
        .and_then(|mapping| mapping.get("type"))
        .and_then(Value::as_str)
        && !type_name.starts_with('{')
        && !matches!(type_name, "object" | "nested" | "alias")
        && Kind::of_type(type_name).is_none()
    {
        return Err(json::no_handler(type_name, name));
    }
    let expressions = match body.get("match_pattern").and_then(Value::as_str) {
        None | Some("simple") => None,
        Some("regex") => {
            let compile = |key: &str| {
                body.get(key)
                    .and_then(Value::as_str)
                    .map(|text| {
                        Regex::new(&format!("^(?:{text})$")).map_err(|error| {
                            refused(format!("Pattern [{text}] of type [regex] is invalid: {error}"))
                        })
                    })
                    .transpose()
            };
            Some((compile("match")?, compile("unmatch")?))
        }
        Some(other) => return Err(refused(format!("No matching pattern matched on [{other}]"))),
    };
    Ok(DynamicTemplate {
        name: name.to_owned(),
        body: body.clone(),
        expressions,
    })
}

fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

// === impl DynamicTemplate ===

impl DynamicTemplate {
    /// Whether it is about a field; `matching_type` is the JSON type of the value (`string`, `long`, `object`).
    pub fn applies(&self, path: &str, matching_type: &str) -> bool {
        let name = path.rsplit('.').next().unwrap_or(path);
        let any = |key: &str, test: &dyn Fn(&str) -> bool| -> Option<bool> {
            let wanted = self.body.get(key)?;
            Some(texts(Some(wanted)).into_iter().any(test))
        };
        let same_type = |wanted: &str| wanted == "*" || wanted == matching_type;
        let by_name = match &self.expressions {
            Some((matches, unmatches)) => {
                matches.as_ref().is_none_or(|regex| regex.is_match(name))
                    && !unmatches.as_ref().is_some_and(|regex| regex.is_match(name))
            }
            None => {
                any("match", &|p| pattern::matches(p, name)).unwrap_or(true)
                    && !any("unmatch", &|p| pattern::matches(p, name)).unwrap_or(false)
            }
        };
        // An object is only meant by a template that says so: others are about values.
        let typed = any("match_mapping_type", &same_type)
            .unwrap_or(matching_type != "object" || self.body.get("path_match").is_none());
        by_name
            && typed
            && !any("unmatch_mapping_type", &same_type).unwrap_or(false)
            && any("path_match", &|p| pattern::matches(p, path)).unwrap_or(true)
            && !any("path_unmatch", &|p| pattern::matches(p, path)).unwrap_or(false)
    }

    /// The definition of a field that it is about, its placeholders filled in.
    pub fn definition(&self, path: &str, dynamic_type: &str) -> Map<String, Value> {
        let name = path.rsplit('.').next().unwrap_or(path);
        let spec = self.body.get("mapping").or_else(|| self.body.get("runtime"));
        match spec.map(|spec| fill(spec, name, dynamic_type)) {
            Some(Value::Object(map)) => map,
            _ => Map::new(),
        }
    }
}

fn fill(value: &Value, name: &str, dynamic_type: &str) -> Value {
    match value {
        Value::String(s) => s
            .replace("{name}", name)
            .replace("{dynamic_type}", dynamic_type)
            .into(),
        Value::Object(map) => map
            .iter()
            .map(|(k, v)| (k.replace("{name}", name), fill(v, name, dynamic_type)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(list) => list.iter().map(|v| fill(v, name, dynamic_type)).collect(),
        other => other.clone(),
    }
}

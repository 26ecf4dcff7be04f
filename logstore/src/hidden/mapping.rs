//! Mappings of hidden indices. They are kept word for word, since Kibana compares what it reads back with what
//! it has put. Elasticsearch 5 has one mapping for each document type; from 7 on there is one, here under the
//! empty type.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::error::{ApiError, ApiResult};

/// Keys that a mapping has itself; any other key of a `mappings` object is a document type.
const OWN_KEYS: &[&str] = &[
    "properties",
    "dynamic",
    "dynamic_templates",
    "dynamic_date_formats",
    "date_detection",
    "numeric_detection",
    "runtime",
    "_meta",
    "_source",
    "_routing",
    "_size",
    "_all",
];

/// The mappings of an index by document type.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Mappings {
    by_type: BTreeMap<String, Value>,
}

/// What an unknown field of a document does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dynamic {
    Learn,
    Ignore,
    Refuse,
}

// === impl Mappings ===

impl Mappings {
    /// Merges a `mappings` object, with or without document types.
    pub fn merge(&mut self, body: &Value) -> ApiResult<()> {
        let body = body
            .as_object()
            .ok_or_else(|| ApiError::mapper("Expected map for property [mappings]"))?;
        let typed = !body.is_empty()
            && body
                .iter()
                .all(|(key, value)| !OWN_KEYS.contains(&key.as_str()) && value.is_object());
        if !typed {
            return self.merge_type("", &Value::Object(body.clone()));
        }
        body.iter()
            .filter(|(key, _)| *key != "_default_")
            .try_for_each(|(key, value)| self.merge_type(if key == "_doc" { "" } else { key }, value))
    }

    /// Merges the mapping of one document type.
    pub fn merge_type(&mut self, doc_type: &str, body: &Value) -> ApiResult<()> {
        if !body.is_object() {
            return Err(ApiError::mapper("Expected map for property [mappings]"));
        }
        let known = self
            .by_type
            .entry(doc_type.to_owned())
            .or_insert_with(|| json!({}));
        merge_deep(known, body);
        Ok(())
    }

    /// As `_mapping` shows it; `typed`: by document type, as Elasticsearch 5 does.
    pub fn to_json(&self, typed: bool, default_type: &str) -> Value {
        if typed {
            return self
                .by_type
                .iter()
                .filter(|(_, body)| body.as_object().is_some_and(|body| !body.is_empty()))
                .map(|(name, body)| {
                    let name = if name.is_empty() { default_type } else { name };
                    (name.to_owned(), body.clone())
                })
                .collect::<Map<_, _>>()
                .into();
        }
        let mut all = json!({});
        for body in self.by_type.values() {
            merge_deep(&mut all, body);
        }
        all
    }

    /// The document types and their mappings.
    pub fn types(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.by_type.iter()
    }

    /// The declared type of a field or multi-field, and the path its values are at. `object` and `nested` for
    /// what has fields of its own.
    pub fn field<'a>(&'a self, doc_type: &str, path: &str) -> Option<(&'a str, String)> {
        let known = |name: &str| self.by_type.get(name).and_then(|body| find(body, path));
        known(doc_type).or_else(|| known(""))
    }

    /// Every leaf with its type, multi-fields included.
    pub fn leaves(&self, doc_type: &str) -> Vec<(String, String)> {
        let mut out = Vec::new();
        for name in [doc_type, ""] {
            if let Some(body) = self.by_type.get(name) {
                leaves(body, "", &mut out);
            }
            if doc_type.is_empty() {
                break;
            }
        }
        out
    }

    /// Checks a document against the mapping of its type, and learns what it may learn. Says whether it did.
    pub fn admit(&mut self, doc_type: &str, source: &Value) -> ApiResult<bool> {
        let shown = if doc_type.is_empty() { "_doc" } else { doc_type };
        let body = self
            .by_type
            .entry(doc_type.to_owned())
            .or_insert_with(|| json!({}));
        admit(body, source, Dynamic::Learn, shown)
    }
}

/// Merges objects into objects, and replaces everything else.
pub fn merge_deep(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                match into.get_mut(key) {
                    Some(known) => merge_deep(known, value),
                    None => {
                        into.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        (into, from) => *into = from.clone(),
    }
}

fn type_of(spec: &Value) -> &str {
    spec.get("type")
        .and_then(Value::as_str)
        .unwrap_or(if spec.get("properties").is_some() {
            "object"
        } else {
            "unmapped"
        })
}

fn find<'a>(body: &'a Value, path: &str) -> Option<(&'a str, String)> {
    let properties = body.get("properties")?.as_object()?;
    for (name, spec) in properties {
        if name == path {
            return Some((type_of(spec), path.to_owned()));
        }
        let Some(rest) = path
            .strip_prefix(name.as_str())
            .and_then(|rest| rest.strip_prefix('.'))
        else {
            continue;
        };
        if let Some(sub) = spec.get("fields").and_then(|fields| fields.get(rest)) {
            return Some((type_of(sub), name.clone()));
        }
        // Every key of a flattened object is an exact string.
        if matches!(type_of(spec), "flattened" | "flat_object") {
            return Some(("keyword", path.to_owned()));
        }
        if let Some((found, inner)) = find(spec, rest) {
            return Some((found, format!("{name}.{inner}")));
        }
    }
    None
}

fn leaves(body: &Value, prefix: &str, out: &mut Vec<(String, String)>) {
    for (name, spec) in body
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let path = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        if spec.get("properties").is_some() {
            leaves(spec, &path, out);
        } else {
            out.push((path.clone(), type_of(spec).to_owned()));
        }
        for (sub, spec) in spec
            .get("fields")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            out.push((format!("{path}.{sub}"), type_of(spec).to_owned()));
        }
    }
}

fn admit(spec: &mut Value, value: &Value, inherited: Dynamic, within: &str) -> ApiResult<bool> {
    if let Value::Array(items) = value {
        let mut learnt = false;
        for item in items {
            learnt |= admit(spec, item, inherited, within)?;
        }
        return Ok(learnt);
    }
    let Value::Object(map) = value else {
        return Ok(false);
    };
    if spec.get("enabled") == Some(&Value::Bool(false)) {
        return Ok(false);
    }
    let dynamic = match spec.get("dynamic") {
        Some(Value::Bool(true)) => Dynamic::Learn,
        Some(Value::Bool(false)) => Dynamic::Ignore,
        Some(Value::String(word)) if word == "strict" => Dynamic::Refuse,
        Some(Value::String(word)) if word == "false" => Dynamic::Ignore,
        Some(Value::String(_)) => Dynamic::Learn,
        _ => inherited,
    };
    let mut learnt = false;
    for (key, child) in map {
        if child.is_null() {
            continue;
        }
        // `{"a.b": 1}` is `{"a": {"b": 1}}`.
        if let Some((head, rest)) = key.split_once('.')
            && !head.is_empty()
            && spec.pointer(&format!("/properties/{}", escaped(key))).is_none()
        {
            learnt |= admit(spec, &json!({head: {rest: child}}), dynamic, within)?;
            continue;
        }
        if let Some(known) = spec.get_mut("properties").and_then(|all| all.get_mut(key)) {
            if !matches!(type_of(known), "object" | "nested") {
                continue;
            }
            learnt |= admit(known, child, dynamic, &format!("{within}.{key}"))?;
            continue;
        }
        match dynamic {
            Dynamic::Ignore => {}
            Dynamic::Refuse => {
                return Err(ApiError::new(
                    400,
                    "strict_dynamic_mapping_exception",
                    format!(
                        "mapping set to strict, dynamic introduction of [{key}] within [{within}] is not allowed"
                    ),
                ));
            }
            Dynamic::Learn => {
                let Some(mut new) = guess(child) else { continue };
                admit(&mut new, child, Dynamic::Learn, within)?;
                if let Some(body) = spec.as_object_mut() {
                    let properties = body.entry("properties").or_insert_with(|| json!({}));
                    if let Some(properties) = properties.as_object_mut() {
                        properties.insert(key.clone(), new);
                        learnt = true;
                    }
                }
            }
        }
    }
    Ok(learnt)
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The mapping of a value that is seen for the first time.
fn guess(value: &Value) -> Option<Value> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(_) => json!({"type": "boolean"}),
        Value::Number(number) if number.is_f64() => json!({"type": "float"}),
        Value::Number(_) => json!({"type": "long"}),
        Value::String(text) => {
            let date = text.len() >= 10
                && crate::date::parse::parse(
                    text,
                    crate::date::parse::DEFAULT_FORMATS,
                    &crate::date::zone::Zone::UTC,
                )
                .is_some()
                && text.as_bytes().get(4) == Some(&b'-');
            if date {
                json!({"type": "date"})
            } else {
                json!({"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}})
            }
        }
        Value::Array(items) => return items.iter().find_map(guess),
        Value::Object(_) => json!({"properties": {}}),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strict_mapping_refuses_what_it_does_not_know_and_stays_as_it_was_put() {
        let body = json!({"dynamic": "strict", "_meta": {"x": [1]}, "properties": {
            "type": {"type": "keyword"},
            "migrationVersion": {"dynamic": "true", "type": "object"},
            "config": {"dynamic": "false", "properties": {"buildNum": {"type": "keyword"}}},
            "references": {"type": "nested", "properties": {"id": {"type": "keyword"}}},
        }});
        let mut mappings = Mappings::default();
        mappings.merge(&body).unwrap();
        assert_eq!(mappings.to_json(false, "_doc"), body);
        assert!(
            !mappings
                .admit("", &json!({"type": "config", "config": {"buildNum": 1, "other": 2}, "references": [{"id": "a"}]}))
                .unwrap()
        );
        assert_eq!(mappings.to_json(false, "_doc"), body);
        let error = mappings.admit("", &json!({"nope": 1})).unwrap_err();
        assert_eq!(error.kind, "strict_dynamic_mapping_exception");
        assert!(
            mappings
                .admit("", &json!({"migrationVersion": {"config": "7.1"}}))
                .unwrap()
        );
        assert!(mappings.field("", "migrationVersion.config").is_some());
        assert_eq!(mappings.field("", "references").unwrap().0, "nested");
    }

    #[test]
    fn mappings_of_document_types_are_kept_apart() {
        let mut mappings = Mappings::default();
        mappings
            .merge(&json!({"_default_": {}, "config": {"properties": {"buildNum": {"type": "keyword"}}}}))
            .unwrap();
        mappings.admit("search", &json!({"title": "x"})).unwrap();
        let shown = mappings.to_json(true, "doc");
        assert_eq!(shown["config"]["properties"]["buildNum"]["type"], "keyword");
        assert_eq!(shown["search"]["properties"]["title"]["type"], "text");
        assert_eq!(
            mappings.field("search", "title.keyword").unwrap(),
            ("keyword", "title".to_owned())
        );
    }
}

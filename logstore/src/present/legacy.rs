//! What older clients send and expect: mappings with document types and `string` fields, field mappings by
//! document type.

use serde_json::{Map, Value, json};

use crate::engine::entry::Entry;
use crate::mapping::{self, Field, pattern};

/// The document type of documents that were written without one, as Elasticsearch 5 shows it.
pub const DOC_TYPE_5: &str = "doc";

/// Fields that every document has, as Elasticsearch 5 lists them.
const META_FIELDS: &[(&str, &str)] = &[
    ("_id", "_id"),
    ("_index", "_index"),
    ("_source", "_source"),
    ("_type", "_type"),
    ("_score", "_score"),
];

/// A body of index creation with its mappings as they are written today.
pub fn index_body(body: &Value) -> Value {
    let mut body = body.clone();
    if let Some(old) = body.get("mappings") {
        let new = mappings(old);
        body["mappings"] = new;
    }
    body
}

/// Replaces `string` by `text` and `keyword` in mappings, however deep, and leaves the rest as it is.
pub fn mappings(body: &Value) -> Value {
    match body {
        Value::Object(map) if map.get("type").is_some_and(|kind| kind == "string") => {
            let exact = map.get("index").is_some_and(|index| {
                index == "not_analyzed" || index == "no" || index == &Value::Bool(false)
            });
            let mut out = Map::new();
            out.insert("type".into(), if exact { "keyword" } else { "text" }.into());
            for (key, value) in map {
                match key.as_str() {
                    "type" | "index" | "doc_values" | "fielddata" => {}
                    _ => {
                        out.insert(key.clone(), mappings(value));
                    }
                }
            }
            out.into()
        }
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), mappings(value)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(mappings).collect(),
        other => other.clone(),
    }
}

/// The mappings of the fields that patterns name, by document type.
pub fn field_mappings(
    entry: &Entry,
    patterns: &[&str],
    defaults: bool,
    with_meta: bool,
) -> Map<String, Value> {
    let mut by_type = Map::new();
    match entry {
        Entry::Log(index) => {
            let mapping = index.mapping();
            let mut shown = Map::new();
            for field in patterns.iter().flat_map(|wanted| mapping.matching(wanted)) {
                shown.insert(field.path.to_string(), of_field(&field, defaults));
            }
            push_meta(&mut shown, patterns, with_meta);
            by_type.insert(DOC_TYPE_5.to_owned(), shown.into());
        }
        Entry::Hidden(index) => {
            let contents = index.read();
            for (doc_type, _) in contents.meta.mappings.types() {
                let mut shown = Map::new();
                for (path, type_name) in contents.meta.mappings.leaves(doc_type) {
                    if patterns.iter().any(|wanted| pattern::matches(wanted, &path)) {
                        let leaf = path.rsplit('.').next().unwrap_or_default().to_owned();
                        let body = json!({"full_name": path, "mapping": {leaf: {"type": type_name}}});
                        shown.insert(path, body);
                    }
                }
                push_meta(&mut shown, patterns, with_meta);
                let name = if doc_type.is_empty() { DOC_TYPE_5 } else { doc_type };
                by_type.insert(name.to_owned(), shown.into());
            }
        }
    }
    by_type
}

fn of_field(field: &Field, defaults: bool) -> Value {
    let leaf = field.path.rsplit('.').next().unwrap_or_default();
    let mut body = mapping::json::field_to_json(field);
    if defaults && let Some(body) = body.as_object_mut() {
        let is_text = field.kind == mapping::Kind::Text;
        for (key, value) in [
            ("index", json!(!field.unindexed)),
            ("doc_values", json!(!is_text && field.column().is_some())),
            ("store", json!(false)),
            ("boost", json!(1.0)),
        ] {
            body.entry(key).or_insert(value);
        }
        if is_text {
            body.entry("fielddata").or_insert(json!(false));
            body.entry("analyzer").or_insert(json!("default"));
        }
    }
    json!({"full_name": &*field.path, "mapping": {leaf: body}})
}

fn push_meta(shown: &mut Map<String, Value>, patterns: &[&str], with_meta: bool) {
    for (name, kind) in META_FIELDS.iter().filter(|_| with_meta) {
        if patterns.iter().any(|wanted| pattern::matches(wanted, name)) {
            // Kibana 5 takes what `_source` says as the sign of an index that keeps its documents.
            let body = if *name == "_source" {
                json!({"_source": {"enabled": true}})
            } else {
                json!({(*name): {"type": kind}})
            };
            shown.insert((*name).to_owned(), json!({"full_name": name, "mapping": body}));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_become_text_or_keyword() {
        let old = json!({"logs": {"properties": {
            "message": {"type": "string"},
            "host": {"type": "string", "index": "not_analyzed", "ignore_above": 10},
            "n": {"type": "long"},
        }}});
        assert_eq!(
            mappings(&old),
            json!({"logs": {"properties": {
                "message": {"type": "text"},
                "host": {"type": "keyword", "ignore_above": 10},
                "n": {"type": "long"},
            }}})
        );
    }
}

//! Mappings as JSON: reads what users put, writes what `_mapping` answers, merges the one into the other.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Dynamic, DynamicTemplate, Field, Kind, Mapping};
use crate::date::parse;
use crate::error::{ApiError, ApiResult};

/// Merges a `mappings` object into a mapping. A field that is there with another type is refused.
pub fn merge(mapping: &mut Mapping, body: &Value) -> ApiResult<()> {
    let Some(mut body) = body.as_object() else {
        return Err(ApiError::mapper("Expected map for property [mappings]"));
    };
    // Types in mappings ended with Elasticsearch 7, but older templates still carry one.
    if body.len() == 1
        && let Some((name, Value::Object(inner))) = body.iter().next()
        && !matches!(
            name.as_str(),
            "properties" | "dynamic_templates" | "_meta" | "_source" | "runtime"
        )
    {
        body = inner;
    }
    for (key, value) in body {
        match key.as_str() {
            "properties" => merge_properties(mapping, "", value)?,
            "dynamic" => mapping.dynamic = dynamic(value)?,
            "date_detection" => mapping.no_date_detection = value == &Value::Bool(false),
            "dynamic_templates" => mapping.templates = templates(value)?,
            _ => {
                mapping.rest.insert(key.clone(), value.clone());
            }
        }
    }
    Ok(())
}

fn dynamic(value: &Value) -> ApiResult<Dynamic> {
    match value {
        Value::Bool(true) => Ok(Dynamic::True),
        Value::Bool(false) => Ok(Dynamic::False),
        Value::String(s) if matches!(s.as_str(), "true" | "runtime") => Ok(Dynamic::True),
        Value::String(s) if s == "false" => Ok(Dynamic::False),
        Value::String(s) if s == "strict" => Ok(Dynamic::Strict),
        other => Err(ApiError::mapper(format!(
            "No enum constant for [dynamic]: {other}"
        ))),
    }
}

fn templates(value: &Value) -> ApiResult<Vec<DynamicTemplate>> {
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
            if let Some(mapping) = body.get("mapping") {
                let type_name = mapping
                    .get("type")
                    .and_then(Value::as_str)
                    .unwrap_or("{dynamic_type}");
                if !type_name.starts_with('{')
                    && type_name != "object"
                    && type_name != "nested"
                    && Kind::of_type(type_name).is_none()
                {
                    return Err(no_handler(type_name, name));
                }
            }
            Ok(DynamicTemplate {
                name: name.clone(),
                body: body.clone(),
            })
        })
        .collect()
}

fn no_handler(type_name: &str, field: &str) -> ApiError {
    ApiError::mapper(format!(
        "No handler for type [{type_name}] declared on field [{field}]"
    ))
}

fn merge_properties(mapping: &mut Mapping, prefix: &str, properties: &Value) -> ApiResult<()> {
    let properties = properties
        .as_object()
        .ok_or_else(|| ApiError::mapper("Expected map for property [properties]"))?;
    for (name, spec) in properties {
        let path = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        let spec = spec.as_object().ok_or_else(|| {
            ApiError::mapper(format!(
                "Expected map for property [fields] on field [{path}] but got a value"
            ))
        })?;
        let type_name = spec.get("type").and_then(Value::as_str);
        let is_object = matches!(type_name, Some("object" | "nested") | None);
        if is_object {
            if mapping.fields.contains_key(path.as_str()) {
                return Err(ApiError::argument(format!(
                    "can't merge a non object mapping [{path}] with an object mapping"
                )));
            }
            mapping.insert_parents(&path);
            mapping.objects.insert(path.as_str().into(), ());
            if spec.get("enabled") == Some(&Value::Bool(false)) {
                mapping.objects.remove(path.as_str());
                mapping.insert(Arc::new(Field::new(&path, "object", Kind::Unindexed)));
            }
            if let Some(inner) = spec.get("properties") {
                merge_properties(mapping, &path, inner)?;
            }
            continue;
        }
        let type_name = type_name.unwrap_or("object");
        if type_name == "alias" {
            continue;
        }
        let field = field(&path, type_name, spec)?;
        if mapping.objects.contains_key(path.as_str()) {
            return Err(ApiError::argument(format!(
                "can't merge an object mapping [{path}] with a non object mapping"
            )));
        }
        match mapping.fields.get(path.as_str()) {
            Some(known) if known.type_name != field.type_name => {
                return Err(ApiError::argument(format!(
                    "mapper [{path}] cannot be changed from type [{}] to [{}]",
                    known.type_name, field.type_name
                )));
            }
            _ => mapping.insert(Arc::new(field)),
        }
    }
    Ok(())
}

/// Reads one field's definition.
pub fn field(path: &str, type_name: &str, spec: &Map<String, Value>) -> ApiResult<Field> {
    let kind = Kind::of_type(type_name).ok_or_else(|| no_handler(type_name, path))?;
    let mut field = Field::new(path, type_name, kind);
    for (key, value) in spec {
        match key.as_str() {
            "type" => {}
            "ignore_above" => field.ignore_above = value.as_u64().and_then(|v| usize::try_from(v).ok()),
            "ignore_malformed" => field.ignore_malformed = value == &Value::Bool(true),
            "index" | "enabled" if value == &Value::Bool(false) => {
                // A field without an index still has doc values in Elasticsearch, unless told otherwise:
                // only text loses everything.
                field.unindexed |= kind == Kind::Text || spec.get("doc_values") == Some(&Value::Bool(false));
                field.params.insert(key.clone(), value.clone());
            }
            "format" if kind == Kind::Date => {
                let text = value.as_str().unwrap_or_default();
                field.formats = parse::parse_formats(text).map_err(ApiError::argument)?;
                field.format = Some(text.to_owned());
            }
            "fields" => {
                for (name, sub) in value.as_object().into_iter().flatten() {
                    let sub_path = format!("{path}.{name}");
                    let spec = sub.as_object().cloned().unwrap_or_default();
                    let type_name = spec.get("type").and_then(Value::as_str).unwrap_or("keyword");
                    field
                        .subfields
                        .push(Arc::new(self::field(&sub_path, type_name, &spec)?));
                }
            }
            _ => {
                field.params.insert(key.clone(), value.clone());
            }
        }
    }
    Ok(field)
}

/// The JSON of one field.
pub fn field_to_json(field: &Field) -> Value {
    let mut out = Map::new();
    if field.type_name == "object" {
        return json!({"type": "object", "enabled": false});
    }
    out.insert("type".into(), field.type_name.as_str().into());
    if let Some(above) = field.ignore_above {
        out.insert("ignore_above".into(), above.into());
    }
    if let Some(format) = &field.format {
        out.insert("format".into(), format.as_str().into());
    }
    if field.ignore_malformed {
        out.insert("ignore_malformed".into(), true.into());
    }
    if !field.subfields.is_empty() {
        let subfields: Map<String, Value> = field
            .subfields
            .iter()
            .map(|sub| {
                (
                    sub.path.rsplit('.').next().unwrap_or_default().to_owned(),
                    field_to_json(sub),
                )
            })
            .collect();
        out.insert("fields".into(), subfields.into());
    }
    out.extend(field.params.iter().map(|(k, v)| (k.clone(), v.clone())));
    out.into()
}

/// The whole mapping as `GET _mapping` shows it.
pub fn to_json(mapping: &Mapping) -> Value {
    #[derive(Default)]
    struct Node {
        children: BTreeMap<String, Node>,
        leaf: Option<Value>,
    }
    fn place<'a>(root: &'a mut Node, path: &str) -> &'a mut Node {
        path.split('.').fold(root, |node, part| {
            node.children.entry(part.to_owned()).or_default()
        })
    }
    fn render(node: Node) -> Value {
        match node.leaf {
            Some(leaf) => leaf,
            None => {
                let properties: Map<String, Value> =
                    node.children.into_iter().map(|(k, v)| (k, render(v))).collect();
                if properties.is_empty() {
                    json!({"type": "object"})
                } else {
                    json!({ "properties": properties })
                }
            }
        }
    }
    let mut root = Node::default();
    for path in mapping.objects.keys() {
        place(&mut root, path);
    }
    for (path, field) in &mapping.fields {
        place(&mut root, path).leaf = Some(field_to_json(field));
    }
    let mut out = Map::new();
    match mapping.dynamic {
        Dynamic::True => {}
        Dynamic::False => {
            out.insert("dynamic".into(), "false".into());
        }
        Dynamic::Strict => {
            out.insert("dynamic".into(), "strict".into());
        }
    }
    if mapping.no_date_detection {
        out.insert("date_detection".into(), false.into());
    }
    out.extend(mapping.rest.iter().map(|(k, v)| (k.clone(), v.clone())));
    if !mapping.templates.is_empty() {
        let list: Vec<Value> = mapping
            .templates
            .iter()
            .map(|t| json!({ t.name.as_str(): t.body }))
            .collect();
        out.insert("dynamic_templates".into(), list.into());
    }
    let properties: Map<String, Value> = root.children.into_iter().map(|(k, v)| (k, render(v))).collect();
    if !properties.is_empty() {
        out.insert("properties".into(), properties.into());
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_survives_the_way_through_json() {
        let body = json!({"dynamic": "strict", "date_detection": false, "properties": {
            "@timestamp": {"type": "date"},
            "log": {"properties": {"level": {"type": "keyword", "ignore_above": 100}}},
            "message": {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}},
        }});
        let mut mapping = Mapping::default();
        merge(&mut mapping, &body).unwrap();
        assert_eq!(to_json(&mapping), body);
        assert!(mapping.get("message.keyword").is_some());
        assert!(mapping.objects.contains_key("log"));
    }

    #[test]
    fn a_type_cannot_change() {
        let mut mapping = Mapping::default();
        merge(&mut mapping, &json!({"properties": {"a": {"type": "long"}}})).unwrap();
        let error = merge(&mut mapping, &json!({"properties": {"a": {"type": "keyword"}}})).unwrap_err();
        assert_eq!(
            error.reason,
            "mapper [a] cannot be changed from type [long] to [keyword]"
        );
    }

    #[test]
    fn an_unknown_type_is_named() {
        let error = merge(
            &mut Mapping::default(),
            &json!({"properties": {"a": {"type": "wat"}}}),
        )
        .unwrap_err();
        assert_eq!(error.reason, "No handler for type [wat] declared on field [a]");
    }
}

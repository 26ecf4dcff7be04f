//! Mappings as JSON: reads what users put, writes what `_mapping` answers, merges the one into the other.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::number::Numeric;
use super::{Dynamic, Field, Kind, Mapping, Object, bind_field, check, template};
use crate::date::parse;
use crate::error::{ApiError, ApiResult};

/// Keys at the top of a mapping.
const ROOT: &[&str] = &[
    "properties",
    "dynamic",
    "date_detection",
    "numeric_detection",
    "dynamic_date_formats",
    "dynamic_templates",
    "_meta",
    "_source",
    "_routing",
    "_all",
    "_field_names",
    "_size",
    "_data_stream_timestamp",
    "_doc_count",
    "_tier",
    "runtime",
    "derived",
    "subobjects",
    "enabled",
    "include_in_all",
    "_default_",
    "_parent",
    "_timestamp",
    "_ttl",
    "_type",
    "_id",
    "_index",
    "data_stream_timestamp",
];

/// Types of Elasticsearch that this store does not have.
const FOREIGN: &[&str] = &[
    "completion",
    "join",
    "percolator",
    "rank_feature",
    "rank_features",
    "dense_vector",
    "sparse_vector",
    "knn_vector",
    "murmur3",
    "semantic_text",
    "passthrough",
    "rank_vectors",
    "icu_collation_keyword",
    "star_tree",
];

/// Merges a `mappings` object into a mapping. A field that is there with another type is refused.
///
/// # Errors
/// In Elasticsearch's words: `mapper_parsing_exception` for what cannot be read, `illegal_argument_exception` for what
/// contradicts the mapping that is there.
pub fn merge(mapping: &mut Mapping, body: &Value) -> ApiResult<()> {
    let Some(mut body) = body.as_object() else {
        return Err(ApiError::mapper("Expected map for property [mappings]"));
    };
    // Types in mappings ended with Elasticsearch 7, but older templates still carry one.
    if body.len() == 1
        && let Some((name, Value::Object(inner))) = body.iter().next()
        && !ROOT.contains(&name.as_str())
    {
        body = inner;
    }
    for (key, value) in body {
        match key.as_str() {
            "properties" => merge_properties(mapping, "", value)?,
            "dynamic" => mapping.dynamic = dynamic(value)?,
            "date_detection" => mapping.no_date_detection = !boolean(key, value)?,
            "numeric_detection" => mapping.numeric_detection = boolean(key, value)?,
            "dynamic_date_formats" => mapping.date_formats = Some(date_formats(value)?),
            "dynamic_templates" => mapping.templates = template::parse(value)?,
            known if ROOT.contains(&known) => {
                mapping.rest.insert(key.clone(), value.clone());
            }
            _ => {
                return Err(ApiError::mapper(format!(
                    "Root mapping definition has unsupported parameters:  [{key} : {}]",
                    shown(value)
                )));
            }
        }
    }
    Ok(())
}

/// Takes out of a mapping that is still being made the fields that a `mappings` object gives another type, so that
/// it can be merged over what came before.
pub fn forget(mapping: &mut Mapping, body: &Value) {
    fn walk(mapping: &mut Mapping, prefix: &str, properties: &Map<String, Value>) {
        for (name, spec) in properties {
            let path = if prefix.is_empty() {
                name.clone()
            } else {
                format!("{prefix}.{name}")
            };
            let inner = spec.get("properties").and_then(Value::as_object);
            let is_object = inner.is_some()
                || matches!(
                    spec.get("type").and_then(Value::as_str),
                    Some("object" | "nested")
                );
            let differs = mapping.fields.get(path.as_str()).is_some_and(|field| {
                spec.get("type")
                    .is_some_and(|kind| kind != field.type_name.as_str())
            });
            if !is_object
                && differs
                && let Some(field) = mapping.fields.remove(path.as_str())
            {
                for sub in &field.subfields {
                    mapping.multi.remove(&sub.path);
                }
            }
            if is_object && mapping.fields.contains_key(path.as_str()) {
                mapping.fields.remove(path.as_str());
            }
            if let Some(inner) = inner {
                walk(mapping, &path, inner);
            }
        }
    }
    if let Some(properties) = body.get("properties").and_then(Value::as_object) {
        walk(mapping, "", properties);
    }
}

/// A value as Java writes it into messages.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(map) => {
            let pairs: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{key}={}", shown(value)))
                .collect();
            format!("{{{}}}", pairs.join(", "))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(shown).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

fn boolean(key: &str, value: &Value) -> ApiResult<bool> {
    match value {
        Value::Bool(value) => Ok(*value),
        Value::String(text) if text == "true" || text == "false" => Ok(text == "true"),
        other => Err(ApiError::mapper(format!(
            "Failed to parse value [{}] as only [true] or [false] are allowed for [{key}].",
            shown(other)
        ))),
    }
}

fn dynamic(value: &Value) -> ApiResult<Dynamic> {
    match value {
        Value::Bool(true) => Ok(Dynamic::True),
        Value::Bool(false) => Ok(Dynamic::False),
        Value::String(s) => match s.to_lowercase().as_str() {
            "true" => Ok(Dynamic::True),
            "runtime" => Ok(Dynamic::Runtime),
            "false" => Ok(Dynamic::False),
            "strict" => Ok(Dynamic::Strict),
            "strict_allow_templates" => Ok(Dynamic::StrictAllowTemplates),
            "false_allow_templates" => Ok(Dynamic::FalseAllowTemplates),
            other => Err(ApiError::mapper(format!(
                "No enum constant org.elasticsearch.index.mapper.ObjectMapper.Dynamic.{}",
                other.to_uppercase()
            ))),
        },
        other => Err(ApiError::mapper(format!(
            "No enum constant for [dynamic]: {other}"
        ))),
    }
}

fn date_formats(value: &Value) -> ApiResult<Vec<String>> {
    let list = match value {
        Value::String(one) => vec![one.clone()],
        Value::Array(list) => list.iter().map(shown).collect(),
        other => {
            return Err(ApiError::mapper(format!(
                "[dynamic_date_formats] must be a list, but is [{}]",
                shown(other)
            )));
        }
    };
    for format in &list {
        parse::parse_formats(format).map_err(ApiError::mapper)?;
    }
    Ok(list)
}

pub(super) fn no_handler(type_name: &str, field: &str) -> ApiError {
    let foreign = if FOREIGN.contains(&type_name) {
        ", which this store does not have"
    } else {
        ""
    };
    ApiError::mapper(format!(
        "No handler for type [{type_name}] declared on field [{field}]{foreign}"
    ))
}

fn merge_properties(mapping: &mut Mapping, prefix: &str, properties: &Value) -> ApiResult<()> {
    let properties = properties
        .as_object()
        .ok_or_else(|| ApiError::mapper("Expected map for property [properties]"))?;
    for (name, spec) in properties {
        if name.is_empty() || name.split('.').any(str::is_empty) {
            return Err(ApiError::argument("name cannot be empty string"));
        }
        let path = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        let spec = spec.as_object().ok_or_else(|| {
            ApiError::mapper(format!(
                "Expected map for property [fields] on field [{path}] but got a class java.lang.String"
            ))
        })?;
        merge_one(mapping, &path, spec)?;
    }
    Ok(())
}

/// Merges the definition of one field or object.
pub(super) fn merge_one(mapping: &mut Mapping, path: &str, spec: &Map<String, Value>) -> ApiResult<()> {
    let type_name = spec.get("type").and_then(Value::as_str);
    match type_name {
        Some("object" | "nested") => merge_object(mapping, path, spec),
        None if spec.contains_key("properties")
            || spec.contains_key("enabled")
            || spec.contains_key("dynamic") =>
        {
            merge_object(mapping, path, spec)
        }
        // Objects that nobody put a type on have always been allowed where they are known already.
        None if spec.is_empty() || mapping.objects.contains_key(path) => merge_object(mapping, path, spec),
        None => Err(ApiError::mapper(format!(
            "No type specified for field [{}]",
            last(path)
        ))),
        Some("alias") => {
            let target = spec.get("path").and_then(Value::as_str).ok_or_else(|| {
                ApiError::mapper(format!(
                    "The [path] property must be specified for field [{path}]."
                ))
            })?;
            if mapping.fields.contains_key(path) {
                return Err(ApiError::argument(format!(
                    "Cannot merge a field alias mapping [{path}] with a mapping that is not for a field alias."
                )));
            }
            mapping.insert_parents(path);
            mapping.aliases.insert(path.into(), target.into());
            Ok(())
        }
        Some(type_name) => merge_field(mapping, path, type_name, spec),
    }
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

fn merge_object(mapping: &mut Mapping, path: &str, spec: &Map<String, Value>) -> ApiResult<()> {
    let enabled = spec
        .get("enabled")
        .map_or(Ok(true), |value| boolean("enabled", value))?;
    if let Some(known) = mapping.fields.get(path) {
        if known.type_name == "object" && !enabled {
            return Ok(());
        }
        return Err(ApiError::argument(format!(
            "can't merge a non object mapping [{path}] with an object mapping"
        )));
    }
    check::parameters(path, "object", spec)?;
    mapping.insert_parents(path);
    if !enabled {
        mapping.objects.remove(path);
        mapping.insert(Arc::new(Field::new(path, "object", Kind::Unindexed)));
        return Ok(());
    }
    let nested = spec.get("type").and_then(Value::as_str) == Some("nested");
    let is_known = mapping.objects.contains_key(path);
    let said = spec.get("dynamic").map(dynamic).transpose()?;
    let object = mapping.objects.entry(path.into()).or_default();
    if is_known && nested != object.nested {
        // An object that learnt fields made may still become nested as long as it is empty of them.
        let empty = !mapping
            .fields
            .keys()
            .any(|field| field.starts_with(&format!("{path}.")));
        if !empty || !nested {
            let (from, to) = if nested {
                ("non-nested", "nested")
            } else {
                ("nested", "non-nested")
            };
            return Err(ApiError::argument(format!(
                "cannot change object mapping from {from} to {to}"
            )));
        }
    }
    object.nested |= nested;
    object.dynamic = said.or(object.dynamic);
    match spec.get("properties") {
        Some(inner) => merge_properties(mapping, path, inner),
        None => Ok(()),
    }
}

fn merge_field(
    mapping: &mut Mapping,
    path: &str,
    type_name: &str,
    spec: &Map<String, Value>,
) -> ApiResult<()> {
    let mut field = bind_lenient(field(path, type_name, spec)?, mapping)?;
    if mapping.objects.contains_key(path) {
        return Err(ApiError::argument(format!(
            "can't merge an object mapping [{path}] with a non object mapping"
        )));
    }
    if let Some(known) = mapping.fields.get(path) {
        check::change(known, &field)?;
        // Multi-fields that are not said again stay.
        for sub in &known.subfields {
            match field.subfields.iter().find(|new| new.path == sub.path) {
                Some(new) => check::change(sub, new)?,
                None => field.subfields.push(Arc::clone(sub)),
            }
        }
        if let (Some(value), None) = (&known.constant, &field.constant) {
            field.constant = Some(Arc::clone(value));
        }
    }
    mapping.insert(Arc::new(field));
    Ok(())
}

/// Resolves the analyzers of a field as far as the index's are known; [`Mapping::bind`] is what insists.
fn bind_lenient(field: Field, mapping: &Mapping) -> ApiResult<Field> {
    Ok(bind_field(&field, &mapping.analysis).unwrap_or(field))
}

/// Reads one field's definition.
///
/// # Errors
/// A `mapper_parsing_exception` that names the field and the parameter.
pub fn field(path: &str, type_name: &str, spec: &Map<String, Value>) -> ApiResult<Field> {
    let kind = Kind::of_type(type_name).ok_or_else(|| no_handler(type_name, last(path)))?;
    check::parameters(path, type_name, spec)?;
    let mut field = Field::new(path, type_name, kind);
    field.numeric = Numeric::of_type(type_name);
    let keep = |field: &mut Field, key: &str, value: &Value| {
        field.params.insert(key.to_owned(), value.clone());
    };
    for (key, value) in spec {
        match key.as_str() {
            "type" => {}
            "ignore_above" => {
                let above = value.as_u64().or_else(|| value.as_str()?.parse().ok());
                let above = above.ok_or_else(|| {
                    ApiError::mapper(format!(
                        "Failed to parse mapping: For input string: \"{}\"",
                        shown(value)
                    ))
                })?;
                field.ignore_above = usize::try_from(above).ok();
            }
            "ignore_malformed" => {
                field.ignore_malformed = boolean(key, value)?;
                // Kept, too: `false` is stronger than what the index says.
                keep(&mut field, key, value);
            }
            "coerce" => {
                field.coerce = Some(boolean(key, value)?);
                keep(&mut field, key, value);
            }
            "null_value" => {
                field.null_value = (!value.is_null()).then(|| value.clone());
                keep(&mut field, key, value);
            }
            "copy_to" => {
                let list = match value {
                    Value::Array(list) => list.iter().map(shown).collect(),
                    one => vec![shown(one)],
                };
                field.copy_to = list.iter().map(|path| path.as_str().into()).collect();
                keep(&mut field, key, &list.into());
            }
            "scaling_factor" => {
                let factor = value.as_f64().or_else(|| value.as_str()?.parse().ok());
                match factor {
                    Some(factor) if factor > 0.0 && factor.is_finite() => {
                        field.numeric = Numeric::Scaled(factor)
                    }
                    _ => {
                        return Err(ApiError::mapper(format!(
                            "[scaling_factor] must be a positive number, got [{}]",
                            shown(value)
                        )));
                    }
                }
                keep(&mut field, key, &factor.into());
            }
            "value" if type_name == "constant_keyword" => {
                field.constant = Some(shown(value).as_str().into());
                keep(&mut field, key, value);
            }
            "index" | "enabled" | "doc_values"
                if value == &Value::Bool(false) || value == "false" || value == "no" =>
            {
                keep(&mut field, key, &Value::Bool(false));
            }
            "format" if kind == Kind::Date => {
                let text = value.as_str().unwrap_or_default();
                field.formats = parse::parse_formats(text)
                    .map_err(|reason| ApiError::mapper(format!("Failed to parse mapping: {reason}")))?;
                field.format = Some(text.to_owned());
            }
            "fields" => {
                for (name, sub) in value.as_object().into_iter().flatten() {
                    let sub_path = format!("{path}.{name}");
                    let spec = sub.as_object().cloned().unwrap_or_default();
                    let type_name = spec.get("type").and_then(Value::as_str).ok_or_else(|| {
                        ApiError::mapper(format!("no type specified for property [{name}]"))
                    })?;
                    field
                        .subfields
                        .push(Arc::new(self::field(&sub_path, type_name, &spec)?));
                }
            }
            _ => keep(&mut field, key, value),
        }
    }
    if type_name == "scaled_float" && !matches!(field.numeric, Numeric::Scaled(_)) {
        return Err(ApiError::mapper("Field [scaling_factor] is required"));
    }
    // A field without an index still has doc values in Elasticsearch, unless told otherwise: only text loses
    // everything.
    let off = |key: &str| field.params.get(key) == Some(&Value::Bool(false));
    field.unindexed |= off("enabled") || off("index") && (kind == Kind::Text || off("doc_values"));
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
    if let Some(constant) = &field.constant {
        out.insert("value".into(), (&**constant).into());
    }
    if !field.subfields.is_empty() {
        let subfields: Map<String, Value> = field
            .subfields
            .iter()
            .map(|sub| (last(&sub.path).to_owned(), field_to_json(sub)))
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
        object: Object,
    }
    fn place<'a>(root: &'a mut Node, path: &str) -> &'a mut Node {
        path.split('.').fold(root, |node, part| {
            node.children.entry(part.to_owned()).or_default()
        })
    }
    fn render(node: Node) -> Value {
        if let Some(leaf) = node.leaf {
            return leaf;
        }
        let mut out = Map::new();
        let properties: Map<String, Value> = node.children.into_iter().map(|(k, v)| (k, render(v))).collect();
        if node.object.nested {
            out.insert("type".into(), "nested".into());
        } else if properties.is_empty() {
            out.insert("type".into(), "object".into());
        }
        if let Some(dynamic) = node.object.dynamic {
            out.insert("dynamic".into(), dynamic.word().into());
        }
        if !properties.is_empty() {
            out.insert("properties".into(), properties.into());
        }
        out.into()
    }
    let mut root = Node::default();
    for (path, object) in &mapping.objects {
        place(&mut root, path).object = object.clone();
    }
    for (path, field) in &mapping.fields {
        place(&mut root, path).leaf = Some(field_to_json(field));
    }
    for (path, target) in &mapping.aliases {
        place(&mut root, path).leaf = Some(json!({"type": "alias", "path": &**target}));
    }
    let mut out = Map::new();
    if mapping.dynamic != Dynamic::True {
        out.insert("dynamic".into(), mapping.dynamic.word().into());
    }
    if mapping.no_date_detection {
        out.insert("date_detection".into(), false.into());
    }
    if mapping.numeric_detection {
        out.insert("numeric_detection".into(), true.into());
    }
    if let Some(formats) = &mapping.date_formats {
        out.insert("dynamic_date_formats".into(), formats.clone().into());
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

    #[test]
    fn every_parameter_and_object_survives_the_way_through_json() {
        let body = json!({"dynamic": "runtime", "numeric_detection": true, "dynamic_date_formats": ["MM/dd/yyyy"], "properties": {
            "a": {"type": "alias", "path": "n"},
            "n": {"type": "scaled_float", "scaling_factor": 10.0, "coerce": false},
            "k": {"type": "keyword", "null_value": "none", "copy_to": ["all"], "normalizer": "lowercase"},
            "o": {"type": "nested", "dynamic": "strict", "properties": {"x": {"type": "constant_keyword", "value": "v"}}},
            "off": {"type": "object", "enabled": false},
            "d": {"type": "date", "format": "dd/MM/yyyy||epoch_second", "ignore_malformed": true},
        }});
        let mut mapping = Mapping::default();
        merge(&mut mapping, &body).unwrap();
        assert_eq!(to_json(&mapping), body);
        assert_eq!(mapping.get("a").unwrap().type_name, "scaled_float");
        assert_eq!(mapping.nested_of("o.x"), Some("o"));
    }

    #[test]
    fn what_contradicts_the_mapping_is_refused_in_elasticsearchs_words() {
        let base = json!({"properties": {
            "k": {"type": "keyword", "fields": {"t": {"type": "text"}}},
            "d": {"type": "date"}, "o": {"properties": {"x": {"type": "long"}}},
        }});
        for (change, reason) in [
            (
                json!({"k": {"type": "keyword", "doc_values": false}}),
                "Mapper for [k] conflicts with existing mapper:\n\tCannot update parameter [doc_values] from [true] to [false]",
            ),
            (
                json!({"d": {"type": "date", "format": "yyyy"}}),
                "Mapper for [d] conflicts with existing mapper:\n\tCannot update parameter [format] from [strict_date_optional_time||epoch_millis] to [yyyy]",
            ),
            (
                json!({"o": {"type": "long"}}),
                "can't merge an object mapping [o] with a non object mapping",
            ),
            (
                json!({"k": {"properties": {}}}),
                "can't merge a non object mapping [k] with an object mapping",
            ),
            (
                json!({"o": {"type": "nested"}}),
                "cannot change object mapping from non-nested to nested",
            ),
            (
                json!({"new": {"type": "keyword", "wat": 1}}),
                "unknown parameter [wat] on mapper [new] of type [keyword]",
            ),
            (
                json!({"new": {"type": "completion"}}),
                "No handler for type [completion] declared on field [new], which this store does not have",
            ),
            (
                json!({"new": {"type": "scaled_float"}}),
                "Field [scaling_factor] is required",
            ),
            (
                json!({"new": {"type": "date", "format": "bb"}}),
                "Failed to parse mapping: Invalid format: [bb]: Unknown pattern letter: b",
            ),
        ] {
            let mut mapping = Mapping::default();
            merge(&mut mapping, &base).unwrap();
            let error = merge(&mut mapping, &json!({ "properties": change })).unwrap_err();
            assert_eq!(error.reason, reason);
        }
        let error = merge(&mut Mapping::default(), &json!({"properties": {}, "wat": 1})).unwrap_err();
        assert_eq!(
            error.reason,
            "Root mapping definition has unsupported parameters:  [wat : 1]"
        );
    }

    #[test]
    fn multi_fields_that_are_not_said_again_stay() {
        let mut mapping = Mapping::default();
        merge(
            &mut mapping,
            &json!({"properties": {"k": {"type": "text", "fields": {"a": {"type": "keyword"}}}}}),
        )
        .unwrap();
        merge(
            &mut mapping,
            &json!({"properties": {"k": {"type": "text", "fields": {"b": {"type": "keyword"}}}}}),
        )
        .unwrap();
        assert!(mapping.get("k.a").is_some() && mapping.get("k.b").is_some());
    }
}

//! Dynamic mapping: what type a field gets that no mapping names.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Field, Kind, Mapping, json, pattern};
use crate::date::parse::{self, Format};
use crate::date::zone::Zone;
use crate::error::ApiResult;

/// The JSON type of a value that is seen for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen<'a> {
    /// A string.
    Str(&'a str),
    /// A whole number.
    Long,
    /// A number with a fraction.
    Double,
    /// `true` or `false`.
    Boolean,
}

/// Decides the type of a new field, by the mapping's dynamic templates first.
pub fn learn(mapping: &Mapping, path: &str, seen: Seen<'_>) -> ApiResult<Arc<Field>> {
    let is_date = matches!(seen, Seen::Str(text) if !mapping.no_date_detection && looks_like_date(text));
    let (matching_type, dynamic_type) = match seen {
        Seen::Str(_) if is_date => ("date", "date"),
        Seen::Str(_) => ("string", "text"),
        Seen::Long => ("long", "long"),
        Seen::Double => ("double", "float"),
        Seen::Boolean => ("boolean", "boolean"),
    };
    for template in &mapping.templates {
        if applies(&template.body, path, matching_type) {
            let name = path.rsplit('.').next().unwrap_or(path);
            let spec = substitute(template.body.get("mapping"), name, dynamic_type);
            let type_name = spec.get("type").and_then(Value::as_str).unwrap_or(dynamic_type);
            return json::field(path, type_name, &spec).map(Arc::new);
        }
    }
    Ok(Arc::new(match seen {
        Seen::Str(_) if !is_date => Field::dynamic_string(path),
        _ => Field::new(
            path,
            dynamic_type,
            Kind::of_type(dynamic_type).unwrap_or(Kind::Keyword),
        ),
    }))
}

/// Elasticsearch's `dynamic_date_formats`: strict ISO dates and `yyyy/MM/dd`. A bare year is a number in
/// quotes, not a date.
fn looks_like_date(text: &str) -> bool {
    text.len() >= 10
        && text.as_bytes()[..4].iter().all(u8::is_ascii_digit)
        && matches!(text.as_bytes()[4], b'-' | b'/')
        && parse::parse(text, &[Format::IsoOptionalTime, Format::Slashes], &Zone::UTC).is_some()
}

fn applies(template: &Value, path: &str, matching_type: &str) -> bool {
    let name = path.rsplit('.').next().unwrap_or(path);
    let any = |key: &str, test: &dyn Fn(&str) -> bool| -> Option<bool> {
        match template.get(key)? {
            Value::String(one) => Some(test(one)),
            Value::Array(list) => Some(list.iter().filter_map(Value::as_str).any(test)),
            _ => None,
        }
    };
    any("match_mapping_type", &|t| t == "*" || t == matching_type).unwrap_or(true)
        && any("match", &|p| pattern::matches(p, name)).unwrap_or(true)
        && any("path_match", &|p| pattern::matches(p, path)).unwrap_or(true)
        && !any("unmatch", &|p| pattern::matches(p, name)).unwrap_or(false)
        && !any("path_unmatch", &|p| pattern::matches(p, path)).unwrap_or(false)
}

fn substitute(spec: Option<&Value>, name: &str, dynamic_type: &str) -> Map<String, Value> {
    fn walk(value: &Value, name: &str, dynamic_type: &str) -> Value {
        match value {
            Value::String(s) => s
                .replace("{name}", name)
                .replace("{dynamic_type}", dynamic_type)
                .into(),
            Value::Object(map) => map
                .iter()
                .map(|(k, v)| (k.clone(), walk(v, name, dynamic_type)))
                .collect::<Map<_, _>>()
                .into(),
            Value::Array(list) => list.iter().map(|v| walk(v, name, dynamic_type)).collect(),
            other => other.clone(),
        }
    }
    match spec.map(|spec| walk(spec, name, dynamic_type)) {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn type_of(mapping: &Mapping, path: &str, seen: Seen<'_>) -> String {
        learn(mapping, path, seen).unwrap().type_name.clone()
    }

    #[test]
    fn types_are_learnt_as_elasticsearch_learns_them() {
        let plain = Mapping::default();
        assert_eq!(type_of(&plain, "a", Seen::Str("hello")), "text");
        assert_eq!(type_of(&plain, "a", Seen::Str("2026-11-24")), "date");
        assert_eq!(
            type_of(&plain, "a", Seen::Str("2026-11-24T09:46:51.123Z")),
            "date"
        );
        assert_eq!(type_of(&plain, "a", Seen::Str("2026")), "text");
        assert_eq!(type_of(&plain, "a", Seen::Str("ünïcödé text")), "text");
        assert_eq!(type_of(&plain, "a", Seen::Long), "long");
        assert_eq!(type_of(&plain, "a", Seen::Double), "float");
        assert_eq!(type_of(&plain, "a", Seen::Boolean), "boolean");
    }

    #[test]
    fn a_dynamic_template_decides_first() {
        let mut mapping = Mapping::default();
        json::merge(&mut mapping, &json!({"dynamic_templates": [
            {"labels": {"path_match": "labels.*", "mapping": {"type": "keyword"}}},
            {"strings": {"match_mapping_type": "string", "unmatch": "message", "mapping": {"type": "keyword", "ignore_above": 1024}}},
        ]})).unwrap();
        assert_eq!(type_of(&mapping, "labels.n", Seen::Long), "keyword");
        assert_eq!(type_of(&mapping, "service.name", Seen::Str("guilds")), "keyword");
        assert_eq!(type_of(&mapping, "message", Seen::Str("hello")), "text");
    }
}

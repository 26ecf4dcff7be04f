//! Dynamic mapping: what type a field gets that no mapping names.

use std::sync::Arc;

use serde_json::Value;

use super::number::Numeric;
use super::{Field, Kind, Mapping, bind_field, json};
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

/// What a dynamic template makes of an object that is seen for the first time.
#[derive(Debug, Clone)]
pub enum SeenObject {
    /// A field of a type that takes objects (`flattened`, `enabled: false`).
    Field(Arc<Field>),
    /// An object, with `nested` or `dynamic` of its own.
    Object(super::Object),
}

/// Whether a dynamic template says what a new field becomes.
pub fn has_template(mapping: &Mapping, path: &str, seen: Seen<'_>) -> bool {
    let kind = match seen {
        Seen::Str(text) if date_format(mapping, text).is_some() => "date",
        Seen::Str(text) => numeric(mapping, text).map_or("string", |(kind, _)| kind),
        Seen::Long => "long",
        Seen::Double => "double",
        Seen::Boolean => "boolean",
    };
    mapping
        .templates
        .iter()
        .any(|template| template.applies(path, kind))
}

/// Decides the type of a new field, by the mapping's dynamic templates first.
pub fn learn(mapping: &Mapping, path: &str, seen: Seen<'_>) -> ApiResult<Arc<Field>> {
    let mut format = None;
    let (matching_type, dynamic_type) = match seen {
        Seen::Str(text) => {
            format = date_format(mapping, text);
            match format {
                Some(_) => ("date", "date"),
                None => numeric(mapping, text).unwrap_or(("string", "text")),
            }
        }
        Seen::Long => ("long", "long"),
        Seen::Double => ("double", "float"),
        Seen::Boolean => ("boolean", "boolean"),
    };
    for template in &mapping.templates {
        if template.applies(path, matching_type) {
            let dynamic_type = if dynamic_type == "float" {
                "double"
            } else {
                dynamic_type
            };
            let mut spec = template.definition(path, dynamic_type);
            let type_name = match spec.get("type").and_then(Value::as_str) {
                Some("object" | "nested") => continue,
                Some(name) => name.to_owned(),
                None if dynamic_type == "double" => "float".to_owned(),
                None if dynamic_type == "text" && spec.is_empty() => break,
                None => dynamic_type.to_owned(),
            };
            if type_name == "date"
                && let Some(format) = &format
                && !spec.contains_key("format")
                && format != DEFAULT
            {
                spec.insert("format".to_owned(), format.as_str().into());
            }
            let field = json::field(path, &type_name, &spec)?;
            return bind_field(&field, &mapping.analysis).map(Arc::new);
        }
    }
    Ok(Arc::new(match (seen, dynamic_type) {
        (Seen::Str(_), "text") => Field::dynamic_string(path),
        _ => {
            let mut field = Field::new(
                path,
                dynamic_type,
                Kind::of_type(dynamic_type).unwrap_or(Kind::Keyword),
            );
            field.numeric = Numeric::of_type(dynamic_type);
            if let Some(format) = format.filter(|format| format != DEFAULT) {
                field.formats = parse::parse_formats(&format).unwrap_or_else(|_| field.formats.clone());
                field.format = Some(format);
            }
            field
        }
    }))
}

/// What the first template that is about objects makes of a new one; `None`: a plain object.
pub fn learn_object(mapping: &Mapping, path: &str) -> ApiResult<Option<SeenObject>> {
    let Some(template) = mapping
        .templates
        .iter()
        .find(|template| template.applies(path, "object"))
    else {
        return Ok(None);
    };
    let spec = template.definition(path, "object");
    // The rules for one field and one object are those of mappings that users put.
    let mut made = Mapping {
        analysis: Arc::clone(&mapping.analysis),
        ..Mapping::default()
    };
    json::merge_one(&mut made, path, &spec)?;
    Ok(match made.fields.get(path) {
        // A type that takes only values says nothing of objects.
        Some(field) if matches!(field.kind, Kind::Flattened | Kind::Unindexed) => {
            Some(SeenObject::Field(Arc::clone(field)))
        }
        Some(_) => None,
        None => made.objects.get(path).cloned().map(SeenObject::Object),
    })
}

/// The format that `date` has without one.
const DEFAULT: &str = "strict_date_optional_time||epoch_millis";

/// The format of a string that looks like a date: of Elasticsearch's `dynamic_date_formats`, strict ISO dates and
/// `yyyy/MM/dd`, or of the mapping's own. A bare year is a number in quotes, not a date.
fn date_format(mapping: &Mapping, text: &str) -> Option<String> {
    if mapping.no_date_detection {
        return None;
    }
    if let Some(formats) = &mapping.date_formats {
        return formats
            .iter()
            .find(|format| {
                parse::parse_formats(format)
                    .is_ok_and(|formats| parse::parse(text, &formats, &Zone::UTC).is_some())
            })
            .cloned();
    }
    let plausible = text.len() >= 10
        && text.as_bytes()[..4].iter().all(u8::is_ascii_digit)
        && matches!(text.as_bytes()[4], b'-' | b'/');
    if !plausible {
        return None;
    }
    if parse::parse(text, &[Format::IsoOptionalTime], &Zone::UTC).is_some() {
        return Some(DEFAULT.to_owned());
    }
    let slashes = "yyyy/MM/dd HH:mm:ss||yyyy/MM/dd||epoch_millis";
    let formats = parse::parse_formats(slashes).ok()?;
    parse::parse(text, &formats, &Zone::UTC).map(|_| slashes.to_owned())
}

/// The type of a number in quotes, if the mapping wants it looked for.
fn numeric(mapping: &Mapping, text: &str) -> Option<(&'static str, &'static str)> {
    if !mapping.numeric_detection {
        return None;
    }
    if text.parse::<i64>().is_ok() {
        return Some(("long", "long"));
    }
    let finite = text.parse::<f64>().is_ok_and(f64::is_finite);
    finite.then_some(("double", "float"))
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

    #[test]
    fn templates_match_by_name_path_type_and_expression_and_fill_in_names() {
        let mut mapping = Mapping::default();
        json::merge(&mut mapping, &json!({"dynamic_templates": [
            {"expression": {"match_pattern": "regex", "match": "^profit_\\d+$", "mapping": {"type": "integer"}}},
            {"named": {"match": "*_copy", "mapping": {"type": "{dynamic_type}", "copy_to": "all_{name}"}}},
            {"not_here": {"path_match": "user.*", "path_unmatch": "*.middle", "mapping": {"type": "keyword"}}},
            {"listed": {"match": ["ip_*", "*_ip"], "mapping": {"type": "ip"}}},
            {"flat": {"match_mapping_type": "object", "match": "labels", "mapping": {"type": "flattened"}}},
        ]})).unwrap();
        assert_eq!(type_of(&mapping, "profit_1", Seen::Long), "integer");
        assert_eq!(type_of(&mapping, "profit_x", Seen::Long), "long");
        assert_eq!(
            &*learn(&mapping, "a_copy", Seen::Boolean).unwrap().copy_to[0],
            "all_a_copy"
        );
        assert_eq!(type_of(&mapping, "user.first", Seen::Str("x")), "keyword");
        assert_eq!(type_of(&mapping, "user.middle", Seen::Str("x")), "text");
        assert_eq!(type_of(&mapping, "source_ip", Seen::Str("x")), "ip");
        assert!(matches!(
            learn_object(&mapping, "labels").unwrap(),
            Some(SeenObject::Field(_))
        ));
        assert!(learn_object(&mapping, "other").unwrap().is_none());
    }

    #[test]
    fn detection_follows_the_mapping() {
        let mut mapping = Mapping::default();
        json::merge(
            &mut mapping,
            &json!({"numeric_detection": true, "dynamic_date_formats": ["MM/dd/yyyy"]}),
        )
        .unwrap();
        assert_eq!(type_of(&mapping, "a", Seen::Str("12")), "long");
        assert_eq!(type_of(&mapping, "a", Seen::Str("1.5")), "float");
        let date = learn(&mapping, "a", Seen::Str("09/25/2015")).unwrap();
        assert_eq!(
            (date.type_name.as_str(), date.format.as_deref()),
            ("date", Some("MM/dd/yyyy"))
        );
        assert_eq!(type_of(&mapping, "a", Seen::Str("2015-09-25")), "text");
        let slashes = learn(&Mapping::default(), "a", Seen::Str("2026/11/24 09:00:00")).unwrap();
        assert_eq!(
            slashes.format.as_deref(),
            Some("yyyy/MM/dd HH:mm:ss||yyyy/MM/dd||epoch_millis")
        );
    }
}

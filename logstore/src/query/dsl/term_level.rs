//! Queries over exact terms and values.

use serde_json::Value;

use super::spec::Spec;
use super::{list, single_field, text};
use crate::error::{ApiError, ApiResult};
use crate::query::ast::{Fuzziness, Pattern, Query, Range};

/// `term`, `prefix`, `wildcard`, `regexp`, `fuzzy`.
pub(super) fn one_value(name: &str, body: &Value) -> ApiResult<Query> {
    let (field, options) = single_field(name, body)?;
    let spec = Spec::new(name, options);
    let keys: &[&str] = match name {
        "term" => &["value", "term"],
        "prefix" => &["value", "prefix"],
        "wildcard" => &["value", "wildcard"],
        _ => &["value"],
    };
    let value = match options {
        Value::Object(_) => keys.iter().find_map(|key| spec.get(key)),
        Value::Null => None,
        Value::Array(_) => {
            return Err(ApiError::parsing(format!(
                "[{name}] query does not support array of values"
            )));
        }
        scalar => Some(scalar),
    };
    let value = value
        .ok_or_else(|| ApiError::argument(format!("value cannot be null for [{name}] on field [{field}]")))?;
    if value.is_object() || value.is_array() {
        return Err(ApiError::parsing(format!(
            "[{name}] query does not support array of values"
        )));
    }
    spec.only(&[
        "value",
        "term",
        "prefix",
        "wildcard",
        "case_insensitive",
        "rewrite",
        "flags",
        "flags_value",
        "max_determinized_states",
        "fuzziness",
        "prefix_length",
        "max_expansions",
        "transpositions",
    ])?;
    let field = field.to_owned();
    let ignore_case = spec.flag("case_insensitive");
    let query = match name {
        "term" => Query::Term {
            field,
            value: value.clone(),
            ignore_case,
        },
        "fuzzy" => Query::Fuzzy {
            field,
            text: text(value),
            fuzziness: spec.fuzziness()?.unwrap_or(Fuzziness::Auto(3, 6)),
            prefix: spec.count("prefix_length")?.unwrap_or(0),
        },
        _ => Query::Pattern {
            field,
            pattern: match name {
                "prefix" => Pattern::Prefix(text(value)),
                "wildcard" => Pattern::Wildcard(text(value)),
                _ => Pattern::Regexp(text(value)),
            },
            ignore_case,
        },
    };
    spec.finish(Spec::new(name, body).finish(query)?)
}

/// `terms`, with values or with a lookup.
pub(super) fn terms(body: &Value) -> ApiResult<Query> {
    let spec = Spec::object("terms", body)?;
    let mut fields = spec.iter().filter(|(key, _)| !matches!(*key, "boost" | "_name"));
    let (field, values) = fields.next().ok_or_else(|| {
        ApiError::parsing("[terms] query requires a field name, followed by array of terms or a document lookup specification")
    })?;
    if let Some((second, _)) = fields.next() {
        return Err(ApiError::parsing(format!(
            "[terms] query does not support multiple fields, found [{field}] and [{second}]"
        )));
    }
    let query = match values {
        Value::Array(values) => {
            if let Some(bad) = values.iter().find(|value| value.is_object() || value.is_array()) {
                return Err(ApiError::parsing(format!("[terms] value [{bad}] is no scalar")));
            }
            if values.iter().any(Value::is_null) {
                return Err(ApiError::argument("No value specified for terms query"));
            }
            Query::Terms {
                field: field.to_owned(),
                values: values.clone(),
            }
        }
        Value::Object(_) => {
            let lookup = Spec::object("terms", values)?;
            Query::Lookup {
                field: field.to_owned(),
                index: lookup.required("index")?,
                id: lookup.required("id")?,
                path: lookup.required("path")?,
            }
        }
        _ => {
            return Err(ApiError::parsing(
                "[terms] query does not support a single value, an array of terms is expected",
            ));
        }
    };
    spec.finish(query)
}

/// `range` in all its forms.
pub(super) fn range(body: &Value) -> ApiResult<Query> {
    let (field, options) = single_field("range", body)?;
    let spec = Spec::object("range", options)?;
    let mut range = Range {
        field: field.to_owned(),
        ..Range::default()
    };
    let flag = |key: &str| {
        options
            .get(key)
            .is_none_or(|said| said != false && said != "false")
    };
    for (key, value) in spec.iter() {
        if value.is_object() || value.is_array() {
            return Err(ApiError::parsing(format!("[range] [{key}] must be a scalar")));
        }
        let set = |included| (!value.is_null()).then(|| (value.clone(), included));
        match key {
            "gte" | "ge" => range.from = set(true),
            "gt" => range.from = set(false),
            "lte" | "le" => range.to = set(true),
            "lt" => range.to = set(false),
            "from" => range.from = set(flag("include_lower")),
            "to" => range.to = set(flag("include_upper")),
            "format" => range.format = value.as_str().map(ToOwned::to_owned),
            "time_zone" => range.time_zone = value.as_str().map(ToOwned::to_owned),
            "include_lower" | "include_upper" | "boost" | "relation" | "_name" => {}
            other => return Err(spec.unknown(other)),
        }
    }
    spec.finish(Spec::new("range", body).finish(Query::Range(range))?)
}

/// `ids`.
pub(super) fn ids(body: &Value) -> ApiResult<Query> {
    let spec = Spec::object("ids", body)?;
    spec.only(&["values", "type", "types"])?;
    spec.finish(Query::Ids(list(spec.get("values")).iter().map(text).collect()))
}

/// `exists`.
pub(super) fn exists(body: &Value) -> ApiResult<Query> {
    let spec = Spec::object("exists", body)?;
    spec.only(&["field"])?;
    let field = spec
        .get("field")
        .map(text)
        .filter(|field| !field.is_empty())
        .ok_or_else(|| ApiError::parsing("[exists] must be provided with a [field]"))?;
    spec.finish(Query::Exists(field))
}

//! The `fields` and `docvalue_fields` of a hit, read from its `_source` as the mapping says.

use serde_json::{Map, Value};

use super::request::AskedField;
use crate::date::format;
use crate::date::zone::Zone;
use crate::document::convert::{self, Scalar};
use crate::document::path;
use crate::error::ApiResult;
use crate::mapping::{Field, Kind, Mapping};

/// Values of the asked fields, each as a list.
pub fn fields(source: &Value, mapping: &Mapping, asked: &[AskedField]) -> Map<String, Value> {
    let mut out = Map::new();
    for ask in asked {
        for field in mapping.matching(&ask.name) {
            // A multi-field has the values of the field it belongs to.
            let from = if mapping.multi.contains_key(&field.path) {
                field
                    .path
                    .rsplit_once('.')
                    .map_or(&*field.path, |(parent, _)| parent)
            } else {
                &field.path
            };
            let values: Vec<Value> = path::values(source, from)
                .into_iter()
                .map(|value| shown(value, &field, ask.format.as_deref()))
                .collect();
            if !values.is_empty() {
                out.insert(field.path.to_string(), values.into());
            }
        }
    }
    out
}

/// Values of `docvalue_fields`: sorted, as columns are, and exact strings once each.
pub fn doc_values(
    source: &Value,
    mapping: &Mapping,
    asked: &[AskedField],
    id: &str,
    index: &str,
    seq_no: u64,
) -> ApiResult<Map<String, Value>> {
    let mut out = Map::new();
    for ask in asked {
        match ask.name.as_str() {
            "_id" => drop(out.insert("_id".into(), vec![id].into())),
            "_index" => drop(out.insert("_index".into(), vec![index].into())),
            "_seq_no" => drop(out.insert("_seq_no".into(), vec![seq_no].into())),
            name => {
                if !name.contains('*')
                    && let Some(field) = mapping.get(name)
                    && field.kind == Kind::Text
                {
                    return Err(super::sort::no_column(field));
                }
            }
        }
    }
    // A field may be asked for twice, in two formats.
    for (name, values) in asked
        .iter()
        .flat_map(|ask| fields(source, mapping, std::slice::from_ref(ask)))
    {
        let Some(field) = mapping.get(&name).filter(|field| field.column().is_some()) else {
            continue;
        };
        let Value::Array(mut values) = values else {
            continue;
        };
        values.sort_by(|a, b| match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            _ => a.as_str().cmp(&b.as_str()),
        });
        if field.kind.is_exact_string() {
            values.dedup();
        }
        match out.get_mut(&name) {
            Some(Value::Array(known)) => known.extend(values),
            _ => drop(out.insert(name, values.into())),
        }
    }
    Ok(out)
}

fn shown(value: &Value, field: &Field, asked_format: Option<&str>) -> Value {
    let scalar = match value {
        Value::String(text) => Scalar::Str(text),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Scalar::I64(whole),
            None => Scalar::F64(number.as_f64().unwrap_or_default()),
        },
        Value::Bool(value) => Scalar::Bool(*value),
        _ => return value.clone(),
    };
    match field.kind {
        Kind::Date => match convert::date(field, scalar) {
            Ok(parsed) => {
                format::format(parsed.start, asked_format.or(field.format.as_deref()), &Zone::UTC).into()
            }
            Err(_) => value.clone(),
        },
        Kind::Long { min, max } => {
            convert::long(scalar, min, max).map_or_else(|_| value.clone(), Value::from)
        }
        Kind::Double => convert::double(scalar).map_or_else(|_| value.clone(), Value::from),
        Kind::Keyword | Kind::Text | Kind::Ip | Kind::Flattened => scalar.to_string().into(),
        Kind::Boolean => {
            convert::boolean(scalar).map_or_else(|_| value.clone(), |text| (text == "true").into())
        }
        Kind::Unindexed => value.clone(),
    }
}

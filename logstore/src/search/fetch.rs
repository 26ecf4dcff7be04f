//! The `fields` and `docvalue_fields` of a hit, read from its `_source` as the mapping says.

use serde_json::{Map, Value};

use super::request::AskedField;
use crate::aggs::show::Decimal;
use crate::date::zone::Zone;
use crate::date::{format, parse};
use crate::document::convert::{self, Scalar};
use crate::document::path;
use crate::error::{ApiError, ApiResult};
use crate::mapping::number::Numeric;
use crate::mapping::{Field, Kind, Mapping};

/// Values of the asked fields, each as a list.
pub fn fields(source: &Value, mapping: &Mapping, asked: &[AskedField]) -> ApiResult<Map<String, Value>> {
    let mut out = Map::new();
    for ask in asked {
        for field in mapping.matching(&ask.name) {
            if ask.format.is_some() && !field.kind.is_number() && !ask.name.contains('*') {
                return Err(ApiError::argument(format!(
                    "Field [{}] of type [{}] doesn't support formats.",
                    field.path, field.type_name
                )));
            }
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
                .filter_map(|value| shown(value, &field, ask.format.as_deref()))
                .collect();
            if !values.is_empty() {
                out.insert(field.path.to_string(), values.into());
            }
        }
    }
    Ok(out)
}

/// Values of the `stored_fields` that the mapping says are stored.
pub fn stored(source: &Value, mapping: &Mapping, names: &[String]) -> Map<String, Value> {
    let mut out = Map::new();
    for field in names.iter().flat_map(|name| mapping.matching(name)) {
        let values: Vec<Value> = path::values(source, &field.path)
            .into_iter()
            .filter_map(|value| shown(value, &field, None))
            .collect();
        if field.is_stored() && !values.is_empty() {
            out.insert(field.path.to_string(), values.into());
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
    let mut found = Vec::new();
    for ask in asked {
        // A pattern of digits is for numbers; dates have formats of their own.
        let is_date = mapping
            .matching(&ask.name)
            .iter()
            .any(|field| field.kind == Kind::Date);
        let pattern = ask
            .format
            .as_deref()
            .filter(|_| !is_date)
            .and_then(Decimal::parse);
        let plain = AskedField {
            format: ask.format.clone().filter(|_| pattern.is_none()),
            ..ask.clone()
        };
        for (name, mut values) in fields(source, mapping, std::slice::from_ref(&plain))? {
            if let (Some(pattern), Value::Array(values)) = (&pattern, &mut values) {
                for value in values {
                    if let Some(number) = value.as_f64() {
                        *value = pattern.write(number).into();
                    }
                }
            }
            found.push((name, values));
        }
    }
    for (name, values) in found {
        let Some(field) = mapping.resolve(&name).filter(|field| field.column().is_some()) else {
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

/// A value as the mapping makes it; `None`: it does not fit, so it was left out when the document was written.
fn shown(value: &Value, field: &Field, asked_format: Option<&str>) -> Option<Value> {
    let scalar = match value {
        Value::String(text) => Scalar::Str(text),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Scalar::I64(whole),
            None => Scalar::F64(number.as_f64().unwrap_or_default()),
        },
        Value::Bool(value) => Scalar::Bool(*value),
        _ => return Some(value.clone()),
    };
    Some(match field.kind {
        Kind::Date => match convert::date(field, scalar) {
            Ok(parsed) if field.is_nanos() => {
                let rest = value.as_str().map_or(0, parse::beyond_millis);
                format::format_nanos(parsed.start, rest, asked_format.or(field.format.as_deref())).into()
            }
            Ok(parsed) => {
                format::format(parsed.start, asked_format.or(field.format.as_deref()), &Zone::UTC).into()
            }
            Err(_) => return None,
        },
        Kind::Long { .. } if field.numeric == Numeric::Tokens => {
            if field.says_no("doc_values") {
                return None;
            }
            field.search_tokens(&scalar.to_string()).len().into()
        }
        Kind::Long { .. } if field.numeric == Numeric::Unsigned => value.clone(),
        Kind::Long { min, max } => convert::long(scalar, min, max).ok()?.into(),
        Kind::Double => convert::double(scalar).ok()?.into(),
        Kind::Keyword | Kind::Text | Kind::Ip | Kind::Flattened => scalar.to_string().into(),
        Kind::Boolean => (convert::boolean(scalar).ok()? == "true").into(),
        Kind::Unindexed => value.clone(),
    })
}

//! The limits on the shape of one index's mapping, which its settings may move.

use serde_json::Value;

use super::settings::Settings;
use crate::error::{ApiError, ApiResult};
use crate::limits::Limits;
use crate::mapping::Mapping;

/// Deepest nesting of objects, `index.mapping.depth.limit`.
const DEPTH: usize = 20;

/// Most nested objects, `index.mapping.nested_fields.limit`.
const NESTED: usize = 100;

/// Refuses a mapping that users put and that is larger than the index takes.
pub(super) fn check(mapping: &Mapping, settings: &Settings, limits: &Limits) -> ApiResult<()> {
    let number = |key: &str, default: usize| {
        settings
            .flat()
            .get(key)
            .and_then(Value::as_str)
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let fields = settings.max_fields().unwrap_or(limits.max_fields);
    if mapping.len() > fields {
        return Err(ApiError::argument(format!(
            "Limit of total fields [{fields}] has been exceeded"
        )));
    }
    let depth = number("index.mapping.depth.limit", DEPTH);
    if let Some(path) = mapping
        .objects
        .keys()
        .find(|path| path.split('.').count() >= depth)
    {
        return Err(ApiError::argument(format!(
            "Limit of mapping depth [{depth}] has been exceeded due to object field [{path}]"
        )));
    }
    let nested = number("index.mapping.nested_fields.limit", NESTED);
    if mapping.objects.values().filter(|object| object.nested).count() > nested {
        return Err(ApiError::argument(format!(
            "Limit of nested fields [{nested}] has been exceeded"
        )));
    }
    // An alias that leads nowhere would match nothing without a word.
    match mapping
        .aliases
        .iter()
        .find(|(_, target)| !mapping.fields.contains_key(*target) && !mapping.multi.contains_key(*target))
    {
        Some((alias, target)) => Err(ApiError::mapper(format!(
            "Invalid [path] value [{target}] for field alias [{alias}]: an alias must refer to an existing field in the mappings."
        ))),
        None => Ok(()),
    }
}

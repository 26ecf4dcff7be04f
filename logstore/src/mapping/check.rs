//! What a mapping may say: known parameters, and changes that cannot be made to a field that is there.

use serde_json::{Map, Value};

use super::Field;
use crate::error::{ApiError, ApiResult};

/// Parameters of any field type, also those that change nothing here.
const PARAMETERS: &[&str] = &[
    "type",
    "analyzer",
    "boost",
    "coerce",
    "copy_to",
    "depth_limit",
    "dims",
    "doc_values",
    "dynamic",
    "eager_global_ordinals",
    "enabled",
    "enable_position_increments",
    "fielddata",
    "fielddata_frequency_filter",
    "fields",
    "format",
    "ignore_above",
    "ignore_malformed",
    "ignore_z_value",
    "include_in_all",
    "include_in_parent",
    "include_in_root",
    "index",
    "index_options",
    "index_phrases",
    "index_prefixes",
    "locale",
    "max_input_length",
    "max_shingle_size",
    "meta",
    "metric_type",
    "metrics",
    "default_metric",
    "norms",
    "null_value",
    "on_script_error",
    "orientation",
    "path",
    "position_increment_gap",
    "precision_step",
    "preserve_position_increments",
    "preserve_separators",
    "properties",
    "scaling_factor",
    "script",
    "search_analyzer",
    "search_quote_analyzer",
    "similarity",
    "split_queries_on_whitespace",
    "store",
    "subobjects",
    "term_vector",
    "time_series_dimension",
    "time_series_metric",
    "unit",
    "value",
    "normalizer",
    "omit_norms",
    "synthetic_source_keep",
    "strategy",
    "tree",
    "precision",
    "points_only",
    "distance_error_pct",
    "tree_levels",
    "store_array_source",
];

/// Parameters that cannot change once a field has values, as Elasticsearch lists them.
const FIXED: &[&str] = &[
    "analyzer",
    "normalizer",
    "index",
    "doc_values",
    "store",
    "scaling_factor",
    "index_options",
    "term_vector",
    "similarity",
    "position_increment_gap",
    "index_prefixes",
    "index_phrases",
    "enable_position_increments",
];

/// Refuses a parameter that no field type has.
pub fn parameters(path: &str, type_name: &str, spec: &Map<String, Value>) -> ApiResult<()> {
    if type_name == "flat_object"
        && let Some((key, value)) = spec
            .iter()
            .find(|(key, _)| matches!(key.as_str(), "analyzer" | "search_analyzer" | "normalizer"))
    {
        return Err(ApiError::mapper(format!(
            "Mapping definition for [{}] has unsupported parameters:  [{key} : {}]",
            last(path),
            crate::query::dsl::text(value)
        )));
    }
    match spec.keys().find(|key| !PARAMETERS.contains(&key.as_str())) {
        Some(key) => Err(ApiError::mapper(format!(
            "unknown parameter [{key}] on mapper [{}] of type [{type_name}]",
            last(path)
        ))),
        None => Ok(()),
    }
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// Refuses a change of a field's type or of a parameter that is fixed.
pub fn change(old: &Field, new: &Field) -> ApiResult<()> {
    if old.type_name != new.type_name {
        return Err(ApiError::argument(format!(
            "mapper [{}] cannot be changed from type [{}] to [{}]",
            old.path, old.type_name, new.type_name
        )));
    }
    let mut conflicts: Vec<String> = FIXED
        .iter()
        .filter_map(|key| {
            let (from, to) = (shown(old, key), shown(new, key));
            (from != to).then(|| format!("Cannot update parameter [{key}] from [{from}] to [{to}]"))
        })
        .collect();
    if old.format != new.format {
        let shown = |format: &Option<String>| {
            format
                .clone()
                .unwrap_or_else(|| "strict_date_optional_time||epoch_millis".to_owned())
        };
        let (from, to) = (shown(&old.format), shown(&new.format));
        if from != to {
            conflicts.push(format!(
                "Cannot update parameter [format] from [{from}] to [{to}]"
            ));
        }
    }
    if conflicts.is_empty() {
        return Ok(());
    }
    Err(ApiError::argument(format!(
        "Mapper for [{}] conflicts with existing mapper:\n\t{}",
        old.path,
        conflicts.join("\n\t")
    )))
}

fn shown(field: &Field, key: &str) -> String {
    match field.params.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => match key {
            "index" | "doc_values" => "true".to_owned(),
            "analyzer" => "default".to_owned(),
            "store" | "index_phrases" => "false".to_owned(),
            _ => "null".to_owned(),
        },
    }
}

//! Queries made of queries.

use base64::Engine as _;
use serde_json::Value;

use super::spec::Spec;
use super::{list, parse_at, text};
use crate::error::{ApiError, ApiResult};
use crate::query::ast::{Bool, Fold, Function, Modifier, Query, Scored};

/// `bool`.
pub(super) fn boolean(body: &Value, depth: usize) -> ApiResult<Query> {
    let spec = Spec::object("bool", body)?;
    let mut clauses = Bool::default();
    for (key, value) in spec.iter() {
        let into = match key {
            "must" => &mut clauses.must,
            "filter" => &mut clauses.filter,
            "should" => &mut clauses.should,
            "must_not" | "mustNot" => &mut clauses.must_not,
            "minimum_should_match" => {
                clauses.minimum = (!value.is_null()).then(|| text(value));
                continue;
            }
            "boost" | "_name" | "adjust_pure_negative" | "disable_coord" => continue,
            other => return Err(spec.unknown(other)),
        };
        for clause in list(Some(value)) {
            into.push(parse_at(clause, depth + 1)?);
        }
    }
    spec.finish(Query::bool(clauses))
}

fn child(spec: &Spec<'_>, key: &str, depth: usize) -> ApiResult<Query> {
    let body = spec
        .get(key)
        .ok_or_else(|| ApiError::parsing(format!("[{}] requires [{key}] to be specified", spec.query)))?;
    parse_at(body, depth + 1)
}

/// `constant_score`.
pub(super) fn constant(body: &Value, depth: usize) -> ApiResult<Query> {
    let spec = Spec::object("constant_score", body)?;
    spec.only(&["filter"])?;
    let inner = child(&spec, "filter", depth)?;
    let query = Query::Constant(Box::new(inner), spec.score("boost")?.unwrap_or(1.0));
    Ok(match spec.get("_name") {
        Some(name) => Query::Named(Box::new(query), text(name)),
        None => query,
    })
}

/// `dis_max`.
pub(super) fn dis_max(body: &Value, depth: usize) -> ApiResult<Query> {
    let spec = Spec::object("dis_max", body)?;
    spec.only(&["queries", "tie_breaker"])?;
    let queries = list(spec.get("queries"))
        .iter()
        .map(|query| parse_at(query, depth + 1))
        .collect::<ApiResult<Vec<_>>>()?;
    if queries.is_empty() {
        return Err(ApiError::parsing(
            "[dis_max] requires 'queries' field with at least one clause",
        ));
    }
    spec.finish(Query::DisMax {
        queries,
        tie_breaker: spec.score("tie_breaker")?.unwrap_or(0.0),
    })
}

/// `boosting`: what also matches the negative query counts less.
pub(super) fn boosting(body: &Value, depth: usize) -> ApiResult<Query> {
    let spec = Spec::object("boosting", body)?;
    spec.only(&["positive", "negative", "negative_boost"])?;
    let factor = spec
        .score("negative_boost")?
        .filter(|factor| *factor >= 0.0)
        .ok_or_else(|| {
            ApiError::parsing("[boosting] query requires 'negative_boost' to be set to be a positive value'")
        })?;
    spec.finish(Query::Scored(Box::new(Scored {
        query: child(&spec, "positive", depth)?,
        functions: vec![(Some(child(&spec, "negative", depth)?), Function::Weight(factor))],
        score_mode: Fold::Multiply,
        boost_mode: Fold::Multiply,
        max_boost: f32::MAX,
        min_score: None,
    })))
}

/// `nested`.
pub(super) fn nested(body: &Value, depth: usize) -> ApiResult<Query> {
    let spec = Spec::object("nested", body)?;
    spec.only(&["path", "query", "score_mode", "ignore_unmapped"])?;
    spec.finish(Query::Nested {
        path: spec.required("path")?,
        query: Box::new(child(&spec, "query", depth)?),
        ignore_unmapped: spec.flag("ignore_unmapped"),
    })
}

/// `wrapper`: a query in Base64.
pub(super) fn wrapper(body: &Value, depth: usize) -> ApiResult<Query> {
    let spec = Spec::object("wrapper", body)?;
    let packed = spec.required("query")?;
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(packed.trim())
        .map_err(|error| ApiError::parsing(format!("[wrapper] query is not Base64: {error}")))?;
    let inner: Value = serde_json::from_slice(&bytes)
        .map_err(|error| ApiError::parsing(format!("[wrapper] query holds no JSON: {error}")))?;
    parse_at(&inner, depth + 1)
}

fn fold(spec: &Spec<'_>, key: &str) -> ApiResult<Fold> {
    Ok(match spec.get(key).map(text).as_deref() {
        None | Some("multiply") => Fold::Multiply,
        Some("sum") => Fold::Sum,
        Some("avg") => Fold::Avg,
        Some("first") if key == "score_mode" => Fold::First,
        Some("replace") if key == "boost_mode" => Fold::Replace,
        Some("max") => Fold::Max,
        Some("min") => Fold::Min,
        Some(other) => {
            return Err(ApiError::parsing(format!(
                "[function_score] [{key}] does not support [{other}]"
            )));
        }
    })
}

/// `function_score`: weights and values of fields.
pub(super) fn function_score(body: &Value, depth: usize) -> ApiResult<Query> {
    let spec = Spec::object("function_score", body)?;
    let mut functions = Vec::new();
    for entry in list(spec.get("functions")) {
        let filter = match entry.get("filter") {
            None | Some(Value::Null) => None,
            Some(filter) => Some(parse_at(filter, depth + 1)?),
        };
        functions.push((
            filter,
            function(entry)?
                .ok_or_else(|| ApiError::parsing("an entry in functions list is missing a function."))?,
        ));
    }
    if let Some(function) = function(body)? {
        functions.push((None, function));
    }
    spec.finish(Query::Scored(Box::new(Scored {
        query: match spec.get("query") {
            None => Query::All,
            Some(query) => parse_at(query, depth + 1)?,
        },
        functions,
        score_mode: fold(&spec, "score_mode")?,
        boost_mode: fold(&spec, "boost_mode")?,
        max_boost: spec.score("max_boost")?.unwrap_or(f32::MAX),
        min_score: spec.score("min_score")?,
    })))
}

fn function(entry: &Value) -> ApiResult<Option<Function>> {
    let spec = Spec::object("function_score", entry)?;
    for unsupported in ["script_score", "random_score", "gauss", "linear", "exp"] {
        if spec.get(unsupported).is_some() {
            return Err(ApiError::unsupported(format!(
                "function_score with {unsupported}"
            )));
        }
    }
    let weight = spec.score("weight")?;
    let Some(value) = spec.get("field_value_factor") else {
        return Ok(weight.map(Function::Weight));
    };
    let field = Spec::object("field_value_factor", value)?;
    let modifier = match field
        .get("modifier")
        .map(|value| text(value).to_lowercase())
        .as_deref()
    {
        None | Some("none") => Modifier::None,
        Some("log") => Modifier::Log,
        Some("log1p") => Modifier::Log1p,
        Some("log2p") => Modifier::Log2p,
        Some("ln") => Modifier::Ln,
        Some("ln1p") => Modifier::Ln1p,
        Some("ln2p") => Modifier::Ln2p,
        Some("square") => Modifier::Square,
        Some("sqrt") => Modifier::Sqrt,
        Some("reciprocal") => Modifier::Reciprocal,
        Some(other) => {
            return Err(ApiError::argument(format!(
                "No enum constant of field_value_factor modifier [{other}]"
            )));
        }
    };
    Ok(Some(Function::Field {
        field: field.required("field")?,
        factor: field.number("factor")?.unwrap_or(1.0),
        modifier,
        missing: field.number("missing")?,
        weight: weight.unwrap_or(1.0),
    }))
}

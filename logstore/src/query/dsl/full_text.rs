//! Queries over analysed text.

use serde_json::Value;

use super::spec::Spec;
use super::{list, single_field, text};
use crate::error::{ApiError, ApiResult};
use crate::query::ast::{MultiKind, MultiMatch, Query};
use crate::query::lucene::Flavor;
use crate::query::query_string::Options;

/// `match`, `match_phrase`, `match_phrase_prefix`, `match_bool_prefix`.
pub(super) fn field_text(name: &str, body: &Value) -> ApiResult<Query> {
    let (field, options) = single_field(name, body)?;
    let spec = Spec::new(name, options);
    let outer = Spec::new(name, body);
    let value = match options {
        Value::Object(_) => spec.get("query"),
        Value::Null => None,
        Value::Array(_) => {
            return Err(ApiError::parsing(format!(
                "[{name}] unknown token [START_ARRAY] after [{field}]"
            )));
        }
        scalar => Some(scalar),
    };
    let value = match value {
        Some(Value::Object(_) | Value::Array(_)) => {
            return Err(ApiError::parsing(format!("[{name}] unknown token after [query]")));
        }
        Some(value) => text(value),
        None => {
            return Err(ApiError::argument(format!(
                "[{name}] requires query value on field [{field}]"
            )));
        }
    };
    spec.only(&[
        "query",
        "operator",
        "minimum_should_match",
        "fuzziness",
        "prefix_length",
        "max_expansions",
        "fuzzy_rewrite",
        "fuzzy_transpositions",
        "lenient",
        "zero_terms_query",
        "analyzer",
        "slop",
        "type",
        "cutoff_frequency",
        "auto_generate_synonyms_phrase_query",
        "rewrite",
    ])?;
    let kind = match (name, spec.get("type").and_then(Value::as_str)) {
        ("match", Some("phrase")) => "match_phrase",
        ("match", Some("phrase_prefix")) => "match_phrase_prefix",
        (name, _) => name,
    };
    let query = match kind {
        "match_phrase" | "match_phrase_prefix" => Query::Phrase {
            field: field.to_owned(),
            text: value,
            slop: u32::try_from(spec.count("slop")?.unwrap_or(0)).unwrap_or(u32::MAX),
            prefix: kind == "match_phrase_prefix",
        },
        _ => {
            let mut words = spec.words()?;
            words.prefix = kind == "match_bool_prefix";
            Query::Match {
                field: field.to_owned(),
                text: value,
                words,
            }
        }
    };
    spec.finish(outer.finish(query)?)
}

/// `field^2`.
fn boosted_field(text: &str) -> ApiResult<(String, f32)> {
    match text.rsplit_once('^') {
        None => Ok((text.to_owned(), 1.0)),
        Some((field, boost)) => match boost.parse() {
            Ok(boost) => Ok((field.to_owned(), boost)),
            Err(_) => Err(ApiError::argument(format!(
                "[{text}] is no field: the boost [{boost}] is no number"
            ))),
        },
    }
}

fn fields(spec: &Spec<'_>) -> ApiResult<Vec<(String, f32)>> {
    let mut fields: Vec<_> = list(spec.get("fields"))
        .iter()
        .map(|field| boosted_field(&text(field)))
        .collect::<ApiResult<_>>()?;
    if let Some(field) = spec.get("default_field").and_then(Value::as_str) {
        fields.push(boosted_field(field)?);
    }
    if fields.is_empty() {
        fields.push(("*".to_owned(), 1.0));
    }
    Ok(fields)
}

fn multi_kind(spec: &Spec<'_>) -> ApiResult<MultiKind> {
    Ok(match spec.get("type").map(text).as_deref() {
        None | Some("best_fields" | "boolean") => MultiKind::Best,
        Some("most_fields") => MultiKind::Most,
        Some("cross_fields") => MultiKind::Cross,
        Some("phrase") => MultiKind::Phrase,
        Some("phrase_prefix") => MultiKind::PhrasePrefix,
        Some("bool_prefix") => MultiKind::BoolPrefix,
        Some(other) => {
            return Err(ApiError::parsing(format!(
                "failed to parse [{}] query type [{other}]. unknown type.",
                spec.query
            )));
        }
    })
}

/// `multi_match`.
pub(super) fn multi_match(body: &Value) -> ApiResult<Query> {
    if body.get("type").is_some_and(|kind| kind == "bool_prefix") {
        for option in ["slop", "cutoff_frequency"] {
            if body.get(option).is_some() {
                return Err(ApiError::argument(format!(
                    "[{option}] not allowed for type [bool_prefix]"
                )));
            }
        }
    }
    let spec = Spec::object("multi_match", body)?;
    let kind = multi_kind(&spec)?;
    let mut words = spec.words()?;
    if words.fuzziness.is_some()
        && matches!(
            kind,
            MultiKind::Cross | MultiKind::Phrase | MultiKind::PhrasePrefix
        )
    {
        return Err(ApiError::parsing(format!(
            "Fuzziness not allowed for type [{}]",
            spec.get("type").map(text).unwrap_or_default()
        )));
    }
    words.prefix = kind == MultiKind::BoolPrefix;
    spec.finish(Query::MultiMatch(Box::new(MultiMatch {
        fields: fields(&spec)?,
        text: spec.required("query")?,
        kind,
        words,
        slop: u32::try_from(spec.count("slop")?.unwrap_or(0)).unwrap_or(u32::MAX),
        tie_breaker: spec.score("tie_breaker")?,
    })))
}

/// `query_string` and `simple_query_string`.
pub(super) fn query_string(name: &str, body: &Value) -> ApiResult<Query> {
    let spec = Spec::object(name, body)?;
    let flavor = if name == "query_string" {
        Flavor::Full
    } else {
        Flavor::Simple
    };
    let query = spec.required("query")?;
    let mut options = Options {
        fields: fields(&spec)?,
        operator: spec.operator("default_operator")?,
        flavor,
        lenient: spec.flag("lenient"),
        minimum: spec.get("minimum_should_match").map(text),
        slop: u32::try_from(spec.count("phrase_slop")?.unwrap_or(0)).unwrap_or(u32::MAX),
        fuzziness: spec.fuzziness()?,
        kind: multi_kind(&spec)?,
        tie_breaker: spec.score("tie_breaker")?,
        analyzer: spec.get("analyzer").map(text),
        time_zone: spec.get("time_zone").map(text),
        literal: String::new(),
    };
    if let Some(flags) = spec.get("flags") {
        options.flags(&text(flags))?;
    }
    if spec.flag("escape") {
        options.escape();
    }
    spec.finish(options.parse(&query)?)
}

//! Reads Elasticsearch's JSON query language.
//!
//! Lenient in options that change nothing here, strict in what a query means: a query type that is not known
//! is an error that names it.

use serde_json::{Map, Value};

use super::ast::{Bool, MultiKind, Operator, Pattern, Query, Range};
use super::lucene::{self, Flavor};
use crate::error::{ApiError, ApiResult};

/// Deepest nesting of queries.
const MAX_DEPTH: usize = 64;

/// Reads a query.
pub fn parse(body: &Value) -> ApiResult<Query> {
    parse_at(body, 0)
}

fn parse_at(body: &Value, depth: usize) -> ApiResult<Query> {
    if depth > MAX_DEPTH {
        return Err(ApiError::parsing(format!(
            "query is nested deeper than [{MAX_DEPTH}]"
        )));
    }
    let object = body
        .as_object()
        .ok_or_else(|| ApiError::parsing("[_na] query malformed, must start with start_object"))?;
    let mut entries = object.iter();
    let Some((name, spec)) = entries.next() else {
        return Err(ApiError::argument("query malformed, empty clause found"));
    };
    if let Some((second, _)) = entries.next() {
        return Err(ApiError::parsing(format!(
            "[{name}] malformed query, expected [END_OBJECT] but found [FIELD_NAME] [{second}]"
        )));
    }
    let query = match name.as_str() {
        "match_all" => Query::All,
        "match_none" => Query::Nothing,
        "bool" => return boosted(boolean(spec, depth)?, spec),
        "constant_score" => {
            let inner = parse_at(spec.get("filter").unwrap_or(&Value::Null), depth + 1)?;
            return Ok(Query::Constant(Box::new(inner), boost(spec).unwrap_or(1.0)));
        }
        "ids" => Query::Ids(list(spec.get("values")).iter().map(text).collect()),
        "exists" => Query::Exists(required(name, spec, "field")?),
        "query_string" => return boosted(query_string(spec, Flavor::Full)?, spec),
        "simple_query_string" => return boosted(query_string(spec, Flavor::Simple)?, spec),
        "multi_match" => multi_match(spec)?,
        "dis_max" => {
            let should = list(spec.get("queries"))
                .iter()
                .map(|q| parse_at(q, depth + 1))
                .collect::<ApiResult<_>>()?;
            Query::bool(Bool {
                should,
                ..Bool::default()
            })
        }
        "terms" => return terms(spec),
        "term"
        | "match"
        | "match_phrase"
        | "match_phrase_prefix"
        | "match_bool_prefix"
        | "range"
        | "prefix"
        | "wildcard"
        | "regexp"
        | "fuzzy" => return field_query(name, spec),
        other => return Err(ApiError::parsing(format!("unknown query [{other}]"))),
    };
    boosted(query, spec)
}

#[expect(clippy::unnecessary_wraps, reason = "ends every branch of a parser")]
fn boosted(query: Query, spec: &Value) -> ApiResult<Query> {
    Ok(match boost(spec) {
        Some(boost) => Query::Boost(Box::new(query), boost),
        None => query,
    })
}

fn boost(spec: &Value) -> Option<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
    spec.get("boost")
        .and_then(number)
        .map(|v| v as f32)
        .filter(|v| (*v - 1.0).abs() > f32::EPSILON)
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

/// A list, or one value as a list of one.
pub fn list(value: Option<&Value>) -> &[Value] {
    match value {
        None | Some(Value::Null) => &[],
        Some(Value::Array(list)) => list,
        Some(one) => std::slice::from_ref(one),
    }
}

/// A scalar as text.
pub fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), ToOwned::to_owned)
}

fn required(query: &str, spec: &Value, key: &str) -> ApiResult<String> {
    spec.get(key)
        .filter(|v| !v.is_null())
        .map(text)
        .ok_or_else(|| ApiError::parsing(format!("[{query}] must be provided with a [{key}]")))
}

fn operator(spec: &Value, key: &str) -> Operator {
    match spec.get(key).and_then(Value::as_str) {
        Some(op) if op.eq_ignore_ascii_case("and") => Operator::And,
        _ => Operator::Or,
    }
}

fn boolean(spec: &Value, depth: usize) -> ApiResult<Query> {
    let object = spec
        .as_object()
        .ok_or_else(|| ApiError::parsing("[bool] query malformed, no start_object after query name"))?;
    let mut clauses = Bool::default();
    for (key, value) in object {
        let into = match key.as_str() {
            "must" => &mut clauses.must,
            "filter" => &mut clauses.filter,
            "should" => &mut clauses.should,
            "must_not" | "mustNot" => &mut clauses.must_not,
            "minimum_should_match" => {
                clauses.minimum = Some(text(value));
                continue;
            }
            "boost" | "_name" | "adjust_pure_negative" | "disable_coord" => continue,
            other => {
                return Err(ApiError::parsing(format!(
                    "[bool] query does not support [{other}]"
                )));
            }
        };
        for clause in list(Some(value)) {
            into.push(parse_at(clause, depth + 1)?);
        }
    }
    Ok(Query::bool(clauses))
}

fn terms(spec: &Value) -> ApiResult<Query> {
    let object = spec
        .as_object()
        .ok_or_else(|| ApiError::parsing("[terms] query malformed, no start_object after query name"))?;
    let (field, values) = object
        .iter()
        .find(|(key, _)| !matches!(key.as_str(), "boost" | "_name"))
        .ok_or_else(|| ApiError::parsing("[terms] query requires a field name"))?;
    if !values.is_array() {
        return Err(ApiError::parsing(
            "[terms] query does not support terms lookup, an array of values is expected",
        ));
    }
    boosted(
        Query::Terms {
            field: field.clone(),
            values: list(Some(values)).to_vec(),
        },
        spec,
    )
}

/// Queries of the form `{field: value}` or `{field: {option: value}}`.
fn field_query(name: &str, spec: &Value) -> ApiResult<Query> {
    let malformed = || {
        ApiError::parsing(format!(
            "[{name}] query malformed, no start_object after query name"
        ))
    };
    let object = spec.as_object().ok_or_else(malformed)?;
    let mut fields = object
        .iter()
        .filter(|(key, _)| !matches!(key.as_str(), "boost" | "_name"));
    let (field, options) = fields.next().ok_or_else(malformed)?;
    if let Some((second, _)) = fields.next() {
        return Err(ApiError::parsing(format!(
            "[{name}] query doesn't support multiple fields, found [{field}] and [{second}]"
        )));
    }
    let short = Map::new();
    let (options_map, shorthand) = match options {
        Value::Object(map) => (map, None),
        scalar => (&short, Some(scalar)),
    };
    let get = |keys: &[&str]| keys.iter().find_map(|key| options_map.get(*key)).or(shorthand);
    let value = |keys: &[&str]| {
        get(keys).filter(|v| !v.is_null()).cloned().ok_or_else(|| {
            ApiError::argument(format!("value cannot be null for [{name}] on field [{field}]"))
        })
    };
    let field = field.clone();
    let ignore_case = options_map.get("case_insensitive") == Some(&Value::Bool(true));
    let pattern = |pattern| Query::Pattern {
        field: field.clone(),
        pattern,
        ignore_case,
    };
    let query = match name {
        "term" => Query::Term {
            value: value(&["value", "term"])?,
            field,
            ignore_case,
        },
        "match" => {
            let text = text(&value(&["query"])?);
            match options_map.get("type").and_then(Value::as_str) {
                Some("phrase") => Query::Phrase {
                    field,
                    text,
                    slop: slop(options_map),
                    prefix: false,
                },
                Some("phrase_prefix") => Query::Phrase {
                    field,
                    text,
                    slop: slop(options_map),
                    prefix: true,
                },
                _ => Query::Match {
                    field,
                    text,
                    operator: operator(options, "operator"),
                    minimum: options_map.get("minimum_should_match").map(self::text),
                    lenient: options_map.get("lenient") == Some(&Value::Bool(true)),
                },
            }
        }
        "match_phrase" => Query::Phrase {
            field,
            text: text(&value(&["query"])?),
            slop: slop(options_map),
            prefix: false,
        },
        "match_phrase_prefix" | "match_bool_prefix" => Query::Phrase {
            field,
            text: text(&value(&["query"])?),
            slop: slop(options_map),
            prefix: true,
        },
        "prefix" => pattern(Pattern::Prefix(text(&value(&["value", "prefix"])?))),
        "wildcard" => pattern(Pattern::Wildcard(text(&value(&["value", "wildcard"])?))),
        "regexp" => pattern(Pattern::Regexp(text(&value(&["value"])?))),
        "fuzzy" => Query::Fuzzy {
            text: text(&value(&["value"])?),
            distance: options_map
                .get("fuzziness")
                .and_then(number)
                .map_or(2, |v| if v < 2.0 { 1 } else { 2 }),
            field,
        },
        _ => range(field, options_map)?,
    };
    boosted(query, options)
}

fn slop(options: &Map<String, Value>) -> u32 {
    options.get("slop").and_then(number).map_or(0, |v| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates"
        )]
        let slop = v as u32;
        slop
    })
}

fn range(field: String, options: &Map<String, Value>) -> ApiResult<Query> {
    let mut range = Range {
        field,
        ..Range::default()
    };
    let flag = |key: &str| options.get(key) != Some(&Value::Bool(false));
    for (key, value) in options {
        let set = |included| (!value.is_null()).then(|| (value.clone(), included));
        match key.as_str() {
            "gte" | "ge" => range.from = set(true),
            "gt" => range.from = set(false),
            "lte" | "le" => range.to = set(true),
            "lt" => range.to = set(false),
            "from" => range.from = set(flag("include_lower")),
            "to" => range.to = set(flag("include_upper")),
            "format" => range.format = value.as_str().map(ToOwned::to_owned),
            "time_zone" => range.time_zone = value.as_str().map(ToOwned::to_owned),
            "include_lower" | "include_upper" | "boost" | "relation" | "_name" => {}
            other => {
                return Err(ApiError::parsing(format!(
                    "[range] query does not support [{other}]"
                )));
            }
        }
    }
    Ok(Query::Range(range))
}

/// `field^2`.
fn boosted_field(text: &str) -> (String, f32) {
    match text
        .rsplit_once('^')
        .and_then(|(field, boost)| Some((field, boost.parse().ok()?)))
    {
        Some((field, boost)) => (field.to_owned(), boost),
        None => (text.to_owned(), 1.0),
    }
}

fn fields(spec: &Value) -> Vec<(String, f32)> {
    let mut fields: Vec<_> = list(spec.get("fields"))
        .iter()
        .map(|field| boosted_field(&text(field)))
        .collect();
    if let Some(field) = spec.get("default_field").and_then(Value::as_str) {
        fields.push(boosted_field(field));
    }
    if fields.is_empty() {
        fields.push(("*".to_owned(), 1.0));
    }
    fields
}

fn multi_match(spec: &Value) -> ApiResult<Query> {
    let kind = match spec.get("type").and_then(Value::as_str) {
        None | Some("best_fields" | "most_fields" | "cross_fields" | "bool_prefix") => MultiKind::Words,
        Some("phrase") => MultiKind::Phrase,
        Some("phrase_prefix") => MultiKind::PhrasePrefix,
        Some(other) => {
            return Err(ApiError::parsing(format!(
                "[multi_match] query does not support type [{other}]"
            )));
        }
    };
    Ok(Query::MultiMatch {
        fields: fields(spec),
        text: required("multi_match", spec, "query")?,
        operator: operator(spec, "operator"),
        kind,
    })
}

fn query_string(spec: &Value, flavor: Flavor) -> ApiResult<Query> {
    let query = required("query_string", spec, "query")?;
    lucene::parse(&query, &fields(spec), operator(spec, "default_operator"), flavor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn short_and_long_forms_mean_the_same() {
        assert_eq!(
            parse(&json!({"term": {"a": "x"}})).unwrap(),
            parse(&json!({"term": {"a": {"value": "x"}}})).unwrap()
        );
        assert_eq!(
            parse(&json!({"match": {"a": "x"}})).unwrap(),
            parse(&json!({"match": {"a": {"query": "x"}}})).unwrap()
        );
    }

    #[test]
    fn clauses_may_be_objects_or_arrays() {
        let one = json!({"bool": {"filter": {"match_all": {}}}});
        let many = json!({"bool": {"filter": [{"match_all": {}}]}});
        assert_eq!(parse(&one).unwrap(), parse(&many).unwrap());
    }

    #[test]
    fn an_unknown_query_is_named() {
        let error = parse(&json!({"bool": {"must": [{"percolate": {}}]}})).unwrap_err();
        assert_eq!(
            (error.kind, error.reason.as_str()),
            ("parsing_exception", "unknown query [percolate]")
        );
    }
}

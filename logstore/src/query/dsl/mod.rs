//! Reads Elasticsearch's JSON query language.
//!
//! Lenient in options that change nothing here, strict in what a query means: a query type that is not known
//! is an error that names it.

mod compound;
mod full_text;
mod spec;
mod term_level;

use serde_json::Value;

use super::ast::Query;
use crate::error::{ApiError, ApiResult};

/// Deepest nesting of queries.
const MAX_DEPTH: usize = 64;

/// Queries of Elasticsearch that need what this store does not have.
const UNSUPPORTED: &[&str] = &[
    "combined_fields",
    "common",
    "distance_feature",
    "field_masking_span",
    "geo_bounding_box",
    "geo_distance",
    "geo_polygon",
    "geo_shape",
    "has_child",
    "has_parent",
    "hybrid",
    "intervals",
    "knn",
    "more_like_this",
    "neural",
    "parent_id",
    "percolate",
    "pinned",
    "rank_feature",
    "rule_query",
    "script",
    "script_score",
    "semantic",
    "span_containing",
    "span_first",
    "span_multi",
    "span_near",
    "span_not",
    "span_or",
    "span_term",
    "span_within",
    "terms_set",
    "text_expansion",
    "weighted_tokens",
    "xy_shape",
];

/// Queries of Elasticsearch that this store has.
const KNOWN: &[&str] = &[
    "bool",
    "boosting",
    "constant_score",
    "dis_max",
    "exists",
    "function_score",
    "fuzzy",
    "ids",
    "match",
    "match_all",
    "match_bool_prefix",
    "match_none",
    "match_phrase",
    "match_phrase_prefix",
    "multi_match",
    "nested",
    "prefix",
    "query_string",
    "range",
    "regexp",
    "simple_query_string",
    "term",
    "terms",
    "wildcard",
    "wrapper",
];

/// Whether a word is the name of a query, of this store or only of Elasticsearch.
pub fn is_query(name: &str) -> bool {
    KNOWN.contains(&name) || UNSUPPORTED.contains(&name)
}

/// Reads a query.
pub fn parse(body: &Value) -> ApiResult<Query> {
    parse_at(body, 0)
}

fn parse_at(body: &Value, depth: usize) -> ApiResult<Query> {
    if depth > MAX_DEPTH {
        return Err(ApiError::argument(format!(
            "The nested depth of the query exceeds the maximum nested depth for queries set in [indices.query.bool.max_nested_depth]: [{MAX_DEPTH}]"
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
    if !spec.is_object() {
        return Err(ApiError::parsing(format!(
            "[{name}] query malformed, no start_object after query name"
        )));
    }
    match name.as_str() {
        "match_all" => spec::Spec::new(name, spec).finish(Query::All),
        "match_none" => spec::Spec::new(name, spec).finish(Query::Nothing),
        "bool" => compound::boolean(spec, depth),
        "constant_score" => compound::constant(spec, depth),
        "dis_max" => compound::dis_max(spec, depth),
        "boosting" => compound::boosting(spec, depth),
        "nested" => compound::nested(spec, depth),
        "wrapper" => compound::wrapper(spec, depth),
        "function_score" => compound::function_score(spec, depth),
        "match" | "match_phrase" | "match_phrase_prefix" | "match_bool_prefix" => {
            full_text::field_text(name, spec)
        }
        "multi_match" => full_text::multi_match(spec),
        "query_string" | "simple_query_string" => full_text::query_string(name, spec),
        "term" | "prefix" | "wildcard" | "regexp" | "fuzzy" => term_level::one_value(name, spec),
        "terms" => term_level::terms(spec),
        "range" => term_level::range(spec),
        "ids" => term_level::ids(spec),
        "exists" => term_level::exists(spec),
        other if UNSUPPORTED.contains(&other) => Err(ApiError::parsing(format!(
            "[{other}] query is not supported by this store"
        ))),
        other => Err(ApiError::parsing(format!("unknown query [{other}]"))),
    }
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

/// The one field of a query of the form `{field: value}`, and its value or options.
fn single_field<'a>(name: &str, spec: &'a Value) -> ApiResult<(&'a str, &'a Value)> {
    let mut fields = spec
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| !matches!(key.as_str(), "boost" | "_name"));
    let (field, options) = fields
        .next()
        .ok_or_else(|| ApiError::argument(format!("field name is null or empty in [{name}]")))?;
    if let Some((second, _)) = fields.next() {
        return Err(ApiError::parsing(format!(
            "[{name}] query doesn't support multiple fields, found [{field}] and [{second}]"
        )));
    }
    Ok((field, options))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
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
        let error = parse(&json!({"bool": {"must": [{"foo": {}}]}})).unwrap_err();
        assert_eq!(
            (error.kind, error.reason.as_str()),
            ("parsing_exception", "unknown query [foo]")
        );
    }

    /// Any JSON whose words are those of the query language.
    fn body() -> impl Strategy<Value = Value> {
        let word = prop::sample::select(vec![
            "bool",
            "must",
            "should",
            "filter",
            "must_not",
            "minimum_should_match",
            "match",
            "match_phrase",
            "term",
            "terms",
            "range",
            "gte",
            "lt",
            "format",
            "query_string",
            "query",
            "fields",
            "regexp",
            "wildcard",
            "value",
            "exists",
            "field",
            "ids",
            "values",
            "nested",
            "path",
            "dis_max",
            "queries",
            "function_score",
            "functions",
            "weight",
            "boost",
            "fuzzy",
            "fuzziness",
            "prefix",
            "multi_match",
            "type",
            "constant_score",
            "boosting",
            "wrapper",
            "_name",
            "a",
            "*",
            "AUTO:x",
            "(a",
            "now/d",
            "-2<50%",
            "~",
            "^",
            "simple_query_string",
            "flags",
        ]);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            word.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 48, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((word.clone(), inner), 0..4).prop_map(|entries| {
                    Value::Object(
                        entries
                            .into_iter()
                            .map(|(key, value)| (key.to_owned(), value))
                            .collect(),
                    )
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_body_is_read_or_refused_with_a_reason(body in body()) {
            match parse(&body) {
                Err(error) => prop_assert!(!error.reason.is_empty() && error.status == 400),
                Ok(query) => {
                    let mapping = crate::mapping::Mapping::default();
                    let lowered = crate::query::Lowering::new("i", &mapping, 0).lower(&query);
                    prop_assert!(lowered.is_ok() || lowered.is_err_and(|error| !error.reason.is_empty()));
                }
            }
        }
    }
}

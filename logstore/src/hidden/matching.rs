//! Whether a document matches a query: read and compared, with no index. The clauses that combine others and
//! `nested` are read here from JSON; the leaves are those of [`crate::query`].

use regex::Regex;
use serde_json::Value;

use super::index::Document;
use super::mapping::Mappings;
use crate::date::math::{self, Round};
use crate::date::parse::{DEFAULT_FORMATS, parse_formats};
use crate::date::zone::Zone;
use crate::date::{self, Millis};
use crate::document::path;
use crate::error::{ApiError, ApiResult};
use crate::mapping::pattern;
use crate::query::ast::{Bool, Fuzziness, MultiKind, Operator, Pattern, Query, Range, Words, minimum};
use crate::query::dsl;

/// Deepest nesting of queries.
const MAX_DEPTH: usize = 64;

/// A query over hidden documents.
#[derive(Debug)]
pub enum Matcher {
    /// Clauses.
    All(Vec<Matcher>),
    /// At least some of the clauses.
    Some(Vec<Matcher>, usize),
    /// Not the clause.
    Not(Box<Matcher>),
    /// One object at a path matches.
    Nested(String, Box<Matcher>),
    /// The field, or a field below it, has a value.
    Exists(String),
    /// A leaf of the common query language.
    Leaf(Box<Query>),
}

/// A document as a query sees it: an object at a path of it, when the query is nested.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The index.
    pub index: &'a str,
    /// The document.
    pub document: &'a Document,
    /// Its index's mappings.
    pub mappings: &'a Mappings,
    /// Path and object that a nested query looks at.
    inside: Option<(&'a str, &'a Value)>,
}

// === impl Matcher ===

impl Matcher {
    /// Reads a query; none matches everything.
    pub fn parse(body: Option<&Value>) -> ApiResult<Self> {
        match body {
            None | Some(Value::Null) => Ok(Self::All(Vec::new())),
            Some(body) if body.as_object().is_some_and(serde_json::Map::is_empty) => {
                Ok(Self::All(Vec::new()))
            }
            Some(body) => parse(body, 0),
        }
    }

    /// Whether a document matches.
    pub fn matches(&self, view: View<'_>) -> ApiResult<bool> {
        Ok(match self {
            Self::All(clauses) => {
                for clause in clauses {
                    if !clause.matches(view)? {
                        return Ok(false);
                    }
                }
                true
            }
            Self::Some(clauses, least) => {
                let mut count = 0;
                for clause in clauses {
                    if count >= *least {
                        break;
                    }
                    count += usize::from(clause.matches(view)?);
                }
                count >= *least
            }
            Self::Not(clause) => !clause.matches(view)?,
            Self::Nested(at, clause) => {
                let mut objects = Vec::new();
                objects_at(&view.document.source, at, &mut objects);
                for object in objects {
                    let inside = View {
                        inside: Some((at.as_str(), object)),
                        ..view
                    };
                    if clause.matches(inside)? {
                        return Ok(true);
                    }
                }
                false
            }
            Self::Exists(field) => view.exists(field),
            Self::Leaf(query) => leaf(query, view)?,
        })
    }
}

fn parse(body: &Value, depth: usize) -> ApiResult<Matcher> {
    if depth > MAX_DEPTH {
        return Err(ApiError::parsing(format!(
            "query is nested deeper than [{MAX_DEPTH}]"
        )));
    }
    let (name, spec) = body
        .as_object()
        .filter(|body| body.len() == 1)
        .and_then(|body| body.iter().next())
        .ok_or_else(|| ApiError::parsing("[_na] query malformed, must start with start_object"))?;
    let inner = |key: &str| {
        spec.get(key)
            .ok_or_else(|| ApiError::parsing(format!("[{name}] requires [{key}]")))
            .and_then(|body| parse(body, depth + 1))
    };
    Ok(match name.as_str() {
        "bool" => {
            let clauses = |key: &str| -> ApiResult<Vec<Matcher>> {
                dsl::list(spec.get(key))
                    .iter()
                    .map(|body| parse(body, depth + 1))
                    .collect()
            };
            let mut all = clauses("must")?;
            all.extend(clauses("filter")?);
            let should = clauses("should")?;
            let asked = spec
                .get("minimum_should_match")
                .map(dsl::text)
                .and_then(|text| minimum(&text, should.len()));
            let least = asked.unwrap_or(usize::from(all.is_empty() && !should.is_empty()));
            if least > 0 {
                all.push(Matcher::Some(should, least));
            }
            all.extend(
                clauses("must_not")?
                    .into_iter()
                    .map(|clause| Matcher::Not(Box::new(clause))),
            );
            Matcher::All(all)
        }
        "constant_score" => inner("filter")?,
        "nested" => {
            let at = spec.get("path").map(dsl::text).unwrap_or_default();
            Matcher::Nested(at, Box::new(inner("query")?))
        }
        "exists" => Matcher::Exists(spec.get("field").map(dsl::text).unwrap_or_default()),
        "type" => Matcher::Leaf(Box::new(Query::Term {
            field: "_type".into(),
            value: spec.get("value").cloned().unwrap_or_default(),
            ignore_case: false,
        })),
        _ => Matcher::Leaf(Box::new(dsl::parse(body)?)),
    })
}

// === impl View ===

impl<'a> View<'a> {
    /// A whole document.
    pub fn new(index: &'a str, document: &'a Document, mappings: &'a Mappings) -> Self {
        Self {
            index,
            document,
            mappings,
            inside: None,
        }
    }

    /// The type of a field and its values.
    pub fn values(&self, field: &str) -> (&'a str, Vec<&'a Value>) {
        match field {
            "_source" | "_field_names" => return ("object", Vec::new()),
            _ => {}
        }
        let Some((type_name, at)) = self.mappings.field(&self.document.doc_type, field) else {
            return ("unmapped", Vec::new());
        };
        let found = match self.inside {
            Some((outer, object)) => match at.strip_prefix(outer).and_then(|rest| rest.strip_prefix('.')) {
                Some(rest) => path::values(object, rest),
                None => Vec::new(),
            },
            None => path::values(&self.document.source, &at),
        };
        (type_name, found)
    }

    fn exists(&self, field: &str) -> bool {
        if matches!(field, "_id" | "_index" | "_type" | "_source") {
            return true;
        }
        if !self.values(field).1.is_empty() {
            return true;
        }
        let below = format!("{field}.");
        let (root, prefix) = match self.inside {
            Some((outer, object)) => (object, format!("{outer}.")),
            None => (&self.document.source, String::new()),
        };
        path::leaves(root).iter().any(|(leaf, values)| {
            let full = format!("{prefix}{leaf}");
            !values.is_empty()
                && (full.starts_with(&below) || (full == field && self.values(field).0 == "unmapped"))
        })
    }

    /// The fields that a pattern names, of those that the document's mapping has.
    fn fields(&self, pattern: &str) -> Vec<String> {
        if !pattern.contains('*') {
            return vec![pattern.to_owned()];
        }
        self.mappings
            .leaves(&self.document.doc_type)
            .into_iter()
            .map(|(path, _)| path)
            .filter(|path| pattern::matches(pattern, path))
            .collect()
    }
}

fn objects_at<'a>(value: &'a Value, at: &str, out: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| objects_at(item, at, out)),
        Value::Object(_) if at.is_empty() => out.push(value),
        Value::Object(map) => {
            for (key, child) in map {
                if key == at {
                    objects_at(child, "", out);
                } else if let Some(rest) = at
                    .strip_prefix(key.as_str())
                    .and_then(|rest| rest.strip_prefix('.'))
                {
                    objects_at(child, rest, out);
                }
            }
        }
        _ => {}
    }
}

fn leaf(query: &Query, view: View<'_>) -> ApiResult<bool> {
    Ok(match query {
        Query::All => true,
        Query::Nothing => false,
        Query::Ids(ids) => ids.contains(&view.document.id),
        Query::Exists(field) => view.exists(field),
        Query::Constant(inner, ..) | Query::Boost(inner, ..) => leaf(inner, view)?,
        Query::Bool(clauses) => boolean(clauses, view)?,
        Query::Term {
            field,
            value,
            ignore_case,
            ..
        } => any(view, field, |type_name, found| {
            equals(type_name, found, value, *ignore_case)
        }),
        Query::Terms { field, values, .. } => any(view, field, |type_name, found| {
            values.iter().any(|value| equals(type_name, found, value, false))
        }),
        Query::Match {
            field, text, words, ..
        } => any_word(view, std::slice::from_ref(field), text, words),
        Query::Phrase {
            field, text, prefix, ..
        } => any(view, field, |type_name, found| {
            phrase(type_name, found, text, *prefix)
        }),
        Query::MultiMatch(multi) => {
            let fields: Vec<String> = if multi.fields.is_empty() {
                view.fields("*")
            } else {
                multi
                    .fields
                    .iter()
                    .flat_map(|(field, _)| view.fields(field))
                    .collect()
            };
            match multi.kind {
                MultiKind::Phrase | MultiKind::PhrasePrefix => fields.iter().any(|field| {
                    any(view, field, |type_name, found| {
                        phrase(
                            type_name,
                            found,
                            &multi.text,
                            multi.kind == MultiKind::PhrasePrefix,
                        )
                    })
                }),
                MultiKind::BoolPrefix => {
                    let words = Words {
                        prefix: true,
                        ..multi.words.clone()
                    };
                    any_word(view, &fields, &multi.text, &words)
                }
                MultiKind::Best | MultiKind::Most | MultiKind::Cross => {
                    any_word(view, &fields, &multi.text, &multi.words)
                }
            }
        }
        Query::DisMax { queries, .. } => {
            let mut matched = false;
            for query in queries {
                matched |= leaf(query, view)?;
            }
            matched
        }
        Query::Named(inner, _) => leaf(inner, view)?,
        Query::Scored(scored) => leaf(&scored.query, view)?,
        Query::Range(range) => {
            let now = date::now();
            let mut matched = false;
            for field in view.fields(&range.field) {
                let (type_name, found) = view.values(&field);
                for value in found {
                    matched |= in_range(type_name, value, range, now)?;
                }
            }
            matched
        }
        Query::Pattern {
            field,
            pattern,
            ignore_case,
            ..
        } => {
            let regex = compiled(pattern, *ignore_case)?;
            view.fields(field).iter().any(|field| {
                any(view, field, |type_name, found| {
                    any_term(type_name, found, |term| regex.is_match(term))
                })
            })
        }
        Query::Fuzzy {
            field,
            text,
            fuzziness,
            ..
        } => any(view, field, |type_name, found| {
            any_term(type_name, found, |term| {
                within(term, text, edits(*fuzziness, text))
            })
        }),
        // `nested` is read as a clause of its own; a lookup needs another document first.
        Query::Nested { .. } | Query::Lookup { .. } => {
            return Err(ApiError::parsing(format!(
                "this query is not supported on hidden indices: {query:?}"
            )));
        }
    })
}

/// How many edits a word may be away.
fn edits(fuzziness: Fuzziness, word: &str) -> usize {
    match fuzziness {
        Fuzziness::Edits(edits) => usize::from(edits),
        Fuzziness::Auto(low, high) => match word.chars().count() {
            length if length < low => 0,
            length if length < high => 1,
            _ => 2,
        },
    }
}

fn boolean(clauses: &Bool, view: View<'_>) -> ApiResult<bool> {
    for clause in clauses.must.iter().chain(&clauses.filter) {
        if !leaf(clause, view)? {
            return Ok(false);
        }
    }
    for clause in &clauses.must_not {
        if leaf(clause, view)? {
            return Ok(false);
        }
    }
    let required = clauses.must.is_empty() && clauses.filter.is_empty() && !clauses.should.is_empty();
    let least = clauses
        .minimum
        .as_deref()
        .and_then(|text| minimum(text, clauses.should.len()))
        .unwrap_or(usize::from(required));
    let mut count = 0;
    for clause in &clauses.should {
        count += usize::from(leaf(clause, view)?);
    }
    Ok(count >= least)
}

/// Whether any value of a field passes. `_id`, `_type` and `_index` are values, too.
fn any(view: View<'_>, field: &str, mut test: impl FnMut(&str, &Value) -> bool) -> bool {
    match field {
        "_id" => test("keyword", &Value::from(view.document.id.as_str())),
        "_index" => test("keyword", &Value::from(view.index)),
        "_type" => {
            let shown = if view.document.doc_type.is_empty() {
                "_doc"
            } else {
                &view.document.doc_type
            };
            test("keyword", &Value::from(shown))
        }
        field if field.contains('*') => view.fields(field).iter().any(|field| {
            let (type_name, found) = view.values(field);
            found.into_iter().any(|value| test(type_name, value))
        }),
        field => {
            let (type_name, found) = view.values(field);
            found.into_iter().any(|value| test(type_name, value))
        }
    }
}

fn is_text(type_name: &str) -> bool {
    matches!(type_name, "text" | "string" | "match_only_text")
}

/// The words of a text, nearly as the standard analyzer cuts them: a dot or an apostrophe between two letters or
/// two digits is part of the word, so that `7.9.3` and `service.name` are one.
pub fn tokens(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let joins = matches!(c, '.' | '\'' | ',')
            && word
                .chars()
                .next_back()
                .zip(chars.peek())
                .is_some_and(|(before, after)| {
                    (before.is_numeric() && after.is_numeric())
                        || (c != ',' && before.is_alphabetic() && after.is_alphabetic())
                });
        if c.is_alphanumeric() || c == '_' || joins {
            word.extend(c.to_lowercase());
        } else if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

fn any_term(type_name: &str, found: &Value, mut test: impl FnMut(&str) -> bool) -> bool {
    let text = dsl::text(found);
    if is_text(type_name) {
        tokens(&text).iter().any(|word| test(word))
    } else {
        test(&text)
    }
}

/// A date as milliseconds.
pub fn millis(value: &Value) -> Option<Millis> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => {
            math::evaluate(text, DEFAULT_FORMATS, &Zone::UTC, date::now(), Round::Down).ok()
        }
        _ => None,
    }
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn equals(type_name: &str, found: &Value, wanted: &Value, ignore_case: bool) -> bool {
    match type_name {
        "date" | "date_nanos" => millis(found).is_some_and(|at| millis(wanted) == Some(at)),
        "long" | "integer" | "short" | "byte" | "double" | "float" | "half_float" | "scaled_float"
        | "unsigned_long" => match (number(found), number(wanted)) {
            (Some(a), Some(b)) => (a - b).abs() < f64::EPSILON,
            _ => false,
        },
        _ => {
            let wanted = dsl::text(wanted);
            any_term(type_name, found, |term| {
                if ignore_case {
                    term.to_lowercase() == wanted.to_lowercase()
                } else {
                    term == wanted
                }
            })
        }
    }
}

/// Whether one, some or all words are in any of the fields.
fn any_word(view: View<'_>, fields: &[String], text: &str, how: &Words) -> bool {
    fields.iter().any(|field| {
        any(view, field, |type_name, found| {
            if !is_text(type_name) {
                let have = dsl::text(found);
                return equals(type_name, found, &Value::from(text), false)
                    || (how.prefix && have.starts_with(text));
            }
            let wanted = tokens(text);
            if wanted.is_empty() {
                return how.all_if_empty;
            }
            let have = tokens(&dsl::text(found));
            let is_there = |(place, word): (usize, &String)| {
                have.iter().any(|known| {
                    known == word
                        || (how.prefix && place + 1 == wanted.len() && known.starts_with(word.as_str()))
                        || how
                            .fuzziness
                            .is_some_and(|fuzziness| within(known, word, edits(fuzziness, word)))
                })
            };
            let count = wanted.iter().enumerate().filter(|one| is_there(*one)).count();
            let least = match (&how.minimum, how.operator) {
                (_, Operator::And) => wanted.len(),
                (Some(text), Operator::Or) => minimum(text, wanted.len()).unwrap_or(1).max(1),
                (None, Operator::Or) => 1,
            };
            count >= least
        })
    })
}

fn phrase(type_name: &str, found: &Value, text: &str, prefix: bool) -> bool {
    if !is_text(type_name) {
        let have = dsl::text(found);
        return if prefix {
            have.starts_with(text)
        } else {
            equals(type_name, found, &Value::from(text), false)
        };
    }
    let (have, wanted) = (tokens(&dsl::text(found)), tokens(text));
    let Some((last, first)) = wanted.split_last() else {
        return false;
    };
    have.windows(wanted.len()).any(|window| {
        window.split_last().is_some_and(|(end, start)| {
            start == first
                && if prefix {
                    end.starts_with(last.as_str())
                } else {
                    end == last
                }
        })
    })
}

fn in_range(type_name: &str, found: &Value, range: &Range, now: Millis) -> ApiResult<bool> {
    let is_date = matches!(type_name, "date" | "date_nanos");
    let zone = match &range.time_zone {
        Some(text) => {
            Zone::parse(text).ok_or_else(|| ApiError::argument(format!("unknown time zone [{text}]")))?
        }
        None => Zone::UTC,
    };
    let formats = match &range.format {
        Some(format) => parse_formats(format).map_err(ApiError::argument)?,
        None => DEFAULT_FORMATS.to_vec(),
    };
    let compare = |bound: &Value, round: Round| -> ApiResult<Option<std::cmp::Ordering>> {
        if is_date {
            let bound = match bound {
                Value::Number(number) => number.as_i64(),
                other => Some(
                    math::evaluate(&dsl::text(other), &formats, &zone, now, round)
                        .map_err(ApiError::argument)?,
                ),
            };
            return Ok(millis(found).and_then(|at| bound.map(|bound| at.cmp(&bound))));
        }
        if let (Some(a), Some(b)) = (found.as_f64(), number(bound)) {
            return Ok(a.partial_cmp(&b));
        }
        Ok(Some(dsl::text(found).cmp(&dsl::text(bound))))
    };
    if let Some((bound, included)) = &range.from {
        let round = if *included { Round::Down } else { Round::Up };
        match compare(bound, round)? {
            Some(order) if order.is_gt() || (*included && order.is_eq()) => {}
            _ => return Ok(false),
        }
    }
    if let Some((bound, included)) = &range.to {
        let round = if *included { Round::Up } else { Round::Down };
        match compare(bound, round)? {
            Some(order) if order.is_lt() || (*included && order.is_eq()) => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

fn compiled(pattern: &Pattern, ignore_case: bool) -> ApiResult<Regex> {
    let body = match pattern {
        Pattern::Prefix(prefix) => format!("{}.*", regex::escape(prefix)),
        Pattern::Regexp(body) => body.clone(),
        Pattern::Wildcard(glob) => {
            let mut out = String::new();
            let mut chars = glob.chars();
            while let Some(c) = chars.next() {
                match c {
                    '*' => out.push_str(".*"),
                    '?' => out.push('.'),
                    '\\' => out.push_str(&regex::escape(&chars.next().unwrap_or('\\').to_string())),
                    other => out.push_str(&regex::escape(&other.to_string())),
                }
            }
            out
        }
    };
    let flags = if ignore_case { "(?si)" } else { "(?s)" };
    Regex::new(&format!("{flags}^(?:{body})$"))
        .map_err(|error| ApiError::argument(format!("cannot understand the pattern [{body}]: {error}")))
}

/// Whether two words are at most some edits apart.
fn within(a: &str, b: &str, distance: usize) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > distance {
        return false;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let next = (diagonal + usize::from(x != y))
                .min(row[j] + 1)
                .min(row[j + 1] + 1);
            diagonal = row[j + 1];
            row[j + 1] = next;
        }
    }
    row[b.len()] <= distance
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn matches(query: Value) -> bool {
        let mut mappings = Mappings::default();
        mappings
            .merge(&json!({"dynamic": "strict", "properties": {
                "type": {"type": "keyword"}, "namespaces": {"type": "keyword"}, "updated_at": {"type": "date"},
                "references": {"type": "nested", "properties": {"id": {"type": "keyword"}, "type": {"type": "keyword"}}},
                "dashboard": {"properties": {"title": {"type": "text", "fields": {"keyword": {"type": "keyword"}}}, "hits": {"type": "integer"}}},
                "migrationVersion": {"dynamic": "true", "type": "object"},
            }}))
            .unwrap();
        let document = Document {
            doc_type: String::new(),
            id: "dashboard:1".into(),
            seq_no: 0,
            version: 1,
            source: json!({"type": "dashboard", "updated_at": "2026-11-24T10:00:00.000Z", "dashboard": {"title": "Fleet overview", "hits": 3},
                "references": [{"id": "a", "type": "search"}, {"id": "b", "type": "visualization"}], "migrationVersion": {"dashboard": "7.9.3"}}),
        };
        mappings.admit("", &document.source).unwrap();
        Matcher::parse(Some(&query))
            .unwrap()
            .matches(View::new(".kibana_1", &document, &mappings))
            .unwrap()
    }

    #[test]
    fn the_queries_of_saved_objects_are_understood() {
        assert!(matches(
            json!({"bool": {"filter": [{"bool": {"must": [], "should": [{"bool": {
            "must": [{"term": {"type": "dashboard"}}],
            "should": [{"terms": {"namespace": ["default"]}}, {"bool": {"must_not": [{"exists": {"field": "namespace"}}]}}],
            "minimum_should_match": 1, "must_not": [{"exists": {"field": "namespaces"}}]}}], "minimum_should_match": 1}}]}})
        ));
        assert!(matches(
            json!({"simple_query_string": {"query": "fleet*", "fields": ["dashboard.title^3"], "default_operator": "AND"}})
        ));
        assert!(!matches(
            json!({"simple_query_string": {"query": "fleet nothing", "fields": ["dashboard.title"], "default_operator": "AND"}})
        ));
        assert!(matches(
            json!({"match_phrase_prefix": {"dashboard.title": {"query": "fleet over"}}})
        ));
        assert!(matches(
            json!({"query_string": {"query": "dashboard.title:overview AND type:dash*"}})
        ));
        assert!(matches(
            json!({"term": {"dashboard.title.keyword": "Fleet overview"}})
        ));
        assert!(matches(
            json!({"range": {"dashboard.hits": {"gte": 3, "lt": "4"}}})
        ));
        assert!(matches(
            json!({"range": {"updated_at": {"gte": "2026-11-24||/d", "lte": "now+100y"}}})
        ));
        assert!(matches(json!({"ids": {"values": ["dashboard:1"]}})));
        assert!(matches(json!({"exists": {"field": "dashboard"}})), "of an object");
        assert!(!matches(json!({"exists": {"field": "search"}})));
        // What Kibana counts to know whether documents need a migration.
        assert!(!matches(
            json!({"bool": {"should": [{"bool": {"must": [{"exists": {"field": "dashboard"}},
            {"bool": {"must_not": {"term": {"migrationVersion.dashboard": "7.9.3"}}}}]}}]}})
        ));
    }

    #[test]
    fn a_nested_query_looks_at_one_object_at_a_time() {
        let both = |id: &str, kind: &str| {
            matches(
                json!({"nested": {"path": "references", "query": {"bool": {"must": [{"term": {"references.id": id}}, {"term": {"references.type": kind}}]}}}}),
            )
        };
        assert!(both("a", "search"));
        assert!(!both("a", "visualization"));
    }
}

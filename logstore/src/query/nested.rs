//! `nested`: objects of an array that match as one.
//!
//! The index knows the values of a document but not which of them lie in one object. So what may match is found
//! in the index, and what does match by a look at each object of the stored document. That is slow for millions of
//! candidates and right for all of them; log records rarely have arrays of objects.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use tantivy::query::{EnableScoring, Explanation, Query as Lowered, Scorer, Weight};
use tantivy::schema::Value as _;
use tantivy::store::StoreReader;
use tantivy::{DocId, DocSet, Score, SegmentReader, TERMINATED, TantivyDocument, Term};

use super::ast::{Bool, Operator, Pattern, Query, Range};
use super::dsl::text;
use super::{range, terms};
use crate::date::Millis;
use crate::document::convert::{self, Scalar};
use crate::document::path;
use crate::engine::{schema, tokenizer};
use crate::mapping::{Field, Kind, Mapping, pattern};

/// Blocks of the document store that a scorer keeps.
const CACHED_BLOCKS: usize = 8;

/// What an object has to match.
#[derive(Debug)]
pub struct Inner {
    path: String,
    query: Query,
    fields: HashMap<Arc<str>, Arc<Field>>,
    now: Millis,
}

/// The documents of which one object matches.
#[derive(Debug)]
pub struct NestedQuery {
    candidates: Box<dyn Lowered>,
    inner: Arc<Inner>,
}

struct NestedWeight {
    candidates: Box<dyn Weight>,
    inner: Arc<Inner>,
}

struct NestedDocs {
    candidates: Box<dyn Scorer>,
    documents: StoreReader,
    inner: Arc<Inner>,
}

/// A query that matches at least what another one matches, wherever in the document its values lie.
pub fn superset(query: &Query) -> Query {
    match query {
        Query::Bool(clauses) => {
            let all: Vec<Query> = clauses.must.iter().chain(&clauses.filter).map(superset).collect();
            let should: Vec<Query> = if all.is_empty() {
                clauses.should.iter().map(superset).collect()
            } else {
                Vec::new()
            };
            Query::bool(Bool {
                must: all,
                should,
                ..Bool::default()
            })
        }
        Query::Constant(inner, _) | Query::Boost(inner, _) | Query::Named(inner, _) => superset(inner),
        Query::Nested { query, .. } => superset(query),
        Query::DisMax { queries, .. } => Query::bool(Bool {
            should: queries.iter().map(superset).collect(),
            ..Bool::default()
        }),
        Query::Scored(scored) => superset(&scored.query),
        leaf => leaf.clone(),
    }
}

// === impl NestedQuery ===

impl NestedQuery {
    /// Looks at the objects below a path in the documents that may match.
    pub fn new(
        candidates: Box<dyn Lowered>,
        path: &str,
        query: &Query,
        mapping: &Mapping,
        now: Millis,
    ) -> Self {
        let below = format!("{path}.");
        let fields = mapping
            .fields
            .iter()
            .chain(&mapping.multi)
            .filter(|(name, _)| name.starts_with(&below))
            .map(|(name, field)| (Arc::clone(name), Arc::clone(field)))
            .collect();
        Self {
            candidates,
            inner: Arc::new(Inner {
                path: path.to_owned(),
                query: query.clone(),
                fields,
                now,
            }),
        }
    }
}

impl Clone for NestedQuery {
    fn clone(&self) -> Self {
        Self {
            candidates: self.candidates.box_clone(),
            inner: Arc::clone(&self.inner),
        }
    }
}

impl Lowered for NestedQuery {
    fn weight(&self, scoring: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(NestedWeight {
            candidates: self.candidates.weight(scoring)?,
            inner: Arc::clone(&self.inner),
        }))
    }

    fn query_terms<'a>(&'a self, visitor: &mut dyn FnMut(&'a Term, bool)) {
        self.candidates.query_terms(visitor);
    }
}

// === impl NestedWeight ===

impl Weight for NestedWeight {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let mut docs = NestedDocs {
            candidates: self.candidates.scorer(reader, boost)?,
            documents: reader.get_store_reader(CACHED_BLOCKS)?,
            inner: Arc::clone(&self.inner),
        };
        docs.settle();
        Ok(Box::new(docs))
    }

    fn explain(&self, reader: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        self.candidates.explain(reader, doc)
    }
}

// === impl NestedDocs ===

impl NestedDocs {
    fn settle(&mut self) -> DocId {
        while self.candidates.doc() != TERMINATED && !self.matches(self.candidates.doc()) {
            self.candidates.advance();
        }
        self.candidates.doc()
    }

    fn matches(&self, doc: DocId) -> bool {
        // A document that cannot be read matches nothing; reading its hit would say so.
        let Ok(document) = self.documents.get::<TantivyDocument>(doc) else {
            return false;
        };
        let source = document
            .get_first(schema::fields().source)
            .and_then(|value| value.as_bytes())
            .and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok());
        source.is_some_and(|source| {
            path::objects(&source, &self.inner.path)
                .into_iter()
                .any(|object| self.inner.takes(&self.inner.query, object))
        })
    }
}

impl DocSet for NestedDocs {
    fn advance(&mut self) -> DocId {
        self.candidates.advance();
        self.settle()
    }

    fn seek(&mut self, target: DocId) -> DocId {
        if self.candidates.doc() < target {
            self.candidates.seek(target);
        }
        self.settle()
    }

    fn doc(&self) -> DocId {
        self.candidates.doc()
    }

    fn size_hint(&self) -> u32 {
        self.candidates.size_hint()
    }
}

impl Scorer for NestedDocs {
    fn score(&mut self) -> Score {
        self.candidates.score()
    }
}

// === impl Inner ===

impl Inner {
    fn takes(&self, query: &Query, object: &Value) -> bool {
        let each = |name: &str, test: &dyn Fn(&Field, &Value) -> bool| self.any_value(name, object, test);
        match query {
            Query::All => true,
            Query::Term {
                field,
                value,
                ignore_case,
            } => each(field, &|field, one| is_equal(field, one, value, *ignore_case)),
            Query::Terms { field, values } => each(field, &|field, one| {
                values.iter().any(|value| is_equal(field, one, value, false))
            }),
            Query::Match { field, text, words } => each(field, &|field, one| {
                has_words(field, one, text, words.operator == Operator::And)
            }),
            Query::MultiMatch(multi) => multi.fields.iter().any(|(name, _)| {
                each(name, &|field, one| {
                    has_words(field, one, &multi.text, multi.words.operator == Operator::And)
                })
            }),
            Query::Phrase { field, text, .. } => each(field, &|field, one| has_phrase(field, one, text)),
            Query::Exists(field) => each(field, &|_, _| true) || each(&format!("{field}.*"), &|_, _| true),
            Query::Pattern {
                field,
                pattern,
                ignore_case,
            } => each(field, &|field, one| has_shape(field, one, pattern, *ignore_case)),
            Query::Range(range) => each(&range.field, &|field, one| is_within(field, one, range, self.now)),
            Query::Bool(clauses) => {
                let takes = |query: &Query| self.takes(query, object);
                let should = clauses.should.iter().filter(|query| takes(query)).count();
                let default = usize::from(
                    clauses.must.is_empty() && clauses.filter.is_empty() && !clauses.should.is_empty(),
                );
                let minimum = clauses
                    .minimum
                    .as_deref()
                    .and_then(|text| super::ast::minimum(text, clauses.should.len()))
                    .unwrap_or(default);
                clauses.must.iter().chain(&clauses.filter).all(takes)
                    && !clauses.must_not.iter().any(takes)
                    && should >= minimum
            }
            Query::Constant(inner, _) | Query::Boost(inner, _) | Query::Named(inner, _) => {
                self.takes(inner, object)
            }
            Query::DisMax { queries, .. } => queries.iter().any(|query| self.takes(query, object)),
            Query::Scored(scored) => self.takes(&scored.query, object),
            Query::Nested {
                path: deeper, query, ..
            } => {
                let below = deeper
                    .strip_prefix(&self.path)
                    .and_then(|rest| rest.strip_prefix('.'));
                below.is_some_and(|below| {
                    let inner = Self {
                        path: deeper.clone(),
                        query: Query::All,
                        fields: self.fields.clone(),
                        now: self.now,
                    };
                    path::objects(object, below)
                        .into_iter()
                        .any(|object| inner.takes(query, object))
                })
            }
            Query::Nothing | Query::Ids(_) | Query::Fuzzy { .. } | Query::Lookup { .. } => false,
        }
    }

    /// Whether a value of a field, or of a field that a wildcard names, passes a test.
    fn any_value(&self, name: &str, object: &Value, test: &dyn Fn(&Field, &Value) -> bool) -> bool {
        let of = |field: &Field| {
            // A multi-field has the values of the field it belongs to.
            let whole = if self.fields.contains_key(&field.path) {
                &*field.path
            } else {
                name
            };
            let below = whole
                .strip_prefix(&self.path)
                .and_then(|rest| rest.strip_prefix('.'));
            let Some(below) = below else { return false };
            let found = path::values(object, below);
            let found = match below.rsplit_once('.') {
                Some((parent, _)) if found.is_empty() => path::values(object, parent),
                _ => found,
            };
            found.into_iter().any(|value| test(field, value))
        };
        if name.contains('*') {
            self.fields
                .iter()
                .filter(|(path, _)| pattern::matches(name, path))
                .any(|(_, field)| of(field))
        } else {
            self.fields.get(name).is_some_and(|field| of(field))
        }
    }
}

fn is_equal(field: &Field, have: &Value, want: &Value, ignore_case: bool) -> bool {
    let (have_text, want_text) = (text(have), text(want));
    match field.kind {
        Kind::Text => tokenizer::tokens(&have_text).contains(&want_text),
        kind if kind.is_number() => {
            let both = Range {
                field: field.path.to_string(),
                from: Some((want.clone(), true)),
                to: Some((want.clone(), true)),
                ..Range::default()
            };
            is_within(field, have, &both, 0)
        }
        _ if ignore_case => have_text.to_lowercase() == want_text.to_lowercase(),
        _ => have_text == want_text,
    }
}

fn has_words(field: &Field, have: &Value, wanted: &str, all: bool) -> bool {
    if field.kind != Kind::Text {
        return is_equal(field, have, &Value::from(wanted), false);
    }
    let have = tokenizer::tokens(&text(have));
    let wanted = tokenizer::tokens(wanted);
    if all {
        !wanted.is_empty() && wanted.iter().all(|word| have.contains(word))
    } else {
        wanted.iter().any(|word| have.contains(word))
    }
}

fn has_phrase(field: &Field, have: &Value, wanted: &str) -> bool {
    if field.kind != Kind::Text {
        return is_equal(field, have, &Value::from(wanted), false);
    }
    let have = tokenizer::tokens(&text(have));
    let wanted = tokenizer::tokens(wanted);
    !wanted.is_empty() && have.windows(wanted.len()).any(|window| window == wanted)
}

fn has_shape(field: &Field, have: &Value, wanted: &Pattern, ignore_case: bool) -> bool {
    let flags = if ignore_case || field.kind == Kind::Text {
        "(?is)"
    } else {
        "(?s)"
    };
    let Some(shape) = terms::expression(wanted)
        .ok()
        .and_then(|expression| regex::Regex::new(&format!("{flags}^(?:{expression})$")).ok())
    else {
        return false;
    };
    if field.kind == Kind::Text {
        tokenizer::tokens(&text(have))
            .iter()
            .any(|token| shape.is_match(token))
    } else {
        shape.is_match(&text(have))
    }
}

fn is_within(field: &Field, have: &Value, range: &Range, now: Millis) -> bool {
    let inside = |from: std::cmp::Ordering, included: bool| from.is_gt() || included && from.is_eq();
    match field.kind {
        Kind::Date => {
            let scalar = match have {
                Value::String(text) => Scalar::Str(text),
                Value::Number(number) => match number.as_i64() {
                    Some(whole) => Scalar::I64(whole),
                    None => return false,
                },
                _ => return false,
            };
            let (Ok(have), Ok((from, to))) = (convert::date(field, scalar), range::dates(field, range, now))
            else {
                return false;
            };
            from.is_none_or(|from| have.start >= from) && to.is_none_or(|to| have.start <= to)
        }
        kind if kind.is_number() => {
            let number = |value: &Value| value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
            let Some(have) = number(have) else { return false };
            let side = |bound: &Option<(Value, bool)>, lower: bool| match bound {
                None => true,
                Some((value, included)) => number(value).is_some_and(|bound| {
                    let ordering = have.total_cmp(&bound);
                    inside(if lower { ordering } else { ordering.reverse() }, *included)
                }),
            };
            side(&range.from, true) && side(&range.to, false)
        }
        _ => {
            let have = text(have);
            let side = |bound: &Option<(Value, bool)>, lower: bool| match bound {
                None => true,
                Some((value, included)) => {
                    let ordering = have.as_bytes().cmp(text(value).as_bytes());
                    inside(if lower { ordering } else { ordering.reverse() }, *included)
                }
            };
            side(&range.from, true) && side(&range.to, false)
        }
    }
}

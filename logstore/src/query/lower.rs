//! Lowers the query tree to tantivy, for one index: what a clause means depends on the field's type there.

use std::sync::Arc;

use serde_json::Value;
use tantivy::Term;
use tantivy::query::{
    AllQuery, BooleanQuery, BoostQuery, ConstScoreQuery, EmptyQuery, ExistsQuery, FuzzyTermQuery, Occur,
    PhrasePrefixQuery, PhraseQuery, Query as Lowered, TermQuery, TermSetQuery,
};
use tantivy::schema::IndexRecordOption;

use super::ast::{self, Bool, MultiKind, Operator, Pattern, Query};
use super::dsl::text;
use super::{address, range, terms};
use crate::date::Millis;
use crate::document::convert::{self, FIELD_NAMES, Scalar};
use crate::engine::schema::{self, Fields};
use crate::error::{ApiError, ApiResult};
use crate::mapping::{Field, Kind, Mapping, pattern};

/// Most fields that one wildcard may stand for, Elasticsearch's `indices.query.bool.max_clause_count`.
const MAX_EXPANDED_FIELDS: usize = 1024;

/// Most edits a prefix phrase tries.
const MAX_EXPANSIONS: u32 = 50;

/// A lowered query.
pub type Boxed = Box<dyn Lowered>;

/// Lowers queries for one index.
#[derive(Debug)]
pub struct Lowering<'a> {
    /// The index's name, which `_index` is compared with.
    pub index: &'a str,
    /// Its mapping.
    pub mapping: &'a Mapping,
    /// What `now` means; the same for every index of a search.
    pub now: Millis,
    fields: Fields,
}

impl<'a> Lowering<'a> {
    /// Lowers for an index.
    pub fn new(index: &'a str, mapping: &'a Mapping, now: Millis) -> Self {
        Self {
            index,
            mapping,
            now,
            fields: schema::fields(),
        }
    }

    /// Lowers a query.
    pub fn lower(&self, query: &Query) -> ApiResult<Boxed> {
        Ok(match query {
            Query::All => Box::new(AllQuery),
            Query::Nothing => Box::new(EmptyQuery),
            Query::Constant(inner, score) => Box::new(ConstScoreQuery::new(self.lower(inner)?, *score)),
            Query::Boost(inner, boost) => Box::new(BoostQuery::new(self.lower(inner)?, *boost)),
            Query::Bool(clauses) => self.boolean(clauses)?,
            Query::Ids(ids) => Box::new(TermSetQuery::new(
                ids.iter().map(|id| Term::from_field_text(self.fields.id, id)),
            )),
            Query::Exists(field) => self.exists(field),
            Query::Term {
                field,
                value,
                ignore_case: true,
            } => {
                let escaped = Pattern::Regexp(regex::escape(&text(value)));
                self.on_fields(field, |field| self.pattern(field, &escaped, true))?
            }
            Query::Term { field, value, .. } => match field.as_str() {
                "_id" => self.lower(&Query::Ids(vec![text(value)]))?,
                "_index" => self.on_index(&text(value)),
                _ => self.on_fields(field, |field| self.term(field, value))?,
            },
            Query::Terms { field, values } => match field.as_str() {
                "_id" => self.lower(&Query::Ids(values.iter().map(text).collect()))?,
                "_index" => any(values.iter().map(|value| self.on_index(&text(value))).collect()),
                _ => self.on_fields(field, |field| self.terms(field, values))?,
            },
            Query::Match {
                field,
                text,
                operator,
                minimum,
                lenient,
            } => match field.as_str() {
                "_id" => self.lower(&Query::Ids(vec![text.clone()]))?,
                "_index" => self.on_index(text),
                _ => self.on_fields(field, |field| {
                    let lowered = self.words(field, text, *operator, minimum.as_deref());
                    if *lenient {
                        lowered.or_else(|_| Ok(Box::new(EmptyQuery)))
                    } else {
                        lowered
                    }
                })?,
            },
            Query::Phrase {
                field,
                text,
                slop,
                prefix,
            } => self.on_fields(field, |field| self.phrase(field, text, *slop, *prefix))?,
            Query::MultiMatch {
                fields,
                text,
                operator,
                kind,
            } => self.multi_match(fields, text, *operator, *kind)?,
            Query::Range(range) => self.on_fields(&range.field, |field| {
                range::lower(&self.fields, field, range, self.now)
            })?,
            Query::Pattern {
                field,
                pattern,
                ignore_case,
            } => match (field.as_str(), pattern) {
                ("_index", Pattern::Wildcard(text)) => self.on_index(text),
                _ => self.on_fields(field, |field| self.pattern(field, pattern, *ignore_case))?,
            },
            Query::Fuzzy {
                field,
                text,
                distance,
            } => self.on_fields(field, |field| {
                let Some(family) = self.family(field) else {
                    return self.term(field, &Value::String(text.clone()));
                };
                Ok(Box::new(FuzzyTermQuery::new(
                    terms::string(family, &field.path, text),
                    *distance,
                    true,
                )))
            })?,
        })
    }

    fn on_index(&self, wanted: &str) -> Boxed {
        if pattern::matches(wanted, self.index) {
            Box::new(AllQuery)
        } else {
            Box::new(EmptyQuery)
        }
    }

    /// Lowers for the field, or for every field that a wildcard name matches, in which misfits match nothing.
    fn on_fields(&self, name: &str, lower: impl Fn(&Field) -> ApiResult<Boxed>) -> ApiResult<Boxed> {
        if !name.contains('*') {
            return match self.mapping.resolve(name) {
                Some(field) => lower(&field),
                None => Ok(Box::new(EmptyQuery)),
            };
        }
        Ok(any(self
            .expand(name)?
            .iter()
            .filter_map(|field| lower(field).ok())
            .collect()))
    }

    fn expand(&self, name: &str) -> ApiResult<Vec<Arc<Field>>> {
        let fields = self.mapping.matching(name);
        if fields.len() > MAX_EXPANDED_FIELDS {
            return Err(ApiError::argument(format!(
                "field expansion matches too many fields, limit: {MAX_EXPANDED_FIELDS}, got: {}",
                fields.len()
            )));
        }
        Ok(fields)
    }

    /// The family of terms of a field that holds strings.
    fn family(&self, field: &Field) -> Option<tantivy::schema::Field> {
        match field.kind {
            Kind::Text => Some(self.fields.text),
            kind if kind.is_exact_string() => Some(self.fields.keyword),
            _ => None,
        }
    }

    fn term(&self, field: &Field, value: &Value) -> ApiResult<Boxed> {
        if matches!(field.type_name.as_str(), "geo_point" | "geo_shape") {
            return Err(ApiError::new(
                400,
                "query_shard_exception",
                format!(
                    "Geometry fields do not support exact searching, use dedicated geometry queries instead: [{}]",
                    field.path
                ),
            ));
        }
        if field.unindexed {
            return Ok(Box::new(EmptyQuery));
        }
        match field.kind {
            Kind::Text => Ok(scored(terms::string(self.fields.text, &field.path, &text(value)))),
            Kind::Keyword | Kind::Flattened => Ok(self.exact(field, &field.normalized(&text(value)))),
            Kind::Boolean => {
                let scalar = match value {
                    Value::Bool(value) => Scalar::Bool(*value),
                    Value::String(text) => Scalar::Str(text),
                    _ => Scalar::I64(value.as_i64().unwrap_or_default()),
                };
                let value = convert::boolean(scalar).map_err(|misfit| {
                    ApiError::argument(format!(
                        "Can't parse boolean value on field [{}]: {}",
                        field.path, misfit.0
                    ))
                })?;
                Ok(self.exact(field, value))
            }
            Kind::Ip => address::term(&self.fields, field, &text(value)),
            Kind::Long { .. } | Kind::Double | Kind::Date => {
                let equal = ast::Range {
                    field: field.path.to_string(),
                    from: Some((value.clone(), true)),
                    to: Some((value.clone(), true)),
                    ..ast::Range::default()
                };
                let lowered = range::lower(&self.fields, field, &equal, self.now)?;
                Ok(Box::new(ConstScoreQuery::new(lowered, 1.0)))
            }
            Kind::Unindexed => Ok(Box::new(EmptyQuery)),
        }
    }

    fn exact(&self, field: &Field, value: &str) -> Boxed {
        let term = terms::string(self.fields.keyword, &field.path, value);
        Box::new(TermQuery::new(term, IndexRecordOption::Basic))
    }

    fn terms(&self, field: &Field, values: &[Value]) -> ApiResult<Boxed> {
        match field.kind {
            Kind::Keyword | Kind::Text | Kind::Flattened if !field.unindexed => {
                let family = self.family(field).unwrap_or(self.fields.keyword);
                let list = values
                    .iter()
                    .map(|value| terms::string(family, &field.path, &field.normalized(&text(value))));
                Ok(Box::new(ConstScoreQuery::new(
                    Box::new(TermSetQuery::new(list)),
                    1.0,
                )))
            }
            _ => Ok(any(values
                .iter()
                .map(|value| self.term(field, value))
                .collect::<ApiResult<_>>()?)),
        }
    }

    fn words(
        &self,
        field: &Field,
        text: &str,
        operator: Operator,
        minimum: Option<&str>,
    ) -> ApiResult<Boxed> {
        if field.kind != Kind::Text || field.unindexed {
            return self.term(field, &Value::String(text.to_owned()));
        }
        let mut words: Vec<Boxed> = field
            .search_tokens(text)
            .into_iter()
            .map(|token| scored(terms::string(self.fields.text, &field.path, &token)))
            .collect();
        if words.len() == 1 {
            return Ok(words.remove(0));
        }
        if words.is_empty() {
            return Ok(Box::new(EmptyQuery));
        }
        if operator == Operator::And {
            return Ok(Box::new(BooleanQuery::intersection(words)));
        }
        let count = words.len();
        let minimum = minimum
            .and_then(|text| ast::minimum(text, count))
            .unwrap_or(1)
            .clamp(1, count);
        Ok(Box::new(BooleanQuery::union_with_minimum_required_clauses(
            words, minimum,
        )))
    }

    fn phrase(&self, field: &Field, text: &str, slop: u32, prefix: bool) -> ApiResult<Boxed> {
        if field.kind != Kind::Text || field.unindexed {
            return if prefix && field.kind == Kind::Keyword {
                self.pattern(field, &Pattern::Prefix(text.to_owned()), false)
            } else {
                self.term(field, &Value::String(text.to_owned()))
            };
        }
        let tokens = field.search_positions(text);
        let first = tokens.first().map_or(0, |(position, _)| *position);
        let list: Vec<(usize, Term)> = tokens
            .iter()
            .map(|(position, token)| {
                (
                    position - first,
                    terms::string(self.fields.text, &field.path, token),
                )
            })
            .collect();
        Ok(match (list.len(), prefix) {
            (0, _) => Box::new(EmptyQuery),
            (1, false) => scored(
                list.into_iter()
                    .next()
                    .map(|(_, term)| term)
                    .expect("there is one"),
            ),
            (1, true) => return self.pattern(field, &Pattern::Prefix(tokens[0].1.clone()), false),
            (_, false) => Box::new(PhraseQuery::new_with_offset_and_slop(list, slop)),
            (_, true) => {
                let mut phrase = PhrasePrefixQuery::new_with_offset(list);
                phrase.set_max_expansions(MAX_EXPANSIONS);
                Box::new(phrase)
            }
        })
    }

    fn multi_match(
        &self,
        names: &[(String, f32)],
        text: &str,
        operator: Operator,
        kind: MultiKind,
    ) -> ApiResult<Boxed> {
        let mut clauses: Vec<Boxed> = Vec::new();
        for (name, boost) in names {
            for field in self.expand(name)? {
                // `*` means the fields themselves; a dynamic string's exact twin would only match again.
                if name == "*" && self.mapping.multi.contains_key(&field.path) {
                    continue;
                }
                let lowered = match kind {
                    MultiKind::Words => self.words(&field, text, operator, None),
                    MultiKind::Phrase => self.phrase(&field, text, 0, false),
                    MultiKind::PhrasePrefix => self.phrase(&field, text, 0, true),
                };
                // A word that cannot be a number does not match a number.
                let Ok(lowered) = lowered else { continue };
                clauses.push(if (boost - 1.0).abs() > f32::EPSILON {
                    Box::new(BoostQuery::new(lowered, *boost))
                } else {
                    lowered
                });
            }
        }
        Ok(any(clauses))
    }

    fn pattern(&self, field: &Field, pattern: &Pattern, ignore_case: bool) -> ApiResult<Boxed> {
        if field.unindexed {
            return Ok(Box::new(EmptyQuery));
        }
        let Some(family) = self.family(field) else {
            return Err(ApiError::new(
                400,
                "query_shard_exception",
                format!(
                    "Can only use wildcard, prefix and regexp queries on keyword, text and ip fields - not on [{}] which is of type [{}]",
                    field.path, field.type_name
                ),
            ));
        };
        // As Elasticsearch does: what stands for letters is brought into the form that they are indexed in.
        let lowered = match pattern {
            Pattern::Wildcard(text) => Pattern::Wildcard(field.normalized_part(text)),
            Pattern::Prefix(text) => Pattern::Prefix(field.normalized_part(text)),
            Pattern::Regexp(_) => pattern.clone(),
        };
        terms::pattern(family, &field.path, &lowered, ignore_case)
    }

    fn exists(&self, name: &str) -> Boxed {
        if matches!(name, "_id" | "_index" | "_source" | "_seq_no" | "_version") {
            return Box::new(AllQuery);
        }
        let mut fields = self.mapping.matching(name);
        if fields.is_empty() {
            fields = self.mapping.matching(&format!("{name}.*"));
        }
        any(fields
            .iter()
            .filter(|field| !field.unindexed)
            .map(|field| match field.column() {
                Some(column) => Box::new(ExistsQuery::new(column, field.kind == Kind::Flattened)) as Boxed,
                None => self.text_exists(field),
            })
            .collect())
    }

    /// A text field has a value where its name is indexed, or where an exact multi-field has one.
    fn text_exists(&self, field: &Field) -> Boxed {
        let name = terms::string(self.fields.keyword, &FIELD_NAMES, &field.path);
        let named = Box::new(TermQuery::new(name, IndexRecordOption::Basic)) as Boxed;
        let witnesses = field.subfields.iter().filter(|sub| sub.witnesses());
        let columns = witnesses
            .filter_map(|sub| sub.column())
            .map(|column| Box::new(ExistsQuery::new(column, false)) as Boxed);
        let either = any(std::iter::once(named).chain(columns).collect());
        Box::new(ConstScoreQuery::new(either, 1.0))
    }

    fn boolean(&self, clauses: &Bool) -> ApiResult<Boxed> {
        let mut lowered: Vec<(Occur, Boxed)> = Vec::new();
        for query in &clauses.must {
            lowered.push((Occur::Must, self.lower(query)?));
        }
        for query in &clauses.filter {
            lowered.push((
                Occur::Must,
                Box::new(ConstScoreQuery::new(self.lower(query)?, 0.0)),
            ));
        }
        let required = !lowered.is_empty();
        let mut should = Vec::with_capacity(clauses.should.len());
        for query in &clauses.should {
            should.push((Occur::Should, self.lower(query)?));
        }
        let count = should.len();
        let default = usize::from(!required && count > 0);
        let minimum = clauses
            .minimum
            .as_deref()
            .and_then(|text| ast::minimum(text, count))
            .unwrap_or(default);
        if minimum > count {
            return Ok(Box::new(EmptyQuery));
        }
        for query in &clauses.must_not {
            lowered.push((Occur::MustNot, self.lower(query)?));
        }
        if !required && minimum == 0 {
            // Only optional or forbidden clauses: everything else matches.
            lowered.push((Occur::Must, Box::new(AllQuery)));
        }
        lowered.extend(should);
        Ok(Box::new(BooleanQuery::with_minimum_required_clauses(
            lowered, minimum,
        )))
    }
}

fn scored(term: Term) -> Boxed {
    Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs))
}

/// One of several.
fn any(mut clauses: Vec<Boxed>) -> Boxed {
    match clauses.len() {
        0 => Box::new(EmptyQuery),
        1 => clauses.remove(0),
        _ => Box::new(BooleanQuery::union(clauses)),
    }
}

//! Lowers the query tree to tantivy, for one index: what a clause means depends on the field's type there.

mod full_text;

use std::ops::Bound;
use std::sync::Arc;

use serde_json::Value;
use tantivy::Term;
use tantivy::query::{
    AllQuery, BooleanQuery, BoostQuery, ConstScoreQuery, DisjunctionMaxQuery, EmptyQuery, ExistsQuery,
    FuzzyTermQuery, Occur, Query as Lowered, TermQuery, TermSetQuery,
};
use tantivy::schema::IndexRecordOption;

use super::ast::{self, Bool, Function, Fuzziness, Pattern, Query, Scored};
use super::dsl::text;
use super::nested::{self, NestedQuery};
use super::scan::ScanQuery;
use super::scored::{Modes, ScoredQuery, Value as Valued};
use super::similarity::{Population, Similarity};
use super::{address, range, terms};
use crate::date::Millis;
use crate::document::convert::{self, FIELD_NAMES, Scalar};
use crate::engine::schema::{self, Fields};
use crate::error::{ApiError, ApiResult};
use crate::mapping::{Field, Kind, Mapping, pattern};

/// Most fields that one wildcard may stand for, Elasticsearch's `indices.query.bool.max_clause_count`.
const MAX_EXPANDED_FIELDS: usize = 1024;

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
            Query::Named(inner, _) => self.lower(inner)?,
            Query::Constant(inner, score) => Box::new(ConstScoreQuery::new(self.lower(inner)?, *score)),
            Query::Boost(inner, boost) => Box::new(BoostQuery::new(self.lower(inner)?, *boost)),
            Query::Bool(clauses) => self.boolean(clauses)?,
            Query::Ids(ids) => Box::new(TermSetQuery::new(
                ids.iter().map(|id| Term::from_field_text(self.fields.id, id)),
            )),
            Query::Exists(field) if field == "_source" => {
                return Err(ApiError::query_shard(
                    "The [_source] field may not be queried directly",
                ));
            }
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
            Query::Match { field, text, words } => match field.as_str() {
                "_id" => self.lower(&Query::Ids(vec![text.clone()]))?,
                "_index" => self.on_index(text),
                _ => self.on_fields(field, |field| self.lenient_words(field, text, words))?,
            },
            Query::Phrase {
                field,
                text,
                slop,
                prefix,
            } => self.on_fields(field, |field| self.phrase(field, text, *slop, *prefix))?,
            Query::MultiMatch(multi) => self.multi_match(multi)?,
            Query::DisMax { queries, tie_breaker } => {
                let lowered = queries
                    .iter()
                    .map(|query| self.lower(query))
                    .collect::<ApiResult<_>>()?;
                best_of(lowered, *tie_breaker)
            }
            Query::Scored(scored) => self.scored(scored)?,
            Query::Nested {
                path,
                query,
                ignore_unmapped,
            } => {
                if !self.mapping.objects.contains_key(path.as_str()) {
                    if *ignore_unmapped {
                        return Ok(Box::new(EmptyQuery));
                    }
                    return Err(ApiError::query_shard(format!(
                        "[nested] failed to find nested object under path [{path}]"
                    )));
                }
                let candidates = self.lower(&nested::superset(query))?;
                Box::new(NestedQuery::new(candidates, path, query, self.mapping, self.now))
            }
            Query::Lookup { field, .. } => {
                return Err(ApiError::internal(format!(
                    "the terms of [{field}] were not looked up before the search"
                )));
            }
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
                fuzziness,
                prefix,
            } => self.on_fields(field, |field| self.fuzzy(field, text, *fuzziness, *prefix))?,
        })
    }

    /// Words a few edits from one word.
    fn fuzzy(&self, field: &Field, text: &str, fuzziness: Fuzziness, prefix: usize) -> ApiResult<Boxed> {
        let Some(family) = self.family(field).filter(|_| !field.unindexed) else {
            return self.term(field, &Value::String(text.to_owned()));
        };
        let edits = fuzziness.edits(text);
        if edits == 0 {
            return self.term(field, &Value::String(text.to_owned()));
        }
        if prefix == 0 {
            let term = terms::string(family, &field.path, text);
            return Ok(Box::new(FuzzyTermQuery::new(term, edits, true)));
        }
        let start: String = text.chars().take(prefix).collect();
        let rest: String = text.chars().skip(prefix).collect();
        let from = terms::string(family, &field.path, &start)
            .serialized_value_bytes()
            .to_vec();
        let cut = from.len();
        Ok(Box::new(ScanQuery {
            family,
            to: terms::end_of_prefix(&from),
            from: Bound::Included(from),
            test: Arc::new(move |term| {
                term.get(cut..)
                    .and_then(|term| std::str::from_utf8(term).ok())
                    .is_some_and(|term| {
                        crate::search::highlight::marks::is_near(&rest, term, usize::from(edits))
                    })
            }),
        }))
    }

    fn scored(&self, scored: &Scored) -> ApiResult<Boxed> {
        let mut functions = Vec::with_capacity(scored.functions.len());
        for (filter, function) in &scored.functions {
            let filter = match filter {
                None => None,
                Some(filter) => Some(self.lower(filter)?),
            };
            let value = match function {
                Function::Weight(weight) => Valued::Weight(*weight),
                Function::Field {
                    field,
                    factor,
                    modifier,
                    missing,
                    weight,
                } => {
                    let name = match self.mapping.get(field) {
                        Some(field) if field.kind.is_number() => field.column(),
                        None if missing.is_some() => None,
                        _ => {
                            return Err(ApiError::query_shard(format!(
                                "Unable to find a field mapper for field [{field}]"
                            )));
                        }
                    };
                    Valued::Column {
                        name,
                        factor: *factor,
                        modifier: *modifier,
                        missing: *missing,
                        weight: *weight,
                    }
                }
            };
            functions.push((filter, value));
        }
        let modes = Modes {
            score: scored.score_mode,
            boost: scored.boost_mode,
            max_boost: scored.max_boost,
            min_score: scored.min_score,
        };
        Ok(Box::new(ScoredQuery::new(
            self.lower(&scored.query)?,
            functions,
            modes,
        )))
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
            Kind::Text => Ok(self.word(field, &text(value))),
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
        self.scored_in(field, Box::new(TermQuery::new(term, IndexRecordOption::Basic)))
    }

    /// One analysed word.
    fn word(&self, field: &Field, word: &str) -> Boxed {
        let term = terms::string(self.fields.text, &field.path, word);
        self.scored_in(
            field,
            Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs)),
        )
    }

    /// Scores by the documents that have a field.
    fn scored_in(&self, field: &Field, query: Boxed) -> Boxed {
        let own = field.column();
        let witnesses = field.subfields.iter().filter(|sub| sub.witnesses());
        let columns = own
            .into_iter()
            .chain(witnesses.filter_map(|sub| sub.column()))
            .collect();
        let named =
            (field.kind == Kind::Text).then(|| terms::string(self.fields.keyword, &FIELD_NAMES, &field.path));
        Similarity::around(query, Population { columns, named })
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

    fn pattern(&self, field: &Field, pattern: &Pattern, ignore_case: bool) -> ApiResult<Boxed> {
        if field.unindexed {
            return Ok(Box::new(EmptyQuery));
        }
        let Some(family) = self.family(field) else {
            let (kind, fields) = match pattern {
                Pattern::Prefix(_) => ("prefix", "keyword, text and wildcard"),
                Pattern::Wildcard(_) => ("wildcard", "keyword, text and wildcard"),
                Pattern::Regexp(_) => ("regexp", "keyword and text"),
            };
            return Err(ApiError::query_shard(format!(
                "Can only use {kind} queries on {fields} fields - not on [{}] which is of type [{}]",
                field.path, field.type_name
            )));
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
            .filter(|field| !field.unindexed || field.is_binary())
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

    /// A combination some of whose clauses match everything. Each of them scores 1, which tantivy forgets: it leaves
    /// out what restricts nothing.
    fn with_everything(&self, clauses: &Bool, count: usize, must: Vec<&Query>) -> ApiResult<Boxed> {
        #[expect(clippy::cast_precision_loss, reason = "a query has few clauses")]
        let score = count as f32;
        let rest = Bool {
            must: must.into_iter().cloned().collect(),
            ..clauses.clone()
        };
        if rest.must.is_empty() && rest.should.is_empty() {
            let inner = match (rest.filter.as_slice(), rest.must_not.as_slice()) {
                ([], []) => Box::new(AllQuery),
                ([only], []) => self.lower(only)?,
                _ => self.boolean(&rest)?,
            };
            return Ok(Box::new(ConstScoreQuery::new(inner, score)));
        }
        // What is required otherwise makes the optional clauses optional; so does this.
        let rest = Bool {
            must: rest
                .must
                .into_iter()
                .chain(std::iter::once(Query::Constant(Box::new(Query::All), score)))
                .collect(),
            ..rest
        };
        self.boolean(&rest)
    }

    fn boolean(&self, clauses: &Bool) -> ApiResult<Boxed> {
        let (everything, must): (Vec<&Query>, Vec<&Query>) =
            clauses.must.iter().partition(|query| matches!(query, Query::All));
        if !everything.is_empty() {
            return self.with_everything(clauses, everything.len(), must);
        }
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

/// The best of several, with a part of the others.
fn best_of(mut clauses: Vec<Boxed>, tie_breaker: f32) -> Boxed {
    match clauses.len() {
        0 => Box::new(EmptyQuery),
        1 => clauses.remove(0),
        _ => Box::new(DisjunctionMaxQuery::with_tie_breaker(clauses, tie_breaker)),
    }
}

/// One of several.
fn any(mut clauses: Vec<Boxed>) -> Boxed {
    match clauses.len() {
        0 => Box::new(EmptyQuery),
        1 => clauses.remove(0),
        _ => Box::new(BooleanQuery::union(clauses)),
    }
}

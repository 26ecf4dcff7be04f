//! Scores changed by functions of the document: `function_score` and `boosting`.

use std::sync::Arc;

use tantivy::columnar::{Column, ColumnType};
use tantivy::query::{EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::{DocId, DocSet, Score, SegmentReader, TERMINATED, Term, u64_to_f64, u64_to_i64};

use super::ast::{Fold, Modifier};

/// A filter, and the value of what passes it.
type Function = (Option<Box<dyn Query>>, Value);

/// A function, lowered for one index.
#[derive(Debug, Clone)]
pub enum Value {
    /// A number.
    Weight(f32),
    /// The value of a column.
    Column {
        /// The column; `None` where the field is not mapped.
        name: Option<String>,
        /// Multiplied with the value.
        factor: f64,
        /// What is made of the product.
        modifier: Modifier,
        /// The value of a document that has none.
        missing: Option<f64>,
        /// Multiplied with the result.
        weight: f32,
    },
}

/// How functions and scores come together.
#[derive(Debug, Clone, Copy)]
pub struct Modes {
    /// How values of several functions become one.
    pub score: Fold,
    /// How that value and the score become one.
    pub boost: Fold,
    /// Largest value of the functions together.
    pub max_boost: f32,
    /// Lowest score of a document that matches.
    pub min_score: Option<f32>,
}

/// A query with functions.
#[derive(Debug)]
pub struct ScoredQuery {
    inner: Box<dyn Query>,
    functions: Arc<Vec<Function>>,
    modes: Modes,
}

struct ScoredWeight {
    inner: Box<dyn Weight>,
    functions: Vec<(Option<Box<dyn Weight>>, Value)>,
    modes: Modes,
    scores: bool,
}

struct ScoredDocs {
    inner: Box<dyn Scorer>,
    functions: Vec<(Option<Box<dyn Scorer>>, Reader)>,
    modes: Modes,
    boost: f32,
}

enum Reader {
    Weight(f32),
    Column {
        values: Option<(Column<u64>, ColumnType)>,
        factor: f64,
        modifier: Modifier,
        missing: Option<f64>,
        weight: f32,
    },
}

// === impl ScoredQuery ===

impl ScoredQuery {
    /// Puts functions around a query.
    pub fn new(inner: Box<dyn Query>, functions: Vec<(Option<Box<dyn Query>>, Value)>, modes: Modes) -> Self {
        Self {
            inner,
            functions: Arc::new(functions),
            modes,
        }
    }
}

impl Clone for ScoredQuery {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.box_clone(),
            functions: Arc::clone(&self.functions),
            modes: self.modes,
        }
    }
}

impl Query for ScoredQuery {
    fn weight(&self, scoring: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        // A lowest score needs scores even where nobody asks for them.
        let scoring = match (self.modes.min_score, scoring) {
            (
                Some(_),
                EnableScoring::Disabled {
                    searcher_opt: Some(searcher),
                    ..
                },
            ) => EnableScoring::enabled_from_searcher(searcher),
            (_, scoring) => scoring,
        };
        let functions = self
            .functions
            .iter()
            .map(|(filter, value)| {
                let filter = match filter {
                    None => None,
                    Some(filter) => Some(filter.weight(scoring)?),
                };
                Ok((filter, value.clone()))
            })
            .collect::<tantivy::Result<_>>()?;
        Ok(Box::new(ScoredWeight {
            inner: self.inner.weight(scoring)?,
            functions,
            modes: self.modes,
            scores: scoring.is_scoring_enabled(),
        }))
    }

    fn query_terms<'a>(&'a self, visitor: &mut dyn FnMut(&'a Term, bool)) {
        self.inner.query_terms(visitor);
    }
}

// === impl ScoredWeight ===

impl Weight for ScoredWeight {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        if !self.scores {
            return self.inner.scorer(reader, boost);
        }
        let functions = self
            .functions
            .iter()
            .map(|(filter, value)| {
                let filter = match filter {
                    None => None,
                    Some(filter) => Some(filter.scorer(reader, 1.0)?),
                };
                Ok((filter, Reader::open(value, reader)?))
            })
            .collect::<tantivy::Result<_>>()?;
        let mut docs = ScoredDocs {
            inner: self.inner.scorer(reader, 1.0)?,
            functions,
            modes: self.modes,
            boost,
        };
        docs.settle();
        Ok(Box::new(docs))
    }

    fn explain(&self, reader: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        let mut scorer = self.scorer(reader, 1.0)?;
        if scorer.doc() == doc || scorer.doc() < doc && scorer.seek(doc) == doc {
            let mut explanation = Explanation::new("function score, of", scorer.score());
            if let Ok(inner) = self.inner.explain(reader, doc) {
                explanation.add_detail(inner);
            }
            Ok(explanation)
        } else {
            Err(tantivy::TantivyError::InvalidArgument(
                "the document does not match".to_owned(),
            ))
        }
    }
}

// === impl ScoredDocs ===

impl ScoredDocs {
    fn settle(&mut self) -> DocId {
        if let Some(min) = self.modes.min_score {
            while self.inner.doc() != TERMINATED && self.value() < min {
                self.inner.advance();
            }
        }
        self.inner.doc()
    }

    fn value(&mut self) -> f32 {
        let doc = self.inner.doc();
        let score = self.inner.score();
        let mut folded: Option<f32> = None;
        let mut weights = 0.0;
        for (filter, reader) in &mut self.functions {
            if let Some(filter) = filter {
                if filter.doc() < doc {
                    filter.seek(doc);
                }
                if filter.doc() != doc {
                    continue;
                }
            }
            let value = reader.value(doc);
            weights += reader.weight();
            folded = Some(match (folded, self.modes.score) {
                (None, Fold::Avg) => value,
                (None, _) => value,
                (Some(all), Fold::First) => all,
                (Some(all), Fold::Avg) => all + value,
                (Some(all), mode) => fold(mode, all, value),
            });
            if self.modes.score == Fold::First {
                break;
            }
        }
        let score = match folded {
            // Without a function for it, a document keeps its score.
            None if self.functions.is_empty() => score,
            None => fold(self.modes.boost, score, 1.0),
            Some(mut value) => {
                if self.modes.score == Fold::Avg && weights > 0.0 {
                    value /= weights;
                }
                fold(self.modes.boost, score, value.min(self.modes.max_boost))
            }
        };
        score * self.boost
    }
}

fn fold(mode: Fold, a: f32, b: f32) -> f32 {
    match mode {
        Fold::Multiply => a * b,
        Fold::Sum => a + b,
        Fold::Avg => f32::midpoint(a, b),
        Fold::First => a,
        Fold::Max => a.max(b),
        Fold::Min => a.min(b),
        Fold::Replace => b,
    }
}

impl DocSet for ScoredDocs {
    fn advance(&mut self) -> DocId {
        self.inner.advance();
        self.settle()
    }

    fn seek(&mut self, target: DocId) -> DocId {
        if self.inner.doc() < target {
            self.inner.seek(target);
        }
        self.settle()
    }

    fn doc(&self) -> DocId {
        self.inner.doc()
    }

    fn size_hint(&self) -> u32 {
        self.inner.size_hint()
    }
}

impl Scorer for ScoredDocs {
    fn score(&mut self) -> Score {
        self.value()
    }
}

// === impl Reader ===

impl Reader {
    fn open(value: &Value, reader: &SegmentReader) -> tantivy::Result<Self> {
        Ok(match value {
            Value::Weight(weight) => Self::Weight(*weight),
            Value::Column {
                name,
                factor,
                modifier,
                missing,
                weight,
            } => Self::Column {
                values: match name {
                    None => None,
                    Some(name) => reader.fast_fields().u64_lenient_for_type(
                        Some(&[ColumnType::I64, ColumnType::U64, ColumnType::F64]),
                        name,
                    )?,
                },
                factor: *factor,
                modifier: *modifier,
                missing: *missing,
                weight: *weight,
            },
        })
    }

    fn weight(&self) -> f32 {
        match self {
            Self::Weight(weight) | Self::Column { weight, .. } => *weight,
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "scores are f32"
    )]
    fn value(&self, doc: DocId) -> f32 {
        match self {
            Self::Weight(weight) => *weight,
            Self::Column {
                values,
                factor,
                modifier,
                missing,
                weight,
            } => {
                let stored = values.as_ref().and_then(|(column, kind)| {
                    column.first(doc).map(|raw| match kind {
                        ColumnType::F64 => u64_to_f64(raw),
                        ColumnType::U64 => raw as f64,
                        _ => u64_to_i64(raw) as f64,
                    })
                });
                let value = stored.or(*missing).unwrap_or(1.0) * factor;
                let value = match modifier {
                    Modifier::None => value,
                    Modifier::Log => value.log10(),
                    Modifier::Log1p => (value + 1.0).log10(),
                    Modifier::Log2p => (value + 2.0).log10(),
                    Modifier::Ln => value.ln(),
                    Modifier::Ln1p => value.ln_1p(),
                    Modifier::Ln2p => (value + 2.0).ln(),
                    Modifier::Square => value * value,
                    Modifier::Sqrt => value.sqrt(),
                    Modifier::Reciprocal => 1.0 / value,
                };
                // Elasticsearch fails the search for a negative score; here it counts nothing.
                let value = if value.is_finite() { value.max(0.0) } else { 0.0 };
                value as f32 * weight
            }
        }
    }
}

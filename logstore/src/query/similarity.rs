//! Scores as Lucene's: how rare a term is among the documents that have its field.
//!
//! All fields of a family share one tantivy field, so tantivy would count the documents and the words of all of
//! them. A [`Similarity`] around a query counts those of one field instead. Lengths of values are not indexed: each
//! counts as one of average length, which is exact for keywords.

use tantivy::columnar::ColumnIndex;
use tantivy::query::{Bm25StatisticsProvider, EnableScoring, Query, Weight};
use tantivy::schema::Field as Handle;
use tantivy::{Searcher, Term};

/// Where the documents with a field are counted.
#[derive(Debug, Clone)]
pub struct Population {
    /// Columns of exact strings that have a value where the field has one.
    pub columns: Vec<String>,
    /// A term of the documents that no column shows.
    pub named: Option<Term>,
}

/// A query scored by the documents that have its field.
#[derive(Debug)]
pub struct Similarity {
    inner: Box<dyn Query>,
    population: Population,
}

struct Statistics<'a> {
    searcher: &'a Searcher,
    documents: u64,
}

// === impl Population ===

impl Population {
    fn count(&self, searcher: &Searcher) -> tantivy::Result<u64> {
        let mut count = match &self.named {
            Some(term) => searcher.doc_freq(term)?,
            None => 0,
        };
        for segment in searcher.segment_readers() {
            // Several columns show the same documents; the fullest is the best witness.
            let mut most = 0;
            for name in &self.columns {
                let Some(column) = segment.fast_fields().str(name)? else {
                    continue;
                };
                let documents = match &column.ords().index {
                    ColumnIndex::Empty { .. } => 0,
                    ColumnIndex::Optional(set) => set.num_non_nulls(),
                    ColumnIndex::Full | ColumnIndex::Multivalued(_) => segment.max_doc(),
                };
                most = most.max(documents);
            }
            count += u64::from(most);
        }
        Ok(count)
    }
}

// === impl Similarity ===

impl Similarity {
    /// Scores a query by a population.
    pub fn around(inner: Box<dyn Query>, population: Population) -> Box<dyn Query> {
        Box::new(Self { inner, population })
    }
}

impl Clone for Similarity {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.box_clone(),
            population: self.population.clone(),
        }
    }
}

impl Query for Similarity {
    fn weight(&self, scoring: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        let searcher = match scoring {
            EnableScoring::Enabled { searcher, .. } => searcher,
            disabled @ EnableScoring::Disabled { .. } => return self.inner.weight(disabled),
        };
        let statistics = Statistics {
            searcher,
            documents: self.population.count(searcher)?.max(1),
        };
        self.inner.weight(EnableScoring::enabled_from_statistics_provider(
            &statistics,
            searcher,
        ))
    }

    fn query_terms<'a>(&'a self, visitor: &mut dyn FnMut(&'a Term, bool)) {
        self.inner.query_terms(visitor);
    }
}

// === impl Statistics ===

impl Bm25StatisticsProvider for Statistics<'_> {
    /// One for each document: the average length is that of every value.
    fn total_num_tokens(&self, _field: Handle) -> tantivy::Result<u64> {
        Ok(self.documents)
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        Ok(self.documents)
    }

    fn doc_freq(&self, term: &Term) -> tantivy::Result<u64> {
        Ok(self.searcher.doc_freq(term)?.min(self.documents))
    }
}

//! A query over the terms between two bounds of a field's dictionary that pass a test: ranges of analysed terms,
//! and fuzzy words whose start is given.
//!
//! It looks at each term between the bounds; where an automaton can skip terms, [`super::terms`] uses one.

use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use tantivy::query::{BitSetDocSet, ConstScorer, EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::schema::{Field as Handle, IndexRecordOption};
use tantivy::{BitSet, DocId, DocSet as _, Score, SegmentReader, TERMINATED};

/// A test of a term.
pub type Test = Arc<dyn Fn(&[u8]) -> bool + Send + Sync>;

/// The documents with a term between the bounds that passes.
#[derive(Clone)]
pub struct ScanQuery {
    /// The family of terms.
    pub family: Handle,
    /// The first term.
    pub from: Bound<Vec<u8>>,
    /// The last term.
    pub to: Bound<Vec<u8>>,
    /// Which of the terms between count; it is given the whole term.
    pub test: Test,
}

impl fmt::Debug for ScanQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScanQuery")
            .field("from", &self.from)
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}

impl Query for ScanQuery {
    fn weight(&self, _scoring: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for ScanQuery {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let index = reader.inverted_index(self.family)?;
        let mut range = index.terms().range();
        range = match &self.from {
            Bound::Included(term) => range.ge(term),
            Bound::Excluded(term) => range.gt(term),
            Bound::Unbounded => range,
        };
        range = match &self.to {
            Bound::Included(term) => range.le(term),
            Bound::Excluded(term) => range.lt(term),
            Bound::Unbounded => range,
        };
        let mut terms = range.into_stream()?;
        let mut documents = BitSet::with_max_value(reader.max_doc());
        while terms.advance() {
            if !(self.test)(terms.key()) {
                continue;
            }
            let mut postings = index.read_postings_from_terminfo(terms.value(), IndexRecordOption::Basic)?;
            while postings.doc() != TERMINATED {
                documents.insert(postings.doc());
                postings.advance();
            }
        }
        Ok(Box::new(ConstScorer::new(BitSetDocSet::from(documents), boost)))
    }

    fn explain(&self, reader: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        let mut scorer = self.scorer(reader, 1.0)?;
        if scorer.doc() == doc || scorer.doc() < doc && scorer.seek(doc) == doc {
            Ok(Explanation::new("ConstantScore of terms", 1.0))
        } else {
            Err(tantivy::TantivyError::InvalidArgument(
                "the document does not match".to_owned(),
            ))
        }
    }
}

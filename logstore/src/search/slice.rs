//! Sliced searches: each slice has the documents whose number of arrival falls to it, so that together they have
//! every document once.

use tantivy::query::{
    BooleanQuery, ConstScoreQuery, EnableScoring, Explanation, Occur, Query, Scorer, Weight,
};
use tantivy::{DocId, DocSet, Score, SegmentReader, TERMINATED};

use super::request::Slice;

/// The documents of one slice.
#[derive(Debug, Clone)]
struct PartQuery(Slice);

struct PartDocs {
    numbers: tantivy::columnar::Column<u64>,
    slice: Slice,
    doc: DocId,
    end: DocId,
}

/// The part of a query's documents that belongs to a slice.
pub fn part_of(query: Box<dyn Query>, slice: Slice) -> Box<dyn Query> {
    let part = ConstScoreQuery::new(Box::new(PartQuery(slice)), 0.0);
    Box::new(BooleanQuery::new(vec![
        (Occur::Must, query),
        (Occur::Must, Box::new(part)),
    ]))
}

impl Query for PartQuery {
    fn weight(&self, _scoring: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for PartQuery {
    fn scorer(&self, reader: &SegmentReader, _boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let mut docs = PartDocs {
            numbers: reader.fast_fields().u64("_seq_no")?,
            slice: self.0,
            doc: 0,
            end: reader.max_doc(),
        };
        docs.settle();
        Ok(Box::new(docs))
    }

    fn explain(&self, _reader: &SegmentReader, _doc: DocId) -> tantivy::Result<Explanation> {
        Ok(Explanation::new("slice", 0.0))
    }
}

impl PartDocs {
    fn settle(&mut self) -> DocId {
        while self.doc < self.end {
            if self.numbers.first(self.doc).unwrap_or_default() % self.slice.max == self.slice.id {
                return self.doc;
            }
            self.doc += 1;
        }
        self.doc = TERMINATED;
        TERMINATED
    }
}

impl DocSet for PartDocs {
    fn advance(&mut self) -> DocId {
        if self.doc != TERMINATED {
            self.doc += 1;
            self.settle();
        }
        self.doc
    }

    fn seek(&mut self, target: DocId) -> DocId {
        self.doc = self.doc.max(target);
        self.settle()
    }

    fn doc(&self) -> DocId {
        self.doc
    }

    fn size_hint(&self) -> u32 {
        self.end / u32::try_from(self.slice.max).unwrap_or(u32::MAX).max(1)
    }
}

impl Scorer for PartDocs {
    fn score(&mut self) -> Score {
        0.0
    }
}

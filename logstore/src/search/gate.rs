//! What ends the matches of a query early: too low a score (`min_score`), enough documents (`terminate_after`),
//! or the time (`timeout`).
//!
//! A [`Gate`] is a query around the real one, so that hits, counts and aggregations all see the same documents.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use tantivy::fastfield::AliveBitSet;
use tantivy::query::{EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::{COLLECT_BLOCK_BUFFER_LEN, DocId, DocSet, Score, SegmentReader, TERMINATED, Term};

/// Documents between two looks at the clock.
const CLOCK_EVERY: u32 = 256;

/// How much a search may still do; shared by all its queries.
#[derive(Debug, Default)]
pub struct Budget {
    deadline: Option<Instant>,
    timed_out: AtomicBool,
    terminated: AtomicBool,
}

/// A query that stops early.
#[derive(Debug)]
pub struct Gate {
    inner: Box<dyn Query>,
    min_score: Option<f32>,
    /// Documents of one index.
    at_most: Option<u64>,
    budget: Arc<Budget>,
}

struct GateWeight {
    inner: Box<dyn Weight>,
    min_score: Option<f32>,
    at_most: Option<u64>,
    seen: Arc<AtomicU64>,
    budget: Arc<Budget>,
}

struct GateScorer {
    inner: Box<dyn Scorer>,
    min_score: Option<f32>,
    at_most: Option<u64>,
    seen: Arc<AtomicU64>,
    budget: Arc<Budget>,
    alive: Option<AliveBitSet>,
    until_clock: u32,
    ended: bool,
}

// === impl Budget ===

impl Budget {
    /// A budget that ends at a moment, if at all.
    pub fn until(deadline: Option<Instant>) -> Self {
        Self {
            deadline,
            ..Self::default()
        }
    }

    /// Whether the time is over. Once it is, it stays so.
    pub fn is_over(&self) -> bool {
        if self.timed_out.load(Ordering::Relaxed) {
            return true;
        }
        let over = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if over {
            self.timed_out.store(true, Ordering::Relaxed);
        }
        over
    }

    /// Whether something was left out because the time was over.
    pub fn timed_out(&self) -> bool {
        self.timed_out.load(Ordering::Relaxed)
    }

    /// Whether something was left out because there was enough of it.
    pub fn terminated(&self) -> bool {
        self.terminated.load(Ordering::Relaxed)
    }

    /// Whether it can end anything.
    pub fn is_bounded(&self) -> bool {
        self.deadline.is_some()
    }
}

// === impl Gate ===

impl Gate {
    /// Puts a gate around a query, if there is anything to stop it.
    pub fn around(
        inner: Box<dyn Query>,
        min_score: Option<f32>,
        at_most: Option<u64>,
        budget: &Arc<Budget>,
    ) -> Box<dyn Query> {
        if min_score.is_none() && at_most.is_none() && !budget.is_bounded() {
            return inner;
        }
        Box::new(Self {
            inner,
            min_score,
            at_most,
            budget: Arc::clone(budget),
        })
    }
}

impl Clone for Gate {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.box_clone(),
            min_score: self.min_score,
            at_most: self.at_most,
            budget: Arc::clone(&self.budget),
        }
    }
}

impl Query for Gate {
    fn weight(&self, scoring: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        // A count asks for no scores, but a lowest score needs them.
        let scoring = match (self.min_score, scoring) {
            (
                Some(_),
                EnableScoring::Disabled {
                    searcher_opt: Some(searcher),
                    ..
                },
            ) => EnableScoring::enabled_from_searcher(searcher),
            (_, scoring) => scoring,
        };
        Ok(Box::new(GateWeight {
            inner: self.inner.weight(scoring)?,
            min_score: self.min_score,
            at_most: self.at_most,
            seen: Arc::default(),
            budget: Arc::clone(&self.budget),
        }))
    }

    fn query_terms<'a>(&'a self, visitor: &mut dyn FnMut(&'a Term, bool)) {
        self.inner.query_terms(visitor);
    }
}

// === impl GateWeight ===

impl Weight for GateWeight {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let mut scorer = GateScorer {
            inner: self.inner.scorer(reader, boost)?,
            min_score: self.min_score,
            at_most: self.at_most,
            seen: Arc::clone(&self.seen),
            budget: Arc::clone(&self.budget),
            alive: self.at_most.and_then(|_| reader.alive_bitset().cloned()),
            until_clock: 0,
            ended: false,
        };
        scorer.settle();
        Ok(Box::new(scorer))
    }

    fn explain(&self, reader: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        self.inner.explain(reader, doc)
    }

    fn count(&self, reader: &SegmentReader) -> tantivy::Result<u32> {
        if self.min_score.is_none() && self.at_most.is_none() {
            // Counting is much faster than the clock is interesting.
            return if self.budget.is_over() {
                Ok(0)
            } else {
                self.inner.count(reader)
            };
        }
        let mut scorer = self.scorer(reader, 1.0)?;
        Ok(match reader.alive_bitset() {
            Some(alive) => scorer.count(alive),
            None => scorer.count_including_deleted(),
        })
    }
}

// === impl GateScorer ===

impl GateScorer {
    /// Moves from where the inner query stands to the next document that passes.
    fn settle(&mut self) -> DocId {
        loop {
            let doc = self.inner.doc();
            if self.ended || doc == TERMINATED {
                return self.end();
            }
            if self.until_clock == 0 {
                if self.budget.is_over() {
                    return self.end();
                }
                self.until_clock = CLOCK_EVERY;
            }
            self.until_clock -= 1;
            if let Some(min) = self.min_score
                && self.inner.score() < min
            {
                self.inner.advance();
                continue;
            }
            if let Some(at_most) = self.at_most
                && self.alive.as_ref().is_none_or(|alive| alive.is_alive(doc))
            {
                if self.seen.load(Ordering::Relaxed) >= at_most {
                    self.budget.terminated.store(true, Ordering::Relaxed);
                    return self.end();
                }
                self.seen.fetch_add(1, Ordering::Relaxed);
            }
            return doc;
        }
    }

    fn end(&mut self) -> DocId {
        self.ended = true;
        TERMINATED
    }

    fn is_only_timed(&self) -> bool {
        self.min_score.is_none() && self.at_most.is_none()
    }
}

impl DocSet for GateScorer {
    fn advance(&mut self) -> DocId {
        if self.ended {
            return TERMINATED;
        }
        self.inner.advance();
        self.settle()
    }

    fn seek(&mut self, target: DocId) -> DocId {
        if self.ended {
            return TERMINATED;
        }
        if self.inner.doc() >= target {
            return self.inner.doc();
        }
        self.inner.seek(target);
        self.settle()
    }

    fn fill_buffer(&mut self, buffer: &mut [DocId; COLLECT_BLOCK_BUFFER_LEN]) -> usize {
        if self.is_only_timed() {
            if self.ended || self.budget.is_over() {
                self.ended = true;
                return 0;
            }
            return self.inner.fill_buffer(buffer);
        }
        let mut filled = 0;
        let mut doc = self.doc();
        while doc != TERMINATED && filled < buffer.len() {
            buffer[filled] = doc;
            filled += 1;
            doc = self.advance();
        }
        filled
    }

    fn doc(&self) -> DocId {
        if self.ended { TERMINATED } else { self.inner.doc() }
    }

    fn size_hint(&self) -> u32 {
        self.inner.size_hint()
    }
}

impl Scorer for GateScorer {
    fn score(&mut self) -> Score {
        self.inner.score()
    }
}

//! The logs screen: a query, the rows that are loaded, a cursor, an expression, a histogram.

mod histogram;
mod level;
mod query;
mod record;
mod ring;

use regex::Regex;

pub use histogram::{Bucket, Histogram, bucket_ms};
pub use level::Level;
pub use query::LogQuery;
pub use record::{Batch, LogRecord};
pub use ring::{Place, Ring, Row};

/// Memory for loaded records of the logs screen.
const MAX_BYTES: usize = 32 << 20;

/// State of the logs screen.
#[derive(Debug)]
pub struct Logs {
    /// What is asked of the store.
    pub query: LogQuery,
    /// Which search: answers of an earlier one are dropped.
    pub generation: u64,
    /// What is loaded.
    pub ring: Ring,
    /// Whether the cursor stays on the newest record.
    pub follow: bool,
    /// Where the cursor is, when it does not follow.
    pub cursor: Option<Place>,
    /// What is highlighted.
    pub expression: Option<Regex>,
    /// Whether what does not match is hidden.
    pub only_hits: bool,
    /// Whether the record's fields are shown.
    pub detail: bool,
    /// First visible line of the detail.
    pub detail_scroll: u16,
    /// Whether the histogram is shown.
    pub show_histogram: bool,
    /// What the store counted; `None` before it answered or when it cannot.
    pub counted: Option<Histogram>,
    /// The chosen chip while clusters are chosen.
    pub chip: Option<usize>,
    /// Whether the first answer has come.
    pub loaded: bool,
    /// Why the store gives no records.
    pub error: Option<String>,
}

// === impl Logs ===

impl Logs {
    /// Nothing loaded yet.
    pub fn new() -> Self {
        Self {
            query: LogQuery::recent(),
            generation: 0,
            ring: Ring::new(MAX_BYTES),
            follow: true,
            cursor: None,
            expression: None,
            only_hits: false,
            detail: false,
            detail_scroll: 0,
            show_histogram: false,
            counted: None,
            chip: None,
            loaded: false,
            error: None,
        }
    }

    /// Forgets what is loaded, as the query changed.
    pub fn restart(&mut self) {
        self.generation += 1;
        self.ring.clear();
        self.cursor = None;
        self.counted = None;
        self.loaded = false;
        self.error = None;
        self.detail_scroll = 0;
    }

    /// The number of the row under the cursor.
    pub fn position(&self) -> Option<usize> {
        if self.ring.is_empty() {
            return None;
        }
        let last = self.ring.len() - 1;
        let wanted = match &self.cursor {
            Some(place) if !self.follow => self.ring.find(place).min(last),
            _ => last,
        };
        let shown = |index: &usize| self.shown(*index);
        // A hidden row cannot carry the cursor: the nearest shown one before it does, or else after it.
        (0..=wanted)
            .rev()
            .find(shown)
            .or_else(|| (wanted..=last).find(shown))
    }

    /// The record under the cursor.
    pub fn current(&self) -> Option<&LogRecord> {
        match self.ring.get(self.position()?)? {
            Row::Record(record, _) => Some(record),
            Row::Gap(..) => None,
        }
    }

    /// Whether row number `index` is on the screen, were the screen long enough.
    pub fn shown(&self, index: usize) -> bool {
        if !self.only_hits || self.expression.is_none() {
            return true;
        }
        matches!(self.ring.get(index), Some(Row::Record(_, true)))
    }

    /// Moves the cursor by `steps` shown rows; reaching the newest does not turn following on.
    pub fn step(&mut self, steps: i64) {
        let Some(mut position) = self.position() else {
            return;
        };
        for _ in 0..steps.unsigned_abs() {
            let next = if steps < 0 {
                (0..position).rev().find(|index| self.shown(*index))
            } else {
                (position + 1..self.ring.len()).find(|index| self.shown(*index))
            };
            match next {
                Some(index) => position = index,
                None => break,
            }
        }
        self.hold(position);
    }

    /// Moves the cursor to the next (or previous) shown record that `wanted` accepts; says whether there is one.
    pub fn seek(&mut self, forward: bool, wanted: impl Fn(&LogRecord, bool) -> bool) -> bool {
        let Some(position) = self.position() else {
            return false;
        };
        let good = |index: &usize| match self.ring.get(*index) {
            Some(Row::Record(record, hit)) => self.shown(*index) && wanted(record, *hit),
            _ => false,
        };
        let found = if forward {
            (position + 1..self.ring.len()).find(good)
        } else {
            (0..position).rev().find(good)
        };
        if let Some(index) = found {
            self.hold(index);
        }
        found.is_some()
    }

    /// Puts the cursor on the first or the last row.
    pub fn to_end(&mut self, last: bool) {
        let ends = if last {
            self.ring.len().checked_sub(1)
        } else {
            Some(0)
        };
        if let Some(index) = ends {
            self.hold(index);
        }
    }

    /// Turns following on or off; off holds the cursor where it is.
    pub fn toggle_follow(&mut self) {
        match (self.follow, self.position()) {
            (true, Some(position)) => self.hold(position),
            (true, None) => {}
            (false, _) => {
                self.follow = true;
                self.cursor = None;
            }
        }
    }

    /// How many loaded records match the expression.
    pub fn hits(&self) -> usize {
        self.ring
            .iter()
            .filter(|row| matches!(row, Row::Record(_, true)))
            .count()
    }

    /// Sets what is highlighted.
    pub fn highlight(&mut self, expression: Option<Regex>) {
        self.ring.rematch(expression.as_ref());
        self.expression = expression;
        if self.expression.is_none() {
            self.only_hits = false;
        }
    }

    fn hold(&mut self, index: usize) {
        self.follow = false;
        self.detail_scroll = 0;
        self.cursor = self.ring.get(index).map(Row::place);
    }
}

impl Default for Logs {
    fn default() -> Self {
        Self::new()
    }
}

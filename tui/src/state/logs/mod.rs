//! The logs screen: a query, the rows that are loaded, a cursor, an expression, a histogram.

mod histogram;
mod level;
mod query;
mod record;
mod ring;

use std::collections::BTreeSet;

use super::filter::Filter;

pub use histogram::{Bucket, Histogram, bucket_ms};
pub use level::Level;
pub use query::LogQuery;
pub use record::{Batch, LogRecord};
pub use ring::{Place, Ring, Row};

/// Memory for loaded records of the logs screen.
const MAX_BYTES: usize = 32 << 20;

/// How many rows around a match are its context.
const AROUND: usize = 3;

/// Which of the loaded rows are shown while something is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// All; what matches is highlighted.
    All,
    /// What matches and three rows around it.
    Around,
    /// Only what matches.
    Hits,
}

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
    /// What is looked for.
    pub filter: Option<Filter>,
    /// Which rows are shown while something is looked for.
    pub show: Show,
    /// Whether records take as many lines as they need.
    pub wrap: bool,
    /// Records to come back to, by id.
    pub bookmarks: BTreeSet<String>,
    /// Whether the record's fields are shown.
    pub detail: bool,
    /// First visible line of the detail.
    pub detail_scroll: u16,
    /// Whether the histogram is shown.
    pub show_histogram: bool,
    /// How much narrower its columns are than usual, in steps; negative: wider.
    finer: i8,
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
            filter: None,
            show: Show::All,
            wrap: false,
            bookmarks: BTreeSet::new(),
            detail: false,
            detail_scroll: 0,
            show_histogram: true,
            finer: 0,
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
        let hit = |index: usize| matches!(self.ring.get(index), Some(Row::Record(_, true)));
        match self.show {
            _ if self.filter.is_none() => true,
            Show::All => true,
            Show::Around => (index.saturating_sub(AROUND)..=index + AROUND).any(hit),
            Show::Hits => hit(index),
        }
    }

    /// The width of a column of the histogram.
    pub fn bucket_ms(&self) -> u64 {
        bucket_ms(self.query.since_minutes, self.finer)
    }

    /// Makes the columns of the histogram narrower or wider; says whether they could be.
    pub fn turn_bucket(&mut self, finer: bool) -> bool {
        let before = self.bucket_ms();
        let turned = self.finer.saturating_add(if finer { 1 } else { -1 });
        let width = bucket_ms(self.query.since_minutes, turned);
        if width == before {
            return false;
        }
        self.finer = turned;
        self.counted = None;
        true
    }

    /// Bookmarks the record under the cursor, or no more; says whether there is one.
    pub fn bookmark(&mut self) -> bool {
        let Some(id) = self.current().map(|record| record.id.clone()) else {
            return false;
        };
        if !self.bookmarks.remove(&id) {
            self.bookmarks.insert(id);
        }
        true
    }

    /// Puts the cursor on row number `index`.
    pub fn go(&mut self, index: usize) {
        if index < self.ring.len() {
            self.hold(index);
        }
    }

    /// Moves the cursor to the first shown record that `wanted` accepts; says whether there is one.
    pub fn seek_first(&mut self, wanted: impl Fn(&LogRecord, bool) -> bool) -> bool {
        let found = (0..self.ring.len()).find(|index| match self.ring.get(*index) {
            Some(Row::Record(record, hit)) => self.shown(*index) && wanted(record, *hit),
            _ => false,
        });
        if let Some(index) = found {
            self.hold(index);
        }
        found.is_some()
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

    /// How many loaded records match.
    pub fn hits(&self) -> usize {
        self.ring.hits()
    }

    /// Sets what is looked for.
    pub fn highlight(&mut self, filter: Option<Filter>) {
        self.ring.rematch(filter.as_ref());
        self.filter = filter;
        if self.filter.is_none() {
            self.show = Show::All;
        }
    }

    fn hold(&mut self, index: usize) {
        self.follow = false;
        self.detail_scroll = 0;
        self.cursor = self.ring.get(index).map(Row::place);
    }
}

// === impl Show ===

impl Show {
    /// The next one when the key goes round.
    pub fn next(self) -> Self {
        match self {
            Self::All => Self::Around,
            Self::Around => Self::Hits,
            Self::Hits => Self::All,
        }
    }
}

impl Default for Logs {
    fn default() -> Self {
        Self::new()
    }
}

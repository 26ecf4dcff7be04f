//! Loaded records in the order of their time, bounded by bytes: the oldest go first, and how many went is told.
//!
//! Records of several nodes arrive out of order and a follower asks again for the last seconds, so inserting
//! sorts and drops what is already here. Nothing is searched or wrapped in a frame: whether a record matches what is
//! looked for is decided once, on arrival or when that changes.

use std::collections::{HashSet, VecDeque};

use jiff::Timestamp;

use super::super::filter::Filter;
use super::record::{Batch, LogRecord};

/// Where a row is: its time, then its id. Stays true when rows before it come and go.
pub type Place = (Timestamp, String);

/// One row.
#[derive(Debug, Clone)]
pub enum Row {
    /// A record, and whether it matches what is looked for.
    Record(LogRecord, bool),
    /// So many records were not fetched.
    Gap(Place, u64),
}

/// The rows.
#[derive(Debug)]
pub struct Ring {
    rows: VecDeque<Row>,
    ids: HashSet<String>,
    bytes: usize,
    max_bytes: usize,
    evicted: u64,
    hits: usize,
}

// === impl Row ===

impl Row {
    /// Where it is.
    pub fn place(&self) -> Place {
        match self {
            Self::Record(record, _) => (record.at, record.id.clone()),
            Self::Gap(place, _) => place.clone(),
        }
    }

    fn key(&self) -> (Timestamp, &str) {
        match self {
            Self::Record(record, _) => (record.at, &record.id),
            Self::Gap((at, id), _) => (*at, id),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Record(record, _) => record.bytes() + record.id.len(),
            Self::Gap(..) => size_of::<Self>(),
        }
    }
}

// === impl Ring ===

impl Ring {
    /// An empty one that holds at most `max_bytes`.
    pub fn new(max_bytes: usize) -> Self {
        Self {
            rows: VecDeque::new(),
            ids: HashSet::new(),
            bytes: 0,
            max_bytes,
            evicted: 0,
            hits: 0,
        }
    }

    /// Takes all rows out.
    pub fn clear(&mut self) {
        *self = Self::new(self.max_bytes);
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many rows were given up for the bound.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// About how much memory the rows take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Row number `index`.
    pub fn get(&self, index: usize) -> Option<&Row> {
        self.rows.get(index)
    }

    /// The record in row number `index`; none for a gap.
    pub fn record(&self, index: usize) -> Option<&LogRecord> {
        match self.rows.get(index)? {
            Row::Record(record, _) => Some(record),
            Row::Gap(..) => None,
        }
    }

    /// How many records match what is looked for.
    pub fn hits(&self) -> usize {
        self.hits
    }

    /// All rows, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Row> + ExactSizeIterator {
        self.rows.iter()
    }

    /// The number of the row at `place`, or of the first one after it.
    pub fn find(&self, place: &Place) -> usize {
        let wanted = (place.0, place.1.as_str());
        self.rows.partition_point(|row| row.key() < wanted)
    }

    /// Takes a batch in. Returns how many records were new.
    pub fn insert(&mut self, batch: Batch, filter: Option<&Filter>) -> usize {
        if let (true, Some(first)) = (
            batch.skipped > 0,
            batch.records.iter().map(|record| record.at).min(),
        ) {
            // An empty id sorts before every record of the same instant.
            self.place(Row::Gap((first, String::new()), batch.skipped));
        }
        let mut new = 0;
        for record in batch.records {
            if self.ids.insert(record.id.clone()) {
                let hit = filter.is_some_and(|filter| filter.matches(&record));
                self.hits += usize::from(hit);
                self.place(Row::Record(record, hit));
                new += 1;
            }
        }
        while self.bytes > self.max_bytes {
            let Some(oldest) = self.rows.pop_front() else {
                break;
            };
            self.bytes -= oldest.bytes();
            self.evicted += 1;
            if let Row::Record(record, hit) = oldest {
                self.hits -= usize::from(hit);
                self.ids.remove(&record.id);
            }
        }
        new
    }

    /// Decides anew which records match.
    pub fn rematch(&mut self, filter: Option<&Filter>) {
        self.hits = 0;
        for row in &mut self.rows {
            if let Row::Record(record, hit) = row {
                *hit = filter.is_some_and(|filter| filter.matches(record));
                self.hits += usize::from(*hit);
            }
        }
    }

    fn place(&mut self, row: Row) {
        let index = self.rows.partition_point(|other| other.key() <= row.key());
        self.bytes += row.bytes();
        self.rows.insert(index, row);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::state::logs::Level;

    fn record(second: i64, id: &str) -> LogRecord {
        LogRecord {
            id: id.to_owned(),
            at: Timestamp::from_second(second).unwrap(),
            level: Level::Info,
            origin: "guilds-0".to_owned(),
            cluster: "guilds".to_owned(),
            message: "handed over".to_owned(),
            trace: String::new(),
            fields: Vec::new(),
        }
    }

    proptest! {
        #[test]
        fn rows_stay_sorted_unique_and_within_the_bound(
            batches in prop::collection::vec(prop::collection::vec((0i64..50, 0u8..40), 0..20), 0..10)
        ) {
            let mut ring = Ring::new(6_000);
            for batch in batches {
                let records = batch.iter().map(|(second, id)| record(*second, &format!("{id}"))).collect();
                ring.insert(Batch { records, skipped: 0 }, None);
                prop_assert!(ring.bytes() <= 6_000);
                let counted: usize = ring.iter().map(Row::bytes).sum();
                prop_assert_eq!(ring.bytes(), counted);
            }
            let places: Vec<_> = ring.iter().map(Row::place).collect();
            prop_assert!(places.is_sorted());
            let ids: HashSet<_> = places.iter().map(|place| &place.1).collect();
            prop_assert_eq!(ids.len(), places.len());
            for (index, place) in places.iter().enumerate() {
                prop_assert_eq!(ring.find(place), index);
            }
        }
    }

    #[test]
    fn skipped_records_leave_a_mark_before_the_batch() {
        let mut ring = Ring::new(1 << 20);
        ring.insert(
            Batch {
                records: vec![record(1, "a")],
                skipped: 0,
            },
            None,
        );
        ring.insert(
            Batch {
                records: vec![record(9, "b")],
                skipped: 1284,
            },
            None,
        );
        let kinds: Vec<_> = ring.iter().map(|row| matches!(row, Row::Gap(_, 1284))).collect();
        assert_eq!(kinds, [false, true, false]);
    }
}

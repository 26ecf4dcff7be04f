//! Cuts time into intervals: fixed lengths and units of the calendar, in a zone whose offset may change.
//!
//! A [`Rounding`] says in which interval an instant lies and where the next one starts, as Elasticsearch's
//! `Rounding` does: intervals are cut on the local clock; a start that the clock skips is the moment of the
//! change, and one that it shows twice belongs to the pass that is asked about. A [`Cutter`] is the same over a
//! known span of time, prepared so that millions of instants cost an integer division or a look at a short list.

use super::Millis;
use super::math::Unit;
use super::zone::{Local, Zone};

/// Instants are kept within this many milliseconds of the epoch, Elasticsearch's own range of a date; sums of a
/// few of them cannot overflow.
pub const FURTHEST: Millis = 8_640_000_000_000_000;

/// Most edges that a cutter prepares; beyond them each instant is rounded on its own.
const MAX_EDGES: usize = 20_000;

/// The interval of a date histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interval {
    /// Milliseconds.
    Fixed(i64),
    /// A unit of the calendar.
    Calendar(Unit),
}

/// How time is cut.
#[derive(Debug, Clone)]
pub struct Rounding {
    /// Length.
    pub interval: Interval,
    /// The clock whose hours and days are meant.
    pub zone: Zone,
    /// Moves the start of every interval, in milliseconds.
    pub offset: i64,
}

/// A rounding prepared for a span of time.
#[derive(Debug)]
pub enum Cutter {
    /// Steps of equal length.
    Steps {
        /// Length.
        interval: i64,
        /// Where steps start, from the epoch.
        start: i64,
    },
    /// The starts of all intervals in the span, ascending.
    Edges(Vec<Millis>),
    /// One by one.
    Each(Rounding),
}

// === impl Interval ===

impl Interval {
    /// The length, if it is always the same on the local clock.
    pub fn millis(self) -> Option<i64> {
        match self {
            Self::Fixed(length) => Some(length),
            Self::Calendar(unit) => unit.fixed_millis(),
        }
    }

    /// Whether intervals start at local midnight.
    fn starts_at_midnight(self) -> bool {
        matches!(
            self,
            Self::Calendar(Unit::Day | Unit::Week | Unit::Month | Unit::Quarter | Unit::Year)
        )
    }

    fn floor(self, local: Millis) -> Millis {
        match self {
            Self::Fixed(length) => local.div_euclid(length) * length,
            Self::Calendar(unit) => unit.floor(local),
        }
    }

    fn add(self, local: Millis) -> Millis {
        match self {
            Self::Fixed(length) => local.saturating_add(length),
            Self::Calendar(unit) => unit.add(local, 1),
        }
    }
}

// === impl Rounding ===

impl Rounding {
    /// The start of the interval that holds an instant.
    pub fn floor(&self, at: Millis) -> Millis {
        self.floor_unmoved(at.clamp(-FURTHEST, FURTHEST) - self.offset) + self.offset
    }

    fn floor_unmoved(&self, at: Millis) -> Millis {
        let local = self.interval.floor(at + self.zone.offset_at(at));
        match self.zone.resolve(local) {
            Local::Once(instant) | Local::Skipped(instant) => instant,
            Local::Twice(first, second) => {
                if second <= at && !self.interval.starts_at_midnight() {
                    second
                } else {
                    first
                }
            }
        }
    }

    /// The start of the interval after the one that starts at `start`. Always later than `start`.
    pub fn next(&self, start: Millis) -> Millis {
        let unmoved = start.clamp(-FURTHEST, FURTHEST) - self.offset;
        // Where the clock goes back, an hour's successor is the same hour again.
        if let Some(length) = self.interval.millis()
            && !self.interval.starts_at_midnight()
        {
            let next = self.floor_unmoved(unmoved.saturating_add(length));
            if next > unmoved {
                return next + self.offset;
            }
        }
        let mut local = self.interval.floor(unmoved + self.zone.offset_at(unmoved));
        loop {
            local = self.interval.add(local);
            let next = match self.zone.resolve(local) {
                Local::Once(instant) | Local::Skipped(instant) | Local::Twice(instant, _) => instant,
            };
            if next > unmoved {
                return next + self.offset;
            }
        }
    }

    /// Prepares for instants between two others.
    pub fn cutter(&self, from: Millis, to: Millis) -> Cutter {
        let (from, to) = (from.clamp(-FURTHEST, FURTHEST), to.clamp(-FURTHEST, FURTHEST));
        if let Some(interval) = self.interval.millis()
            && let Some(zone) = self
                .zone
                .constant_between(from.saturating_sub(interval), to.saturating_add(interval))
        {
            // Weeks start on Monday, and the epoch was a Thursday.
            let first = self.interval.floor(0);
            return Cutter::Steps {
                interval,
                start: (first + self.offset - zone).rem_euclid(interval),
            };
        }
        let mut edges = vec![self.floor(from)];
        while let Some(last) = edges.last().filter(|last| **last <= to) {
            if edges.len() > MAX_EDGES {
                return Cutter::Each(self.clone());
            }
            edges.push(self.next(*last));
        }
        Cutter::Edges(edges)
    }
}

// === impl Cutter ===

impl Cutter {
    /// The start of the interval that holds an instant of the span.
    pub fn floor(&self, at: Millis) -> Millis {
        match self {
            Self::Steps { interval, start } => {
                let at = at.clamp(-FURTHEST, FURTHEST);
                (at - start).div_euclid(*interval) * interval + start
            }
            Self::Edges(edges) => {
                let after = edges.partition_point(|edge| *edge <= at);
                edges.get(after.saturating_sub(1)).copied().unwrap_or(at)
            }
            Self::Each(rounding) => rounding.floor(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::format;
    use crate::date::parse::{DEFAULT_FORMATS, parse};
    use proptest::prelude::*;

    /// Central European time by its rule, so that no time zone database is needed.
    fn europe() -> Zone {
        Zone::Named(jiff::tz::TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap())
    }

    fn millis(text: &str) -> Millis {
        parse(text, DEFAULT_FORMATS, &Zone::UTC).unwrap().start
    }

    fn starts(interval: Interval, from: &str, count: usize) -> Vec<String> {
        let rounding = Rounding {
            interval,
            zone: europe(),
            offset: 0,
        };
        let mut at = rounding.floor(millis(from));
        let mut out = Vec::new();
        for _ in 0..count {
            out.push(format::iso(at));
            at = rounding.next(at);
        }
        out
    }

    #[test]
    fn days_start_at_local_midnight_across_the_end_of_summer_time() {
        assert_eq!(
            starts(Interval::Calendar(Unit::Day), "2026-10-24T12:00:00Z", 4),
            [
                "2026-10-23T22:00:00.000Z",
                "2026-10-24T22:00:00.000Z",
                "2026-10-25T23:00:00.000Z",
                "2026-10-26T23:00:00.000Z"
            ]
        );
    }

    #[test]
    fn an_hour_that_the_clock_shows_twice_is_two_intervals() {
        assert_eq!(
            starts(Interval::Calendar(Unit::Hour), "2026-10-25T00:30:00Z", 3),
            [
                "2026-10-25T00:00:00.000Z",
                "2026-10-25T01:00:00.000Z",
                "2026-10-25T02:00:00.000Z"
            ]
        );
    }

    #[test]
    fn months_are_those_of_the_local_calendar() {
        assert_eq!(
            starts(Interval::Calendar(Unit::Month), "2026-01-31T12:00:00Z", 4),
            [
                "2025-12-31T23:00:00.000Z",
                "2026-01-31T23:00:00.000Z",
                "2026-02-28T23:00:00.000Z",
                "2026-03-31T22:00:00.000Z"
            ]
        );
    }

    proptest! {
        #[test]
        fn every_instant_lies_between_its_interval_and_the_next(
            at in 1_700_000_000_000_i64..1_900_000_000_000,
            length in prop_oneof![
                (1_i64..200_000).prop_map(|n| Interval::Fixed(n * 1000)),
                prop_oneof![
                    Just(Unit::Minute), Just(Unit::Hour), Just(Unit::Day), Just(Unit::Week),
                    Just(Unit::Month), Just(Unit::Quarter), Just(Unit::Year)
                ].prop_map(Interval::Calendar),
            ],
            offset in -10_000_000_i64..10_000_000,
        ) {
            let rounding = Rounding { interval: length, zone: europe(), offset };
            let start = rounding.floor(at);
            let next = rounding.next(start);
            prop_assert!(start <= at && at < next, "{} {} {}", start, at, next);
            prop_assert_eq!(rounding.floor(start), start);
            let cutter = rounding.cutter(at - 40_000_000, at + 40_000_000);
            prop_assert_eq!(cutter.floor(at), start);
        }
    }
}

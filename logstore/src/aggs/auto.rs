//! The interval of `auto_date_histogram`: the finest that gives no more buckets than wanted.
//!
//! Segments are collected by a unit that is fine enough; merged buckets are then put together, unit by unit,
//! until few enough are left, as Elasticsearch does it.

use crate::date::Millis;
use crate::date::civil::DAY;
use crate::date::math::Unit;
use crate::date::rounding::{Interval, Rounding};

use super::partial::{Bucket, Merging};
use super::request::AutoDates;

/// Buckets of the finest unit that collecting may make in a known span.
const MOST_COLLECTED: i64 = 50_000;

/// A unit, its rough length, how many of it may be put together, and its letter.
struct Level {
    unit: Unit,
    length: i64,
    multiples: &'static [i64],
    letter: &'static str,
}

const LEVELS: &[Level] = &[
    Level {
        unit: Unit::Second,
        length: 1000,
        multiples: &[1, 5, 10, 30],
        letter: "s",
    },
    Level {
        unit: Unit::Minute,
        length: 60_000,
        multiples: &[1, 5, 10, 30],
        letter: "m",
    },
    Level {
        unit: Unit::Hour,
        length: 3_600_000,
        multiples: &[1, 3, 12],
        letter: "h",
    },
    Level {
        unit: Unit::Day,
        length: DAY,
        multiples: &[1, 7],
        letter: "d",
    },
    Level {
        unit: Unit::Month,
        length: 30 * DAY,
        multiples: &[1, 3],
        letter: "M",
    },
    Level {
        unit: Unit::Year,
        length: 365 * DAY,
        multiples: &[1, 5, 10, 20, 50, 100],
        letter: "y",
    },
];

impl Level {
    fn most(&self) -> usize {
        let largest = self.multiples.last().copied().unwrap_or(1);
        usize::try_from(largest).unwrap_or(1)
    }

    fn rounding(&self, histogram: &AutoDates) -> Rounding {
        Rounding {
            interval: Interval::Calendar(self.unit),
            zone: histogram.zone.clone(),
            offset: 0,
        }
    }
}

/// The levels from the shortest allowed unit on.
fn levels(histogram: &AutoDates) -> &'static [Level] {
    let first = LEVELS
        .iter()
        .position(|level| level.unit == histogram.minimum)
        .unwrap_or(0);
    LEVELS.get(first..).unwrap_or(LEVELS)
}

/// How segments are cut.
pub fn finest(histogram: &AutoDates, span: Option<(Millis, Millis)>) -> Rounding {
    let levels = levels(histogram);
    let length = span.map_or(0, |(min, max)| max.saturating_sub(min));
    let level = levels
        .iter()
        .find(|level| length / level.length <= MOST_COLLECTED)
        .or(levels.last())
        .unwrap_or(&LEVELS[0]);
    level.rounding(histogram)
}

/// Puts buckets together until there are few enough; adds empty ones between. Returns the interval's name too.
pub fn fit(
    histogram: &AutoDates,
    collected: &Rounding,
    mut buckets: Vec<(Millis, Bucket)>,
    how: &[Merging],
) -> (Vec<(Millis, Bucket)>, String) {
    let levels = levels(histogram);
    let target = histogram.buckets;
    let mut at = levels
        .iter()
        .position(|level| collected.interval == Interval::Calendar(level.unit))
        .unwrap_or(0);
    while at + 1 < levels.len() && buckets.len() > target.saturating_mul(levels[at].most()) {
        at += 1;
        buckets = regroup(buckets, &levels[at].rounding(histogram), how);
    }
    if let (Some((first, _)), Some((last, _))) = (buckets.first(), buckets.last()) {
        let (first, last) = (*first, *last);
        let before = at;
        while at + 1 < levels.len() && !fits(&levels[at], histogram, first, last) {
            at += 1;
        }
        if at != before {
            buckets = regroup(buckets, &levels[at].rounding(histogram), how);
        }
        let rounding = levels[at].rounding(histogram);
        buckets = fill(buckets, &rounding);
    }
    let mut multiple = 1;
    if buckets.len() > target {
        multiple = levels[at]
            .multiples
            .iter()
            .copied()
            .find(|multiple| buckets.len().div_ceil(usize::try_from(*multiple).unwrap_or(1)) <= target)
            .unwrap_or(1);
        let size = usize::try_from(multiple).unwrap_or(1);
        let mut joined: Vec<(Millis, Bucket)> = Vec::with_capacity(buckets.len() / size + 1);
        for (place, (key, bucket)) in buckets.into_iter().enumerate() {
            match joined.last_mut() {
                Some((_, last)) if place % size != 0 => last.merge(bucket, how),
                _ => joined.push((key, bucket)),
            }
        }
        buckets = joined;
    }
    (buckets, format!("{multiple}{}", levels[at].letter))
}

/// Whether all buckets of a level between two keys are few enough to be put together.
fn fits(level: &Level, histogram: &AutoDates, first: Millis, last: Millis) -> bool {
    let most = histogram.buckets.saturating_mul(level.most());
    let rough = last.saturating_sub(first) / level.length;
    if usize::try_from(rough).unwrap_or(usize::MAX) > most.saturating_mul(2) {
        return false;
    }
    let rounding = level.rounding(histogram);
    let (mut needed, mut key) = (0, rounding.floor(first));
    while key < last {
        needed += 1;
        if needed > most {
            return false;
        }
        key = rounding.next(key);
    }
    true
}

fn regroup(buckets: Vec<(Millis, Bucket)>, rounding: &Rounding, how: &[Merging]) -> Vec<(Millis, Bucket)> {
    let mut out: Vec<(Millis, Bucket)> = Vec::new();
    for (key, bucket) in buckets {
        let key = rounding.floor(key);
        match out.last_mut() {
            Some((last, into)) if *last == key => into.merge(bucket, how),
            _ => out.push((key, bucket)),
        }
    }
    out
}

fn fill(buckets: Vec<(Millis, Bucket)>, rounding: &Rounding) -> Vec<(Millis, Bucket)> {
    let mut out: Vec<(Millis, Bucket)> = Vec::with_capacity(buckets.len());
    for (key, bucket) in buckets {
        while let Some((last, _)) = out.last() {
            let next = rounding.next(*last);
            if next >= key {
                break;
            }
            out.push((next, Bucket::default()));
        }
        out.push((key, bucket));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggs::request::Source;
    use crate::date::zone::Zone;

    #[test]
    fn buckets_are_put_together_until_few_enough_are_left() {
        let histogram = AutoDates {
            source: Source::field("t"),
            buckets: 10,
            zone: Zone::UTC,
            minimum: Unit::Second,
        };
        let one = |at: Millis| {
            (
                at,
                Bucket {
                    count: 1,
                    subs: Vec::new(),
                },
            )
        };
        let collected = finest(&histogram, Some((0, 3_600_000)));
        let minutes: Vec<_> = (0..60).map(|minute| one(minute * 60_000)).collect();
        let (buckets, interval) = fit(&histogram, &collected, minutes, &[]);
        assert_eq!((buckets.len(), interval.as_str()), (6, "10m"));
        assert_eq!(buckets[1].1.count, 10);
        let (buckets, interval) = fit(&histogram, &collected, vec![one(0)], &[]);
        assert_eq!((buckets.len(), interval.as_str()), (1, "1s"));
    }
}

//! Time zones: a fixed offset (`+01:00`, `UTC`) or a named zone with its rules.

use jiff::tz::AmbiguousOffset;

use super::Millis;
use super::civil::DAY;

/// A time zone.
#[derive(Debug, Clone)]
pub enum Zone {
    /// A fixed offset from UTC in milliseconds.
    Fixed(i64),
    /// A zone of the tz database, whose offset depends on the instant.
    Named(jiff::tz::TimeZone),
}

/// The instants at which a local clock shows a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Local {
    /// One.
    Once(Millis),
    /// None, since the clock was put forward; this is when.
    Skipped(Millis),
    /// Two, since the clock was put back.
    Twice(Millis, Millis),
}

impl Zone {
    /// UTC.
    pub const UTC: Self = Self::Fixed(0);

    /// Reads `Z`, `UTC`, `+01:00`, `-0530`, `+02` or a name such as `Europe/Berlin`.
    pub fn parse(text: &str) -> Option<Self> {
        if matches!(text, "Z" | "z" | "UTC" | "utc" | "GMT" | "Etc/UTC") {
            return Some(Self::UTC);
        }
        if let Some(offset) = parse_offset(text.as_bytes()) {
            return Some(Self::Fixed(offset));
        }
        jiff::tz::TimeZone::get(text).ok().map(Self::Named)
    }

    /// What to add to an instant to get local time.
    pub fn offset_at(&self, instant: Millis) -> i64 {
        match self {
            Self::Fixed(offset) => *offset,
            Self::Named(zone) => jiff::Timestamp::from_millisecond(instant)
                .map_or(0, |t| i64::from(zone.to_offset(t).seconds()) * 1000),
        }
    }

    /// The offset, when it is the same over the whole range.
    pub fn constant_between(&self, from: Millis, to: Millis) -> Option<i64> {
        let first = self.offset_at(from);
        if matches!(self, Self::Fixed(_)) {
            return Some(first);
        }
        // A longer span is not worth looking through.
        if to.saturating_sub(from) > 40 * 366 * DAY {
            return None;
        }
        // Rules change at most a few times a year: a look at every tenth day misses no summer.
        let mut at = from;
        while at < to {
            if self.offset_at(at) != first {
                return None;
            }
            at = at.saturating_add(10 * DAY);
        }
        (self.offset_at(to) == first).then_some(first)
    }

    /// The instant at which the local clock shows `local`; the first of two, and the moment of the change for a
    /// time that the clock skips.
    pub fn to_instant(&self, local: Millis) -> Millis {
        match self.resolve(local) {
            Local::Once(instant) | Local::Skipped(instant) | Local::Twice(instant, _) => instant,
        }
    }

    /// Every instant at which the local clock shows `local`.
    pub fn resolve(&self, local: Millis) -> Local {
        let zone = match self {
            Self::Fixed(offset) => return Local::Once(local - offset),
            Self::Named(zone) => zone,
        };
        let Ok(clock) = jiff::Timestamp::from_millisecond(local) else {
            return Local::Once(local);
        };
        let clock = jiff::tz::Offset::UTC.to_datetime(clock);
        let millis = |offset: jiff::tz::Offset| i64::from(offset.seconds()) * 1000;
        match zone.to_ambiguous_timestamp(clock).offset() {
            AmbiguousOffset::Unambiguous { offset } => Local::Once(local - millis(offset)),
            AmbiguousOffset::Gap { before, .. } => {
                // By the old offset the skipped time is after the change.
                let after = local - millis(before);
                let change = jiff::Timestamp::from_millisecond(after.saturating_add(1))
                    .ok()
                    .and_then(|after| zone.preceding(after).next())
                    .map_or(after, |change| change.timestamp().as_millisecond());
                Local::Skipped(change)
            }
            AmbiguousOffset::Fold { before, after } => {
                Local::Twice(local - millis(before), local - millis(after))
            }
        }
    }
}

/// Reads `+hh`, `+hhmm` or `+hh:mm` into milliseconds.
pub fn parse_offset(text: &[u8]) -> Option<i64> {
    let (sign, rest) = match text.split_first()? {
        (b'+', rest) => (1, rest),
        (b'-', rest) => (-1, rest),
        _ => return None,
    };
    let digit = |b: u8| b.is_ascii_digit().then(|| i64::from(b - b'0'));
    let (hours, minutes) = match *rest {
        [a, b] => (digit(a)? * 10 + digit(b)?, 0),
        [a, b, c, d] | [a, b, b':', c, d] => (digit(a)? * 10 + digit(b)?, digit(c)? * 10 + digit(d)?),
        _ => return None,
    };
    (hours <= 18 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60_000)
}

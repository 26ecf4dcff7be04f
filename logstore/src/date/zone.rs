//! Time zones: a fixed offset (`+01:00`, `UTC`) or a named zone with its rules.

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

    /// The instant at which the local clock shows `local`.
    pub fn to_instant(&self, local: Millis) -> Millis {
        let guess = local - self.offset_at(local);
        local - self.offset_at(guess)
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

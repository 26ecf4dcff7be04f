//! Date math: `now-15m`, `now/d`, `2026-11-24||+1M/d`.

use super::Millis;
use super::civil::{Civil, DAY};
use super::parse::{self, Format};
use super::zone::Zone;

/// Which end of a rounded or incomplete date is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    /// Its first millisecond (`gte`, `lt`).
    Down,
    /// Its last millisecond (`gt`, `lte`).
    Up,
}

/// A unit of date math and of calendar intervals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Second,
    /// Minutes.
    Minute,
    /// Hours.
    Hour,
    /// Days.
    Day,
    /// Weeks, which start on Monday.
    Week,
    /// Months.
    Month,
    /// Quarters.
    Quarter,
    /// Years.
    Year,
}

impl Unit {
    /// The unit's fixed length, if it has one.
    pub fn fixed_millis(self) -> Option<i64> {
        Some(match self {
            Self::Second => 1000,
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
            Self::Day => DAY,
            Self::Week => 7 * DAY,
            Self::Month | Self::Quarter | Self::Year => return None,
        })
    }

    /// The start of the period that holds `at`.
    pub fn floor(self, at: Millis) -> Millis {
        // The epoch was a Thursday: weeks start four days later.
        const MONDAY: i64 = 4 * DAY;
        let civil = Civil::from_millis(at);
        let month = match self {
            Self::Week => return (at - MONDAY).div_euclid(7 * DAY) * 7 * DAY + MONDAY,
            Self::Month => civil.month,
            Self::Quarter => (civil.month - 1) / 3 * 3 + 1,
            Self::Year => 1,
            fixed => {
                let length = fixed.fixed_millis().unwrap_or(1);
                return at.div_euclid(length) * length;
            }
        };
        Civil {
            month,
            day: 1,
            of_day: 0,
            ..civil
        }
        .to_millis()
    }

    /// `at` some units later.
    pub fn add(self, at: Millis, count: i64) -> Millis {
        if let Some(length) = self.fixed_millis() {
            return at.saturating_add(length.saturating_mul(count));
        }
        let months = match self {
            Self::Quarter => 3,
            Self::Year => 12,
            _ => 1,
        };
        Civil::from_millis(at)
            .add_months(months * count.clamp(-120_000, 120_000))
            .to_millis()
    }

    /// The unit of a letter of date math.
    pub fn of_math(letter: u8) -> Option<Self> {
        Some(match letter {
            b's' => Self::Second,
            b'm' => Self::Minute,
            b'h' | b'H' => Self::Hour,
            b'd' => Self::Day,
            b'w' => Self::Week,
            b'M' => Self::Month,
            b'y' => Self::Year,
            _ => return None,
        })
    }
}

/// Evaluates a date with or without math.
pub fn evaluate(
    text: &str,
    formats: &[Format],
    zone: &Zone,
    now: Millis,
    round: Round,
) -> Result<Millis, String> {
    let failed = || format!("failed to parse date field [{text}]");
    let (mut at, mut rest) = if let Some(rest) = text.strip_prefix("now") {
        (now, rest)
    } else if let Some((anchor, rest)) = text.split_once("||") {
        let parsed = parse::parse(anchor, formats, zone).ok_or_else(failed)?;
        (parsed.start, rest)
    } else {
        let parsed = parse::parse(text, formats, zone).ok_or_else(failed)?;
        return Ok(if round == Round::Up {
            parsed.end
        } else {
            parsed.start
        });
    };
    while let Some(operator) = rest.bytes().next() {
        let tail = rest.get(1..).ok_or_else(failed)?;
        let length = tail.bytes().take_while(u8::is_ascii_digit).count();
        let count: i64 = if length == 0 {
            1
        } else {
            tail[..length].parse().map_err(|_| failed())?
        };
        let unit = tail
            .as_bytes()
            .get(length)
            .and_then(|b| Unit::of_math(*b))
            .ok_or_else(failed)?;
        let offset = zone.offset_at(at);
        let local = at + offset;
        let local = match operator {
            b'+' => unit.add(local, count),
            b'-' => unit.add(local, -count),
            b'/' if length == 0 => match round {
                Round::Down => unit.floor(local),
                Round::Up => unit.add(unit.floor(local), 1) - 1,
            },
            _ => return Err(failed()),
        };
        at = local - offset;
        rest = &tail[length + 1..];
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_795_513_611_123; // 2026-11-24T09:46:51.123Z, a Tuesday

    fn eval(text: &str, round: Round) -> String {
        let at = evaluate(text, parse::DEFAULT_FORMATS, &Zone::UTC, NOW, round).unwrap();
        super::super::format::iso(at)
    }

    #[test]
    fn now_with_offsets_and_rounding() {
        assert_eq!(eval("now", Round::Down), "2026-11-24T09:46:51.123Z");
        assert_eq!(eval("now-15m", Round::Down), "2026-11-24T09:31:51.123Z");
        assert_eq!(eval("now/d", Round::Down), "2026-11-24T00:00:00.000Z");
        assert_eq!(eval("now/d", Round::Up), "2026-11-24T23:59:59.999Z");
        assert_eq!(eval("now-1w/w", Round::Down), "2026-11-16T00:00:00.000Z");
        assert_eq!(eval("now+1M/M", Round::Down), "2026-12-01T00:00:00.000Z");
        assert_eq!(eval("2026-11-24||/d", Round::Up), "2026-11-24T23:59:59.999Z");
        assert_eq!(eval("2026-01-31||+1M", Round::Down), "2026-02-28T00:00:00.000Z");
    }

    #[test]
    fn an_incomplete_date_rounds_up_to_its_end() {
        assert_eq!(eval("2026-11", Round::Up), "2026-11-30T23:59:59.999Z");
    }

    #[test]
    fn rounding_follows_the_time_zone() {
        let zone = Zone::parse("+02:00").unwrap();
        let at = evaluate("now/d", parse::DEFAULT_FORMATS, &zone, NOW, Round::Down).unwrap();
        assert_eq!(super::super::format::iso(at), "2026-11-23T22:00:00.000Z");
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for text in ["now-", "now-15", "now*2d", "now/2d", "nowé", "x||/d"] {
            let error = evaluate(text, parse::DEFAULT_FORMATS, &Zone::UTC, NOW, Round::Down).unwrap_err();
            assert!(error.contains(text), "{error}");
        }
    }
}

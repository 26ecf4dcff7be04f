//! Reads dates in the formats that logs and dashboards send.
//!
//! Those that nearly every record uses are read by hand; every other name and pattern is a [`Pattern`]. Several
//! are joined by `||`. A format that is not known is an error that names it, when the mapping or the query says it.

use std::sync::Arc;

use super::Millis;
use super::civil::{Civil, DAY, days_in_month};
use super::pattern::Pattern;
use super::zone::{Zone, parse_offset};

/// One way to write a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// `2026-11-24T09:46:51.123Z`, every part after the year optional.
    IsoOptionalTime,
    /// Milliseconds since the epoch.
    EpochMillis,
    /// Seconds since the epoch.
    EpochSecond,
    /// `2026/11/24 09:46:51`, the time optional.
    Slashes,
    /// `20261124`.
    Basic,
    /// Any other.
    Pattern(Arc<Pattern>),
}

/// What a `date` field takes when its mapping names no format.
pub const DEFAULT_FORMATS: &[Format] = &[Format::IsoOptionalTime, Format::EpochMillis];

/// A parsed date, and the length of what was left out (a day for `2026-11-24`), which rounding up needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parsed {
    /// The instant at which the written period starts.
    pub start: Millis,
    /// The last millisecond of the written period.
    pub end: Millis,
}

/// Reads a `format` string of a mapping or a query.
pub fn parse_formats(text: &str) -> Result<Vec<Format>, String> {
    text.split("||")
        .map(|name| {
            Ok(match name.trim() {
                "strict_date_optional_time"
                | "date_optional_time"
                | "dateOptionalTime"
                | "strictDateOptionalTime"
                | "strict_date_optional_time_nanos"
                | "iso8601" => Format::IsoOptionalTime,
                "epoch_millis" => Format::EpochMillis,
                "epoch_second" => Format::EpochSecond,
                "basic_date" | "yyyyMMdd" => Format::Basic,
                other => Format::Pattern(Arc::new(Pattern::compile(other)?)),
            })
        })
        .collect()
}

/// Reads a date in the first of the formats that fits; times without an offset are in `zone`.
pub fn parse(text: &str, formats: &[Format], zone: &Zone) -> Option<Parsed> {
    formats.iter().find_map(|format| parse_one(text, format, zone))
}

/// The nanoseconds of a written date beyond its milliseconds: the digits behind the third one of its fraction, or
/// behind the point of a number of milliseconds.
pub fn beyond_millis(text: &str) -> i64 {
    let is_number = text
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-'));
    let is_moment = is_number && !text.bytes().skip(1).any(|b| b == b'-');
    let Some(point) = text.rfind(['.', ',']) else {
        return 0;
    };
    let fraction = text
        .as_bytes()
        .iter()
        .skip(point + 1)
        .take_while(|b| b.is_ascii_digit());
    let mut rest = 0;
    let mut places = 0;
    for digit in fraction.skip(if is_moment { 0 } else { 3 }).take(6) {
        rest = rest * 10 + i64::from(digit - b'0');
        places += 1;
    }
    (places..6).fold(rest, |rest, _| rest * 10)
}

fn parse_one(text: &str, format: &Format, zone: &Zone) -> Option<Parsed> {
    match format {
        Format::EpochMillis => instant(parse_decimal(text, 1)?),
        Format::EpochSecond => instant(parse_decimal(text, 1000)?),
        Format::IsoOptionalTime => parse_iso(text.as_bytes(), b'-', zone),
        Format::Slashes => parse_iso(text.as_bytes(), b'/', zone),
        Format::Basic => {
            let b = text.as_bytes();
            (b.len() == 8).then_some(())?;
            let (year, month, day) = (digits(b.get(..4)?)?, digits(b.get(4..6)?)?, digits(b.get(6..)?)?);
            let start = date(year, month, day)?;
            local(start, start + DAY - 1, zone)
        }
        Format::Pattern(pattern) => pattern.parse(text, zone),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "reads as one of the branches above")]
fn instant(start: Millis) -> Option<Parsed> {
    Some(Parsed { start, end: start })
}

/// `1764000000000` or `1764000000.25`, times `scale`.
fn parse_decimal(text: &str, scale: i64) -> Option<Millis> {
    if let Ok(whole) = text.parse::<i64>() {
        return whole.checked_mul(scale);
    }
    let value: f64 = text.parse().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "saturates, which is right here"
    )]
    value.is_finite().then(|| (value * scale as f64).floor() as i64)
}

fn local(start: Millis, end: Millis, zone: &Zone) -> Option<Parsed> {
    Some(Parsed {
        start: zone.to_instant(start),
        end: zone.to_instant(end),
    })
}

fn date(year: i64, month: i64, day: i64) -> Option<Millis> {
    let (month, day) = (u32::try_from(month).ok()?, u32::try_from(day).ok()?);
    let fits = (1..=12).contains(&month) && day >= 1 && day <= days_in_month(year, month);
    fits.then(|| {
        Civil {
            year,
            month,
            day,
            of_day: 0,
        }
        .to_millis()
    })
}

fn digits(bytes: &[u8]) -> Option<i64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0_i64, |sum, b| {
        b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0'))
    })
}

/// The written date in pieces; each piece that is missing widens the period.
fn parse_iso(text: &[u8], separator: u8, zone: &Zone) -> Option<Parsed> {
    let year = digits(text.get(..4)?)?;
    let mut rest = text.get(4..)?;
    let mut piece = |mark: u8| -> Option<Option<i64>> {
        match rest {
            [first, a, b, tail @ ..] if *first == mark => {
                let value = digits(&[*a, *b])?;
                rest = tail;
                Some(Some(value))
            }
            [first, ..] if *first == mark => None,
            _ => Some(None),
        }
    };
    let month = piece(separator)?;
    let day = if month.is_some() { piece(separator)? } else { None };
    let day_start = date(year, month.unwrap_or(1), day.unwrap_or(1))?;
    let Some(_) = day else {
        if !rest.is_empty() {
            return None;
        }
        let next = Civil::from_millis(day_start).add_months(if month.is_some() { 1 } else { 12 });
        return local(day_start, next.to_millis() - 1, zone);
    };
    if rest.is_empty() {
        return local(day_start, day_start + DAY - 1, zone);
    }
    let [b'T' | b't' | b' ', time @ ..] = rest else {
        return None;
    };
    if time.is_empty() {
        return local(day_start, day_start + DAY - 1, zone);
    }
    let (start, end, tail) = parse_time(time)?;
    let (start, end) = (day_start + start, day_start + end);
    match tail {
        [] => local(start, end, zone),
        [b'Z' | b'z'] => Some(Parsed { start, end }),
        offset => {
            let offset = parse_offset(offset)?;
            Some(Parsed {
                start: start - offset,
                end: end - offset,
            })
        }
    }
}

/// `hh[:mm[:ss[.fraction]]]`: first and last millisecond of day, and what follows.
fn parse_time(text: &[u8]) -> Option<(i64, i64, &[u8])> {
    let two = |at: usize| digits(text.get(at..at + 2)?);
    let hour = two(0).filter(|h| *h < 24)?;
    let mut start = hour * 3_600_000;
    if text.get(2) != Some(&b':') {
        return Some((start, start + 3_599_999, text.get(2..)?));
    }
    start += two(3).filter(|m| *m < 60)? * 60_000;
    if text.get(5) != Some(&b':') {
        return Some((start, start + 59_999, text.get(5..)?));
    }
    start += two(6).filter(|s| *s < 60)? * 1000;
    if !matches!(text.get(8), Some(b'.' | b',')) {
        return Some((start, start + 999, text.get(8..)?));
    }
    let fraction = text.get(9..)?;
    let length = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
    if length == 0 || length > 9 {
        return None;
    }
    let mut millis = 0;
    for place in 0..3 {
        millis = millis * 10
            + fraction
                .get(place)
                .filter(|_| place < length)
                .map_or(0, |b| i64::from(b - b'0'));
    }
    Some((start + millis, start + millis, fraction.get(length..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn millis(text: &str) -> Option<Millis> {
        parse(text, DEFAULT_FORMATS, &Zone::UTC).map(|parsed| parsed.start)
    }

    #[test]
    fn nanoseconds_beyond_the_millisecond_are_read() {
        for (text, expected) in [
            ("2018-10-29T12:12:12.123456789Z", 456_789),
            ("2019-10-21 08:30:04.828733", 733_000),
            ("2018-10-29T12:12:12.1Z", 0),
            ("2018-10-29", 0),
            ("1540815132123.456789", 456_789),
        ] {
            assert_eq!(beyond_millis(text), expected, "{text}");
        }
    }

    #[test]
    fn iso_dates_of_any_precision_are_read() {
        assert_eq!(millis("1970-01-01"), Some(0));
        assert_eq!(millis("1970"), Some(0));
        assert_eq!(millis("1970-01-01T00:00:01.5Z"), Some(1500));
        assert_eq!(millis("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(millis("2026-11-24T09:46:51.123456789Z"), Some(1_795_513_611_123));
        assert_eq!(millis("1500"), Some(-14_831_769_600_000));
        assert_eq!(millis("1795513611123"), Some(1_795_513_611_123));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "abc",
            "2026-13-01",
            "2026-02-30",
            "2026-11-24T25:00:00Z",
            "2026-1-1",
            "2026-11-24Tx",
        ] {
            assert_eq!(millis(text), None, "{text}");
        }
    }

    #[test]
    fn a_missing_time_of_day_covers_the_day() {
        let parsed = parse("2026-11-24", DEFAULT_FORMATS, &Zone::UTC).unwrap();
        assert_eq!(parsed.end - parsed.start, DAY - 1);
    }

    proptest! {
        #[test]
        fn reading_agrees_with_jiff(seconds in 0_i64..4_000_000_000, nanos in 0_i32..1_000_000_000) {
            let stamp = jiff::Timestamp::new(seconds, nanos).unwrap();
            prop_assert_eq!(millis(&format!("{stamp:.9}")), Some(stamp.as_millisecond()));
        }

        #[test]
        fn any_text_is_read_or_refused_but_never_panics(text in ".{0,40}") {
            let _parsed = parse(&text, &[Format::IsoOptionalTime, Format::EpochMillis, Format::EpochSecond, Format::Slashes, Format::Basic], &Zone::UTC);
        }
    }
}

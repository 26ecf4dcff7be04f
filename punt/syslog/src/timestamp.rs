//! The timestamps of syslog: RFC 3339 (strict and nearly so) and the BSD form without year and zone.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// Somewhat less, in seconds, than half of the shortest distance between a date and the same date in another year.
const HALF_A_YEAR: i64 = 182 * 86_400;

/// Reads digits from the front of a line.
struct Digits<'a>(&'a [u8]);

/// Zones that senders name and that mean one offset (hours) everywhere.
const ZONES: [(&[u8], i32); 17] = [
    (b"UTC", 0),
    (b"GMT", 0),
    (b"EST", -5),
    (b"EDT", -4),
    (b"CDT", -5),
    (b"MST", -7),
    (b"MDT", -6),
    (b"PST", -8),
    (b"PDT", -7),
    (b"CET", 1),
    (b"CEST", 2),
    (b"EET", 2),
    (b"EEST", 3),
    (b"MSK", 3),
    (b"JST", 9),
    (b"AEST", 10),
    (b"AEDT", 11),
];

const WEEKDAYS: [&[u8; 3]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];

/// A timestamp in any form that syslog senders use, at the start of `line`: the time, and what follows it.
/// `received` decides the year where it is left out.
pub fn timestamp(line: &str, received: Timestamp) -> Option<(Timestamp, &str)> {
    iso(line).or_else(|| bsd(line, received))
}

/// RFC 3339 at the start of `line`, as senders write it: `T` or a space between date and time, `/` between the
/// parts of the date, any number of fraction digits after `.` or `,`, and a zone of `Z`, `+hh:mm`, `+hhmm` or
/// nothing (read as UTC).
/// Gives the time and what follows.
pub(crate) fn iso(line: &str) -> Option<(Timestamp, &str)> {
    let mut at = Digits(line.as_bytes());
    let year = at.number(4, 4)?;
    at.expect(b"-/")?;
    let month = at.number(2, 2)?;
    at.expect(b"-/")?;
    let day = at.number(2, 2)?;
    at.expect(b"Tt ")?;
    let time = at.time()?;
    let offset = at.zone()?;
    let date = Date::new(i16::try_from(year).ok()?, narrow(month)?, narrow(day)?).ok()?;
    let timestamp = offset.to_timestamp(DateTime::from_parts(date, time)).ok()?;
    let timestamp = writable(timestamp)?;
    Some((timestamp, &line[line.len() - at.0.len()..]))
}

/// `Mmm dd hh:mm:ss`, with a one-digit or padded day, an optional year before the month or before or after the
/// time, an optional fraction, and an optional zone: `UTC` or `GMT`, or another well-known name before a colon
/// (Cisco), since a bare word there is the host. A leading `*` or `.` (Cisco: clock not synchronised) and a
/// weekday are passed over.
pub(crate) fn bsd(line: &str, received: Timestamp) -> Option<(Timestamp, &str)> {
    let mut at = Digits(line.as_bytes());
    if matches!(at.0.first(), Some(b'*' | b'.')) {
        at.0 = &at.0[1..];
    }
    if let Some((day, b' ')) =
        at.0.get(..4)
            .and_then(|word| Some((word.get(..3)?, *word.get(3)?)))
        && WEEKDAYS.iter().any(|known| known.eq_ignore_ascii_case(day))
    {
        at.0 = &at.0[4..];
    }
    let mut year = at.year();
    let name = at.0.get(..3)?;
    let month = MONTHS.iter().position(|m| m.eq_ignore_ascii_case(name))? + 1;
    at.0 = &at.0[3..];
    at.spaces()?;
    let day = at.number(1, 2)?;
    at.spaces()?;
    if year.is_none() {
        year = at.year();
    }
    let time = at.time()?;
    if year.is_none() && at.0.first() == Some(&b' ') {
        let mut ahead = Digits(&at.0[1..]);
        if let Some(found) = ahead.year_then_end() {
            year = Some(found);
            at.0 = ahead.0;
        }
    }
    let hours = at.zone_name();
    let (month, day) = (i8::try_from(month).ok()?, narrow(day)?);
    let timestamp = match year {
        Some(year) => in_year(year, month, day, time)?,
        None => nearest(month, day, time, received)?,
    };
    let timestamp = timestamp
        .checked_sub(SignedDuration::from_hours(hours.into()))
        .ok()?;
    let timestamp = writable(timestamp)?;
    Some((timestamp, &line[line.len() - at.0.len()..]))
}

/// A time of the years 0 to 9999: another one cannot be written as RFC 3339, and is none that a sender means.
fn writable(timestamp: Timestamp) -> Option<Timestamp> {
    const YEAR_0: i64 = -62_167_219_200;
    (timestamp.as_second() >= YEAR_0).then_some(timestamp)
}

/// The year that brings the date nearest to the time of receipt: a line of 31 December that arrives on
/// 1 January is not a year early, nor the other way round.
fn nearest(month: i8, day: i8, time: Time, received: Timestamp) -> Option<Timestamp> {
    let year = Offset::UTC.to_datetime(received).year();
    let distance = |candidate: &Timestamp| (candidate.as_second() - received.as_second()).abs();
    if let Some(near) = in_year(year, month, day, time)
        && distance(&near) < HALF_A_YEAR
    {
        // The other years are further away than this one.
        return Some(near);
    }
    [year, year - 1, year + 1]
        .into_iter()
        .filter_map(|year| in_year(year, month, day, time))
        .min_by_key(distance)
}

fn in_year(year: i16, month: i8, day: i8, time: Time) -> Option<Timestamp> {
    let date = Date::new(year, month, day).ok()?;
    Offset::UTC.to_timestamp(DateTime::from_parts(date, time)).ok()
}

fn narrow(value: u32) -> Option<i8> {
    i8::try_from(value).ok()
}

// === impl Digits ===

impl Digits<'_> {
    fn expect(&mut self, one_of: &[u8]) -> Option<()> {
        let (first, rest) = self.0.split_first()?;
        one_of.contains(first).then(|| self.0 = rest)
    }

    fn spaces(&mut self) -> Option<()> {
        let count = self.0.iter().take_while(|b| **b == b' ').count();
        self.0 = &self.0[count..];
        (count > 0).then_some(())
    }

    fn number(&mut self, min: usize, max: usize) -> Option<u32> {
        let count = self.0.iter().take(max).take_while(|b| b.is_ascii_digit()).count();
        if count < min {
            return None;
        }
        let value = self.0[..count]
            .iter()
            .fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
        self.0 = &self.0[count..];
        Some(value)
    }

    /// `2026 ` before the time; a time (`09:46`) is none.
    fn year(&mut self) -> Option<i16> {
        let mut ahead = Digits(self.0);
        let year = ahead.number(4, 4)?;
        ahead.spaces()?;
        self.0 = ahead.0;
        i16::try_from(year).ok()
    }

    /// ` 2026` after the time, as the last piece or before a space or colon.
    fn year_then_end(&mut self) -> Option<i16> {
        let year = self.number(4, 4)?;
        let plausible = (1970..=2200).contains(&year);
        // `2001:db8::1` is a host.
        let ends = matches!(self.0, [] | [b' ', ..] | [b':'] | [b':', b' ', ..]);
        (plausible && ends).then(|| i16::try_from(year).ok()).flatten()
    }

    /// `hh:mm:ss` with an optional fraction. A leap second is read as the second before it.
    fn time(&mut self) -> Option<Time> {
        let hour = self.number(2, 2)?;
        self.expect(b":")?;
        let minute = self.number(2, 2)?;
        self.expect(b":")?;
        let second = self.number(2, 2)?.min(60);
        let second = if second == 60 { 59 } else { second };
        let mut nanos: i32 = 0;
        if matches!(self.0, [b'.' | b',', digit, ..] if digit.is_ascii_digit()) {
            self.0 = &self.0[1..];
            let mut unit = 100_000_000;
            while let Some(digit) = self.0.first().filter(|b| b.is_ascii_digit()) {
                nanos += i32::from(digit - b'0') * unit;
                unit /= 10;
                self.0 = &self.0[1..];
            }
        }
        Time::new(narrow(hour)?, narrow(minute)?, narrow(second)?, nanos).ok()
    }

    /// ` UTC` after the time, or ` CET` before a colon: the hours east of Greenwich. Zero when there is none.
    fn zone_name(&mut self) -> i32 {
        let Some(after) = self.0.strip_prefix(b" ") else {
            return 0;
        };
        let length = after
            .iter()
            .take(5)
            .take_while(|b| b.is_ascii_uppercase())
            .count();
        let (word, rest) = after.split_at(length);
        let Some((_, hours)) = ZONES.iter().find(|(name, _)| *name == word) else {
            return 0;
        };
        let ends = match rest.first() {
            Some(b':') => true,
            None | Some(b' ') => *hours == 0,
            _ => false,
        };
        if !ends {
            return 0;
        }
        self.0 = rest;
        *hours
    }

    fn zone(&mut self) -> Option<Offset> {
        let sign = match self.0.first() {
            Some(b'Z' | b'z') => {
                self.0 = &self.0[1..];
                return Some(Offset::UTC);
            }
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Some(Offset::UTC),
        };
        self.0 = &self.0[1..];
        let hours = self.number(2, 2)?;
        if self.0.first() == Some(&b':') {
            self.0 = &self.0[1..];
        }
        let minutes = self.number(2, 2)?;
        if minutes > 59 {
            return None;
        }
        let seconds = i32::try_from(hours * 3600 + minutes * 60).ok()?;
        Offset::from_seconds(sign * seconds).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn iso_accepts_what_senders_write() {
        for (line, expected) in [
            ("2026-11-24T09:46:51Z x", "2026-11-24T09:46:51Z"),
            ("2026-11-24T09:46:51 x", "2026-11-24T09:46:51Z"),
            ("2026-11-24 09:46:51,250 x", "2026-11-24T09:46:51.25Z"),
            (
                "2026-11-24T09:46:51.1234567891+01:00 x",
                "2026-11-24T08:46:51.123456789Z",
            ),
            ("2026-11-24T09:46:51-0530 x", "2026-11-24T15:16:51Z"),
            ("2026-12-31T23:59:60Z x", "2026-12-31T23:59:59Z"),
            ("2026/11/24 09:46:51 x", "2026-11-24T09:46:51Z"),
        ] {
            let (timestamp, rest) = iso(line).unwrap();
            assert_eq!((timestamp, rest), (at(expected), " x"), "{line}");
        }
        for line in [
            "2026-13-01T00:00:00Z",
            "2026-11-24T25:00:00Z",
            "2026-11-24",
            "0000-01-01T00:00:00+01:00",
            "",
            "é",
        ] {
            assert_eq!(iso(line), None, "{line}");
        }
    }

    #[test]
    fn a_date_without_a_year_gets_the_nearest_one() {
        let new_year = at("2027-01-01T00:00:30Z");
        assert_eq!(
            bsd("Dec 31 23:59:59", new_year).unwrap().0,
            at("2026-12-31T23:59:59Z")
        );
        assert_eq!(
            bsd("Jan  1 00:00:29", new_year).unwrap().0,
            at("2027-01-01T00:00:29Z")
        );
        let eve = at("2026-12-31T23:59:50Z");
        assert_eq!(bsd("Jan  1 00:00:05", eve).unwrap().0, at("2027-01-01T00:00:05Z"));
        assert_eq!(
            bsd("Feb 29 12:00:00", at("2028-03-01T00:00:00Z")).unwrap().0,
            at("2028-02-29T12:00:00Z")
        );
    }

    #[test]
    fn bsd_accepts_years_fractions_and_cisco_stars() {
        let now = at("2026-11-24T00:00:00Z");
        for (line, expected) in [
            ("Nov 24 09:46:51 x", "2026-11-24T09:46:51Z"),
            ("Nov  4 09:46:51.5 x", "2026-11-04T09:46:51.5Z"),
            ("Nov 24 2019 09:46:51 x", "2019-11-24T09:46:51Z"),
            ("Nov 24 09:46:51 2019 x", "2019-11-24T09:46:51Z"),
            ("*Nov 24 09:46:51 x", "2026-11-24T09:46:51Z"),
            ("2026 Nov 24 09:46:51 x", "2026-11-24T09:46:51Z"),
            ("Tue Nov 24 09:46:51 2026 x", "2026-11-24T09:46:51Z"),
            ("Nov 24 2026 09:46:51.123 UTC x", "2026-11-24T09:46:51.123Z"),
        ] {
            assert_eq!(bsd(line, now).unwrap(), (at(expected), " x"), "{line}");
        }
        assert_eq!(bsd("Nov 31 09:46:51 x", now), None);
        let (time, rest) = bsd("Nov 24 09:46:51 EST: x", now).unwrap();
        assert_eq!((time, rest), (at("2026-11-24T14:46:51Z"), ": x"));
        // A word that is no zone, or might as well be a host, is the host.
        assert_eq!(bsd("Nov 24 09:46:51 EST x", now).unwrap().1, " EST x");
        assert_eq!(bsd("Nov 24 09:46:51 WEB: x", now).unwrap().1, " WEB: x");
    }
}

//! Java date patterns (`yyyy-MM-dd HH:mm:ss.SSS`), compiled once: they read a date and write one.
//!
//! The letters are those of `java.time.format.DateTimeFormatter` that dates in logs are made of; a letter that is
//! not among them is an error when the pattern is compiled. `[…]` is optional when a date is read. Elasticsearch's
//! named formats ([`named`]) are patterns with a name.

use std::fmt::Write as _;

use super::Millis;
use super::civil::{Civil, DAY, days_from_civil, days_in_month};
use super::parse::Parsed;
use super::zone::{Zone, parse_offset};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    parts: Vec<Part>,
    /// A name of Elasticsearch's that starts with `strict_` wants each number in full width.
    strict: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Letter(char, usize),
    Optional(Vec<Part>),
}

/// What has been read so far.
#[derive(Debug, Clone, Copy, Default)]
struct Read {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    week_year: Option<i64>,
    week: Option<i64>,
    weekday: Option<i64>,
    hour: Option<i64>,
    half_day_hour: Option<i64>,
    afternoon: Option<bool>,
    minute: Option<i64>,
    second: Option<i64>,
    milli: Option<i64>,
    offset: Option<i64>,
}

/// The pattern behind one of Elasticsearch's format names, without `strict_`.
fn named(name: &str) -> Option<&'static str> {
    Some(match name {
        "basic_date" => "yyyyMMdd",
        "basic_date_time" => "yyyyMMdd'T'HHmmss.SSSXX",
        "basic_date_time_no_millis" => "yyyyMMdd'T'HHmmssXX",
        "basic_ordinal_date" => "yyyyDDD",
        "basic_ordinal_date_time" => "yyyyDDD'T'HHmmss.SSSXX",
        "basic_ordinal_date_time_no_millis" => "yyyyDDD'T'HHmmssXX",
        "basic_time" => "HHmmss.SSSXX",
        "basic_time_no_millis" => "HHmmssXX",
        "basic_t_time" => "'T'HHmmss.SSSXX",
        "basic_t_time_no_millis" => "'T'HHmmssXX",
        "basic_week_date" => "YYYY'W'wwe",
        "basic_week_date_time" => "YYYY'W'wwe'T'HHmmss.SSSXX",
        "basic_week_date_time_no_millis" => "YYYY'W'wwe'T'HHmmssXX",
        "date" | "year_month_day" => "yyyy-MM-dd",
        "date_hour" => "yyyy-MM-dd'T'HH",
        "date_hour_minute" => "yyyy-MM-dd'T'HH:mm",
        "date_hour_minute_second" => "yyyy-MM-dd'T'HH:mm:ss",
        "date_hour_minute_second_fraction" | "date_hour_minute_second_millis" => "yyyy-MM-dd'T'HH:mm:ss.SSS",
        "date_time" => "yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
        "date_time_no_millis" => "yyyy-MM-dd'T'HH:mm:ssXXX",
        "hour" => "HH",
        "hour_minute" => "HH:mm",
        "hour_minute_second" => "HH:mm:ss",
        "hour_minute_second_fraction" | "hour_minute_second_millis" => "HH:mm:ss.SSS",
        "ordinal_date" => "yyyy-DDD",
        "ordinal_date_time" => "yyyy-DDD'T'HH:mm:ss.SSSXXX",
        "ordinal_date_time_no_millis" => "yyyy-DDD'T'HH:mm:ssXXX",
        "time" => "HH:mm:ss.SSSXXX",
        "time_no_millis" => "HH:mm:ssXXX",
        "t_time" => "'T'HH:mm:ss.SSSXXX",
        "t_time_no_millis" => "'T'HH:mm:ssXXX",
        "week_date" => "YYYY-'W'ww-e",
        "week_date_time" => "YYYY-'W'ww-e'T'HH:mm:ss.SSSXXX",
        "week_date_time_no_millis" => "YYYY-'W'ww-e'T'HH:mm:ssXXX",
        "weekyear" | "week_year" => "YYYY",
        "weekyear_week" => "YYYY-'W'ww",
        "weekyear_week_day" => "YYYY-'W'ww-e",
        "year" => "yyyy",
        "year_month" => "yyyy-MM",
        _ => return None,
    })
}

// === impl Pattern ===

impl Pattern {
    /// Compiles a pattern, or looks up the name of one.
    ///
    /// # Errors
    /// Says which letter or quote cannot be read, in Elasticsearch's words.
    pub fn compile(text: &str) -> Result<Self, String> {
        let (name, strict) = text
            .strip_prefix("strict_")
            .map_or((text, false), |name| (name, true));
        if let Some(pattern) = named(name) {
            let parts = parts(&mut pattern.chars().peekable(), false)?;
            return Ok(Self {
                text: text.to_owned(),
                parts,
                strict,
            });
        }
        // Java's prefix for its own patterns, which Elasticsearch 7 still allows.
        let body = text.strip_prefix('8').unwrap_or(text);
        let parts = parts(&mut body.chars().peekable(), false)
            .map_err(|reason| format!("Invalid format: [{text}]: {reason}"))?;
        Ok(Self {
            text: text.to_owned(),
            parts,
            strict: true,
        })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Reads a date that fills the text; without an offset it is in `zone`.
    pub fn parse(&self, text: &str, zone: &Zone) -> Option<Parsed> {
        let mut read = Read::default();
        let rest = take(&self.parts, text, &mut read, self.strict)?;
        rest.is_empty().then(|| read.resolve(zone)).flatten()
    }

    /// Writes a date as it is in `zone`.
    pub fn write(&self, millis: Millis, zone: &Zone) -> String {
        let offset = zone.offset_at(millis);
        let mut out = String::with_capacity(self.text.len() + 8);
        put(&self.parts, millis + offset, offset, &mut out);
        out
    }
}

fn parts(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, inner: bool) -> Result<Vec<Part>, String> {
    let mut out = Vec::new();
    let mut literal = String::new();
    while let Some(c) = chars.next() {
        if c.is_ascii_alphabetic() || c == '[' || c == ']' {
            if !literal.is_empty() {
                out.push(Part::Literal(std::mem::take(&mut literal)));
            }
            match c {
                '[' => out.push(Part::Optional(parts(chars, true)?)),
                ']' if inner => return Ok(out),
                ']' => return Err("Pattern invalid as it contains ] without previous [".to_owned()),
                letter => {
                    let mut count = 1;
                    while chars.next_if_eq(&letter).is_some() {
                        count += 1;
                    }
                    if !"yuYMLdDHhkKamsSnEecwxXZzVOGAN".contains(letter) {
                        return Err(format!("Unknown pattern letter: {letter}"));
                    }
                    out.push(Part::Letter(letter, count));
                }
            }
            continue;
        }
        if c != '\'' {
            literal.push(c);
            continue;
        }
        if chars.next_if_eq(&'\'').is_some() {
            literal.push('\'');
            continue;
        }
        loop {
            match chars.next() {
                Some('\'') if chars.next_if_eq(&'\'').is_some() => literal.push('\''),
                Some('\'') => break,
                Some(quoted) => literal.push(quoted),
                None => return Err("Pattern ends with an incomplete string literal".to_owned()),
            }
        }
    }
    if !literal.is_empty() {
        out.push(Part::Literal(literal));
    }
    if inner {
        return Err("Pattern ends with an incomplete optional section".to_owned());
    }
    Ok(out)
}

/// Reads the parts from the start of `text` and returns what follows them.
fn take<'t>(parts: &[Part], mut text: &'t str, read: &mut Read, strict: bool) -> Option<&'t str> {
    for (place, part) in parts.iter().enumerate() {
        match part {
            Part::Literal(literal) => text = text.strip_prefix(literal.as_str())?,
            Part::Optional(inner) => {
                let before = *read;
                match take(inner, text, read, strict) {
                    Some(rest) => text = rest,
                    None => *read = before,
                }
            }
            Part::Letter(letter, count) => {
                // `yyyyMMdd`: numbers that touch have their width.
                let touches =
                    matches!(parts.get(place + 1), Some(Part::Letter(next, _)) if !"XxZzVO".contains(*next));
                text = take_letter(*letter, *count, text, read, strict || touches)?;
            }
        }
    }
    Some(text)
}

/// A number of at least `min` and at most `max` digits, and what follows it.
fn number(text: &str, min: usize, max: usize) -> Option<(i64, &str)> {
    let length = text.bytes().take(max).take_while(u8::is_ascii_digit).count();
    if length < min {
        return None;
    }
    let (digits, rest) = text.split_at(length);
    Some((digits.parse().ok()?, rest))
}

/// The place of the name that `text` starts with, and what follows it.
fn name<'t>(text: &'t str, names: &[&str], short: bool) -> Option<(i64, &'t str)> {
    let found = names.iter().position(|name| {
        let name = if short {
            name.get(..3).unwrap_or(name)
        } else {
            name
        };
        text.get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name))
    })?;
    let length = if short { 3 } else { names[found].len() };
    Some((i64::try_from(found).ok()?, text.get(length..)?))
}

fn take_letter<'t>(
    letter: char,
    count: usize,
    text: &'t str,
    read: &mut Read,
    strict: bool,
) -> Option<&'t str> {
    let least = if strict { count.min(2) } else { 1 };
    let two = |least| number(text, least, 2);
    let (slot, (value, rest)) = match letter {
        'y' | 'u' | 'Y' => {
            let (value, rest) = if count == 2 {
                let (value, rest) = number(text, 2, 2)?;
                (2000 + value, rest)
            } else {
                let digits = if count < 4 { 1 } else { 4 };
                number(text, if strict { digits } else { 1 }, count.max(4))?
            };
            let slot = if letter == 'Y' {
                &mut read.week_year
            } else {
                &mut read.year
            };
            (slot, (value, rest))
        }
        'M' | 'L' if count >= 3 => {
            let (place, rest) = name(text, &MONTHS, count == 3)?;
            (&mut read.month, (place + 1, rest))
        }
        'M' | 'L' => (&mut read.month, two(least)?),
        'd' => (&mut read.day, two(least)?),
        'D' => (
            &mut read.day_of_year,
            number(text, if strict { count } else { 1 }, 3)?,
        ),
        'w' => (&mut read.week, two(least)?),
        'e' | 'c' if count < 3 => (&mut read.weekday, number(text, 1, 1)?),
        'E' | 'e' | 'c' => {
            // A weekday's name says nothing that the date does not.
            return name(text, &DAYS, count <= 3).map(|(_, rest)| rest);
        }
        'H' | 'k' => (&mut read.hour, two(least)?),
        'h' | 'K' => (&mut read.half_day_hour, two(least)?),
        'a' => {
            let (place, rest) = name_of_half(text)?;
            read.afternoon = Some(place);
            return Some(rest);
        }
        'm' => (&mut read.minute, two(least)?),
        's' => (&mut read.second, two(least)?),
        'S' | 'n' => {
            // Elasticsearch takes one to nine digits for `SSS` in its own formats, and so do we for every pattern.
            let length = text.bytes().take(9).take_while(u8::is_ascii_digit).count();
            let (digits, rest) = (length > 0).then(|| text.split_at(length))?;
            let millis: String = digits.chars().chain("00".chars()).take(3).collect();
            (&mut read.milli, (millis.parse().ok()?, rest))
        }
        'A' => {
            let (value, rest) = number(text, 1, 9)?;
            (read.hour, read.minute, read.second) = (
                Some(value / 3_600_000),
                Some(value / 60_000 % 60),
                Some(value / 1000 % 60),
            );
            (&mut read.milli, (value % 1000, rest))
        }
        'X' | 'x' | 'Z' | 'z' | 'V' | 'O' => {
            let (offset, rest) = zone_offset(text)?;
            read.offset = Some(offset);
            return Some(rest);
        }
        'G' => return text.strip_prefix("AD").or_else(|| text.strip_prefix("CE")),
        _ => return None,
    };
    *slot = Some(value);
    Some(rest)
}

fn name_of_half(text: &str) -> Option<(bool, &str)> {
    let half = text.get(..2)?;
    let afternoon = half.eq_ignore_ascii_case("pm");
    (afternoon || half.eq_ignore_ascii_case("am")).then_some((afternoon, text.get(2..)?))
}

/// `Z`, `UTC`, `GMT`, `+01`, `+0100` or `+01:00`, in milliseconds, and what follows it.
fn zone_offset(text: &str) -> Option<(i64, &str)> {
    for utc in ["Z", "z", "UTC", "GMT"] {
        if let Some(rest) = text.strip_prefix(utc) {
            return Some((0, rest));
        }
    }
    text.starts_with(['+', '-']).then_some(())?;
    // The longest that can be read is meant.
    [6, 5, 3].into_iter().find_map(|length| {
        let (offset, rest) = text.split_at_checked(length)?;
        Some((parse_offset(offset.as_bytes())?, rest))
    })
}

// === impl Read ===

impl Read {
    /// The first and last millisecond of what was written.
    fn resolve(self, zone: &Zone) -> Option<Parsed> {
        let (day_start, date_length) = self.date()?;
        let hour = match (self.hour, self.half_day_hour) {
            (Some(hour), _) => Some(hour % 24),
            (None, Some(hour)) => Some(hour % 12 + if self.afternoon == Some(true) { 12 } else { 0 }),
            (None, None) => None,
        };
        let within = |value: Option<i64>, limit: i64| value.is_none_or(|value| value < limit);
        if !within(self.hour, 25)
            || !within(self.half_day_hour, 13)
            || !within(self.minute, 60)
            || !within(self.second, 60)
        {
            return None;
        }
        let start = day_start
            + hour.unwrap_or(0) * 3_600_000
            + self.minute.unwrap_or(0) * 60_000
            + self.second.unwrap_or(0) * 1000
            + self.milli.unwrap_or(0);
        let length = match (hour, self.minute, self.second, self.milli) {
            (.., Some(_)) => 1,
            (.., Some(_), None) => 1000,
            (_, Some(_), None, None) => 60_000,
            (Some(_), None, None, None) => 3_600_000,
            (None, None, None, None) => date_length,
        };
        let end = start + length - 1;
        Some(match self.offset {
            Some(offset) => Parsed {
                start: start - offset,
                end: end - offset,
            },
            None => Parsed {
                start: zone.to_instant(start),
                end: zone.to_instant(end),
            },
        })
    }

    /// Midnight of the date, and how long what is named of it lasts.
    fn date(self) -> Option<(Millis, i64)> {
        if let Some(week_year) = self.week_year {
            let (week, weekday) = (self.week.unwrap_or(1), self.weekday.unwrap_or(1));
            if !(1..=53).contains(&week) || !(1..=7).contains(&weekday) {
                return None;
            }
            let fourth = days_from_civil(week_year, 1, 4);
            let monday = fourth - (fourth + 3).rem_euclid(7);
            let length = if self.weekday.is_some() || self.week.is_none() {
                DAY
            } else {
                7 * DAY
            };
            return Some(((monday + (week - 1) * 7 + weekday - 1) * DAY, length));
        }
        let year = self.year.unwrap_or(1970);
        if let Some(day) = self.day_of_year {
            let start = days_from_civil(year, 1, 1) + day - 1;
            return (day >= 1 && start < days_from_civil(year + 1, 1, 1)).then_some((start * DAY, DAY));
        }
        let month = u32::try_from(self.month.unwrap_or(1))
            .ok()
            .filter(|month| (1..=12).contains(month))?;
        let day = u32::try_from(self.day.unwrap_or(1)).ok()?;
        if day == 0 || day > days_in_month(year, month) {
            return None;
        }
        let length = match (self.month, self.day) {
            (_, Some(_)) => DAY,
            (Some(_), None) => i64::from(days_in_month(year, month)) * DAY,
            (None, None) => (days_from_civil(year + 1, 1, 1) - days_from_civil(year, 1, 1)) * DAY,
        };
        Some((days_from_civil(year, month, day) * DAY, length))
    }
}

fn put(parts: &[Part], local: Millis, offset: i64, out: &mut String) {
    let civil = Civil::from_millis(local);
    let days = local.div_euclid(DAY);
    let weekday = (days + 3).rem_euclid(7);
    for part in parts {
        match part {
            Part::Literal(text) => out.push_str(text),
            Part::Optional(inner) => put(inner, local, offset, out),
            Part::Letter(letter, count) => {
                let width = *count;
                let hour = civil.of_day / 3_600_000;
                let value = match letter {
                    'y' | 'u' if width == 2 => civil.year.rem_euclid(100),
                    'y' | 'u' => civil.year,
                    'Y' => week_of(days).0,
                    'w' => week_of(days).1,
                    'e' | 'c' if width < 3 => weekday + 1,
                    'E' | 'e' | 'c' => {
                        out.push_str(name_at(&DAYS, weekday, width <= 3));
                        continue;
                    }
                    'M' | 'L' if width >= 3 => {
                        out.push_str(name_at(&MONTHS, i64::from(civil.month) - 1, width == 3));
                        continue;
                    }
                    'M' | 'L' => i64::from(civil.month),
                    'd' => i64::from(civil.day),
                    'D' => days - days_from_civil(civil.year, 1, 1) + 1,
                    'H' => hour,
                    'k' if hour == 0 => 24,
                    'k' => hour,
                    'K' => hour % 12,
                    'h' => (hour + 11) % 12 + 1,
                    'a' => {
                        out.push_str(if hour < 12 { "AM" } else { "PM" });
                        continue;
                    }
                    'm' => civil.of_day / 60_000 % 60,
                    's' => civil.of_day / 1000 % 60,
                    'A' => civil.of_day,
                    'N' => civil.of_day * 1_000_000,
                    'n' => civil.of_day % 1000 * 1_000_000,
                    'S' => {
                        let digits = format!("{:03}000000", civil.of_day % 1000);
                        out.push_str(digits.get(..width.min(9)).unwrap_or(&digits));
                        continue;
                    }
                    'G' => {
                        out.push_str("AD");
                        continue;
                    }
                    zone => {
                        put_offset(*zone, width, offset, out);
                        continue;
                    }
                };
                // Writing to a string cannot fail.
                let _ignored = write!(out, "{value:0width$}");
            }
        }
    }
}

/// The week-based year and the week of a day since the epoch, by ISO 8601.
fn week_of(days: i64) -> (i64, i64) {
    let thursday = days - (days + 3).rem_euclid(7) + 3;
    let year = Civil::from_millis(thursday * DAY).year;
    (year, (thursday - days_from_civil(year, 1, 1)) / 7 + 1)
}

fn name_at<'n>(names: &[&'n str], place: i64, short: bool) -> &'n str {
    let name = usize::try_from(place)
        .ok()
        .and_then(|place| names.get(place))
        .unwrap_or(&"");
    if short {
        name.get(..3).unwrap_or(name)
    } else {
        name
    }
}

fn put_offset(letter: char, width: usize, offset: i64, out: &mut String) {
    if offset == 0 && matches!(letter, 'X' | 'z' | 'V') {
        out.push_str(if letter == 'X' { "Z" } else { "UTC" });
        return;
    }
    if letter == 'Z' && width == 5 && offset == 0 {
        out.push('Z');
        return;
    }
    let sign = if offset < 0 { '-' } else { '+' };
    let minutes = offset.abs() / 60_000;
    let colon = match letter {
        'X' | 'x' if width == 1 && minutes % 60 == 0 => {
            let _ignored = write!(out, "{sign}{:02}", minutes / 60);
            return;
        }
        'X' | 'x' => width % 2 == 1 && width > 1,
        'Z' => width >= 5,
        _ => true,
    };
    let mark = if colon { ":" } else { "" };
    let _ignored = write!(out, "{sign}{:02}{mark}{:02}", minutes / 60, minutes % 60);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2026-11-24T09:46:51.123Z, a Tuesday of week 48.
    const AT: Millis = 1_795_513_611_123;

    #[test]
    fn dates_are_read_and_written_by_every_named_format() {
        for (name, text) in [
            ("basic_date_time", "20261124T094651.123Z"),
            ("strict_date_hour_minute_second_millis", "2026-11-24T09:46:51.123"),
            ("ordinal_date_time", "2026-328T09:46:51.123Z"),
            ("strict_week_date_time", "2026-W48-2T09:46:51.123Z"),
            ("basic_week_date_time", "2026W482T094651.123Z"),
            ("dd/MMM/yyyy:HH:mm:ss.SSS Z", "24/Nov/2026:09:46:51.123 +0000"),
            (
                "EEE, d MMM yyyy hh:mm:ss.SSS a",
                "Tue, 24 Nov 2026 09:46:51.123 AM",
            ),
            ("yyyy-MM-dd HH:mm:ss,SSS", "2026-11-24 09:46:51,123"),
            ("uuuuMMddHHmmssSSS", "20261124094651123"),
        ] {
            let pattern = Pattern::compile(name).unwrap();
            assert_eq!(pattern.write(AT, &Zone::UTC), text, "{name}");
            assert_eq!(
                pattern.parse(text, &Zone::UTC).map(|p| p.start),
                Some(AT),
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_left_out_makes_the_period_longer() {
        let read = |pattern: &str, text: &str| Pattern::compile(pattern).unwrap().parse(text, &Zone::UTC);
        let month = read("yyyy-MM", "2026-11").unwrap();
        assert_eq!(month.end - month.start + 1, 30 * DAY);
        let optional = read("yyyy-MM-dd[ HH:mm]", "2026-11-24").unwrap();
        assert_eq!(optional.end - optional.start + 1, DAY);
        assert!(read("yyyy-MM-dd[ HH:mm]", "2026-11-24 09:46").is_some());
        assert!(read("yyyy-MM-dd", "2026-02-30").is_none());
        assert!(read("yyyy-MM-dd", "2026-11-24 x").is_none());
        assert!(
            read("MM/dd/yyyy", "1/2/2026").is_none(),
            "a pattern of one's own is strict"
        );
        assert!(read("M/d/yyyy", "1/2/2026").is_some());
    }

    #[test]
    fn a_letter_that_is_not_known_is_named() {
        assert!(
            Pattern::compile("yyyy-bb")
                .unwrap_err()
                .contains("Unknown pattern letter: b")
        );
        assert!(Pattern::compile("yyyy'x").is_err());
        assert!(Pattern::compile("[yyyy").is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(at in 0_i64..4_000_000_000_000) {
            for text in ["yyyy-MM-dd HH:mm:ss.SSS", "strict_week_date_time", "basic_ordinal_date_time", "dd MMMM yyyy h:m:s.SSS a XXX"] {
                let pattern = Pattern::compile(text).unwrap();
                let written = pattern.write(at, &Zone::UTC);
                prop_assert_eq!(pattern.parse(&written, &Zone::UTC).map(|p| p.start), Some(at), "{}", written);
            }
        }

        #[test]
        fn no_pattern_and_no_text_panics(pattern in "[yMdHhmsSaEDwexXZ'\\[\\]: -]{0,12}", text in ".{0,24}") {
            if let Ok(pattern) = Pattern::compile(&pattern) {
                let _parsed = pattern.parse(&text, &Zone::UTC);
                let _written = pattern.write(AT, &Zone::UTC);
            }
        }
    }
}

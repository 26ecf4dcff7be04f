//! Times as somebody wrote them, into RFC 3339 in UTC.

use jiff::civil::{Date as Day, DateTime};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, fmt::rfc2822};

use super::{Draft, Outcome, Scratch, Transform};
use crate::config::Unit;

/// The transform `date`.
pub(crate) struct Date {
    pub(crate) field: String,
    pub(crate) formats: Vec<TimeFormat>,
    pub(crate) zone: TimeZone,
    pub(crate) target: String,
}

/// The transform `unixtime`.
pub(crate) struct Unixtime {
    pub(crate) fields: Vec<String>,
    pub(crate) unit: Unit,
    pub(crate) target: Option<String>,
}

/// How a time is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TimeFormat {
    Rfc3339,
    Rfc2822,
    Unix(Unit),
    /// As of strftime. Without a year, it is the one that brings the time nearest to now.
    Pattern(String),
}

// === impl TimeFormat ===

impl TimeFormat {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        Ok(match text {
            "rfc3339" | "iso8601" => Self::Rfc3339,
            "rfc2822" => Self::Rfc2822,
            "unix" => Self::Unix(Unit::S),
            "unix_ms" => Self::Unix(Unit::Ms),
            "unix_us" => Self::Unix(Unit::Us),
            "unix_ns" => Self::Unix(Unit::Ns),
            "nginx" | "apache" => Self::Pattern("%d/%b/%Y:%H:%M:%S %z".to_owned()),
            "syslog" => Self::Pattern("%b %e %H:%M:%S".to_owned()),
            pattern if pattern.contains('%') => {
                // A pattern that no time fits says so only when it is used; a faulty one at once.
                let sample = BrokenDownTime::from(Timestamp::UNIX_EPOCH);
                sample
                    .to_string(pattern)
                    .map_err(|error| format!("{pattern:?} is no pattern of a time: {error}"))?;
                Self::Pattern(pattern.to_owned())
            }
            other => {
                return Err(format!(
                    "{other:?} is no format: it is one of rfc3339, rfc2822, unix, unix_ms, unix_us, unix_ns, syslog, \
                     nginx, or a pattern with %"
                ));
            }
        })
    }

    fn read(&self, text: &str, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Rfc3339 => match text.parse() {
                Ok(time) => Some(time),
                Err(_) => local(text.parse().ok()?, zone),
            },
            Self::Rfc2822 => rfc2822::DateTimeParser::new().parse_timestamp(text).ok(),
            Self::Unix(unit) => unix(text, *unit),
            Self::Pattern(pattern) => with_pattern(pattern, text, zone, now),
        }
    }
}

// === impl Transform ===

impl Transform for Date {
    fn apply(&self, draft: &mut Draft, scratch: &mut Scratch) -> Outcome {
        if !draft.text_into(&self.field, &mut scratch.text) {
            return Outcome::Failed(format!("there is no text in {}", self.field));
        }
        let text = scratch.text.trim();
        let time = self
            .formats
            .iter()
            .find_map(|format| format.read(text, &self.zone, scratch.now));
        match time {
            Some(time) => {
                draft.set_with(&self.target, |out| write(out, time));
                Outcome::Pass
            }
            None => Outcome::Failed(format!("{} is no time of the given formats", self.field)),
        }
    }
}

impl Transform for Unixtime {
    fn apply(&self, draft: &mut Draft, scratch: &mut Scratch) -> Outcome {
        let mut failed = None;
        for field in &self.fields {
            if !draft.text_into(field, &mut scratch.text) {
                continue;
            }
            match unix(scratch.text.trim(), self.unit) {
                Some(time) => {
                    let target = self.target.as_deref().unwrap_or(field);
                    draft.set_with(target, |out| write(out, time));
                }
                None => failed = Some(format!("{field} is no unix time")),
            }
        }
        failed.map_or(Outcome::Pass, Outcome::Failed)
    }
}

fn write(out: &mut Vec<u8>, time: Timestamp) {
    out.push(b'"');
    crate::event::write_timestamp(out, time);
    out.push(b'"');
}

fn with_pattern(pattern: &str, text: &str, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let mut parts = BrokenDownTime::parse(pattern, text).ok()?;
    if let Ok(time) = parts.to_timestamp() {
        return Some(time);
    }
    if parts.year().is_some() || parts.to_date().is_ok() {
        return from_parts(&parts, zone);
    }
    let this_year = zone.to_datetime(now).year();
    let candidates = (this_year - 1..=this_year + 1).filter_map(|year| {
        parts.set_year(Some(year)).ok()?;
        from_parts(&parts, zone)
    });
    candidates.min_by_key(|time| time.duration_since(now).unsigned_abs())
}

fn from_parts(parts: &BrokenDownTime, zone: &TimeZone) -> Option<Timestamp> {
    if let Ok(zoned) = parts.to_zoned_datetime() {
        return Some(zoned.timestamp());
    }
    let day: Day = parts.to_date().ok()?;
    let time = parts.to_time().unwrap_or(jiff::civil::Time::midnight());
    let civil = DateTime::from_parts(day, time);
    match parts.offset() {
        Some(offset) => offset.to_timestamp(civil).ok(),
        None => local(civil, zone),
    }
}

/// In a gap of a zone (spring) the time after it, in a fold (autumn) the first of both: what RFC 5545 says.
fn local(time: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    zone.to_ambiguous_timestamp(time).compatible().ok()
}

/// A number, perhaps with a fraction, exactly: no float is involved unless it is written as one.
pub(super) fn unix(text: &str, unit: Unit) -> Option<Timestamp> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |text: &str| text.len() <= 24 && text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let whole: i128 = whole.parse().ok()?;
    let unit = match unit {
        Unit::Auto if whole < 100_000_000_000 => Unit::S,
        Unit::Auto if whole < 100_000_000_000_000 => Unit::Ms,
        Unit::Auto if whole < 100_000_000_000_000_000 => Unit::Us,
        Unit::Auto => Unit::Ns,
        unit => unit,
    };
    let places = match unit {
        Unit::S | Unit::Auto => 9,
        Unit::Ms => 6,
        Unit::Us => 3,
        Unit::Ns => 0,
    };
    let part: String = part.chars().take(places).collect();
    let part: i128 = match places {
        0 => 0,
        _ => format!("{part:0<places$}").parse().ok()?,
    };
    let nanoseconds = whole
        .checked_mul(10_i128.pow(u32::try_from(places).ok()?))?
        .checked_add(part)?;
    Timestamp::from_nanosecond(sign * nanoseconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(format: &str, zone: &str, text: &str) -> Option<String> {
        let zone = if zone == "UTC" {
            TimeZone::UTC
        } else {
            TimeZone::get(zone).unwrap()
        };
        let now = "2026-01-03T12:00:00Z".parse().unwrap();
        let time = TimeFormat::parse(format).unwrap().read(text, &zone, now)?;
        Some(time.to_string())
    }

    #[test]
    fn times_are_read_in_their_formats_and_zones() {
        for (format, zone, text, expected) in [
            (
                "rfc3339",
                "UTC",
                "2026-11-24T09:46:51.123+01:00",
                "2026-11-24T08:46:51.123Z",
            ),
            (
                "rfc3339",
                "Europe/Berlin",
                "2026-11-24 09:46:51",
                "2026-11-24T08:46:51Z",
            ),
            (
                "rfc2822",
                "UTC",
                "Tue, 24 Nov 2026 09:46:51 -0500",
                "2026-11-24T14:46:51Z",
            ),
            (
                "nginx",
                "UTC",
                "24/Nov/2026:09:46:51 +0200",
                "2026-11-24T07:46:51Z",
            ),
            (
                "%Y-%m-%d %H:%M:%S",
                "America/New_York",
                "2026-07-01 12:00:00",
                "2026-07-01T16:00:00Z",
            ),
            ("%Y-%m-%d", "UTC", "2026-07-01", "2026-07-01T00:00:00Z"),
            ("unix", "UTC", "1795513611.25", "2026-11-24T09:46:51.25Z"),
            ("unix_ms", "UTC", "1795513611250", "2026-11-24T09:46:51.25Z"),
            // Neither the year before nor the year after is written.
            ("syslog", "UTC", "Dec 31 23:59:59", "2025-12-31T23:59:59Z"),
            ("syslog", "UTC", "Jan  4 00:00:00", "2026-01-04T00:00:00Z"),
            // The hour that does not exist, and the one that exists twice.
            (
                "%Y-%m-%d %H:%M",
                "Europe/Berlin",
                "2026-03-29 02:30",
                "2026-03-29T01:30:00Z",
            ),
            (
                "%Y-%m-%d %H:%M",
                "Europe/Berlin",
                "2026-10-25 02:30",
                "2026-10-25T00:30:00Z",
            ),
        ] {
            assert_eq!(
                read(format, zone, text).as_deref(),
                Some(expected),
                "{format} {text}"
            );
        }
        assert_eq!(read("rfc3339", "UTC", "soon"), None);
        assert_eq!(read("unix", "UTC", "1e400"), None);
        assert!(TimeFormat::parse("%!").is_err() && TimeFormat::parse("epoch").is_err());
    }

    #[test]
    fn a_unix_time_says_by_its_size_what_it_counts() {
        let expected = "2026-11-24T09:46:51Z".parse().unwrap();
        for text in [
            "1795513611",
            "1795513611000",
            "1795513611000000",
            "1795513611000000000",
            "1795513611.0",
        ] {
            assert_eq!(unix(text, Unit::Auto), Some(expected), "{text}");
        }
        assert_eq!(unix("-1.5", Unit::S), "1969-12-31T23:59:58.5Z".parse().ok());
        for text in ["", "-", "x", "99999999999999999999999999", "1795513611s"] {
            assert_eq!(unix(text, Unit::Auto), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_panic(text in any::<String>(), number in "-?[0-9]{1,30}(\\.[0-9]{0,12})?") {
            for format in ["rfc3339", "rfc2822", "unix", "nginx", "syslog", "%Y-%m-%d"] {
                let _time = read(format, "Europe/Berlin", &text);
                let _time = read(format, "Europe/Berlin", &number);
            }
        }
    }
}

//! Dates of the `date` processor: ISO 8601, UNIX times, and Java's patterns (`dd/MMM/yyyy:HH:mm:ss Z`).

use crate::date::civil::Civil;
use crate::date::parse::{DEFAULT_FORMATS, Format, parse};
use crate::date::zone::{Zone, parse_offset};
use crate::date::{Millis, now};
use crate::error::{ApiError, ApiResult};

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// One way to write a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// ISO 8601.
    Iso,
    /// Seconds since the epoch.
    Unix,
    /// Milliseconds since the epoch.
    UnixMillis,
    /// Fields and literals of a Java pattern.
    Pattern(Vec<Piece>),
}

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A letter and how often it stands there.
    Field(char, usize),
    /// Text that must be there.
    Literal(String),
}

// === impl When ===

impl When {
    /// Reads a format.
    pub fn parse(format: &str) -> ApiResult<Self> {
        Ok(match format {
            "ISO8601"
            | "strict_date_optional_time"
            | "date_optional_time"
            | "strict_date_optional_time_nanos" => Self::Iso,
            "UNIX" | "epoch_second" => Self::Unix,
            "UNIX_MS" | "epoch_millis" => Self::UnixMillis,
            pattern => {
                let mut pieces = Vec::new();
                let mut chars = pattern.chars().peekable();
                while let Some(letter) = chars.next() {
                    if letter == '\'' {
                        let literal: String = chars.by_ref().take_while(|c| *c != '\'').collect();
                        pieces.push(Piece::Literal(if literal.is_empty() {
                            "'".to_owned()
                        } else {
                            literal
                        }));
                    } else if letter.is_ascii_alphabetic() {
                        let mut width = 1;
                        while chars.next_if_eq(&letter).is_some() {
                            width += 1;
                        }
                        if !"yuMdHhmsSZXxzaEe".contains(letter) {
                            return Err(ApiError::argument(format!(
                                "[formats] Invalid format: [{pattern}]: Unknown pattern letter: {letter}"
                            )));
                        }
                        pieces.push(Piece::Field(letter, width));
                    } else {
                        pieces.push(Piece::Literal(letter.to_string()));
                    }
                }
                Self::Pattern(pieces)
            }
        })
    }

    /// The instant that a text means in this format; times without an offset are in `zone`.
    pub fn read(&self, text: &str, zone: &Zone) -> Option<Millis> {
        match self {
            Self::Iso => parse(text, DEFAULT_FORMATS, zone).map(|parsed| parsed.start),
            Self::Unix => parse(text, &[Format::EpochSecond], zone).map(|parsed| parsed.start),
            Self::UnixMillis => parse(text, &[Format::EpochMillis], zone).map(|parsed| parsed.start),
            Self::Pattern(pieces) => pattern(pieces, text, zone),
        }
    }
}

#[derive(Default)]
struct Read {
    year: Option<i64>,
    month: Option<u32>,
    day: Option<u32>,
    hour: i64,
    afternoon: Option<bool>,
    minute: i64,
    second: i64,
    millis: i64,
    offset: Option<i64>,
}

fn pattern(pieces: &[Piece], text: &str, zone: &Zone) -> Option<Millis> {
    let mut read = Read::default();
    let mut rest = text;
    for (place, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Literal(literal) => {
                rest = rest.strip_prefix(literal.as_str())?;
                // Syslog pads days with a second space.
                if literal == " " {
                    rest = rest.trim_start_matches(' ');
                }
            }
            Piece::Field(letter, width) => {
                let adjacent = matches!(pieces.get(place + 1), Some(Piece::Field(..)));
                rest = field(*letter, *width, adjacent, rest, &mut read)?;
            }
        }
    }
    if !rest.is_empty() {
        return None;
    }
    let today = Civil::from_millis(now());
    let hour = match read.afternoon {
        Some(true) if read.hour < 12 => read.hour + 12,
        Some(false) if read.hour == 12 => 0,
        _ => read.hour,
    };
    let month = read.month.unwrap_or(1);
    let mut civil = Civil {
        year: read.year.unwrap_or(today.year),
        month,
        day: read.day.unwrap_or(1),
        of_day: ((hour * 60 + read.minute) * 60 + read.second) * 1000 + read.millis,
    };
    // A date without a year is of the last twelve months, not of the future.
    if read.year.is_none() && month > today.month + 1 {
        civil.year -= 1;
    }
    let local = civil.to_millis();
    Some(match read.offset {
        Some(offset) => local - offset,
        None => zone.to_instant(local),
    })
}

fn field<'t>(letter: char, width: usize, adjacent: bool, text: &'t str, read: &mut Read) -> Option<&'t str> {
    let number = |most: usize| -> Option<(i64, &'t str)> {
        let most = if adjacent { width } else { most };
        let length = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
        (length > 0).then_some(())?;
        Some((text[..length].parse().ok()?, &text[length..]))
    };
    let named = |names: &[&str]| -> Option<(usize, &'t str)> {
        let word = text.bytes().take_while(u8::is_ascii_alphabetic).count();
        let found = names
            .iter()
            .position(|name| text[..word].to_lowercase().starts_with(name))?;
        Some((found, &text[word..]))
    };
    Some(match letter {
        'y' | 'u' => {
            let (value, rest) = number(if width == 2 { 2 } else { 4 })?;
            read.year = Some(if width == 2 && value < 100 {
                2000 + value
            } else {
                value
            });
            rest
        }
        'M' if width >= 3 => {
            let (place, rest) = named(&MONTHS)?;
            read.month = u32::try_from(place + 1).ok();
            rest
        }
        'M' => {
            let (value, rest) = number(2)?;
            read.month = u32::try_from(value).ok().filter(|month| (1..=12).contains(month));
            read.month?;
            rest
        }
        'd' => {
            let (value, rest) = number(2)?;
            read.day = u32::try_from(value).ok().filter(|day| (1..=31).contains(day));
            read.day?;
            rest
        }
        'H' | 'h' => {
            let (value, rest) = number(2)?;
            read.hour = value;
            rest
        }
        'm' => {
            let (value, rest) = number(2)?;
            read.minute = value;
            rest
        }
        's' => {
            let (value, rest) = number(2)?;
            read.second = value;
            rest
        }
        'S' => {
            let length = text.bytes().take(9).take_while(u8::is_ascii_digit).count();
            (length > 0).then_some(())?;
            let padded = format!("{:0<3}", &text[..length]);
            read.millis = padded.get(..3)?.parse().ok()?;
            &text[length..]
        }
        'a' => {
            let (place, rest) = named(&["am", "pm"])?;
            read.afternoon = Some(place == 1);
            rest
        }
        'E' | 'e' => named(&DAYS)?.1,
        // An offset or the name of a zone.
        _ => {
            if let Some(rest) = text.strip_prefix('Z') {
                read.offset = Some(0);
                rest
            } else if text.starts_with(['+', '-']) {
                let length = 1 + text[1..]
                    .bytes()
                    .take(5)
                    .take_while(|b| b.is_ascii_digit() || *b == b':')
                    .count();
                read.offset = Some(parse_offset(&text.as_bytes()[..length])?);
                &text[length..]
            } else {
                let word = text
                    .bytes()
                    .take_while(|b| b.is_ascii_alphabetic() || *b == b'/' || *b == b'_')
                    .count();
                let zone = Zone::parse(text.get(..word).filter(|word| !word.is_empty())?)?;
                read.offset = Some(zone.offset_at(now()));
                &text[word..]
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::format::iso;

    fn read(format: &str, text: &str) -> Option<String> {
        When::parse(format).unwrap().read(text, &Zone::UTC).map(iso)
    }

    #[test]
    fn dates_of_logs_are_read() {
        let at = |text: &str| Some(text.to_owned());
        assert_eq!(
            read("ISO8601", "2026-11-24T10:00:00.5Z"),
            at("2026-11-24T10:00:00.500Z")
        );
        assert_eq!(read("UNIX", "1795513611.123"), at("2026-11-24T09:46:51.123Z"));
        assert_eq!(read("UNIX_MS", "1795513611123"), at("2026-11-24T09:46:51.123Z"));
        assert_eq!(
            read("dd/MMM/yyyy:HH:mm:ss Z", "10/Oct/2000:13:55:36 -0700"),
            at("2000-10-10T20:55:36.000Z")
        );
        assert_eq!(
            read("yyyy-MM-dd HH:mm:ss,SSS", "2026-01-02 03:04:05,678"),
            at("2026-01-02T03:04:05.678Z")
        );
        assert_eq!(
            read("yyyyMMddHHmmss", "20260102030405"),
            at("2026-01-02T03:04:05.000Z")
        );
        assert_eq!(
            read("yyyy-MM-dd'T'HH:mm:ssXXX", "2026-01-02T03:04:05+01:00"),
            at("2026-01-02T02:04:05.000Z")
        );
        assert_eq!(
            read("MM/dd/yyyy hh:mm a", "01/02/2026 03:04 PM"),
            at("2026-01-02T15:04:00.000Z")
        );
        assert_eq!(read("yyyy-MM-dd", "2026-13-02"), None);
        assert!(read("MMM d HH:mm:ss", "Nov  4 10:00:01").is_some());
    }
}

//! One clause of an expression: which field, and what its value must be.
//!
//! A document has no mapping, so a field's name decides: `message`, `error.message`, `error.stack_trace`,
//! `event.original` and whatever ends in `.text` hold prose, in which words are looked for in any case; all other
//! fields hold one value, which must be the whole of what was asked for, case included.

use std::net::IpAddr;

use regex::{Regex, RegexBuilder};

use crate::words::{has_phrase, is_near, words};

/// Fields that hold prose.
const PROSE: [&str; 5] = [
    "message",
    "error.message",
    "error.stack_trace",
    "event.original",
    "log.original",
];

/// Bytes that a compiled pattern may take.
const PATTERN_BYTES: usize = 1 << 20;

/// The fields that a clause is about.
#[derive(Debug, Clone)]
pub(crate) enum Fields {
    /// One, by its dotted name.
    Named(String),
    /// Those whose dotted names match.
    Pattern(Regex),
    /// Every one.
    Any,
}

/// What a value must be.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    /// Anything but `null` and an empty array.
    Exists,
    /// This text, or the number, address or network that it names.
    Is(Wanted),
    /// A prose that has these words.
    Says {
        words: Vec<String>,
        slop: u32,
        whole: Wanted,
    },
    /// A value that starts so.
    StartsWith(String),
    /// A value in which the pattern is found; also one of whose words it is, where `word` is given.
    Matches { whole: Regex, word: Option<Regex> },
    /// A value, or in prose a word, that is nearly this.
    Near { text: String, distance: u8, prose: bool },
    /// A value between bounds.
    Between {
        from: Option<(Wanted, bool)>,
        to: Option<(Wanted, bool)>,
    },
}

/// A text as it was asked for, and what else it may mean.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    text: String,
    number: Option<Number>,
    time: Option<jiff::Timestamp>,
    network: Option<(IpAddr, u8)>,
}

#[derive(Debug, Clone, Copy)]
enum Number {
    Whole(i128),
    Real(f64),
}

// === impl Fields ===

impl Fields {
    pub(crate) fn named(name: Option<&str>) -> Result<Self, String> {
        Ok(match name {
            None | Some("*") => Self::Any,
            Some(name) if name.contains('*') => Self::Pattern(glob(name, false)?),
            Some(name) => Self::Named(name.to_owned()),
        })
    }

    /// Whether the words of their values are looked at one by one.
    pub(crate) fn are_prose(&self) -> bool {
        match self {
            Self::Named(name) => PROSE.contains(&name.as_str()) || name.ends_with(".text"),
            Self::Pattern(_) => false,
            Self::Any => true,
        }
    }
}

// === impl Test ===

impl Test {
    pub(crate) fn text(text: String, slop: u32, prose: bool) -> Self {
        let found: Vec<String> = words(&text).map(str::to_lowercase).collect();
        let whole = Wanted::new(text);
        if prose && !found.is_empty() {
            Self::Says {
                words: found,
                slop,
                whole,
            }
        } else {
            Self::Is(whole)
        }
    }

    pub(crate) fn wildcard(pattern: &str, prose: bool) -> Result<Self, String> {
        Ok(Self::Matches {
            whole: glob(pattern, prose)?,
            word: prose.then(|| glob(pattern, true)).transpose()?,
        })
    }

    /// In prose a regexp is searched for; elsewhere it must match the whole value, as in Lucene.
    pub(crate) fn regexp(pattern: &str, prose: bool) -> Result<Self, String> {
        let whole = if prose {
            regex(pattern, false)?
        } else {
            regex(&format!("^(?:{pattern})$"), false)?
        };
        Ok(Self::Matches { whole, word: None })
    }

    /// Whether a text (or number, or literal) passes.
    pub(crate) fn passes(&self, value: &str) -> bool {
        match self {
            Self::Exists => true,
            Self::Is(wanted) => wanted.is(value),
            Self::Says { words, slop, whole } => has_phrase(value, words, *slop) || whole.is(value),
            Self::StartsWith(prefix) => value.starts_with(prefix.as_str()),
            Self::Matches { whole, word } => {
                whole.is_match(value)
                    || word
                        .as_ref()
                        .is_some_and(|pattern| words(value).any(|word| pattern.is_match(word)))
            }
            Self::Near {
                text,
                distance,
                prose,
            } => {
                is_near(value, text, *distance)
                    || (*prose && words(value).any(|word| is_near(word, text, *distance)))
            }
            Self::Between { from, to } => {
                let above = |(bound, included): &(Wanted, bool)| match bound.order(value) {
                    Some(std::cmp::Ordering::Greater) => true,
                    Some(std::cmp::Ordering::Equal) => *included,
                    _ => false,
                };
                let below = |(bound, included): &(Wanted, bool)| match bound.order(value) {
                    Some(std::cmp::Ordering::Less) => true,
                    Some(std::cmp::Ordering::Equal) => *included,
                    _ => false,
                };
                from.as_ref().is_none_or(above) && to.as_ref().is_none_or(below)
            }
        }
    }
}

// === impl Wanted ===

impl Wanted {
    pub(crate) fn new(text: String) -> Self {
        Self {
            number: number(&text),
            time: time(&text),
            network: network(&text),
            text,
        }
    }

    fn is(&self, value: &str) -> bool {
        if value == self.text {
            return true;
        }
        if let Some(wanted) = self.number
            && let Some(found) = number(value)
        {
            return compare(found, wanted) == Some(std::cmp::Ordering::Equal);
        }
        match self.network {
            Some((network, bits)) => value.parse().is_ok_and(|address| within(address, network, bits)),
            None => false,
        }
    }

    /// How the value stands to this: as numbers, addresses or times where both are, else as texts. `None`: one is
    /// a number and the other is not, or they are addresses of two families.
    fn order(&self, value: &str) -> Option<std::cmp::Ordering> {
        if let Some(wanted) = self.number {
            return compare(number(value)?, wanted);
        }
        if let (Ok(wanted), Ok(found)) = (self.text.parse::<IpAddr>(), value.parse::<IpAddr>()) {
            return (wanted.is_ipv4() == found.is_ipv4()).then(|| found.cmp(&wanted));
        }
        if let (Some(wanted), Some(found)) = (self.time, time(value)) {
            return Some(found.cmp(&wanted));
        }
        Some(value.cmp(self.text.as_str()))
    }
}

fn number(text: &str) -> Option<Number> {
    // What the parser of floats takes as a number and JSON does not: inf, nan.
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
        return None;
    }
    match text.parse() {
        Ok(whole) => Some(Number::Whole(whole)),
        Err(_) => text.parse().ok().map(Number::Real),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a whole number beside a real one is compared as a real one"
)]
fn compare(a: Number, b: Number) -> Option<std::cmp::Ordering> {
    let real = |number| match number {
        Number::Whole(whole) => whole as f64,
        Number::Real(real) => real,
    };
    match (a, b) {
        (Number::Whole(a), Number::Whole(b)) => Some(a.cmp(&b)),
        (a, b) => real(a).partial_cmp(&real(b)),
    }
}

/// An RFC 3339 time, or a date as the beginning of its day in UTC.
fn time(text: &str) -> Option<jiff::Timestamp> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) || text.len() < 10 {
        return None;
    }
    text.parse().ok().or_else(|| {
        let day: jiff::civil::DateTime = text.parse().ok()?;
        jiff::tz::Offset::UTC.to_timestamp(day).ok()
    })
}

fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = text.split_once('/')?;
    let (address, bits): (IpAddr, u8) = (address.parse().ok()?, bits.parse().ok()?);
    (bits <= if address.is_ipv4() { 32 } else { 128 }).then_some((address, bits))
}

fn within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let (differ, width) = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits() ^ b.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits(), 128),
        _ => return false,
    };
    bits == 0 || differ >> (width - u32::from(bits)) == 0
}

/// `*` and `?`, a backslash escapes; over the whole of a value.
fn glob(pattern: &str, ignore_case: bool) -> Result<Regex, String> {
    let mut text = String::from("^(?s:");
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' => text.push_str(".*"),
            '?' => text.push('.'),
            '\\' => text.push_str(&regex::escape(&chars.next().unwrap_or('\\').to_string())),
            c => text.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    text.push_str(")$");
    regex(&text, ignore_case)
}

fn regex(pattern: &str, ignore_case: bool) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .case_insensitive(ignore_case)
        .size_limit(PATTERN_BYTES)
        .build()
        .map_err(|error| format!("/{pattern}/ is no regular expression: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_addresses() {
        for (network, address, holds) in [
            ("10.0.0.0/8", "10.200.1.2", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "10.0.0.1", false),
        ] {
            assert_eq!(
                Wanted::new(network.to_owned()).is(address),
                holds,
                "{address} in {network}"
            );
        }
    }

    #[test]
    fn numbers_are_compared_as_numbers_and_times_as_times() {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let order = |bound: &str, value: &str| Wanted::new(bound.to_owned()).order(value);
        assert_eq!(order("100", "99"), Some(Less));
        assert_eq!(order("100", "1e2"), Some(Equal));
        assert_eq!(order("100", "text"), None);
        assert_eq!(
            order(
                "170141183460469231731687303715884105726",
                "170141183460469231731687303715884105727"
            ),
            Some(Greater)
        );
        assert_eq!(order("2026-11-24", "2026-11-24T00:00:00.001Z"), Some(Greater));
        assert_eq!(
            order("2026-11-24T10:00:00Z", "2026-11-24T11:30:00+02:00"),
            Some(Less)
        );
        assert_eq!(order("10.0.0.9", "10.0.0.10"), Some(Greater));
        assert_eq!(order("b", "a"), Some(Less));
    }
}

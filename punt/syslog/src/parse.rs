//! The way in: PRI, then the format is told by what follows it.

use jiff::Timestamp;
use nom::bytes::complete::{tag, take_while_m_n};
use nom::sequence::delimited;
use nom::{IResult, Parser};

use crate::{Message, Priority, rfc3164, rfc5424};

/// The mark of UTF-8 that some senders put before the line or before its text.
pub(crate) const BOM: char = '\u{feff}';

/// Why a line is not a syslog message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Nothing but spaces and line ends.
    #[error("the line is empty")]
    Empty,
    /// It starts with `<`, but no number from 0 to 191 and `>` follow.
    #[error("the priority is not a number from 0 to 191 in angle brackets")]
    Priority,
    /// An RFC 5424 header ended early.
    #[error("the RFC 5424 header is incomplete: it needs timestamp, host, app, process and message id")]
    Header,
    /// An RFC 5424 timestamp that is neither `-` nor RFC 3339.
    #[error("the RFC 5424 timestamp is not RFC 3339")]
    Timestamp,
}

/// A line that could not be parsed, whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unparsed<'a> {
    /// Why.
    pub reason: Reason,
    /// The line, without line ends at its end.
    pub line: &'a str,
}

/// Parses one frame. `received` is the time of receipt: it decides the year where the sender left it out.
pub fn parse(line: &str, received: Timestamp) -> Result<Message<'_>, Unparsed<'_>> {
    let line = line.trim_end_matches(['\n', '\r', '\0']);
    // Some senders mark the whole line as UTF-8.
    let line = line.trim_start_matches(BOM);
    let unparsed = |reason| Unparsed { reason, line };
    if line.trim_start_matches([' ', BOM]).is_empty() {
        return Err(unparsed(Reason::Empty));
    }
    if !line.starts_with('<') {
        return Ok(rfc3164::parse(line, None, received));
    }
    let (rest, priority) = priority(line).map_err(|_| unparsed(Reason::Priority))?;
    match rest.strip_prefix("1 ") {
        Some(header) => rfc5424::parse(header, priority).map_err(unparsed),
        None => Ok(rfc3164::parse(rest, Some(priority), received)),
    }
}

fn priority(line: &str) -> IResult<&str, Priority> {
    delimited(
        tag("<"),
        take_while_m_n(1, 3, |c: char| c.is_ascii_digit()),
        tag(">"),
    )
    .map_opt(|digits: &str| digits.parse().ok().and_then(Priority::new))
    .parse(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_no_syslog_comes_back_with_its_reason() {
        let now = Timestamp::UNIX_EPOCH;
        for (line, reason) in [
            ("", Reason::Empty),
            ("\r\n", Reason::Empty),
            ("<192>x", Reason::Priority),
            ("<>x", Reason::Priority),
            ("<1234>x", Reason::Priority),
            ("<34 x", Reason::Priority),
            ("<34>1 - host app", Reason::Header),
            ("<34>1 yesterday host app - - -", Reason::Timestamp),
        ] {
            let unparsed = parse(line, now).unwrap_err();
            assert_eq!(unparsed.reason, reason, "{line:?}");
            assert_eq!(unparsed.line, line.trim_end());
        }
    }
}

//! RFC 5424 after `<PRI>1 `: header, structured data, message.
//!
//! Lenient where senders are sloppy: what stands in the place of the structured data and is none, is text.

use std::borrow::Cow;

use nom::bytes::complete::{tag, take_while, take_while1};
use nom::character::complete::char;
use nom::multi::{many0, many1};
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};

use crate::{Element, Message, Priority, Protocol, Reason, timestamp};

const BOM: &str = "\u{feff}";

/// Parses what follows the version.
pub(crate) fn parse(header: &str, priority: Priority) -> Result<Message<'_>, Reason> {
    let mut message = Message::new(Protocol::Rfc5424, Some(priority), "");
    let (rest, word) = field(header).map_err(|_| Reason::Header)?;
    if let Some(word) = word {
        match timestamp::iso(word) {
            Some((timestamp, "")) => message.timestamp = Some(timestamp),
            _ => return Err(Reason::Timestamp),
        }
    }
    let (rest, hostname) = field(rest).map_err(|_| Reason::Header)?;
    let (rest, appname) = field(rest).map_err(|_| Reason::Header)?;
    let (rest, procid) = field(rest).map_err(|_| Reason::Header)?;
    let (rest, msgid) = field(rest).map_err(|_| Reason::Header)?;
    (message.hostname, message.appname) = (hostname, appname);
    (message.procid, message.msgid) = (procid, msgid);
    let text = match structured_data(rest) {
        Ok((text, elements)) if text.is_empty() || text.starts_with(' ') => {
            message.structured_data = elements;
            text.strip_prefix(' ').unwrap_or(text)
        }
        _ => rest,
    };
    message.message = text.strip_prefix(BOM).unwrap_or(text);
    Ok(message)
}

/// One header field and the space after it; `-` is none.
fn field(input: &str) -> IResult<&str, Option<&str>> {
    let (rest, word) = take_while1(|c| c != ' ').parse(input)?;
    // The last field may end the line: `... app 77 -` is a message of nothing.
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    Ok((rest, (word != "-").then_some(word)))
}

fn structured_data(input: &str) -> IResult<&str, Vec<Element<'_>>> {
    match input.strip_prefix('-') {
        Some(rest) => Ok((rest, Vec::new())),
        None => many1(element).parse(input),
    }
}

fn element(input: &str) -> IResult<&str, Element<'_>> {
    let (rest, (id, params)) = delimited(
        char('['),
        (
            take_while1(is_name),
            many0(preceded(take_while1(|c| c == ' '), param)),
        ),
        preceded(take_while(|c| c == ' '), char(']')),
    )
    .parse(input)?;
    Ok((rest, Element { id, params }))
}

fn param(input: &str) -> IResult<&str, (&str, Cow<'_, str>)> {
    let (rest, name) = take_while1(is_name).parse(input)?;
    let (rest, _) = tag("=\"").parse(rest)?;
    let mut escaped = false;
    let end = rest.char_indices().find(|(_, c)| match c {
        _ if escaped => {
            escaped = false;
            false
        }
        '\\' => {
            escaped = true;
            false
        }
        c => *c == '"',
    });
    let Some((end, _)) = end else {
        return Err(nom::Err::Error(nom::error::Error::new(
            rest,
            nom::error::ErrorKind::Eof,
        )));
    };
    Ok((&rest[end + 1..], (name, unescape(&rest[..end]))))
}

fn is_name(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '=' | ']' | '"')
}

/// Section 6.3.3: a backslash escapes `"`, `\` and `]`; before anything else it stands for itself.
fn unescape(value: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\\', value.as_bytes()).is_none() {
        return Cow::Borrowed(value);
    }
    let mut plain = String::with_capacity(value.len());
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some(next @ ('"' | '\\' | ']'))) => {
                plain.push(*next);
                chars.next();
            }
            _ => plain.push(c),
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Message<'_> {
        crate::parse(line, jiff::Timestamp::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn the_examples_of_the_rfc_are_understood() {
        let message = parsed(
            "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 \
             [exampleSDID@32473 iut=\"3\" eventSource=\"App\\]lication\"][x@1] \u{feff}An event",
        );
        assert_eq!(
            message.timestamp.unwrap(),
            "2003-10-11T22:14:15.003Z".parse().unwrap()
        );
        assert_eq!(message.hostname, Some("mymachine.example.com"));
        assert_eq!((message.appname, message.procid), (Some("evntslog"), None));
        assert_eq!(message.msgid, Some("ID47"));
        assert_eq!(message.structured_data.len(), 2);
        assert_eq!(
            message.structured_data[0].params[1],
            ("eventSource", "App]lication".into())
        );
        assert_eq!(message.message, "An event");
    }

    #[test]
    fn all_nil_is_a_message_of_nothing() {
        let message = parsed("<34>1 - - - - - -");
        assert_eq!(message, Message::new(Protocol::Rfc5424, Priority::new(34), ""));
        assert_eq!(parsed("<34>1 - - - - -").message, "");
    }

    #[test]
    fn what_is_no_structured_data_is_text() {
        assert_eq!(
            parsed("<34>1 - h a 1 - [disk full] /dev").message,
            "[disk full] /dev"
        );
        assert_eq!(parsed("<34>1 - h a 1 - [a b=\"c] x").message, "[a b=\"c] x");
        assert_eq!(parsed("<34>1 - h a 1 - text").message, "text");
        assert_eq!(parsed("<34>1 - h a 1 - -5 degrees").message, "-5 degrees");
    }

    #[test]
    fn a_frame_of_loggen_loses_its_mark_and_its_newline() {
        let line =
            "<38>1 2026-11-24T09:46:51.123456+00:00 localhost prg00000 1234 - - \u{feff}seq: 0000000001\n";
        assert_eq!(parsed(line).message, "seq: 0000000001");
        assert_eq!(parsed(line).procid, Some("1234"));
    }
}

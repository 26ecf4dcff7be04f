//! The error log: `2026/11/24 09:46:51 [error] 7#8: *9 open() "/x" failed (2: No such file or directory), client: …`.

use std::borrow::Cow;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use nom::bytes::complete::{tag, take, take_while1};
use nom::character::complete::{char, digit1, space1};
use nom::combinator::{map_res, opt};
use nom::sequence::{delimited, preceded, terminated};
use nom::{IResult, Parser as _};

use super::request::{add_peer, add_request, add_text};
use crate::{Fields, NotParsed, Value};

/// What may stand behind the message, each as `, name: value`.
const CONTEXT: [&str; 8] = [
    "client",
    "server",
    "request",
    "subrequest",
    "upstream",
    "host",
    "referrer",
    "login",
];

/// Reads a line. Its time has no zone: it is in `zone`, the zone of the host that nginx runs on.
///
/// # Errors
/// A line that does not begin as nginx begins them.
pub fn error<'a>(line: &'a str, zone: &TimeZone) -> Result<Fields<'a>, NotParsed> {
    let fail = |reason| NotParsed {
        format: "an nginx error log line",
        reason,
    };
    let line = line.trim_end();
    let (rest, (time, level, (pid, tid), cid)) =
        head(line).map_err(|_| fail("it does not begin with a time, [level] and pid#tid:"))?;
    let time = zone
        .to_timestamp(time)
        .map_err(|_| fail("its time is out of range"))?;
    let mut fields = Fields::with_capacity(16);
    let mut add = |key: &'static str, value| fields.push((Cow::Borrowed(key), value));
    add("@timestamp", Value::text(format!("{time:.3}")));
    add("event.dataset", Value::text("nginx.error"));
    add("log.level", Value::text(level));
    add("process.pid", Value::number(pid));
    add("process.thread.id", Value::number(tid));
    if let Some(cid) = cid {
        add("nginx.error.connection_id", Value::number(cid));
    }
    let (message, context) = split(rest);
    fields.push((Cow::Borrowed("message"), Value::text(message)));
    for (name, value) in context {
        if name == "client" {
            add_peer(&mut fields, value);
            continue;
        }
        let value = Cow::Borrowed(value);
        match name {
            "server" => add_text(&mut fields, "nginx.error.server", value),
            "request" => add_request(&mut fields, value),
            "subrequest" => add_text(&mut fields, "nginx.error.subrequest", value),
            "upstream" => add_text(&mut fields, "nginx.error.upstream", value),
            "host" => add_text(&mut fields, "url.domain", value),
            "referrer" => add_text(&mut fields, "http.request.referrer", value),
            _ => add_text(&mut fields, "user.name", value),
        }
    }
    Ok(fields)
}

type Head<'a> = (DateTime, &'a str, (u64, u64), Option<u64>);

fn head(line: &str) -> IResult<&str, Head<'_>> {
    let number = |line| map_res(digit1, str::parse::<u64>).parse(line);
    let time = map_res(take(19_usize), |text: &str| {
        DateTime::strptime("%Y/%m/%d %H:%M:%S", text)
    });
    let level = delimited(
        char('['),
        take_while1(|c: char| c.is_ascii_lowercase()),
        char(']'),
    );
    let process = (terminated(number, char('#')), terminated(number, tag(": ")));
    let connection = opt(delimited(char('*'), number, char(' ')));
    (
        time,
        preceded(space1, level),
        preceded(space1, process),
        connection,
    )
        .parse(line)
}

/// The message, and the names and values behind it.
fn split(text: &str) -> (&str, Vec<(&'static str, &str)>) {
    let mut found = Vec::new();
    let mut end = text.len();
    // From behind: a message may hold anything, also what looks like context.
    while let Some((start, name, value)) = last_context(&text[..end]) {
        found.push((name, value));
        end = start;
    }
    found.reverse();
    (&text[..end], found)
}

/// The last `, name: value` of a text, where it starts, and its value without quotes.
fn last_context(text: &str) -> Option<(usize, &'static str, &str)> {
    let mut best: Option<(usize, &'static str, &str)> = None;
    for name in CONTEXT {
        let marker = format!(", {name}: ");
        if let Some(start) = text.rfind(&marker)
            && best.is_none_or(|(other, _, _)| start > other)
        {
            best = Some((start, name, &text[start + marker.len()..]));
        }
    }
    let (start, name, value) = best?;
    let inner = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'))
        .unwrap_or(value);
    // An empty name, `server: , request: …`, is nothing.
    Some((start, name, inner))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LINE: &str = r#"2026/11/24 09:46:51 [error] 1234#5678: *99 open() "/srv/x, y" failed (2: No such file or directory), client: 203.0.113.9, server: localhost, request: "GET /x, y HTTP/1.1", upstream: "http://127.0.0.1:8080/x", host: "example.org", referrer: "https://example.org/""#;

    fn read(line: &str) -> Vec<(String, String)> {
        let own = |(key, value): (Cow<'_, str>, Value<'_>)| match value {
            Value::Text(text) | Value::Number(text) => (key.into_owned(), text.into_owned()),
            Value::Bool(value) => (key.into_owned(), value.to_string()),
        };
        error(line, &TimeZone::UTC)
            .unwrap()
            .into_iter()
            .map(own)
            .collect()
    }

    #[test]
    fn every_piece_is_read() {
        let fields = read(LINE);
        let expected = [
            ("@timestamp", "2026-11-24T09:46:51.000Z"),
            ("event.dataset", "nginx.error"),
            ("log.level", "error"),
            ("process.pid", "1234"),
            ("process.thread.id", "5678"),
            ("nginx.error.connection_id", "99"),
            (
                "message",
                "open() \"/srv/x, y\" failed (2: No such file or directory)",
            ),
            ("source.address", "203.0.113.9"),
            ("source.ip", "203.0.113.9"),
            ("nginx.error.server", "localhost"),
            ("http.request.method", "GET"),
            ("url.original", "/x, y"),
            ("url.path", "/x, y"),
            ("http.version", "1.1"),
            ("nginx.error.upstream", "http://127.0.0.1:8080/x"),
            ("url.domain", "example.org"),
            ("http.request.referrer", "https://example.org/"),
        ];
        assert_eq!(
            fields,
            expected.map(|(key, value)| (key.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn a_notice_has_no_connection() {
        let fields = read("2026/11/24 09:46:51 [notice] 1#1: signal process started");
        assert_eq!(fields.last().unwrap().1, "signal process started");
    }

    #[test]
    fn the_zone_is_the_hosts() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let fields = error(LINE, &zone).unwrap();
        assert_eq!(fields[0].1, Value::text("2026-11-24T07:46:51.000Z"));
    }

    #[test]
    fn other_lines_are_refused() {
        for line in [
            "",
            "hello",
            "2026/11/24 09:46:51 error",
            "2026/13/24 09:46:51 [error] 1#1: x",
        ] {
            assert!(error(line, &TimeZone::UTC).is_err(), "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_refused_without_panic(line in any::<String>(), cut in 0_usize..300) {
            let _fields = error(&line, &TimeZone::UTC);
            let _fields = error(LINE.get(..cut).unwrap_or(LINE), &TimeZone::UTC);
            let _fields = error(&format!("2026/11/24 09:46:51 [error] 1#1: {line}"), &TimeZone::UTC);
        }
    }
}

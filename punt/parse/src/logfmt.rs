//! logfmt: `level=info msg="it \"works\"" elapsed=12ms retried`.
//!
//! A key without a value is true. Values stay texts: `elapsed=12` beside `elapsed=12ms` must not be a number beside a
//! text, which an engine refuses.

use std::borrow::Cow;

use nom::branch::alt;
use nom::bytes::complete::{is_not, take_while1};
use nom::character::complete::{char, none_of, space0};
use nom::combinator::{map, opt, recognize, rest};
use nom::multi::many0_count;
use nom::sequence::{delimited, pair, preceded, terminated};
use nom::{IResult, Parser as _};

use crate::{Fields, NotParsed, Value};

/// Reads a line. It must have at least one `key=value`: a prose without any is not logfmt.
///
/// # Errors
/// A line without a pair, and one with something that is no key.
pub fn logfmt(line: &str) -> Result<Fields<'_>, NotParsed> {
    let fail = |reason| NotParsed {
        format: "logfmt",
        reason,
    };
    let mut fields = Fields::new();
    let mut left = line.trim();
    let mut pairs = 0;
    while !left.is_empty() {
        let (next, (key, value)) = member(left).map_err(|_| fail("a key was expected"))?;
        pairs += usize::from(value.is_some());
        fields.push((Cow::Borrowed(key), value.map_or(Value::Bool(true), Value::Text)));
        left = next;
    }
    if pairs == 0 {
        return Err(fail("the line has no key=value"));
    }
    Ok(fields)
}

fn member(line: &str) -> IResult<&str, (&str, Option<Cow<'_, str>>)> {
    let key = take_while1(|c: char| c > ' ' && c != '=' && c != '"');
    let value = alt((
        quoted,
        map(is_not(" \t\""), Cow::Borrowed),
        map(nothing, Cow::Borrowed),
    ));
    terminated(pair(key, opt(preceded(char('='), value))), space0).parse(line)
}

/// The empty value of `key=`.
fn nothing(line: &str) -> IResult<&str, &str> {
    Ok((line, ""))
}

/// A quoted text with its escapes resolved. One without an end goes to the end of the line: it was cut.
pub(crate) fn quoted(line: &str) -> IResult<&str, Cow<'_, str>> {
    let inner = |line| recognize(many0_count(alt((escaped, plain)))).parse(line);
    let closed = delimited(char('"'), inner, char('"'));
    let open = preceded(char('"'), rest);
    map(alt((closed, open)), unescape).parse(line)
}

fn escaped(line: &str) -> IResult<&str, &str> {
    recognize(pair(char('\\'), none_of(""))).parse(line)
}

fn plain(line: &str) -> IResult<&str, &str> {
    is_not("\\\"").parse(line)
}

fn unescape(text: &str) -> Cow<'_, str> {
    if text.contains('\\') {
        Cow::Owned(punt_json::unescape(text.as_bytes()).into_owned())
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(value: &str) -> Value<'_> {
        Value::text(value)
    }

    #[test]
    fn real_lines_are_read() {
        let line = r#"time="2026-11-24T09:46:51Z" level=info msg="say \"hi\"\n" elapsed=12ms err= debug path=/a=b utf=é"#;
        let expected: Fields<'_> = vec![
            ("time".into(), text("2026-11-24T09:46:51Z")),
            ("level".into(), text("info")),
            ("msg".into(), text("say \"hi\"\n")),
            ("elapsed".into(), text("12ms")),
            ("err".into(), text("")),
            ("debug".into(), Value::Bool(true)),
            ("path".into(), text("/a=b")),
            ("utf".into(), text("é")),
        ];
        assert_eq!(logfmt(line), Ok(expected));
        assert_eq!(logfmt("a=\"cut off"), Ok(vec![("a".into(), text("cut off"))]));
    }

    #[test]
    fn prose_is_not_logfmt() {
        for line in ["", "  ", "hello world", "=x", "\"quoted\" a=b", "a=b\"c"] {
            assert!(logfmt(line).is_err(), "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_refused_without_panic(line in any::<String>()) {
            let _fields = logfmt(&line);
        }

        #[test]
        fn any_pairs_are_read_back(pairs in prop::collection::vec(("[a-z.]{1,8}", any::<String>()), 1..6)) {
            let line: Vec<String> = pairs.iter().map(|(key, value)| {
                let mut json = Vec::new();
                punt_json::write_text(&mut json, value);
                format!("{key}={}", String::from_utf8(json).unwrap())
            }).collect();
            let line = line.join(" ");
            let fields = logfmt(&line).unwrap();
            let found: Vec<_> = fields.into_iter().map(|(key, value)| (key.into_owned(), value)).collect();
            let expected: Vec<_> = pairs.into_iter().map(|(key, value)| (key, Value::text(value))).collect();
            prop_assert_eq!(found, expected);
        }
    }
}

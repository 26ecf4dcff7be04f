//! What access and error log have in common: the request line, and nginx's escapes.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::{Fields, Value};

/// Adds method, URL and version of `GET /path?q HTTP/1.1`. What is no request line (an attack, TLS on a plain port)
/// has no method, and is kept as the URL that it was taken for.
pub(super) fn add_request<'a>(fields: &mut Fields<'a>, line: Cow<'a, str>) {
    match line {
        Cow::Borrowed(line) => parts(line, |key, value| {
            fields.push((Cow::Borrowed(key), Value::text(value)));
        }),
        Cow::Owned(line) => parts(&line, |key, value| {
            fields.push((Cow::Borrowed(key), Value::text(value.to_owned())));
        }),
    }
}

fn parts<'t>(line: &'t str, mut add: impl FnMut(&'static str, &'t str)) {
    if line.is_empty() || line == "-" {
        return;
    }
    let is_method = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b == b'-' || b == b'_')
    };
    let (method, rest) = match line.split_once(' ') {
        Some((method, rest)) if is_method(method) => (method, rest),
        _ => return add("url.original", line),
    };
    let (url, version) = match rest.rsplit_once(" HTTP/") {
        Some((url, version)) => (url, Some(version)),
        None => (rest, None),
    };
    add("http.request.method", method);
    add("url.original", url);
    if url.starts_with('/') {
        let url = url.split('#').next().unwrap_or(url);
        let (path, query) = url
            .split_once('?')
            .map_or((url, None), |(path, query)| (path, Some(query)));
        add("url.path", path);
        if let Some(query) = query {
            add("url.query", query);
        }
    }
    if let Some(version) = version {
        add("http.version", version);
    }
}

/// Adds the peer: its address, and as an IP address where it is one (it may be `unix:`).
pub(super) fn add_peer<'a>(fields: &mut Fields<'a>, peer: &'a str) {
    if peer.is_empty() || peer == "-" {
        return;
    }
    fields.push((Cow::Borrowed("source.address"), Value::text(peer)));
    if peer.parse::<IpAddr>().is_ok() {
        fields.push((Cow::Borrowed("source.ip"), Value::text(peer)));
    }
}

/// Adds a text unless it is `-` or empty, which stand for nothing.
pub(super) fn add_text<'a>(fields: &mut Fields<'a>, key: &'static str, text: Cow<'a, str>) {
    if !text.is_empty() && text != "-" {
        fields.push((Cow::Borrowed(key), Value::Text(text)));
    }
}

/// Resolves nginx's own escapes, `\xHH` and `\"`; bytes that are not UTF-8 become U+FFFD.
pub(super) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = |digit: u8| (digit as char).to_digit(16);
        rest = match (first, after) {
            (b'\\', [b'x', high, low, tail @ ..])
                if let (Some(high), Some(low)) = (hex(*high), hex(*low)) =>
            {
                bytes.push((high * 16 + low) as u8);
                tail
            }
            (b'\\', [escaped @ (b'"' | b'\\'), tail @ ..]) => {
                bytes.push(*escaped);
                tail
            }
            _ => {
                bytes.push(*first);
                after
            }
        };
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// Seconds such as `0.012` in whole nanoseconds; of several (`0.001, 0.002`, an upstream that was tried twice) none.
pub(super) fn nanoseconds(seconds: &str) -> Option<u64> {
    let (whole, part) = seconds.split_once('.').unwrap_or((seconds, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > 9 {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let part: u64 = format!("{part:0<9}").parse().ok()?;
    whole.checked_mul(1_000_000_000)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_resolved_and_seconds_are_exact() {
        assert_eq!(unescape(r#"a\x22b\"c\xC3\xA9\xFF\z"#), "a\"b\"cé\u{fffd}\\z");
        assert_eq!(nanoseconds("0.012"), Some(12_000_000));
        assert_eq!(nanoseconds("3"), Some(3_000_000_000));
        assert_eq!(nanoseconds("0.001, 0.002"), None);
        assert_eq!(nanoseconds("99999999999999999999"), None);
    }
}

//! The access log: `combined`, `main` (combined and `"$http_x_forwarded_for"`), both with further pieces such as
//! `rt=0.012`, and JSON whose keys are nginx's variables.

use std::borrow::Cow;

use jiff::Timestamp;
use nom::branch::alt;
use nom::bytes::complete::{is_not, tag, take_till1, take_while1};
use nom::character::complete::{anychar, char, space0, space1};
use nom::combinator::{opt, recognize};
use nom::multi::many0_count;
use nom::sequence::{delimited, pair, preceded, terminated};
use nom::{IResult, Parser as _};
use punt_json::{Members, text};

use super::request::{add_peer, add_request, add_text, nanoseconds, unescape};
use crate::{Fields, NotParsed, Value};

const FORMAT: &str = "an nginx access log line";

struct Line<'a> {
    vhost: Option<&'a str>,
    peer: &'a str,
    user: &'a str,
    time: &'a str,
    request: &'a str,
    status: &'a str,
    bytes: &'a str,
    referrer_and_agent: Option<(&'a str, &'a str)>,
    rest: &'a str,
}

/// Reads a line.
///
/// # Errors
/// A line in none of the formats.
pub fn access(line: &str) -> Result<Fields<'_>, NotParsed> {
    let line = line.trim();
    if line.starts_with('{') {
        return json(line);
    }
    let fail = |reason| NotParsed {
        format: FORMAT,
        reason,
    };
    let (_, line) = combined(line).map_err(|_| fail("it is neither combined, main nor JSON"))?;
    let time = time_local(line.time).ok_or(fail("its time is no [day/month/year:h:m:s zone]"))?;
    let mut fields = Fields::with_capacity(16);
    add_common(&mut fields, time, line.peer, line.user);
    add_request(&mut fields, unescape(line.request));
    add_number(&mut fields, "http.response.status_code", line.status);
    add_number(&mut fields, "http.response.body.bytes", line.bytes);
    if let Some((referrer, agent)) = line.referrer_and_agent {
        add_text(&mut fields, "http.request.referrer", unescape(referrer));
        add_text(&mut fields, "user_agent.original", unescape(agent));
    }
    if let Some(vhost) = line.vhost {
        add_text(&mut fields, "url.domain", Cow::Borrowed(vhost));
    }
    add_rest(&mut fields, line.rest);
    add_outcome(&mut fields, line.status);
    Ok(fields)
}

fn combined(line: &str) -> IResult<&str, Line<'_>> {
    let word = |line| take_till1::<_, _, nom::error::Error<&str>>(|c| c == ' ')(line);
    let digits =
        |line| take_while1::<_, _, nom::error::Error<&str>>(|c: char| c.is_ascii_digit() || c == '-')(line);
    // `host:port address - user`, as vhost_combined has it, before `address - user`.
    let full = (opt(terminated(word, space1)), word, tag(" - "));
    let short = (word, tag(" - "));
    let (line, (vhost, peer)) = alt((
        short.map(|(peer, _)| (None, peer)),
        full.map(|(vhost, peer, _)| (vhost, peer)),
    ))
    .parse(line)?;
    // A user name may hold spaces; a bracket ends it.
    let (line, user) = is_not("[")(line)?;
    let (line, time) = delimited(char('['), is_not("]"), char(']')).parse(line)?;
    let (line, request) = preceded(space1, quoted).parse(line)?;
    let (line, status) = preceded(space1, digits).parse(line)?;
    let (line, bytes) = preceded(space1, digits).parse(line)?;
    let (rest, referrer_and_agent) = opt((preceded(space1, quoted), preceded(space1, quoted))).parse(line)?;
    Ok((
        "",
        Line {
            vhost,
            peer,
            user: user.trim(),
            time,
            request,
            status,
            bytes,
            referrer_and_agent,
            rest,
        },
    ))
}

/// What stands between quotes, still escaped.
fn quoted(line: &str) -> IResult<&str, &str> {
    let escaped = |line| recognize(pair(char('\\'), anychar)).parse(line);
    let inner = recognize(many0_count(alt((escaped, is_not("\\\"")))));
    delimited(char('"'), inner, char('"')).parse(line)
}

/// `"10.0.0.1"` (forwarded for), `rt=0.012`, `request_time="0.012"`, `0.012`, in any order.
fn add_rest<'a>(fields: &mut Fields<'a>, mut rest: &'a str) {
    loop {
        let (next, _) = space0::<_, nom::error::Error<&str>>(rest).unwrap_or((rest, ""));
        if next.is_empty() {
            return;
        }
        let (after, name, value) = match quoted(next) {
            Ok((after, value)) => (after, "forwarded", value),
            Err(_) => {
                let end = next.find(' ').unwrap_or(next.len());
                match next.find('=').filter(|at| *at < end) {
                    Some(at) => {
                        let (name, value) = (&next[..at], &next[at + 1..]);
                        match quoted(value) {
                            Ok((after, value)) => (after, name, value),
                            Err(_) => {
                                let (value, after) = value.split_once(' ').unwrap_or((value, ""));
                                (after, name, value)
                            }
                        }
                    }
                    None => (&next[end..], "request_time", &next[..end]),
                }
            }
        };
        match name {
            "forwarded" => add_forwarded(fields, value),
            "rt" | "request_time" => add_duration(fields, value),
            _ => {}
        }
        rest = after;
    }
}

/// Who asked the proxies before us: the first of `client, proxy, proxy`.
fn add_forwarded<'a>(fields: &mut Fields<'a>, value: &'a str) {
    let client = value.split(',').next().unwrap_or(value).trim();
    if client.parse::<std::net::IpAddr>().is_ok() {
        fields.push((Cow::Borrowed("client.ip"), Value::text(client)));
    }
}

fn add_duration(fields: &mut Fields<'_>, seconds: &str) {
    if let Some(nanoseconds) = nanoseconds(seconds) {
        fields.push((Cow::Borrowed("event.duration"), Value::number(nanoseconds)));
    }
}

fn add_common<'a>(fields: &mut Fields<'a>, time: Timestamp, peer: &'a str, user: &'a str) {
    fields.push((Cow::Borrowed("@timestamp"), Value::text(format!("{time:.3}"))));
    fields.push((Cow::Borrowed("event.dataset"), Value::text("nginx.access")));
    add_peer(fields, peer);
    add_text(fields, "user.name", unescape(user));
}

fn add_number<'a>(fields: &mut Fields<'a>, key: &'static str, number: &'a str) {
    // Through a number: a leading zero is none in JSON.
    if let Ok(number) = number.parse() {
        fields.push((Cow::Borrowed(key), Value::number(number)));
    }
}

fn add_outcome(fields: &mut Fields<'_>, status: &str) {
    if let Ok(status @ 100..) = status.parse::<u32>() {
        let outcome = if status < 400 { "success" } else { "failure" };
        fields.push((Cow::Borrowed("event.outcome"), Value::text(outcome)));
    }
}

/// `24/Nov/2026:09:46:51 +0000`
fn time_local(text: &str) -> Option<Timestamp> {
    jiff::fmt::strtime::parse("%d/%b/%Y:%H:%M:%S %z", text)
        .ok()?
        .to_timestamp()
        .ok()
}

/// An object whose keys are nginx's variables. What it does not know of them stays as it is named.
fn json(line: &str) -> Result<Fields<'_>, NotParsed> {
    let fail = |reason| NotParsed {
        format: FORMAT,
        reason,
    };
    let mut fields = Fields::with_capacity(16);
    let (mut time, mut request, mut method, mut url) = (None, None, None, None);
    for member in Members::new(line.as_bytes()) {
        let member = member.map_err(|_| fail("its JSON cannot be read"))?;
        let (Ok(key), Some(value)) = (str::from_utf8(member.key), text(member.value)) else {
            continue;
        };
        match key {
            "time_local" => time = time_local(&value).or(time),
            "time_iso8601" | "@timestamp" | "time" => time = value.parse().ok().or(time),
            "msec" => time = nanoseconds(&value).and_then(from_nanoseconds).or(time),
            "request" => request = Some(value),
            "request_method" => method = Some(value),
            "request_uri" => url = Some(value),
            "remote_addr" => {
                if value.parse::<std::net::IpAddr>().is_ok() {
                    fields.push((Cow::Borrowed("source.ip"), Value::Text(value.clone())));
                }
                add_text(&mut fields, "source.address", value);
            }
            "remote_user" => add_text(&mut fields, "user.name", value),
            "status" => {
                add_outcome(&mut fields, &value);
                if let Ok(status) = value.parse() {
                    fields.push((Cow::Borrowed("http.response.status_code"), Value::number(status)));
                }
            }
            "body_bytes_sent" | "bytes_sent" => {
                if let Ok(bytes) = value.parse() {
                    fields.push((Cow::Borrowed("http.response.body.bytes"), Value::number(bytes)));
                }
            }
            "request_time" => add_duration(&mut fields, &value),
            "http_referer" | "http_referrer" => add_text(&mut fields, "http.request.referrer", value),
            "http_user_agent" => add_text(&mut fields, "user_agent.original", value),
            "host" | "http_host" | "server_name" => add_text(&mut fields, "url.domain", value),
            "request_id" => add_text(&mut fields, "http.request.id", value),
            _ => {}
        }
    }
    if request.is_none() && method.is_none() && url.is_none() {
        return Err(fail(
            "its JSON has none of request, request_method and request_uri",
        ));
    }
    if let Some(request) = request {
        add_request(&mut fields, request);
    } else {
        let line = format!(
            "{} {}",
            method.as_deref().unwrap_or("-"),
            url.as_deref().unwrap_or_default()
        );
        add_request(&mut fields, Cow::Owned(line));
    }
    if let Some(time) = time {
        fields.push((Cow::Borrowed("@timestamp"), Value::text(format!("{time:.3}"))));
    }
    fields.push((Cow::Borrowed("event.dataset"), Value::text("nginx.access")));
    Ok(fields)
}

fn from_nanoseconds(nanoseconds: u64) -> Option<Timestamp> {
    Timestamp::from_nanosecond(nanoseconds.into()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(line: &str) -> Vec<(String, String)> {
        let own = |(key, value): (Cow<'_, str>, Value<'_>)| match value {
            Value::Text(text) | Value::Number(text) => (key.into_owned(), text.into_owned()),
            Value::Bool(value) => (key.into_owned(), value.to_string()),
        };
        access(line).unwrap().into_iter().map(own).collect()
    }

    fn get(fields: &[(String, String)], key: &str) -> Option<String> {
        fields
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.clone())
    }

    const COMBINED: &str = r#"203.0.113.9 - ann [24/Nov/2026:10:46:51 +0100] "GET /a/b?q=1 HTTP/1.1" 200 612 "https://example.org/" "Mozilla/5.0 \x22x\x22""#;

    #[test]
    fn combined_gives_ecs() {
        let fields = read(COMBINED);
        for (key, value) in [
            ("@timestamp", "2026-11-24T09:46:51.000Z"),
            ("source.ip", "203.0.113.9"),
            ("user.name", "ann"),
            ("http.request.method", "GET"),
            ("url.original", "/a/b?q=1"),
            ("url.path", "/a/b"),
            ("url.query", "q=1"),
            ("http.version", "1.1"),
            ("http.response.status_code", "200"),
            ("http.response.body.bytes", "612"),
            ("http.request.referrer", "https://example.org/"),
            ("user_agent.original", "Mozilla/5.0 \"x\""),
            ("event.outcome", "success"),
        ] {
            assert_eq!(get(&fields, key).as_deref(), Some(value), "{key}");
        }
    }

    #[test]
    fn main_and_further_pieces_are_read() {
        let fields = read(&format!(
            "{COMBINED} \"198.51.100.7, 10.0.0.1\" rt=0.012 uct=\"0.001\" urt=\"0.011\""
        ));
        assert_eq!(get(&fields, "client.ip").unwrap(), "198.51.100.7");
        assert_eq!(get(&fields, "event.duration").unwrap(), "12000000");
        assert_eq!(
            get(&read(&format!("{COMBINED} \"-\" 0.5")), "event.duration").unwrap(),
            "500000000"
        );
        let common = r#"::1 - - [24/Nov/2026:09:46:51 +0000] "HEAD / HTTP/2.0" 499 0"#;
        assert_eq!(get(&read(common), "source.ip").unwrap(), "::1");
        assert_eq!(get(&read(common), "event.outcome").unwrap(), "failure");
        let vhost = format!("example.org:443 {COMBINED}");
        assert_eq!(get(&read(&vhost), "url.domain").unwrap(), "example.org:443");
    }

    #[test]
    fn a_request_that_is_none_is_kept_as_it_was() {
        let line = r#"203.0.113.9 - - [24/Nov/2026:09:46:51 +0000] "\x16\x03\x01" 400 150 "-" "-""#;
        let fields = read(line);
        assert_eq!(get(&fields, "http.request.method"), None);
        assert_eq!(get(&fields, "url.original").unwrap(), "\u{16}\u{3}\u{1}");
        assert_eq!(get(&fields, "user_agent.original"), None);
        let empty = r#"unix: - - [24/Nov/2026:09:46:51 +0000] "" 400 0 "-" "-""#;
        assert_eq!(get(&read(empty), "source.ip"), None);
        assert_eq!(get(&read(empty), "url.original"), None);
    }

    #[test]
    fn json_is_read_by_nginx_variables() {
        let line = r#"{"time_iso8601":"2026-11-24T09:46:51+00:00","remote_addr":"203.0.113.9","request":"POST /x HTTP/1.1","status":"201","body_bytes_sent":12,"request_time":"0.250","http_user_agent":"curl/8","http_referer":"-","custom":"kept elsewhere"}"#;
        let fields = read(line);
        for (key, value) in [
            ("@timestamp", "2026-11-24T09:46:51.000Z"),
            ("http.request.method", "POST"),
            ("http.response.status_code", "201"),
            ("http.response.body.bytes", "12"),
            ("event.duration", "250000000"),
            ("user_agent.original", "curl/8"),
        ] {
            assert_eq!(get(&fields, key).as_deref(), Some(value), "{key}");
        }
        let split = r#"{"request_method":"GET","request_uri":"/y?z","status":404}"#;
        assert_eq!(get(&read(split), "url.path").unwrap(), "/y");
    }

    #[test]
    fn other_lines_are_refused() {
        for line in [
            "",
            "hello",
            "{\"a\":1}",
            "{",
            "1.2.3.4 - - [yesterday] \"GET / HTTP/1.1\" 200 1",
        ] {
            assert!(access(line).is_err(), "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_refused_without_panic(line in any::<String>(), cut in 0_usize..200) {
            let _fields = access(&line);
            let _fields = access(COMBINED.get(..cut).unwrap_or(COMBINED));
            let _fields = access(&format!("{COMBINED} {line}"));
        }
    }
}

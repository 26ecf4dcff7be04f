//! Grok: regular expressions with named parts, `%{IP:client} %{NUMBER:bytes:int}`. The base patterns are those
//! of Elasticsearch as far as log lines need them, written without look-around.

use std::collections::HashMap;

use regex::Regex;
use serde_json::Value;

use crate::error::{ApiError, ApiResult};

/// How deep patterns may name patterns.
const MAX_DEPTH: usize = 24;

/// Largest size of a compiled pattern, in bytes.
const MAX_COMPILED: usize = 8 << 20;

/// The patterns that are always there.
pub const PATTERNS: &[(&str, &str)] = &[
    ("USERNAME", r"[a-zA-Z0-9._-]+"),
    ("USER", r"%{USERNAME}"),
    ("EMAILLOCALPART", r"[a-zA-Z0-9!#$%&'*+\-/=?^_`{|}~.]{1,64}"),
    ("EMAILADDRESS", r"%{EMAILLOCALPART}@%{HOSTNAME}"),
    ("INT", r"(?:[+-]?(?:[0-9]+))"),
    ("BASE10NUM", r"(?:[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+))"),
    ("NUMBER", r"(?:%{BASE10NUM})"),
    ("BASE16NUM", r"(?:[+-]?(?:0x)?[0-9A-Fa-f]+)"),
    ("BOOLEAN", r"(?:true|false|TRUE|FALSE|True|False)"),
    ("POSINT", r"\b(?:[1-9][0-9]*)\b"),
    ("NONNEGINT", r"\b(?:[0-9]+)\b"),
    ("WORD", r"\b\w+\b"),
    ("NOTSPACE", r"\S+"),
    ("SPACE", r"\s*"),
    ("DATA", r".*?"),
    ("GREEDYDATA", r".*"),
    (
        "QUOTEDSTRING",
        r#"(?:"(?:\\.|[^\\"])*"|'(?:\\.|[^\\'])*'|`(?:\\.|[^\\`])*`)"#,
    ),
    ("QS", r"%{QUOTEDSTRING}"),
    ("UUID", r"[A-Fa-f0-9]{8}-(?:[A-Fa-f0-9]{4}-){3}[A-Fa-f0-9]{12}"),
    ("CISCOMAC", r"(?:(?:[A-Fa-f0-9]{4}\.){2}[A-Fa-f0-9]{4})"),
    ("WINDOWSMAC", r"(?:(?:[A-Fa-f0-9]{2}-){5}[A-Fa-f0-9]{2})"),
    ("COMMONMAC", r"(?:(?:[A-Fa-f0-9]{2}:){5}[A-Fa-f0-9]{2})"),
    ("MAC", r"(?:%{CISCOMAC}|%{WINDOWSMAC}|%{COMMONMAC})"),
    (
        "IPV6",
        r"(?:(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}|(?:[0-9A-Fa-f]{1,4}:){1,7}:|(?:[0-9A-Fa-f]{1,4}:){1,6}(?::[0-9A-Fa-f]{1,4})+|:(?::[0-9A-Fa-f]{1,4}){1,7}|::)(?:%[0-9A-Za-z]+)?",
    ),
    (
        "IPV4",
        r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])",
    ),
    ("IP", r"(?:%{IPV6}|%{IPV4})"),
    (
        "HOSTNAME",
        r"\b(?:[0-9A-Za-z][0-9A-Za-z_-]{0,62})(?:\.(?:[0-9A-Za-z][0-9A-Za-z_-]{0,62}))*\.?",
    ),
    ("IPORHOST", r"(?:%{IP}|%{HOSTNAME})"),
    ("HOSTPORT", r"%{IPORHOST}:%{POSINT}"),
    ("UNIXPATH", r"(?:/[[:alnum:]_%!$@:.,+~-]*)+"),
    ("WINPATH", r"(?:[A-Za-z]+:|\\)(?:\\[^\\?*]*)+"),
    ("PATH", r"(?:%{UNIXPATH}|%{WINPATH})"),
    ("TTY", r"(?:/dev/(?:pts|tty(?:[pq])?)(?:\w+)?/?(?:[0-9]+))"),
    ("URIPROTO", r"[A-Za-z](?:[A-Za-z0-9+\-.]+)+"),
    ("URIHOST", r"%{IPORHOST}(?::%{POSINT})?"),
    ("URIPATH", r"(?:/[A-Za-z0-9$.+!*'(){},~:;=@#%&_\-]*)+"),
    ("URIQUERY", r"[A-Za-z0-9$.+!*'|(){},~@#%&/=:;_?\-\[\]<>]*"),
    ("URIPARAM", r"\?%{URIQUERY}"),
    ("URIPATHPARAM", r"%{URIPATH}(?:%{URIPARAM})?"),
    (
        "URI",
        r"%{URIPROTO}://(?:%{USER}(?::[^@]*)?@)?(?:%{URIHOST})?(?:%{URIPATHPARAM})?",
    ),
    (
        "MONTH",
        r"\b(?:[Jj]an(?:uary)?|[Ff]eb(?:ruary)?|[Mm]ar(?:ch)?|[Aa]pr(?:il)?|[Mm]ay|[Jj]une?|[Jj]uly?|[Aa]ug(?:ust)?|[Ss]ep(?:tember)?|[Oo]ct(?:ober)?|[Nn]ov(?:ember)?|[Dd]ec(?:ember)?)\b",
    ),
    ("MONTHNUM", r"(?:0?[1-9]|1[0-2])"),
    ("MONTHNUM2", r"(?:0[1-9]|1[0-2])"),
    ("MONTHDAY", r"(?:(?:0[1-9])|(?:[12][0-9])|(?:3[01])|[1-9])"),
    (
        "DAY",
        r"(?:Mon(?:day)?|Tue(?:sday)?|Wed(?:nesday)?|Thu(?:rsday)?|Fri(?:day)?|Sat(?:urday)?|Sun(?:day)?)",
    ),
    ("YEAR", r"(?:\d\d){1,2}"),
    ("HOUR", r"(?:2[0123]|[01]?[0-9])"),
    ("MINUTE", r"(?:[0-5][0-9])"),
    ("SECOND", r"(?:(?:[0-5]?[0-9]|60)(?:[:.,][0-9]+)?)"),
    ("TIME", r"%{HOUR}:%{MINUTE}(?::%{SECOND})"),
    ("DATE_US", r"%{MONTHNUM}[/-]%{MONTHDAY}[/-]%{YEAR}"),
    ("DATE_EU", r"%{MONTHDAY}[./-]%{MONTHNUM}[./-]%{YEAR}"),
    ("DATE", r"(?:%{DATE_US}|%{DATE_EU})"),
    ("ISO8601_TIMEZONE", r"(?:Z|[+-]%{HOUR}(?::?%{MINUTE}))"),
    ("ISO8601_SECOND", r"%{SECOND}"),
    (
        "TIMESTAMP_ISO8601",
        r"%{YEAR}-%{MONTHNUM}-%{MONTHDAY}[T ]%{HOUR}:?%{MINUTE}(?::?%{SECOND})?%{ISO8601_TIMEZONE}?",
    ),
    ("TZ", r"(?:[APMCE][SD]T|UTC|GMT)"),
    ("DATESTAMP", r"%{DATE}[- ]%{TIME}"),
    (
        "DATESTAMP_RFC822",
        r"%{DAY} %{MONTH} %{MONTHDAY} %{YEAR} %{TIME} %{TZ}",
    ),
    (
        "DATESTAMP_RFC2822",
        r"%{DAY}, %{MONTHDAY} %{MONTH} %{YEAR} %{TIME} %{ISO8601_TIMEZONE}",
    ),
    (
        "DATESTAMP_OTHER",
        r"%{DAY} %{MONTH} %{MONTHDAY} %{TIME} %{TZ} %{YEAR}",
    ),
    (
        "DATESTAMP_EVENTLOG",
        r"%{YEAR}%{MONTHNUM2}%{MONTHDAY}%{HOUR}%{MINUTE}%{SECOND}",
    ),
    ("HTTPDATE", r"%{MONTHDAY}/%{MONTH}/%{YEAR}:%{TIME} %{INT}"),
    ("SYSLOGTIMESTAMP", r"%{MONTH} +%{MONTHDAY} %{TIME}"),
    ("PROG", r"[\x21-\x5a\x5c\x5e-\x7e]+"),
    (
        "SYSLOGPROG",
        r"%{PROG:process.name}(?:\[%{POSINT:process.pid:int}\])?",
    ),
    ("SYSLOGHOST", r"%{IPORHOST}"),
    (
        "SYSLOGFACILITY",
        r"<%{NONNEGINT:log.syslog.facility.code:int}.%{NONNEGINT:log.syslog.priority:int}>",
    ),
    (
        "SYSLOGBASE",
        r"%{SYSLOGTIMESTAMP:timestamp} (?:%{SYSLOGFACILITY} )?%{SYSLOGHOST:host.hostname} %{SYSLOGPROG}:",
    ),
    ("SYSLOGLINE", r"%{SYSLOGBASE} %{GREEDYDATA:message}"),
    (
        "LOGLEVEL",
        r"(?:[Aa]lert|ALERT|[Tt]race|TRACE|[Dd]ebug|DEBUG|[Nn]otice|NOTICE|[Ii]nfo(?:rmation)?|INFO(?:RMATION)?|[Ww]arn(?:ing)?|WARN(?:ING)?|[Ee]rr(?:or)?|ERR(?:OR)?|[Cc]rit(?:ical)?|CRIT(?:ICAL)?|[Ff]atal|FATAL|[Ss]evere|SEVERE|EMERG(?:ENCY)?|[Ee]merg(?:ency)?)",
    ),
    ("HTTPDUSER", r"(?:%{EMAILADDRESS}|%{USER})"),
    (
        "COMMONAPACHELOG",
        r#"%{IPORHOST:clientip} %{HTTPDUSER:ident} %{HTTPDUSER:auth} \[%{HTTPDATE:timestamp}\] "(?:%{WORD:verb} %{NOTSPACE:request}(?: HTTP/%{NUMBER:httpversion})?|%{DATA:rawrequest})" (?:-|%{NUMBER:response}) (?:-|%{NUMBER:bytes})"#,
    ),
    (
        "COMBINEDAPACHELOG",
        r"%{COMMONAPACHELOG} %{QS:referrer} %{QS:agent}",
    ),
    (
        "HTTPD_COMMONLOG",
        r#"%{IPORHOST:source.address} (?:-|%{HTTPDUSER:apache.access.user.identity}) (?:-|%{HTTPDUSER:user.name}) \[%{HTTPDATE:timestamp}\] "(?:%{WORD:http.request.method} %{NOTSPACE:url.original}(?: HTTP/%{NUMBER:http.version})?|%{DATA})" (?:-|%{INT:http.response.status_code:int}) (?:-|%{INT:http.response.body.bytes:int})"#,
    ),
    (
        "HTTPD_COMBINEDLOG",
        r#"%{HTTPD_COMMONLOG} "(?:-|%{DATA:http.request.referrer})" "(?:-|%{DATA:user_agent.original})""#,
    ),
    (
        "JAVACLASS",
        r"(?:[a-zA-Z$_][a-zA-Z$_0-9]*\.)*[a-zA-Z$_][a-zA-Z$_0-9]*",
    ),
    ("JAVAFILE", r"(?:[a-zA-Z$_0-9. -]+)"),
];

/// One named part of a pattern.
#[derive(Debug, Clone)]
struct Part {
    group: String,
    field: String,
    convert: Option<Conversion>,
}

#[derive(Debug, Clone, Copy)]
enum Conversion {
    Int,
    Float,
    Boolean,
}

/// Several patterns, of which the first that matches counts.
#[derive(Debug)]
pub struct Grok {
    patterns: Vec<(Regex, Vec<Part>)>,
}

// === impl Grok ===

impl Grok {
    /// Compiles patterns with definitions of one's own.
    pub fn new(patterns: &[String], own: &HashMap<String, String>) -> ApiResult<Self> {
        let patterns = patterns
            .iter()
            .map(|pattern| {
                let mut parts = Vec::new();
                let expanded = expand(pattern, own, &mut parts, 0)?;
                let regex = regex::RegexBuilder::new(&expanded)
                    .size_limit(MAX_COMPILED)
                    .build()
                    .map_err(|error| {
                        ApiError::argument(format!(
                            "[patterns] Invalid regex pattern found in: [{pattern}]. {error}"
                        ))
                    })?;
                Ok((regex, parts))
            })
            .collect::<ApiResult<_>>()?;
        Ok(Self { patterns })
    }

    /// The fields that a text has, and the number of the pattern that matched.
    pub fn captures(&self, text: &str) -> Option<(usize, Vec<(String, Value)>)> {
        for (number, (regex, parts)) in self.patterns.iter().enumerate() {
            let Some(found) = regex.captures(text) else {
                continue;
            };
            let mut out: Vec<(String, Value)> = Vec::new();
            for part in parts {
                let Some(found) = found.name(&part.group) else {
                    continue;
                };
                // Alternatives may give the same field: the first that matched counts.
                if out.iter().any(|(field, _)| *field == part.field) {
                    continue;
                }
                let text = found.as_str();
                let value = match part.convert {
                    Some(Conversion::Int) => text
                        .parse::<i64>()
                        .map_or_else(|_| Value::from(text), Value::from),
                    Some(Conversion::Float) => text
                        .parse::<f64>()
                        .map_or_else(|_| Value::from(text), Value::from),
                    Some(Conversion::Boolean) => text.eq_ignore_ascii_case("true").into(),
                    None => text.into(),
                };
                out.push((part.field.clone(), value));
            }
            return Some((number, out));
        }
        None
    }
}

fn expand(
    pattern: &str,
    own: &HashMap<String, String>,
    parts: &mut Vec<Part>,
    depth: usize,
) -> ApiResult<String> {
    if depth > MAX_DEPTH {
        return Err(ApiError::argument(format!(
            "circular reference in pattern [{pattern}]"
        )));
    }
    let mut out = String::new();
    let mut rest = pattern;
    while let Some(open) = rest.find("%{") {
        out.push_str(&named_groups(&rest[..open], parts));
        let after = &rest[open + 2..];
        let close = after
            .find('}')
            .ok_or_else(|| ApiError::argument(format!("pattern [{pattern}] has an open %{{")))?;
        let mut words = after[..close].split(':');
        let name = words.next().unwrap_or_default();
        let body = own
            .get(name)
            .map(String::as_str)
            .or_else(|| {
                PATTERNS
                    .iter()
                    .find(|(known, _)| *known == name)
                    .map(|(_, body)| *body)
            })
            .ok_or_else(|| {
                ApiError::argument(format!(
                    "Unable to find pattern [{name}] in Grok's pattern dictionary"
                ))
            })?;
        let field = words.next().filter(|field| !field.is_empty());
        let inner_at = parts.len();
        match field {
            None => out.push_str(&format!("(?:{})", expand(body, own, parts, depth + 1)?)),
            Some(field) => {
                let convert = match words.next() {
                    Some("int" | "long") => Some(Conversion::Int),
                    Some("float" | "double") => Some(Conversion::Float),
                    Some("boolean") => Some(Conversion::Boolean),
                    _ => None,
                };
                let group = format!("g{}_{inner_at}", depth);
                let group = if parts.iter().any(|part| part.group == group) {
                    format!("{group}x{}", parts.len())
                } else {
                    group
                };
                parts.push(Part {
                    group: group.clone(),
                    field: field.to_owned(),
                    convert,
                });
                out.push_str(&format!("(?P<{group}>{})", expand(body, own, parts, depth + 1)?));
            }
        }
        rest = &after[close + 1..];
    }
    out.push_str(&named_groups(rest, parts));
    Ok(out)
}

/// Onigurama's `(?<name>…)`, whose names may have dots and an at sign, as a group of ours.
fn named_groups(text: &str, parts: &mut Vec<Part>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(open) = rest.find("(?<") {
        let after = &rest[open + 3..];
        if after.starts_with(['=', '!']) {
            out.push_str(&rest[..open + 3]);
            rest = after;
            continue;
        }
        let Some(close) = after.find('>') else { break };
        let group = format!("n{}", parts.len());
        out.push_str(&rest[..open]);
        out.push_str(&format!("(?P<{group}>"));
        parts.push(Part {
            group,
            field: after[..close].to_owned(),
            convert: None,
        });
        rest = &after[close + 1..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn captured(pattern: &str, text: &str) -> Option<HashMap<String, Value>> {
        Grok::new(&[pattern.to_owned()], &HashMap::new())
            .unwrap()
            .captures(text)
            .map(|(_, fields)| fields.into_iter().collect())
    }

    #[test]
    fn every_base_pattern_compiles() {
        for (name, _) in PATTERNS {
            Grok::new(&[format!("%{{{name}}}")], &HashMap::new()).unwrap();
        }
    }

    #[test]
    fn log_lines_are_taken_apart() {
        let fields = captured(
            "%{IP:client} %{WORD:method} %{URIPATHPARAM:request} %{NUMBER:bytes:int} %{NUMBER:duration:float}",
            "55.3.244.1 GET /index.html?x=1 15824 0.043",
        )
        .unwrap();
        assert_eq!(fields["client"], "55.3.244.1");
        assert_eq!(fields["bytes"], json!(15824));
        assert_eq!(fields["duration"], json!(0.043));
        let fields = captured(
            "%{COMBINEDAPACHELOG}",
            r#"127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a.gif HTTP/1.0" 200 2326 "http://x/" "Mozilla/4.08""#,
        )
        .unwrap();
        assert_eq!(fields["verb"], "GET");
        assert_eq!(fields["response"], "200");
        assert_eq!(fields["timestamp"], "10/Oct/2000:13:55:36 -0700");
        let fields = captured("%{SYSLOGLINE}", "Nov  4 10:00:01 web-1 sshd[812]: hello there").unwrap();
        assert_eq!(fields["process.pid"], json!(812));
        assert_eq!(fields["message"], "hello there");
        let fields = captured("(?<log.level>[A-Z]+) %{GREEDYDATA:m}", "WARN x").unwrap();
        assert_eq!(fields["log.level"], "WARN");
        assert!(captured("%{INT:n}x", "nope").is_none());
        assert!(Grok::new(&["%{NOPE:x}".to_owned()], &HashMap::new()).is_err());
    }
}

//! How `punt tail` writes an event: as JSON, logfmt, a line for people, or by a template.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// The form of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Layout {
    /// The event as it is stored.
    Json,
    /// `key=value` pairs, quoted where they must be.
    Logfmt,
    /// Time, level, service, message, and the other fields behind it.
    Pretty,
    /// A text with `{field}` in it.
    Template(String),
}

/// Fields that the pretty form has in front or leaves out.
const IN_FRONT: &[&str] = &[
    "@timestamp",
    "log.level",
    "service.name",
    "message",
    "ecs.version",
];

// === impl Layout ===

impl Layout {
    /// Reads `json`, `logfmt`, `pretty`, or a template, which is told by a `{`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "json" => Ok(Self::Json),
            "logfmt" => Ok(Self::Logfmt),
            "pretty" => Ok(Self::Pretty),
            template if template.contains('{') => Ok(Self::Template(template.to_owned())),
            _ => Err(format!(
                "{text:?} is no format: write json, logfmt, pretty, or a template such as '{{log.level}} {{message}}'"
            )),
        }
    }

    /// The line for an event, without its end.
    pub(super) fn line(&self, event: &Map<String, Value>, colour: bool) -> String {
        match self {
            Self::Json => Value::Object(event.clone()).to_string(),
            Self::Logfmt => pairs(event.iter()),
            Self::Pretty => pretty(event, colour),
            Self::Template(template) => fill(template, event),
        }
    }
}

/// The value of a field, whether its dots are flat or nested; one of them may be missing.
pub(super) fn value<'e>(event: &'e Map<String, Value>, name: &str) -> Option<&'e Value> {
    if let Some(value) = event.get(name) {
        return Some(value);
    }
    let (first, rest) = name.split_once('.')?;
    value(event.get(first)?.as_object()?, rest)
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn field(event: &Map<String, Value>, name: &str) -> String {
    value(event, name).map(text).unwrap_or_default()
}

fn pairs<'e>(fields: impl Iterator<Item = (&'e String, &'e Value)>) -> String {
    let mut line = String::new();
    for (name, value) in fields {
        if !line.is_empty() {
            line.push(' ');
        }
        let text = text(value);
        let plain = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '=' | '\\');
        // Writing to a string cannot fail.
        let _ = match !text.is_empty() && text.chars().all(plain) {
            true => write!(line, "{name}={text}"),
            false => write!(line, "{name}={}", Value::String(text)),
        };
    }
    line
}

fn pretty(event: &Map<String, Value>, colour: bool) -> String {
    let level = field(event, "log.level");
    let paint = match (colour, level.as_str()) {
        (false, _) => ("", ""),
        (true, "error" | "fatal" | "critical") => ("\u{1b}[31m", "\u{1b}[0m"),
        (true, "warn" | "warning") => ("\u{1b}[33m", "\u{1b}[0m"),
        (true, _) => ("\u{1b}[32m", "\u{1b}[0m"),
    };
    let mut line = format!(
        "{} {}{:<5}{} {}: {}",
        field(event, "@timestamp"),
        paint.0,
        level,
        paint.1,
        field(event, "service.name"),
        field(event, "message").escape_debug()
    );
    let rest = pairs(
        event
            .iter()
            .filter(|(name, _)| !IN_FRONT.contains(&name.as_str())),
    );
    if !rest.is_empty() {
        line.push_str("  ");
        line.push_str(&rest);
    }
    line
}

fn fill(template: &str, event: &Map<String, Value>) -> String {
    let (mut line, mut rest) = (String::new(), template);
    while let Some((before, from)) = rest.split_once('{') {
        line.push_str(before);
        let Some((name, behind)) = from.split_once('}') else {
            line.push('{');
            rest = from;
            continue;
        };
        let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
        line.extend(field(event, name).chars().map(shown));
        rest = behind;
    }
    line.push_str(rest);
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(layout: &str, event: &str) -> String {
        let event = serde_json::from_str(event).unwrap();
        Layout::parse(layout).unwrap().line(&event, false)
    }

    const EVENT: &str =
        r#"{"@timestamp":"T","log.level":"warn","service.name":"api","message":"a b","n":1,"o":{"p":"q"}}"#;

    #[test]
    fn each_format_writes_its_own_line() {
        assert_eq!(line("json", EVENT), EVENT);
        assert_eq!(
            line("logfmt", EVENT),
            r#"@timestamp=T log.level=warn service.name=api message="a b" n=1 o="{\"p\":\"q\"}""#
        );
        assert_eq!(
            line("pretty", EVENT),
            r#"T warn  api: a b  n=1 o="{\"p\":\"q\"}""#
        );
        assert_eq!(
            line("{log.level}: {message} {o.p}{gone} {", EVENT),
            "warn: a b q {"
        );
    }

    #[test]
    fn a_message_cannot_move_the_cursor_of_whoever_watches() {
        let event = r#"{"message":"\u001b[2J\nx"}"#;
        assert!(!line("pretty", event).contains('\u{1b}'));
        assert_eq!(line("logfmt", event), r#"message="\u001b[2J\nx""#);
    }

    #[test]
    fn a_format_that_is_none_is_refused() {
        assert!(Layout::parse("xml").is_err());
    }
}

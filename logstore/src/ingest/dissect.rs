//! Dissect: a text cut at fixed delimiters, `%{ts} %{+ts} %{level->} [%{?skip}] %{msg}`.

use crate::error::{ApiError, ApiResult};

/// What a key does with its part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Field,
    Append,
    Skip,
    /// `%{*name}`: the part names a field.
    Name,
    /// `%{&name}`: the part is the value of the field so named.
    Value,
}

#[derive(Debug, Clone)]
struct Key {
    kind: Kind,
    name: String,
    order: usize,
    /// `->`: the delimiter after it may repeat.
    padded: bool,
    /// What follows it.
    delimiter: String,
}

/// A pattern.
#[derive(Debug, Clone)]
pub struct Dissect {
    before: String,
    keys: Vec<Key>,
    separator: String,
}

// === impl Dissect ===

impl Dissect {
    /// Reads a pattern; parts that are appended are joined by the separator.
    pub fn new(pattern: &str, separator: &str) -> ApiResult<Self> {
        let invalid = || ApiError::argument(format!("Unable to parse pattern: {pattern}"));
        let first = pattern.find("%{").ok_or_else(invalid)?;
        let mut keys = Vec::new();
        let mut rest = &pattern[first..];
        while let Some(after) = rest.strip_prefix("%{") {
            let close = after.find('}').ok_or_else(invalid)?;
            let tail = &after[close + 1..];
            let end = tail.find("%{").unwrap_or(tail.len());
            let (word, padded) = match after[..close].strip_suffix("->") {
                Some(word) => (word, true),
                None => (&after[..close], false),
            };
            let (kind, name) = match word.chars().next() {
                Some('+') => (Kind::Append, &word[1..]),
                Some('?') => (Kind::Skip, &word[1..]),
                Some('*') => (Kind::Name, &word[1..]),
                Some('&') => (Kind::Value, &word[1..]),
                None => (Kind::Skip, ""),
                Some(_) => (Kind::Field, word),
            };
            let (name, order) = match name.split_once('/') {
                Some((name, order)) => (name, order.parse().map_err(|_| invalid())?),
                None => (name, keys.len()),
            };
            keys.push(Key {
                kind,
                name: name.to_owned(),
                order,
                padded,
                delimiter: tail[..end].to_owned(),
            });
            rest = &tail[end..];
        }
        Ok(Self {
            before: pattern[..first].to_owned(),
            keys,
            separator: separator.to_owned(),
        })
    }

    /// The fields of a text; `None`: it does not fit.
    pub fn cut(&self, text: &str) -> Option<Vec<(String, String)>> {
        let mut rest = text.strip_prefix(self.before.as_str())?;
        let mut parts: Vec<(&Key, &str)> = Vec::with_capacity(self.keys.len());
        for key in &self.keys {
            if key.delimiter.is_empty() {
                parts.push((key, rest));
                rest = "";
                continue;
            }
            let at = rest.find(key.delimiter.as_str())?;
            parts.push((key, &rest[..at]));
            rest = &rest[at + key.delimiter.len()..];
            while key.padded && rest.starts_with(key.delimiter.as_str()) {
                rest = &rest[key.delimiter.len()..];
            }
        }
        let mut out: Vec<(String, String)> = Vec::new();
        for (key, part) in &parts {
            match key.kind {
                Kind::Field => out.push((key.name.clone(), (*part).to_owned())),
                Kind::Value => {
                    let (_, name) = parts
                        .iter()
                        .find(|(other, _)| other.kind == Kind::Name && other.name == key.name)?;
                    out.push(((*name).to_owned(), (*part).to_owned()));
                }
                Kind::Append | Kind::Skip | Kind::Name => {}
            }
        }
        let mut appended: Vec<&(&Key, &str)> =
            parts.iter().filter(|(key, _)| key.kind == Kind::Append).collect();
        appended.sort_by_key(|(key, _)| key.order);
        for (key, part) in appended {
            match out.iter_mut().find(|(name, _)| *name == key.name) {
                Some((_, value)) => {
                    value.push_str(&self.separator);
                    value.push_str(part);
                }
                None => out.push((key.name.clone(), (*part).to_owned())),
            }
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pattern: &str, text: &str) -> Option<Vec<(String, String)>> {
        Dissect::new(pattern, " ").unwrap().cut(text)
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn a_text_is_cut_at_its_delimiters() {
        assert_eq!(
            cut(
                "%{clientip} %{ident} [%{@timestamp}] %{msg}",
                "1.2.3.4 - [30/Apr/1998] GET / x"
            ),
            Some(vec![
                pair("clientip", "1.2.3.4"),
                pair("ident", "-"),
                pair("@timestamp", "30/Apr/1998"),
                pair("msg", "GET / x")
            ])
        );
        assert_eq!(
            cut("%{a} %{+a} %{b}", "x y z"),
            Some(vec![pair("a", "x y"), pair("b", "z")])
        );
        assert_eq!(
            cut("%{level->} %{m}", "WARN    x"),
            Some(vec![pair("level", "WARN"), pair("m", "x")])
        );
        assert_eq!(
            cut("[%{*k}:%{&k}]", "[ip:1.2.3.4]"),
            Some(vec![pair("ip", "1.2.3.4")])
        );
        assert_eq!(cut("%{a}, %{b}", "no comma"), None);
        assert!(Dissect::new("nothing", "").is_err());
    }
}

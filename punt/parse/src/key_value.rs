//! Pairs with any separators: `user=ann; action=login`, `a:1|b:2`.

use std::borrow::Cow;

use crate::logfmt::quoted;
use crate::{Fields, NotParsed, Value};

/// How pairs are separated. Neither separator may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyValue {
    /// Between two pairs, such as `;` or `, `.
    pub field_separator: String,
    /// Between key and value, such as `=`.
    pub value_separator: String,
}

// === impl KeyValue ===

impl KeyValue {
    /// Reads a line. Space around keys and values is dropped; a value in double quotes may hold separators.
    ///
    /// # Errors
    /// A line in which any piece is no pair.
    pub fn parse<'a>(&self, line: &'a str) -> Result<Fields<'a>, NotParsed> {
        let fail = |reason| NotParsed {
            format: "key-value pairs",
            reason,
        };
        let (between, within) = (self.field_separator.as_str(), self.value_separator.as_str());
        if between.is_empty() || within.is_empty() {
            return Err(fail("a separator is empty"));
        }
        let mut fields = Fields::new();
        let mut left = line.trim();
        while !left.is_empty() {
            // Several separators in a row are one.
            if let Some(next) = left.strip_prefix(between) {
                left = next.trim_start();
                continue;
            }
            let (key, after) = left
                .split_once(within)
                .ok_or(fail("a piece has no value separator"))?;
            if key.contains(between) || key.trim().is_empty() {
                return Err(fail("a piece has no key and value"));
            }
            let trimmed = after.trim_start_matches(' ');
            let (value, next) = if trimmed.starts_with('"') {
                let (next, value) = quoted(trimmed).map_err(|_| fail("a quotation cannot be read"))?;
                (value, next.trim_start())
            } else {
                let (value, next) = after.split_once(between).unwrap_or((after, ""));
                (Cow::Borrowed(value.trim()), next)
            };
            fields.push((Cow::Borrowed(key.trim()), Value::Text(value)));
            left = next.trim_start();
        }
        if fields.is_empty() {
            return Err(fail("the line is empty"));
        }
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(between: &str, within: &str, line: &str) -> Option<Vec<(String, String)>> {
        let format = KeyValue {
            field_separator: between.to_owned(),
            value_separator: within.to_owned(),
        };
        let own = |(key, value): (Cow<'_, str>, Value<'_>)| match value {
            Value::Text(text) => (key.into_owned(), text.into_owned()),
            other => (key.into_owned(), format!("{other:?}")),
        };
        Some(format.parse(line).ok()?.into_iter().map(own).collect())
    }

    fn pairs(pairs: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
        Some(
            pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn any_separators_separate() {
        assert_eq!(
            read(";", "=", "user=ann; action = log in ;note=\"a;b=c\";"),
            pairs(&[("user", "ann"), ("action", "log in"), ("note", "a;b=c")])
        );
        assert_eq!(read("|", ":", "a:1||b:x:y"), pairs(&[("a", "1"), ("b", "x:y")]));
        assert_eq!(
            read(" ", "=", "a=1  b=  c=2"),
            pairs(&[("a", "1"), ("b", ""), ("c", "2")])
        );
        assert_eq!(
            read(",", "=", "SRC=10.0.0.1, DST=10.0.0.2"),
            pairs(&[("SRC", "10.0.0.1"), ("DST", "10.0.0.2")])
        );
    }

    #[test]
    fn what_is_no_pair_is_refused() {
        for line in ["", "a", "a=1;b", "=1", "a;b=1"] {
            assert_eq!(read(";", "=", line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_refused_without_panic(line in any::<String>(), between in ".{0,2}", within in ".{0,2}") {
            let _fields = read(&between, &within, &line);
        }
    }
}

//! Whether an answer is what a step says it is.

use anyhow::{Context as _, bail};
use regex::RegexBuilder;
use serde_json::Value;

use crate::step::Assert;

/// Checks `actual` (what stands at the path) against `expected`; the error says how they differ.
pub(crate) fn check(assert: Assert, actual: Option<&Value>, expected: &Value) -> anyhow::Result<()> {
    let shown = actual.map_or_else(|| "nothing".to_owned(), brief);
    match assert {
        Assert::IsTrue if !is_true(actual) => bail!("should be true, is {shown}"),
        Assert::IsFalse if is_true(actual) => bail!("should be false, is {shown}"),
        Assert::IsTrue | Assert::IsFalse => Ok(()),
        Assert::Match => match (actual, expected) {
            (None, Value::Null) => Ok(()),
            (Some(actual), expected) => matches(actual, expected),
            (None, expected) => bail!("should be {}, is not there", brief(expected)),
        },
        Assert::Length => {
            let length = match actual {
                Some(Value::Array(items)) => items.len(),
                Some(Value::Object(object)) => object.len(),
                Some(Value::String(text)) => text.chars().count(),
                _ => bail!("has no length: {shown}"),
            };
            let wanted: usize = text(expected)
                .parse()
                .context("the expected length is no number")?;
            if length != wanted {
                bail!("should have length {wanted}, has {length}: {shown}");
            }
            Ok(())
        }
        Assert::Contains => {
            let found = match actual {
                Some(Value::Array(items)) => items.iter().any(|item| includes(item, expected)),
                Some(Value::String(text)) => expected.as_str().is_some_and(|part| text.contains(part)),
                Some(object @ Value::Object(_)) => includes(object, expected),
                _ => false,
            };
            if !found {
                bail!("should contain {}, is {shown}", brief(expected));
            }
            Ok(())
        }
        Assert::Greater | Assert::GreaterOrEqual | Assert::Less | Assert::LessOrEqual => {
            let number = |value: &Value| text(value).parse::<f64>().ok();
            let (Some(actual), Some(expected)) = (actual.and_then(number), number(expected)) else {
                bail!("cannot be compared with {expected}: {shown}");
            };
            let holds = match assert {
                Assert::Greater => actual > expected,
                Assert::GreaterOrEqual => actual >= expected,
                Assert::Less => actual < expected,
                _ => actual <= expected,
            };
            if !holds {
                bail!("{actual} should be {assert:?} than {expected}");
            }
            Ok(())
        }
    }
}

/// An empty text, `false`, `0` and what is not there are false.
fn is_true(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(value) => {
            let text = text(value);
            !(text.is_empty() || text.eq_ignore_ascii_case("false") || text == "0")
        }
    }
}

fn matches(actual: &Value, expected: &Value) -> anyhow::Result<()> {
    if let Value::String(pattern) = expected
        && let Some(pattern) = pattern
            .trim()
            .strip_prefix('/')
            .and_then(|pattern| pattern.strip_suffix('/'))
    {
        let mut pattern = pattern.replace("\\/", "/");
        // Java's `$` also matches before a last line end.
        if pattern.trim_end().ends_with('$') {
            pattern.truncate(pattern.trim_end().len() - 1);
            pattern.push_str("\\n?\\z");
        }
        let regex = RegexBuilder::new(&pattern).ignore_whitespace(true).build();
        let regex = regex.with_context(|| format!("{pattern:?} is no regular expression"))?;
        if !regex.is_match(&text(actual)) {
            bail!("should match /{pattern}/, is {}", brief(actual));
        }
        return Ok(());
    }
    if !equal(actual, expected) {
        bail!("should be {}, is {}", brief(expected), brief(actual));
    }
    Ok(())
}

/// Numbers are equal across types, and up to the last digit of a double, which reading JSON does not keep.
fn equal(actual: &Value, expected: &Value) -> bool {
    match (actual, expected) {
        (Value::Number(a), Value::Number(b)) => {
            let near = |(a, b): (f64, f64)| a == b || (a - b).abs() <= f64::EPSILON * a.abs();
            let whole = |number: &serde_json::Number| number.is_i64() || number.is_u64();
            a == b || !(whole(a) && whole(b)) && a.as_f64().zip(b.as_f64()).is_some_and(near)
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        (a, b) => a == b,
    }
}

/// Whether `actual` has all that `expected` has.
fn includes(actual: &Value, expected: &Value) -> bool {
    match (actual, expected) {
        (Value::Object(a), Value::Object(b)) => {
            b.iter().all(|(key, b)| a.get(key).is_some_and(|a| equal(a, b)))
        }
        (a, b) => equal(a, b),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn brief(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(400) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

//! Terms and patterns in the families of the fixed schema.

use tantivy::Term;
use tantivy::query::{Query, RegexQuery};
use tantivy::schema::Field as Handle;

use crate::error::{ApiError, ApiResult};
use crate::mapping::field::escape;
use crate::query::ast::Pattern;
use crate::query::regexp;

/// The term of a string at a path.
pub fn string(family: Handle, path: &str, value: &str) -> Term {
    let mut term = Term::from_field_json_path(family, &escape(path), true);
    term.append_type_and_str(value);
    term
}

/// The term of a whole number at a path.
pub fn whole(family: Handle, path: &str, value: i64) -> Term {
    let mut term = Term::from_field_json_path(family, &escape(path), true);
    term.append_type_and_fast_value(value);
    term
}

/// The term of a whole number without a sign at a path.
pub fn unsigned(family: Handle, path: &str, value: u64) -> Term {
    let mut term = Term::from_field_json_path(family, &escape(path), true);
    term.append_type_and_fast_value(value);
    term
}

/// The term of a floating-point number at a path.
pub fn float(family: Handle, path: &str, value: f64) -> Term {
    let mut term = Term::from_field_json_path(family, &escape(path), true);
    term.append_type_and_fast_value(value);
    term
}

/// The end of the terms that start with some bytes.
pub fn end_of_prefix(prefix: &[u8]) -> std::ops::Bound<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return std::ops::Bound::Excluded(end);
        }
    }
    std::ops::Bound::Unbounded
}

/// The strings at a path that match a pattern.
///
/// tantivy matches an automaton against the whole term, and the terms of a JSON field start with their path:
/// so the path, its end mark and the type code become the literal start of the expression.
pub fn pattern(
    family: Handle,
    path: &str,
    pattern: &Pattern,
    ignore_case: bool,
) -> ApiResult<Box<dyn Query>> {
    let expression = expression(pattern)?;
    let flags = if ignore_case { "(?is:" } else { "(?s:" };
    let start = regex::escape(&path.replace('.', "\u{1}"));
    let query =
        RegexQuery::from_pattern(&format!("{start}\u{0}s{flags}{expression})"), family).map_err(|error| {
            ApiError::parsing(format!(
                "cannot use pattern [{expression}] on field [{path}]: {error}"
            ))
        })?;
    Ok(Box::new(query))
}

/// A pattern as a regular expression over the whole term.
pub fn expression(pattern: &Pattern) -> ApiResult<String> {
    match pattern {
        Pattern::Prefix(text) => Ok(format!("{}.*", regex::escape(text))),
        Pattern::Wildcard(text) => Ok(wildcard(text)),
        Pattern::Regexp(text) => regexp::translate(text)
            .map_err(|reason| ApiError::argument(format!("cannot use regexp [{text}]: {reason}"))),
    }
}

/// `*` and `?` as a regular expression.
fn wildcard(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut chars = text.chars();
    let mut literal = [0_u8; 4];
    while let Some(c) = chars.next() {
        match c {
            '*' => out.push_str(".*"),
            '?' => out.push('.'),
            '\\' => {
                let next = chars.next().unwrap_or('\\');
                out.push_str(&regex::escape(next.encode_utf8(&mut literal)));
            }
            c => out.push_str(&regex::escape(c.encode_utf8(&mut literal))),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_become_expressions() {
        assert_eq!(wildcard(r"a*b?c\*.d"), r"a.*b.c\*\.d");
    }
}

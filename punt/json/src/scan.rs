//! Finding the end of a value, by the grammar of RFC 8259, strictly and without a stack of calls.

use thiserror::Error;

/// The deepest nesting of arrays and objects; what is nested deeper is refused.
pub const MAX_DEPTH: usize = 128;

/// Text that is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{reason} at byte {at}")]
pub struct Malformed {
    /// What is wrong.
    pub reason: &'static str,
    /// Where.
    pub at: usize,
}

/// The kinds of the open containers, innermost in the lowest bit: 1 is an object. [`MAX_DEPTH`] fit.
#[derive(Debug, Default)]
struct Open {
    kinds: u128,
    depth: usize,
}

/// The first place at or after `at` that is no white space.
pub fn skip_space(json: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = json.get(at) {
        at += 1;
    }
    at
}

/// Where the value ends that starts at `at`. `json` must be UTF-8; that is not checked again.
///
/// # Errors
/// Anything that is no JSON value, and one that is nested deeper than [`MAX_DEPTH`].
pub fn value_end(json: &[u8], at: usize) -> Result<usize, Malformed> {
    let mut at = at;
    let mut open = Open::default();
    loop {
        at = skip_space(json, at);
        at = match json.get(at) {
            Some(b'"') => string_end(json, at)?,
            Some(b'{') => {
                open.push(true, at)?;
                let first = skip_space(json, at + 1);
                if json.get(first) != Some(&b'}') {
                    at = key_end(json, first)?;
                    continue;
                }
                open.pop();
                first + 1
            }
            Some(b'[') => {
                open.push(false, at)?;
                let first = skip_space(json, at + 1);
                if json.get(first) != Some(&b']') {
                    at = first;
                    continue;
                }
                open.pop();
                first + 1
            }
            Some(b'-' | b'0'..=b'9') => number_end(json, at)?,
            Some(b't') => literal_end(json, at, b"true")?,
            Some(b'f') => literal_end(json, at, b"false")?,
            Some(b'n') => literal_end(json, at, b"null")?,
            _ => return fail("expected a value", at),
        };
        loop {
            if open.depth == 0 {
                return Ok(at);
            }
            at = skip_space(json, at);
            match (json.get(at), open.is_object()) {
                (Some(b','), true) => {
                    at = key_end(json, skip_space(json, at + 1))?;
                    break;
                }
                (Some(b','), false) => {
                    at += 1;
                    break;
                }
                (Some(b'}'), true) | (Some(b']'), false) => {
                    open.pop();
                    at += 1;
                }
                _ => return fail("expected a comma or the end of an array or object", at),
            }
        }
    }
}

/// Where the string ends that starts with the quote at `at`.
pub(crate) fn string_end(json: &[u8], at: usize) -> Result<usize, Malformed> {
    if json.get(at) != Some(&b'"') {
        return fail("expected a string", at);
    }
    let mut at = at + 1;
    loop {
        at = next_special(json, at);
        match json.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => match json.get(at + 1) {
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => at += 2,
                Some(b'u')
                    if json
                        .get(at + 2..at + 6)
                        .is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) =>
                {
                    at += 6;
                }
                _ => return fail("a wrong escape", at),
            },
            Some(_) => return fail("a control character in a string", at),
            None => return fail("a string without an end", at),
        }
    }
}

/// Where the value of the member starts whose key starts at `at`: behind key and colon.
fn key_end(json: &[u8], at: usize) -> Result<usize, Malformed> {
    let colon = skip_space(json, string_end(json, at)?);
    match json.get(colon) {
        Some(b':') => Ok(colon + 1),
        _ => fail("expected a colon", colon),
    }
}

/// The first quote, backslash or control character at or after `at`, eight bytes at a time.
fn next_special(json: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    while let Some(bytes) = json.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*bytes);
        // The high bit of a byte is set where it is zero, or less than 0x20; a borrow can only spoil what stands
        // above a true hit, and the lowest is what is taken.
        let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let found = zero(word ^ (ONES * u64::from(b'"'))) | zero(word ^ (ONES * u64::from(b'\\'))) | control;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(byte) = json.get(at)
        && *byte >= 0x20
        && !matches!(byte, b'"' | b'\\')
    {
        at += 1;
    }
    at
}

fn number_end(json: &[u8], start: usize) -> Result<usize, Malformed> {
    let digits = |mut at: usize| {
        let from = at;
        while json.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        (at > from).then_some(at).ok_or(Malformed {
            reason: "a number without a digit",
            at,
        })
    };
    let mut at = start + usize::from(json.get(start) == Some(&b'-'));
    let leading_zero = json.get(at) == Some(&b'0');
    let whole = digits(at)?;
    if leading_zero && whole > at + 1 {
        return fail("a number with a leading zero", at);
    }
    at = whole;
    if json.get(at) == Some(&b'.') {
        at = digits(at + 1)?;
    }
    if let Some(b'e' | b'E') = json.get(at) {
        let sign = matches!(json.get(at + 1), Some(b'+' | b'-'));
        at = digits(at + 1 + usize::from(sign))?;
    }
    Ok(at)
}

fn literal_end(json: &[u8], at: usize, literal: &'static [u8]) -> Result<usize, Malformed> {
    if json.get(at..at + literal.len()) == Some(literal) {
        Ok(at + literal.len())
    } else {
        fail("expected true, false or null", at)
    }
}

pub(crate) fn fail<T>(reason: &'static str, at: usize) -> Result<T, Malformed> {
    Err(Malformed { reason, at })
}

// === impl Open ===

impl Open {
    fn push(&mut self, object: bool, at: usize) -> Result<(), Malformed> {
        if self.depth == MAX_DEPTH {
            return fail("nested too deep", at);
        }
        self.depth += 1;
        self.kinds = self.kinds << 1 | u128::from(object);
        Ok(())
    }

    fn pop(&mut self) {
        self.depth -= 1;
        self.kinds >>= 1;
    }

    fn is_object(&self) -> bool {
        self.kinds & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn depth_is_bounded_and_costs_no_stack() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(value_end(nested(MAX_DEPTH).as_bytes(), 0), Ok(2 * MAX_DEPTH));
        assert!(value_end(nested(MAX_DEPTH + 1).as_bytes(), 0).is_err());
        assert!(value_end("{\"a\":".repeat(100_000).as_bytes(), 0).is_err());
    }

    #[test]
    fn numbers_are_kept_however_large() {
        for number in ["1e400", "-0", "170141183460469231731687303715884105728", "1.5E-7"] {
            assert_eq!(value_end(number.as_bytes(), 0), Ok(number.len()), "{number}");
        }
        for number in ["01", "1.", "-", "+1", ".5", "1e", "NaN"] {
            let end = value_end(number.as_bytes(), 0);
            assert!(end.is_err(), "{number}: {end:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_json_is_what_serde_says(json in r#"[\[\]{}",: a\\u0-9eE.+\-\n\ttrufalsn]{0,30}"#) {
            let ours = value_end(json.as_bytes(), 0).is_ok_and(|end| skip_space(json.as_bytes(), end) == json.len());
            let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&json).is_ok();
            prop_assert_eq!(ours, theirs);
        }

        #[test]
        fn any_string_ends_where_it_ends(text in any::<String>(), rest in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            let whole = format!("{json}{rest}");
            prop_assert_eq!(value_end(whole.as_bytes(), 0), Ok(json.len()));
        }

        #[test]
        fn any_bytes_are_scanned_without_panic(bytes in any::<Vec<u8>>()) {
            let _end = value_end(&bytes, 0);
        }
    }
}

//! Strings of JSON: reading their text, and writing text as one.

use std::borrow::Cow;

/// The text of a value: of a string its text, of a number or literal what stands there. `None` for `null`, arrays
/// and objects.
pub fn text(value: &[u8]) -> Option<Cow<'_, str>> {
    match value {
        [b'"', inner @ .., b'"'] => Some(unescape(inner)),
        [] | [b'n' | b'[' | b'{', ..] => None,
        other => Some(String::from_utf8_lossy(other)),
    }
}

/// The text of what stands between the quotes of a string. A lone surrogate becomes U+FFFD.
pub fn unescape(inner: &[u8]) -> Cow<'_, str> {
    if next_backslash(inner, 0) == inner.len() {
        return String::from_utf8_lossy(inner);
    }
    let mut out = String::new();
    unescape_into(inner, &mut out);
    Cow::Owned(out)
}

/// Appends the text of what stands between the quotes of a string, as [`unescape`] gives it.
pub fn unescape_into(inner: &[u8], out: &mut String) {
    let mut bytes = std::mem::take(out).into_bytes();
    bytes.reserve(inner.len());
    let mut at = 0;
    loop {
        let end = next_backslash(inner, at);
        bytes.extend_from_slice(&inner[at..end]);
        let Some(escaped) = inner.get(end + 1) else { break };
        at = end + 2;
        match escaped {
            b'u' => {
                let (character, length) = unicode(&inner[at..]);
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                at += length;
            }
            b'b' => bytes.push(8),
            b'f' => bytes.push(12),
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b't' => bytes.push(b'\t'),
            other => bytes.push(*other),
        }
    }
    *out = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    };
}

/// The first backslash at or after `at`, or the end; eight bytes at a time.
fn next_backslash(inner: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    while let Some(bytes) = inner.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*bytes) ^ (ONES * b'\\' as u64);
        let found = word.wrapping_sub(ONES) & !word & HIGH;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while inner.get(at).is_some_and(|byte| *byte != b'\\') {
        at += 1;
    }
    at
}

/// The character of `XXXX` or `XXXX\uXXXX`, what stands after `\u`, and how long that was.
fn unicode(digits: &[u8]) -> (char, usize) {
    let unit = |at: usize| {
        let hex = str::from_utf8(digits.get(at..at + 4)?).ok()?;
        u32::from_str_radix(hex, 16).ok()
    };
    let Some(first) = unit(0) else {
        return (char::REPLACEMENT_CHARACTER, 0);
    };
    if (0xd800..0xdc00).contains(&first)
        && digits.get(4..6) == Some(b"\\u")
        && let Some(second @ 0xdc00..0xe000) = unit(6)
    {
        let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 10);
    }
    (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 4)
}

/// What follows the backslash of a byte that must be escaped; 0 for all others.
const fn escape(byte: u8) -> u8 {
    match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0..0x20 => b'u',
        _ => 0,
    }
}

/// [`escape`] of every byte.
const ESCAPES: [u8; 256] = {
    let mut escapes = [0; 256];
    let mut byte = 0;
    while byte < escapes.len() {
        escapes[byte] = escape(byte as u8);
        byte += 1;
    }
    escapes
};

/// Whether nothing needs an escape. Without an early end, so that sixteen bytes are looked at at once.
fn is_plain(bytes: &[u8]) -> bool {
    let special = |found: bool, byte: &u8| found | (*byte < 0x20) | (*byte == b'"') | (*byte == b'\\');
    let (chunks, rest) = bytes.as_chunks::<16>();
    let found = chunks
        .iter()
        .fold(false, |found, chunk| found | chunk.iter().fold(false, special));
    !rest.iter().fold(found, special)
}

/// Writes `text` as a JSON string, quotes included. Runs without anything to escape are copied whole.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let bytes = text.as_bytes();
    if is_plain(bytes) {
        out.extend_from_slice(bytes);
        out.push(b'"');
        return;
    }
    let mut start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let escape = ESCAPES[usize::from(*byte)];
        if escape == 0 {
            continue;
        }
        out.extend_from_slice(&bytes[start..at]);
        out.extend_from_slice(&[b'\\', escape]);
        if escape == b'u' {
            let low = HEX[usize::from(byte & 15)];
            out.extend_from_slice(&[b'0', b'0', HEX[usize::from(byte >> 4)], low]);
        }
        start = at + 1;
    }
    out.extend_from_slice(&bytes[start..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_byte_to_escape_is_found_wherever_it_stands() {
        for byte in ['"', '\\', '\n', '\u{1}', '\u{1f}'] {
            for at in 0..40 {
                let mut text = "x".repeat(40);
                text.replace_range(at..=at, &byte.to_string());
                let mut out = Vec::new();
                write_text(&mut out, &text);
                assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
            }
        }
    }

    #[test]
    fn every_escape_is_read() {
        assert_eq!(
            text(br#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00|\ud800x""#).unwrap(),
            "\"\\/\u{8}\u{c}\n\r\té😀|\u{fffd}x"
        );
        assert_eq!(text(b"null"), None);
        assert_eq!(text(b"{}"), None);
        assert_eq!(text(b"1e400").unwrap(), "1e400");
    }

    proptest! {
        #[test]
        fn any_text_is_read_back_as_it_was(original in any::<String>()) {
            let mut out = Vec::new();
            write_text(&mut out, &original);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), original.clone());
            prop_assert_eq!(text(&out).unwrap(), original);
        }

        #[test]
        fn any_bytes_are_unescaped_without_panic(bytes in any::<Vec<u8>>()) {
            let _text = text(&bytes);
            let _text = unescape(&bytes);
        }
    }
}

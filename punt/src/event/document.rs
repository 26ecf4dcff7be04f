//! Writing one JSON object, field by field, straight into bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::Offset;
use punt_json::write_text;

/// An object that is being written. [`Document::end`] closes it.
pub(crate) struct Document<'a> {
    out: &'a mut Vec<u8>,
}

// === impl Document ===

impl<'a> Document<'a> {
    /// Begins an object with `@timestamp`, as the log record wants it.
    pub(crate) fn at(out: &'a mut Vec<u8>, timestamp: Timestamp) -> Self {
        out.extend_from_slice(b"{\"@timestamp\":\"");
        write_timestamp(out, timestamp);
        out.push(b'"');
        Self { out }
    }

    pub(crate) fn text(&mut self, key: &'static str, value: &str) {
        self.key(key);
        write_text(self.out, value);
    }

    /// A text under a key that somebody else chose, which may be anything.
    pub(crate) fn named_text(&mut self, key: &str, value: &str) {
        self.out.push(b',');
        write_text(self.out, key);
        self.out.push(b':');
        write_text(self.out, value);
    }

    /// Bytes that are no text, in base64 (RFC 4648 section 4).
    pub(crate) fn base64(&mut self, key: &'static str, bytes: &[u8]) {
        self.text(key, &STANDARD.encode(bytes));
    }

    pub(crate) fn number(&mut self, key: &'static str, value: u64) {
        self.key(key);
        write_number(self.out, value);
    }

    /// A value that is JSON already.
    pub(crate) fn raw(&mut self, key: &'static str, json: &[u8]) {
        self.key(key);
        self.out.extend_from_slice(json);
    }

    pub(crate) fn end(self) {
        self.out.push(b'}');
    }

    /// Our own keys are in this program's text, and have nothing to escape.
    fn key(&mut self, key: &'static str) {
        debug_assert!(
            !key.bytes()
                .any(|byte| byte < 0x20 || matches!(byte, b'"' | b'\\')),
            "{key:?}"
        );
        self.out.extend_from_slice(b",\"");
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }
}

pub(crate) fn write_number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// `2026-11-24T09:46:51.123456Z`, without the quotes; milliseconds are enough when the rest is zero.
pub(crate) fn write_timestamp(out: &mut Vec<u8>, timestamp: Timestamp) {
    let at = Offset::UTC.to_datetime(timestamp);
    let mut padded = |value: u32, width: usize, then: u8| {
        let mut digits = [0_u8; 9];
        let mut left = value;
        for digit in digits[..width].iter_mut().rev() {
            *digit = b'0' + (left % 10) as u8;
            left /= 10;
        }
        out.extend_from_slice(&digits[..width]);
        out.push(then);
    };
    padded(u32::from(at.year().unsigned_abs()), 4, b'-');
    padded(u32::from(at.month().unsigned_abs()), 2, b'-');
    padded(u32::from(at.day().unsigned_abs()), 2, b'T');
    padded(u32::from(at.hour().unsigned_abs()), 2, b':');
    padded(u32::from(at.minute().unsigned_abs()), 2, b':');
    padded(u32::from(at.second().unsigned_abs()), 2, b'.');
    let nanos = at.subsec_nanosecond().unsigned_abs();
    match (nanos % 1_000_000, nanos % 1_000) {
        (0, _) => padded(nanos / 1_000_000, 3, b'Z'),
        (_, 0) => padded(nanos / 1_000, 6, b'Z'),
        _ => padded(nanos, 9, b'Z'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_number_is_read_back_as_it_was(number in any::<u64>()) {
            let mut out = Vec::new();
            write_number(&mut out, number);
            prop_assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }

        #[test]
        fn any_time_is_read_back_as_it_was(seconds in 0_i64..4_102_444_800, nanos in 0_i32..1_000_000_000) {
            let timestamp = Timestamp::new(seconds, nanos).unwrap();
            let mut out = Vec::new();
            write_timestamp(&mut out, timestamp);
            let text = String::from_utf8(out).unwrap();
            prop_assert_eq!(text.parse::<Timestamp>().unwrap(), timestamp);
        }
    }
}

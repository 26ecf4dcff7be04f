//! IETF syslog.

use super::rfc3164::round_trip;

pub(super) const CORPUS: &[&[u8]] = &[
    b"2026-11-24T09:46:51.123Z ",
    b"2026-11-24T09:46:51.123456+05:30 ",
    b"host app 77 ID47 ",
    b"- ",
    b"-",
    b"[id@1 a=\"b\"]",
    b"[exampleSDID@32473 iut=\"3\" x=\"a\\]b\\\"c\\\\d\"][y]",
    b"[",
    b"]",
    b"\"",
    b"\\",
    b"=",
    b" ",
    b"\xef\xbb\xbf",
    b"text",
    b"\xc3\xa9",
    b"\n",
];

pub(super) fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    round_trip(&format!("<165>1 {text}"));
}

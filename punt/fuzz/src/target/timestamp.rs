//! Timestamps alone: what is left is the end of the line, and the time is one that can be written.

use jiff::Timestamp;
use punt_syslog::timestamp;

pub(super) const CORPUS: &[&[u8]] = &[
    b"2026-11-24T09:46:51Z",
    b"2026/11/24 09:46:51,123456789",
    b"9999-12-31T23:59:59.999999999-23:59",
    b"0000-01-01T00:00:00Z",
    b"+01:00",
    b"-0530",
    b"Nov 24 09:46:51",
    b"Feb 29 12:00:00",
    b"Tue ",
    b"2026 ",
    b" 2027",
    b" UTC",
    b" CEST:",
    b"*",
    b".",
    b"99",
    b"60",
    b":",
    b" ",
    b"x",
];

pub(super) fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let received = Timestamp::from_second(1_795_521_600).unwrap_or(Timestamp::UNIX_EPOCH);
    if let Some((time, rest)) = timestamp(&text, received) {
        assert!(text.ends_with(rest), "the rest is not the end of the line");
        let written = time.to_string();
        let again = timestamp(&written, received);
        assert!(again == Some((time, "")), "{written} is read as {again:?}");
    }
}

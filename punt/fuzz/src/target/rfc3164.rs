//! BSD syslog in all its variants.

use jiff::Timestamp;
use punt_syslog::parse;

pub(super) const CORPUS: &[&[u8]] = &[
    b"<34>",
    b"<13>Nov 24 09:46:51 ",
    b"*Nov 24 2026 09:46:51.123 UTC: ",
    b"2026-11-24T09:46:51.123+01:00 ",
    b"2026 Nov  4 09:46:51 ",
    b"Tue Nov 24 09:46:51 2026 ",
    b"29: ",
    b"host ",
    b"host: ",
    b" : ",
    b"2001:db8::1 ",
    b"[::1] ",
    b"app[77]: ",
    b"app: ",
    b"two words[5]: ",
    b"/usr/sbin/cron[5]: ",
    b"%ASA-6-302013: ",
    b"Message forwarded from aix: ",
    b"last message repeated 3 times",
    b"\xef\xbb\xbf",
    b"1 ",
    b" ",
    b"text",
    b"\xc3\xa9",
    b"\0",
    b"\n",
];

pub(super) fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    round_trip(&text);
}

/// What is parsed and written is parsed to the same message, also by a reader of another year.
pub(super) fn round_trip(line: &str) {
    let received = Timestamp::from_second(1_795_521_600).unwrap_or(Timestamp::UNIX_EPOCH);
    let later = Timestamp::from_second(1_930_000_000).unwrap_or(received);
    if let Ok(message) = parse(line, received) {
        let mut written = String::new();
        message.write(&mut written);
        let again = parse(&written, later);
        assert!(
            again.as_ref() == Ok(&message),
            "{message:?} is written {written:?} and read {again:?}"
        );
    }
}

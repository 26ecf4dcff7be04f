//! RFC 3164 and what is really sent under its name. It cannot fail: what has no timestamp, host or tag is text.
//!
//! ```text
//! <PRI>Mmm dd hh:mm:ss host tag[pid]: text        the book
//! <PRI>2026-11-24T09:46:51 host tag[pid]: text    rsyslog, syslog-ng, loggen
//! <PRI>Mmm dd hh:mm:ss tag[pid]: text             glibc on /dev/log
//! <PRI>29: *Nov 24 09:46:51.1 UTC: %SYS-5-X: text  Cisco IOS, with or without number, host, year, zone
//! <PRI>Nov 24 2026 09:46:51 host : %ASA-6-1: text  Cisco ASA
//! <PRI>Mmm dd hh:mm:ss Message forwarded from host: tag: text     AIX
//! <PRI>tag: text     <PRI>text     text           everybody else
//! ```

use jiff::Timestamp;

use crate::parse::BOM;
use crate::{Message, Priority, Protocol, timestamp};

/// A tag longer than this is text with a colon in it. (The RFC says 32; container names are longer.)
const MAX_TAG: usize = 128;

/// A tag of several words is no longer than this.
const MAX_WORDS: usize = 48;

/// AIX puts this before the host of a message that it forwards.
const FORWARDED: [&str; 2] = ["Message", "forwarded from "];

/// What syslogd writes instead of a line that came again: it has no tag, and on some systems no host.
const REPEATED: [&str; 2] = ["last", "message repeated "];

struct Tag<'a> {
    name: &'a str,
    pid: Option<&'a str>,
    text: &'a str,
}

/// Parses what follows the priority.
pub(crate) fn parse(rest: &str, priority: Option<Priority>, received: Timestamp) -> Message<'_> {
    let rest = rest.trim_start_matches([' ', BOM]);
    let mut message = Message::new(Protocol::Rfc3164, priority, rest);
    let mut rest = rest;
    let numbered = sequence(rest);
    let start = numbered.map_or(rest, |(_, after)| after);
    if let Some((timestamp, after)) = timestamp::timestamp(start, received)
        && (after.is_empty() || after.starts_with([' ', ':']))
    {
        message.sequence = numbered.map(|(sequence, _)| sequence);
        message.timestamp = Some(timestamp);
        rest = after
            .strip_prefix(':')
            .unwrap_or(after)
            .trim_start_matches([' ', BOM]);
        let host = rest.split(' ').next().unwrap_or_default();
        // `host: %SYS-5-CONFIG_I: text` (Cisco IOS) and `host : %ASA-6-302013: text` (Cisco ASA, relayed).
        if let Some((named, text)) = forwarded(rest).or_else(|| cisco_host(rest)) {
            message.hostname = Some(named);
            rest = text.trim_start_matches([' ', BOM]);
        } else if !host.is_empty() && !is_tag(host) && phrase(rest, REPEATED).is_none() {
            message.hostname = Some(host);
            rest = rest[host.len()..].trim_start_matches([' ', BOM]);
        }
    }
    let several_words = || message.hostname.and_then(|_| tag_of_words(rest));
    match tag(rest).or_else(several_words) {
        Some(tag) => {
            message.appname = Some(tag.name);
            message.procid = tag.pid;
            message.message = tag.text.trim_start_matches(BOM);
        }
        None => message.message = rest,
    }
    message
}

/// `29: ` before the time (Cisco IOS with `service sequence-numbers`).
fn sequence(rest: &str) -> Option<(u64, &str)> {
    let digits = rest.bytes().take(19).take_while(u8::is_ascii_digit).count();
    let after = rest[digits..].strip_prefix(": ")?;
    let after = after.trim_start_matches([' ', BOM]);
    Some((rest[..digits].parse().ok()?, after))
}

/// The host of a message that AIX forwards, and its text.
fn forwarded(rest: &str) -> Option<(&str, &str)> {
    let (name, text) = phrase(rest, FORWARDED)?.split_once(": ")?;
    // As a host these would begin what is said without one.
    if !is_host(name) || name == FORWARDED[0] || name == REPEATED[0] {
        return None;
    }
    // What a relay puts before a mnemonic is no part of the text.
    let text = text.trim_start_matches([' ', BOM]);
    let mnemonic = text
        .strip_prefix(": ")
        .map(|text| text.trim_start_matches([' ', BOM]));
    let relayed = mnemonic.filter(|text| tag(text).is_some_and(|tag| is_mnemonic(tag.name)));
    Some((name, relayed.unwrap_or(text)))
}

/// What follows this phrase, whose first word could be taken for a host.
fn phrase<'a>(rest: &'a str, [first, then]: [&str; 2]) -> Option<&'a str> {
    let after = rest.strip_prefix(first)?.strip_prefix(' ')?;
    after.trim_start_matches([' ', BOM]).strip_prefix(then)
}

/// Whether this could be a host where something else says that it is one.
fn is_host(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'%' | b'<' | b'>');
    !name.is_empty() && !name.ends_with(':') && name.bytes().all(plain) && !is_tag(name)
}

/// A host before a Cisco mnemonic (`%FACILITY-SEVERITY-NAME:`), and the mnemonic with its text.
fn cisco_host(rest: &str) -> Option<(&str, &str)> {
    let (word, after) = rest.split_once(' ')?;
    let after = after.trim_start_matches([' ', BOM]);
    let (name, text) = match after.strip_prefix(": ") {
        Some(text) => (word, text.trim_start_matches([' ', BOM])),
        None => (word.strip_suffix(':')?, after),
    };
    let mnemonic = tag(text)?.name;
    (is_host(name) && is_mnemonic(mnemonic)).then_some((name, text))
}

/// Whether a text is Cisco's, so that the word before it would be taken for its host.
pub(crate) fn begins_with_mnemonic(text: &str) -> bool {
    let text = text.trim_start_matches([' ', BOM]);
    let text = text
        .strip_prefix(": ")
        .unwrap_or(text)
        .trim_start_matches([' ', BOM]);
    tag(text).is_some_and(|tag| is_mnemonic(tag.name))
}

fn is_mnemonic(word: &str) -> bool {
    let Some(parts) = word.strip_prefix('%') else {
        return false;
    };
    let mut parts = parts.rsplitn(3, '-');
    let (name, severity, facility) = (parts.next(), parts.next(), parts.next());
    name.is_some_and(|name| !name.is_empty())
        && severity.is_some_and(|severity| matches!(severity.as_bytes(), [b'0'..=b'7']))
        && facility.is_some_and(|facility| !facility.is_empty())
}

/// `Windows Update[812]: text`: a name of several words is a tag if a number in brackets and a colon follow.
fn tag_of_words(rest: &str) -> Option<Tag<'_>> {
    let end = rest.find(['[', ']', ':', '<', '>'])?;
    let name = &rest[..end];
    let words = |name: &str| name.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
    if end > MAX_WORDS || !words(name) || name.ends_with(' ') || name.starts_with(' ') {
        return None;
    }
    let (pid, text) = rest[end..].strip_prefix('[')?.split_once("]:")?;
    let digits = !pid.is_empty() && pid.len() <= 10 && pid.bytes().all(|b| b.is_ascii_digit());
    (digits && (text.is_empty() || text.starts_with(' '))).then(|| Tag {
        name,
        pid: Some(pid),
        text: text.strip_prefix(' ').unwrap_or(text),
    })
}

/// Whether the word where a host is expected is the tag: `cron:` or `cron[12]`. (`[::1]` and `::1` are hosts.)
fn is_tag(word: &str) -> bool {
    tag(word).is_some()
}

/// A name, then `[pid]`, a colon, or both; then at most one space. A tag that has neither is text.
fn tag(rest: &str) -> Option<Tag<'_>> {
    let end = rest
        .find(|c: char| !c.is_ascii_graphic() || matches!(c, ':' | '[' | ']' | '<' | '>'))
        .unwrap_or(rest.len());
    if end == 0 || end > MAX_TAG {
        return None;
    }
    let (name, after) = rest.split_at(end);
    let (pid, after) = match after.strip_prefix('[') {
        Some(inner) => {
            let end = inner.find(|c: char| !c.is_ascii_graphic() || matches!(c, '[' | ']'))?;
            let after = inner[end..].strip_prefix(']')?;
            (Some(&inner[..end]), after)
        }
        None => (None, after),
    };
    let text = match after.strip_prefix(':') {
        Some(text) => text,
        None if pid.is_some() => after,
        None => return None,
    };
    // `fe80::1 text`, `12:30 text` and `http://x`: a colon that belongs to the word.
    if !(text.is_empty() || text.starts_with(' ') || pid.is_some()) {
        return None;
    }
    Some(Tag {
        name,
        pid: pid.filter(|pid| !pid.is_empty()),
        text: text.strip_prefix(' ').unwrap_or(text),
    })
}

#[cfg(test)]
mod tests {

    type Pieces<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a str>, &'a str);

    fn pieces(line: &str) -> Pieces<'_> {
        let received = "2026-11-24T12:00:00Z".parse().unwrap();
        let message = crate::parse(line, received).unwrap();
        (message.hostname, message.appname, message.procid, message.message)
    }

    #[test]
    fn real_life_lines_are_understood() {
        let cases: &[(&str, Pieces<'_>)] = &[
            (
                "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8",
                (
                    Some("mymachine"),
                    Some("su"),
                    None,
                    "'su root' failed for lonvick on /dev/pts/8",
                ),
            ),
            (
                "<38>2026-11-24T09:46:51 localhost prg00000[1234]: seq: 0000000000, thread: 0000",
                (
                    Some("localhost"),
                    Some("prg00000"),
                    Some("1234"),
                    "seq: 0000000000, thread: 0000",
                ),
            ),
            (
                "<13>Nov 24 09:46:51 sudo[77]: pam",
                (None, Some("sudo"), Some("77"), "pam"),
            ),
            (
                "<13>Nov 24 09:46:51 fe80::1 kernel: up",
                (Some("fe80::1"), Some("kernel"), None, "up"),
            ),
            (
                "<13>Nov 24 09:46:51 h postfix/smtpd[9]: x",
                (Some("h"), Some("postfix/smtpd"), Some("9"), "x"),
            ),
            (
                "<13>Nov 24 09:46:51 h no tag here",
                (Some("h"), None, None, "no tag here"),
            ),
            (
                "<13>Nov 24 09:46:51 h tag[]: x",
                (Some("h"), Some("tag"), None, "x"),
            ),
            ("<13>cron: hi", (None, Some("cron"), None, "hi")),
            ("<13>just text", (None, None, None, "just text")),
            ("just text: yes", (None, None, None, "just text: yes")),
            ("http://x/ y", (None, None, None, "http://x/ y")),
            ("<13>Nov 24 09:46:51", (None, None, None, "")),
            (
                "<189>29: *Nov 24 09:46:51.123: %SYS-5-CONFIG_I: Configured from console",
                (None, Some("%SYS-5-CONFIG_I"), None, "Configured from console"),
            ),
            (
                "<189>000029: Nov 24 2026 09:46:51.123 EST: %LINK-3-UPDOWN: Interface up",
                (None, Some("%LINK-3-UPDOWN"), None, "Interface up"),
            ),
            (
                "<189>Nov 24 09:46:51 router1: %SYS-5-CONFIG_I: x",
                (Some("router1"), Some("%SYS-5-CONFIG_I"), None, "x"),
            ),
            (
                "<166>Nov 24 2026 09:46:51 asa-1 : %ASA-6-302013: Built outbound TCP",
                (Some("asa-1"), Some("%ASA-6-302013"), None, "Built outbound TCP"),
            ),
            (
                "<166>Nov 24 2026 09:46:51: %ASA-6-302013: Built",
                (None, Some("%ASA-6-302013"), None, "Built"),
            ),
            (
                "<166>%ASA-6-302013: Built",
                (None, Some("%ASA-6-302013"), None, "Built"),
            ),
            (
                "<13>Nov 24 09:46:51 Message forwarded from aix1: sshd[77]: hi",
                (Some("aix1"), Some("sshd"), Some("77"), "hi"),
            ),
            (
                "<13>Nov 24 09:46:51 h Windows Update[812]: done",
                (Some("h"), Some("Windows Update"), Some("812"), "done"),
            ),
            (
                "<13>Nov 24 09:46:51 h /usr/sbin/cron[5]: x",
                (Some("h"), Some("/usr/sbin/cron"), Some("5"), "x"),
            ),
            (
                "<13>Nov 24 09:46:51 last message repeated 3 times",
                (None, None, None, "last message repeated 3 times"),
            ),
            (
                "<13>Nov 24 09:46:51 2001:db8::1 app: x",
                (Some("2001:db8::1"), Some("app"), None, "x"),
            ),
            (
                "Nov 24 09:46:51 h app: no priority",
                (Some("h"), Some("app"), None, "no priority"),
            ),
            (
                "\u{feff}<13>Nov 24 09:46:51 h app: \u{feff}marked\0",
                (Some("h"), Some("app"), None, "marked"),
            ),
            (
                "<189>date=2026-11-24 time=09:46:51 devname=\"fw\"",
                (None, None, None, "date=2026-11-24 time=09:46:51 devname=\"fw\""),
            ),
            (
                "<13>Nov 24 09:46:51 h app: ünï ✓\r\n",
                (Some("h"), Some("app"), None, "ünï ✓"),
            ),
        ];
        for (line, expected) in cases {
            assert_eq!(pieces(line), *expected, "{line}");
        }
    }

    #[test]
    fn the_number_of_a_cisco_message_is_kept() {
        let received = "2026-11-24T12:00:00Z".parse().unwrap();
        let numbered = crate::parse("<189>29: Nov 24 09:46:51: %SYS-5-X: x", received).unwrap();
        assert_eq!(numbered.sequence, Some(29));
        assert_eq!(crate::parse("<13>29: x", received).unwrap().sequence, None);
    }

    #[test]
    fn a_line_without_a_process_id_has_none_whatever_came_before() {
        assert_eq!(pieces("<13>Nov 24 09:46:51 h a[1]: x").2, Some("1"));
        assert_eq!(pieces("<13>Nov 24 09:46:51 h a: x").2, None);
    }
}

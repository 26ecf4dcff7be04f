//! RFC 3164 and what is really sent under its name. It cannot fail: what has no timestamp, host or tag is text.
//!
//! ```text
//! <PRI>Mmm dd hh:mm:ss host tag[pid]: text        the book
//! <PRI>2026-11-24T09:46:51 host tag[pid]: text    rsyslog, syslog-ng, loggen
//! <PRI>Mmm dd hh:mm:ss tag[pid]: text             glibc on /dev/log
//! <PRI>tag: text     <PRI>text     text           everybody else
//! ```

use jiff::Timestamp;

use crate::{Message, Priority, Protocol, timestamp};

/// A tag longer than this is text with a colon in it. (The RFC says 32; container names are longer.)
const MAX_TAG: usize = 128;

struct Tag<'a> {
    name: &'a str,
    pid: Option<&'a str>,
    text: &'a str,
}

/// Parses what follows the priority.
pub(crate) fn parse(rest: &str, priority: Option<Priority>, received: Timestamp) -> Message<'_> {
    let rest = rest.trim_start_matches(' ');
    let mut message = Message::new(Protocol::Rfc3164, priority, rest);
    let mut rest = rest;
    if let Some((timestamp, after)) = timestamp::iso(rest).or_else(|| timestamp::bsd(rest, received))
        && (after.is_empty() || after.starts_with([' ', ':']))
    {
        message.timestamp = Some(timestamp);
        rest = after.strip_prefix(':').unwrap_or(after).trim_start_matches(' ');
        let host = rest.split(' ').next().unwrap_or_default();
        if !host.is_empty() && !is_tag(host) {
            message.hostname = Some(host);
            rest = rest[host.len()..].trim_start_matches(' ');
        }
    }
    match tag(rest) {
        Some(tag) => {
            message.appname = Some(tag.name);
            message.procid = tag.pid;
            message.message = tag.text;
        }
        None => message.message = rest,
    }
    message
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
                "<13>Nov 24 09:46:51 h app: ünï ✓\r\n",
                (Some("h"), Some("app"), None, "ünï ✓"),
            ),
        ];
        for (line, expected) in cases {
            assert_eq!(pieces(line), *expected, "{line}");
        }
    }

    #[test]
    fn a_line_without_a_process_id_has_none_whatever_came_before() {
        assert_eq!(pieces("<13>Nov 24 09:46:51 h a[1]: x").2, Some("1"));
        assert_eq!(pieces("<13>Nov 24 09:46:51 h a: x").2, None);
    }
}

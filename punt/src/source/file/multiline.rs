//! Lines that belong together: a stack trace is one event.

use std::time::Instant;

use regex::bytes::Regex;

use crate::config::MultilineConfig;
use crate::source::lines::Line;

/// What tells where an event begins.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    /// A line that matches begins an event.
    start: Option<Regex>,
    /// A line that matches belongs to the event before it.
    continuation: Option<Regex>,
    max_lines: usize,
    max_bytes: usize,
    timeout: std::time::Duration,
}

/// The event that may still get more lines.
#[derive(Debug)]
pub(super) struct Open {
    bytes: Vec<u8>,
    offset: u64,
    end: u64,
    cut: u64,
    lines: usize,
    since: Instant,
}

// === impl Rule ===

impl Rule {
    /// The patterns were checked with the configuration; one that is none matches nothing.
    pub(super) fn new(config: &MultilineConfig, max_bytes: usize) -> Self {
        let pattern = |pattern: &Option<String>| pattern.as_deref().and_then(|text| Regex::new(text).ok());
        Self {
            start: pattern(&config.start),
            continuation: pattern(&config.continuation),
            max_lines: config.max_lines,
            max_bytes,
            timeout: config.timeout,
        }
    }

    fn continues(&self, line: &[u8]) -> bool {
        let begins = self.start.as_ref().is_some_and(|start| start.is_match(line));
        let continues = self
            .continuation
            .as_ref()
            .is_none_or(|pattern| pattern.is_match(line));
        !begins && continues
    }

    /// Takes the next line. Gives the event before it, when this line is the beginning of another one.
    pub(super) fn add(&self, open: &mut Option<Open>, line: &Line<'_>) -> Option<Open> {
        if let Some(event) = open
            && event.lines < self.max_lines
            && self.continues(line.bytes)
        {
            event.append(line, self.max_bytes);
            return None;
        }
        open.replace(Open {
            bytes: line.bytes.to_vec(),
            offset: line.offset,
            end: line.end,
            cut: line.cut,
            lines: 1,
            since: Instant::now(),
        })
    }

    /// Whether the event has waited long enough for more lines.
    pub(super) fn is_over(&self, open: &Open) -> bool {
        open.since.elapsed() >= self.timeout
    }
}

// === impl Open ===

impl Open {
    fn append(&mut self, line: &Line<'_>, max_bytes: usize) {
        let room = max_bytes.saturating_sub(self.bytes.len() + 1);
        let kept = line.bytes.len().min(room);
        if room > 0 {
            self.bytes.push(b'\n');
            self.bytes.extend_from_slice(&line.bytes[..kept]);
        }
        self.cut += line.cut + (line.bytes.len() - kept) as u64;
        self.end = line.end;
        self.lines += 1;
        self.since = Instant::now();
    }

    /// The event as one line.
    pub(super) fn line(&self) -> Line<'_> {
        Line {
            bytes: &self.bytes,
            offset: self.offset,
            end: self.end,
            cut: self.cut,
        }
    }

    /// How many lines it is made of: part of its id, since a later run may find one more.
    pub(super) fn lines(&self) -> usize {
        self.lines
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::source::lines::Lines;

    fn events(start: Option<&str>, continuation: Option<&str>, text: &str) -> Vec<String> {
        let config = MultilineConfig {
            start: start.map(ToOwned::to_owned),
            continuation: continuation.map(ToOwned::to_owned),
            max_lines: 4,
            timeout: Duration::from_secs(1),
        };
        let rule = Rule::new(&config, 40);
        let (mut lines, mut open, mut events) = (Lines::new(0, 100), None, Vec::new());
        lines.push(text.as_bytes());
        while let Some(line) = lines.next_line() {
            events.extend(rule.add(&mut open, &line));
        }
        events.extend(open);
        let text = |event: &Open| String::from_utf8(event.bytes.clone()).unwrap();
        assert!(
            events.windows(2).all(|pair| pair[0].end == pair[1].offset),
            "no byte is left out"
        );
        events.iter().map(text).collect()
    }

    #[test]
    fn a_pattern_says_where_events_begin_or_which_lines_go_on() {
        let text = "ERROR a\n at x\n at y\nINFO b\nINFO c\n\tz\n";
        let expected = ["ERROR a\n at x\n at y", "INFO b", "INFO c\n\tz"];
        assert_eq!(events(Some("^[A-Z]"), None, text), expected);
        assert_eq!(events(None, Some(r"^\s"), text), expected);
    }

    #[test]
    fn an_event_is_bounded_in_lines_and_bytes() {
        assert_eq!(
            events(Some("^a"), None, "a\n1\n2\n3\n4\n5\n"),
            ["a\n1\n2\n3", "4\n5"]
        );
        let long = "b".repeat(30);
        assert_eq!(
            events(Some("^a"), None, &format!("a\n{long}\n{long}\n")),
            [format!("a\n{long}\n{}", "b".repeat(7))]
        );
    }
}

//! Messages back into lines. Parsing the line gives the message again.

use std::fmt::Write as _;

use crate::rfc3164::begins_with_mnemonic;
use crate::{Message, Protocol};

// === impl Message ===

impl Message<'_> {
    /// Appends the message to `out` in its own protocol, without a line end.
    ///
    /// RFC 3164 is written with RFC 3339 timestamps, as rsyslog forwards: the BSD form would lose year, zone and
    /// fraction.
    pub fn write(&self, out: &mut String) {
        // Writing to a string cannot fail, so the results below carry nothing.
        match self.protocol {
            Protocol::Rfc3164 => self.write_3164(out),
            Protocol::Rfc5424 => self.write_5424(out),
        }
    }

    fn write_3164(&self, out: &mut String) {
        if let Some(priority) = self.priority {
            let _ = write!(out, "<{}>", priority.value());
        }
        let header = out.len();
        if let Some(sequence) = self.sequence {
            let _ = write!(out, "{sequence}: ");
        }
        if let Some(timestamp) = self.timestamp {
            let _ = write!(out, "{timestamp} ");
        }
        if let Some(hostname) = self.hostname {
            let _ = write!(out, "{hostname} ");
        }
        if let Some(appname) = self.appname {
            out.push_str(appname);
            match self.procid {
                Some(procid) => drop(write!(out, "[{procid}]")),
                // Without brackets this would be the host of what follows.
                None if begins_with_mnemonic(self.message) => out.push_str("[]"),
                None => {}
            }
            out.push_str(": ");
        }
        // Text that would be read as a priority or as a version is kept apart from it by a space.
        let text_first = out.len() == header;
        if text_first && (self.message.starts_with('<') || self.message.starts_with("1 ")) {
            out.push(' ');
        }
        out.push_str(self.message);
    }

    fn write_5424(&self, out: &mut String) {
        // RFC 5424 has no message without a priority; 13 (user, notice) is what RFC 3164 section 4.3.3 assumes.
        let _ = write!(out, "<{}>1 ", self.priority.map_or(13, crate::Priority::value));
        match self.timestamp {
            Some(timestamp) => drop(write!(out, "{timestamp}")),
            None => out.push('-'),
        }
        for field in [self.hostname, self.appname, self.procid, self.msgid] {
            let _ = write!(out, " {}", field.unwrap_or("-"));
        }
        out.push(' ');
        if self.structured_data.is_empty() {
            out.push('-');
        }
        for element in &self.structured_data {
            let _ = write!(out, "[{}", element.id);
            for (name, value) in &element.params {
                let _ = write!(out, " {name}=\"");
                for c in value.chars() {
                    if matches!(c, '"' | '\\' | ']') {
                        out.push('\\');
                    }
                    out.push(c);
                }
                out.push('"');
            }
            out.push(']');
        }
        if !self.message.is_empty() {
            out.push(' ');
            if !self.message.is_ascii() {
                out.push('\u{feff}');
            }
            out.push_str(self.message);
        }
    }
}

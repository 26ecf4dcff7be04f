//! One syslog message, borrowed from the line it was parsed from.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::Priority;

/// Which RFC the message follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// The BSD format, with all its real-life variants.
    Rfc3164,
    /// The IETF format, version 1.
    Rfc5424,
}

/// A parsed message. A piece that the sender left out (or wrote as `-`) is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// The format it came in.
    pub protocol: Protocol,
    /// Facility and severity.
    pub priority: Option<Priority>,
    /// The number that some senders (Cisco IOS) give their messages, RFC 3164 only.
    pub sequence: Option<u64>,
    /// When, by the sender's clock. A time without a zone is read as UTC, a date without a year gets the year
    /// that brings it nearest to the time of receipt.
    pub timestamp: Option<Timestamp>,
    /// The sending host.
    pub hostname: Option<&'a str>,
    /// The program: APP-NAME, or the tag without its process id.
    pub appname: Option<&'a str>,
    /// The process: PROCID, or what stands in brackets after the tag.
    pub procid: Option<&'a str>,
    /// MSGID, RFC 5424 only.
    pub msgid: Option<&'a str>,
    /// STRUCTURED-DATA, RFC 5424 only, in the sender's order.
    pub structured_data: Vec<Element<'a>>,
    /// The text, without a byte order mark and without line ends at its end.
    pub message: &'a str,
}

/// One SD-ELEMENT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element<'a> {
    /// SD-ID, such as `origin` or `exampleSDID@32473`.
    pub id: &'a str,
    /// SD-PARAMs: name and value, unescaped.
    pub params: Vec<(&'a str, Cow<'a, str>)>,
}

// === impl Message ===

impl<'a> Message<'a> {
    /// A message with nothing but its text.
    pub fn new(protocol: Protocol, priority: Option<Priority>, message: &'a str) -> Self {
        Self {
            protocol,
            priority,
            sequence: None,
            timestamp: None,
            hostname: None,
            appname: None,
            procid: None,
            msgid: None,
            structured_data: Vec::new(),
            message,
        }
    }
}

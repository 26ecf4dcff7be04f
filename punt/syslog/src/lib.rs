//! Syslog on the wire: framing of byte streams, and parsing and writing of RFC 3164 and RFC 5424 messages.
//!
//! Not here: sockets, clocks, and what becomes of a message. Nothing in this crate does IO.
//!
//! - [`Framer`] cuts a TCP stream into frames: by newline, by octet counting, or both on one connection. How the
//!   stream was chunked never changes the frames.
//! - [`parse`] never panics and never loses a line: it gives a [`Message`], or [`Unparsed`] with the reason and
//!   the line. It accepts what senders really send, not only what the RFCs allow.
//! - [`Message::write`] writes a message back in its own protocol; parsing that gives the same message.

mod framing;
mod message;
mod parse;
mod priority;
mod rfc3164;
mod rfc5424;
mod timestamp;
mod write;

pub use framing::{Frame, Framer, FramingCounts};
pub use message::{Element, Message, Protocol};
pub use parse::{Reason, Unparsed, parse};
pub use priority::{Priority, Severity};
pub use timestamp::timestamp;

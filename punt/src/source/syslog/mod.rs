//! The `syslog` source: TCP (plain or TLS), UDP, Unix stream and Unix datagram sockets. It listens from the
//! start, whether or not an engine is up.
//!
//! A connection is read only as fast as the buffers take it. A datagram is one message; when the buffers are
//! slower than the senders, the kernel drops datagrams, and punt counts what the kernel dropped. (On a Unix
//! datagram socket the sender waits instead.)

mod datagram;
mod encode;
mod start;
mod stream;
mod unix;

pub(crate) use encode::level;
pub(super) use encode::{Encoder, Tally};
pub(super) use start::start;

//! The `syslog` source: TCP and UDP. It listens from the start, whether or not an engine is up.
//!
//! A TCP connection is read only as fast as the buffers take it. A UDP datagram is one message; when the
//! buffers are slower than the senders, the kernel drops (and counts) datagrams, since nobody else could.

mod encode;
mod tcp;
mod udp;

pub(crate) use encode::{Encoder, level};
pub(crate) use tcp::Tcp;
pub(crate) use udp::{Udp, bind};

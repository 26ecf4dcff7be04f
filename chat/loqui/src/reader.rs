//! The reading half of a connection: frames to their receiver, pings answered, silence noticed.

use std::time::Duration;

use bytes::BytesMut;
use tokio::io::AsyncReadExt;
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::code::Code;
use crate::frame::{COMPRESSED, Frame, Kind};
use crate::link::Link;

/// How much room a read gets at least, and how much is made when there is less.
const READ_ROOM: usize = 4 << 10;
const READ_CHUNK: usize = 64 << 10;

/// Receives REQUEST, RESPONSE, ERROR and PUSH frames, in order. Waiting in it is back-pressure on the socket.
pub(crate) trait Incoming {
    /// Takes one; an error ends the connection.
    fn frame(&mut self, kind: Kind) -> impl Future<Output = Result<(), (Code, String)>> + Send;
}

/// Reads until the connection ends, and says why on `link`.
pub(crate) async fn read(
    mut socket: OwnedReadHalf,
    mut buffer: BytesMut,
    link: &Link,
    ping_interval: Duration,
    max_payload_bytes: usize,
    mut incoming: impl Incoming,
) {
    let mut ticks = interval_at(Instant::now() + ping_interval, ping_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut unanswered = false;
    loop {
        loop {
            match Frame::decode(&mut buffer, max_payload_bytes) {
                Ok(Some(Frame { flags, kind })) => {
                    if matches!(kind, Kind::Pong { .. }) {
                        unanswered = false;
                    } else if let Err((code, reason)) = take(flags, kind, link, &mut incoming).await {
                        return link.close(code, &reason);
                    }
                }
                Ok(None) => break,
                Err(error) => return link.close(Code::InvalidOp, &error.to_string()),
            }
        }
        if buffer.capacity() - buffer.len() < READ_ROOM {
            buffer.reserve(READ_CHUNK);
        }
        tokio::select! {
            // What has arrived is read before the clock is asked: a PONG must not lose against our own slowness.
            biased;
            read = socket.read_buf(&mut buffer) => match read {
                Ok(0) => return link.lost(Code::InternalServerError, "the other side closed the connection"),
                Ok(_) => {}
                Err(error) => return link.lost(Code::InternalServerError, &format!("cannot read: {error}")),
            },
            _ = ticks.tick() => {
                if unanswered {
                    return link.close(Code::PingTimeout, "no PONG since the last PING");
                }
                unanswered = true;
                link.send_control(Kind::Ping { seq: link.next_seq() });
            }
        }
    }
}

async fn take(
    flags: u8,
    kind: Kind,
    link: &Link,
    incoming: &mut impl Incoming,
) -> Result<(), (Code, String)> {
    match kind {
        Kind::Ping { seq } => link.send_control(Kind::Pong { seq }),
        Kind::GoAway { code, reason } => link.lost(code.into(), &String::from_utf8_lossy(&reason)),
        Kind::Hello { .. } | Kind::HelloAck { .. } => {
            return Err((Code::InvalidOp, format!("{} in mid-connection", kind.name())));
        }
        _ if flags & COMPRESSED != 0 => {
            let reason = "a compressed payload, but no compression was agreed";
            return Err((Code::InvalidCompression, reason.to_owned()));
        }
        _ => return incoming.frame(kind).await,
    }
    Ok(())
}

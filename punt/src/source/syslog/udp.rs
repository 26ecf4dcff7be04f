//! Syslog over UDP: one datagram, one message.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use jiff::Timestamp;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tracing::warn;

use super::encode::{Encoder, Tally, peer};
use crate::event::Batch;
use crate::meter::Count;
use crate::source::Intake;

/// What is asked of the kernel; it may give less (net.core.rmem_max).
const RECEIVE_BUFFER: usize = 8 << 20;

/// No datagram is longer.
const DATAGRAM: usize = 64 << 10;

/// The receiving side.
#[derive(Debug)]
pub(crate) struct Udp {
    pub(crate) socket: UdpSocket,
    pub(crate) max_frame_bytes: usize,
    pub(crate) encoder: Arc<Encoder>,
    pub(crate) intake: Intake,
}

/// Binds a socket with a large receive buffer, which is what carries a burst.
pub(crate) fn bind(address: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    // Best effort: with a small buffer punt still works, and the kernel drops sooner.
    drop(socket.set_recv_buffer_size(RECEIVE_BUFFER));
    socket.set_nonblocking(true)?;
    socket.bind(&address.into()).map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("cannot receive on {address} (UDP): {error}"),
        )
    })?;
    Ok(socket.into())
}

// === impl Udp ===

impl Udp {
    /// Receives until the stop signal, and then what is already in the kernel.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let mut batch = Batch::default();
        let mut datagram = vec![0; DATAGRAM];
        let mut last: Option<(IpAddr, String)> = None;
        loop {
            let stopping = tokio::select! {
                ready = self.socket.readable() => {
                    ready?;
                    false
                }
                () = self.intake.stop.cancelled() => true,
            };
            let received = Timestamp::now();
            loop {
                match self.socket.try_recv_from(&mut datagram) {
                    Ok((length, address)) => {
                        let known = last.take().filter(|(ip, _)| *ip == address.ip());
                        let (ip, text) = known.unwrap_or_else(|| (address.ip(), peer(address.ip())));
                        self.take(&mut batch, &datagram[..length], &text, received);
                        last = Some((ip, text));
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // An ICMP answer to nothing we sent; the socket is fine.
                    Err(error) => warn!(event.action = "receive-failed", labels.source = self.intake.name,
                                        %error, "a datagram could not be received"),
                }
                if batch.is_full() && !self.intake.send(&mut batch).await {
                    return Ok(());
                }
            }
            if !self.intake.send(&mut batch).await || stopping {
                return Ok(());
            }
        }
    }

    fn take(&self, batch: &mut Batch, datagram: &[u8], peer: &str, received: Timestamp) {
        let cut = datagram.len() > self.max_frame_bytes;
        self.intake.meter.add(Count::Truncated, u64::from(cut));
        let frame = &datagram[..datagram.len().min(self.max_frame_bytes)];
        let mut tally = Tally::default();
        self.encoder.push(batch, &mut tally, frame, cut, peer, received);
        tally.settle(&self.intake.meter);
    }
}

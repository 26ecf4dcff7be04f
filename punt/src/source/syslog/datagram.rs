//! Syslog over datagrams (UDP, Unix): one datagram, one message. On a thread of its own, which takes as many as
//! the kernel has with one system call.

use std::io::IoSliceMut;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, iter};

use jiff::Timestamp;
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, setsockopt, sockopt,
};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::runtime::Handle;
use tracing::warn;

use super::encode::{Encoder, Tally, peer};
use super::unix::SocketPath;
use crate::event::Batch;
use crate::meter::Count;
use crate::source::Intake;

/// What is asked of the kernel; it may give less (net.core.rmem_max).
const RECEIVE_BUFFER: usize = 8 << 20;

/// No UDP datagram is longer.
const DATAGRAM: usize = 64 << 10;

/// Datagrams that are received with one call.
const BURST: usize = 32;

/// How often a quiet socket looks whether it should stop.
const WAKE: Duration = Duration::from_millis(100);

/// At a stop, senders that never pause are read for no longer than this.
const DRAIN: Duration = Duration::from_secs(2);

/// The receiving side.
pub(super) struct Datagrams {
    pub(super) socket: Socket,
    pub(super) max_frame_bytes: usize,
    pub(super) encoder: Arc<Encoder>,
    pub(super) intake: Intake,
    pub(super) runtime: Handle,
    /// Held as long as its socket is.
    pub(super) _path: Option<SocketPath>,
}

/// What is kept from one call to the next.
struct State {
    batch: Batch,
    /// The peer of the last datagram, and how it is written.
    last: Option<(IpAddr, String)>,
    /// How many datagrams the kernel says that it has dropped, ever.
    kernel_dropped: u32,
}

/// Binds a UDP socket with a large receive buffer, which is what carries a burst.
pub(super) fn bind(address: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    // Best effort: with a small buffer punt still works, and the kernel drops sooner.
    drop(socket.set_recv_buffer_size(RECEIVE_BUFFER));
    socket.bind(&address.into()).map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("cannot receive on {address} (UDP): {error}"),
        )
    })?;
    Ok(socket.into())
}

// === impl Datagrams ===

impl Datagrams {
    /// Receives until the stop signal, and then what is already in the kernel.
    pub(super) fn run(self) -> anyhow::Result<()> {
        self.socket.set_read_timeout(Some(WAKE))?;
        if let Err(error) = setsockopt(&self.socket, sockopt::RxqOvfl, &1) {
            warn!(event.action = "kernel-drops-unknown", labels.source = self.intake.name, %error,
                  "what the kernel drops cannot be counted");
        }
        // One byte more than is kept, so that a datagram that is cut is told from one that fits.
        let size = DATAGRAM.max(self.max_frame_bytes + 1);
        let mut buffers: Vec<Vec<u8>> = iter::repeat_with(|| vec![0; size]).take(BURST).collect();
        let mut state = State {
            batch: Batch::default(),
            last: None,
            kernel_dropped: 0,
        };
        let mut until = None;
        loop {
            if self.intake.stop.is_cancelled()
                && *until.get_or_insert_with(|| Instant::now() + DRAIN) < Instant::now()
            {
                return Ok(());
            }
            let waiting = until.is_none() && state.batch.is_empty();
            match self.receive(&mut buffers, &mut state, waiting) {
                // The kernel has more, most likely, and the batch has room.
                Ok(BURST) if !state.batch.is_full() => continue,
                Ok(_) => {}
                Err(Errno::EAGAIN) if !state.batch.is_empty() => {}
                Err(Errno::EAGAIN) if until.is_some() => return Ok(()),
                Err(Errno::EAGAIN | Errno::EINTR) => continue,
                // An ICMP answer to nothing we sent; the socket is fine.
                Err(error) => {
                    warn!(event.action = "receive-failed", labels.source = self.intake.name, %error,
                          "a datagram could not be received");
                    continue;
                }
            }
            if !self.runtime.block_on(self.intake.send(&mut state.batch)) {
                return Ok(());
            }
        }
    }

    /// Takes what the kernel has, up to [`BURST`] datagrams, and says how many. `waiting`: for the first one.
    fn receive(&self, buffers: &mut [Vec<u8>], state: &mut State, waiting: bool) -> nix::Result<usize> {
        let mut slices: Vec<[IoSliceMut<'_>; 1]> = buffers
            .iter_mut()
            .map(|buffer| [IoSliceMut::new(buffer)])
            .collect();
        // New ones each time: the kernel writes into them how much room there is, and nobody resets that.
        let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(BURST, Some(nix::cmsg_space!(u32)));
        let flags = match waiting {
            true => MsgFlags::MSG_WAITFORONE,
            false => MsgFlags::MSG_DONTWAIT,
        };
        let datagrams = recvmmsg(
            self.socket.as_raw_fd(),
            &mut headers,
            slices.iter_mut(),
            flags,
            None,
        )?;
        let received = Timestamp::now();
        let (mut tally, mut count) = (Tally::default(), 0);
        for datagram in datagrams {
            count += 1;
            for message in datagram.cmsgs().into_iter().flatten() {
                if let ControlMessageOwned::RxqOvfl(dropped) = message {
                    let news = dropped.wrapping_sub(state.kernel_dropped);
                    self.intake.meter.add(Count::KernelDropped, news.into());
                    state.kernel_dropped = dropped;
                }
            }
            let bytes = datagram.iovs().next().unwrap_or_default();
            let cut = bytes.len() > self.max_frame_bytes || datagram.flags.contains(MsgFlags::MSG_TRUNC);
            self.intake.meter.add(Count::Truncated, u64::from(cut));
            let frame = &bytes[..bytes.len().min(self.max_frame_bytes)];
            state.know(datagram.address.as_ref().and_then(ip));
            let peer = state.last.as_ref().map(|(_, text)| text.as_str());
            self.encoder
                .push(&mut state.batch, &mut tally, frame, cut, peer, received);
        }
        tally.settle(&self.intake.meter);
        Ok(count)
    }
}

// === impl State ===

impl State {
    /// Remembers who sent the datagram in hand.
    fn know(&mut self, address: Option<IpAddr>) {
        if self.last.as_ref().map(|(known, _)| *known) != address {
            self.last = address.map(|address| (address, peer(address)));
        }
    }
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let four = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    four.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
}

//! What the halves and handles of one connection share: its outgoing queues, its sequence, and how it ends.
//!
//! Not here: sockets. [`crate::reader`] and [`crate::writer`] have those.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::code::Code;
use crate::frame::{Frame, Kind};

/// Pings, pongs and the GOAWAY have a lane of their own, so that a full queue of data does not pass for a dead
/// peer. When even this one is full, nothing has been written for a long time, and the frame is dropped.
const CONTROL_FRAMES: usize = 32;

/// The sending side of a connection.
#[derive(Debug)]
pub(crate) struct Link {
    data: mpsc::Sender<Frame>,
    control: mpsc::Sender<Frame>,
    /// Cancelled when either side said goodbye or the socket is lost: nothing new is begun.
    pub(crate) closing: CancellationToken,
    /// Cancelled when what is queued is all that will be written.
    pub(crate) finish: CancellationToken,
    why: OnceLock<(Code, String)>,
    seq: AtomicU32,
}

/// The receiving ends, for the writer.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) data: mpsc::Receiver<Frame>,
    pub(crate) control: mpsc::Receiver<Frame>,
}

/// The frame was not queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsent {
    Full,
    Closed,
}

// === impl Link ===

impl Link {
    pub(crate) fn new(queue_frames: usize) -> (Self, Outgoing) {
        let (data, data_queue) = mpsc::channel(queue_frames.max(1));
        let (control, control_queue) = mpsc::channel(CONTROL_FRAMES);
        let link = Self {
            data,
            control,
            closing: CancellationToken::new(),
            finish: CancellationToken::new(),
            why: OnceLock::new(),
            seq: AtomicU32::new(1),
        };
        let outgoing = Outgoing {
            data: data_queue,
            control: control_queue,
        };
        (link, outgoing)
    }

    /// The next number of this side, for pings and requests alike: from 1 on, and 1 again after the largest.
    pub(crate) fn next_seq(&self) -> u32 {
        loop {
            let seq = self.seq.fetch_add(1, Ordering::Relaxed);
            if seq != 0 {
                return seq;
            }
        }
    }

    /// Queues a frame, waiting for room.
    pub(crate) async fn send(&self, kind: Kind) -> Result<(), Unsent> {
        self.data.send(kind.into()).await.map_err(|_| Unsent::Closed)
    }

    /// Queues a frame if there is room.
    pub(crate) fn try_send(&self, kind: Kind) -> Result<(), Unsent> {
        self.data.try_send(kind.into()).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Unsent::Full,
            mpsc::error::TrySendError::Closed(_) => Unsent::Closed,
        })
    }

    /// Queues a frame of the protocol itself, ahead of the data.
    pub(crate) fn send_control(&self, kind: Kind) {
        if self.control.try_send(kind.into()).is_err() {
            tracing::trace!("control frame dropped: the socket takes nothing");
        }
    }

    /// Says goodbye. The first reason given stays.
    pub(crate) fn close(&self, code: Code, reason: &str) {
        if self.ends(code, reason) {
            self.send_control(Kind::GoAway {
                code: code.into(),
                reason: Bytes::copy_from_slice(reason.as_bytes()),
            });
        }
    }

    /// The other side said goodbye, or the socket is lost.
    pub(crate) fn lost(&self, code: Code, reason: &str) {
        self.ends(code, reason);
    }

    fn ends(&self, code: Code, reason: &str) -> bool {
        let first = self.why.set((code, reason.to_owned())).is_ok();
        self.closing.cancel();
        first
    }

    /// Why the connection ends.
    pub(crate) fn why(&self) -> (Code, String) {
        self.why
            .get()
            .cloned()
            .unwrap_or_else(|| (Code::Normal, "closed".to_owned()))
    }
}

//! Syslog over connections (TCP, TLS, Unix streams): framed by newline or octet counting, as each sender likes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use punt_syslog::{Framer, FramingCounts};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout};

use super::encode::{Encoder, Tally, peer};
use super::unix::SocketPath;
use crate::event::Batch;
use crate::meter::Count;
use crate::source::Intake;
use crate::source::net::{Acceptor, Connection};

const CHUNK: usize = 64 << 10;

/// At a stop, a connection that gives nothing for so long has given all that the kernel had of it.
const DRAINED: Duration = Duration::from_millis(20);

/// At a stop, a sender that never pauses is read for no longer than this.
const DRAIN: Duration = Duration::from_secs(2);

/// The accepting side.
pub(super) struct Streams {
    pub(super) acceptor: Acceptor,
    pub(super) max_frame_bytes: usize,
    pub(super) idle_timeout: Duration,
    pub(super) encoder: Arc<Encoder>,
    /// Held as long as its socket is.
    pub(super) _path: Option<SocketPath>,
}

struct Sender {
    connection: Connection,
    peer: Option<String>,
    framer: Framer,
    counted: FramingCounts,
    encoder: Arc<Encoder>,
    intake: Intake,
    batch: Batch,
}

// === impl Streams ===

impl Streams {
    /// Serves until the stop signal; the connections hand on what they have.
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let (encoder, intake) = (self.encoder, self.acceptor.intake.clone());
        let (max_frame_bytes, idle) = (self.max_frame_bytes, self.idle_timeout);
        self.acceptor
            .run(move |connection| {
                let sender = Sender {
                    peer: connection.peer.map(peer),
                    connection,
                    framer: Framer::new(max_frame_bytes),
                    counted: FramingCounts::default(),
                    encoder: Arc::clone(&encoder),
                    intake: intake.clone(),
                    batch: Batch::default(),
                };
                sender.run(idle)
            })
            .await;
        Ok(())
    }
}

// === impl Sender ===

impl Sender {
    async fn run(mut self, idle: Duration) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK];
        let mut replaced = false;
        let result = loop {
            let read = tokio::select! {
                () = self.intake.hang_up.cancelled() => {
                    self.drain(&mut chunk).await;
                    break Ok(());
                }
                () = self.intake.stop.cancelled(), if !replaced => {
                    replaced = true;
                    // A sender that looks connects again, to the source that took over; the others are read on.
                    drop(self.connection.stream.shutdown().await);
                    continue;
                }
                read = timeout(idle, self.connection.stream.read(&mut chunk)) => read,
            };
            match read {
                Ok(Ok(0)) => break Ok(()),
                Ok(Ok(length)) => {
                    self.framer.push(&chunk[..length]);
                    if !self.take().await {
                        return Ok(());
                    }
                }
                Ok(Err(error)) => break Err(error),
                Err(_) => {
                    break Err(io::Error::new(
                        io::ErrorKind::TimedOut,
                        "the sender was silent for too long",
                    ));
                }
            }
        };
        // The last line may have no end, and a broken connection is no reason to lose what came before.
        self.framer.finish();
        self.take().await;
        result
    }

    /// Reads what the kernel has already taken from the sender: the sender believes that it arrived.
    async fn drain(&mut self, chunk: &mut [u8]) {
        let until = Instant::now() + DRAIN;
        while Instant::now() < until {
            match timeout(DRAINED, self.connection.stream.read(chunk)).await {
                Ok(Ok(length @ 1..)) => self.framer.push(&chunk[..length]),
                _ => return,
            }
            if !self.take().await {
                return;
            }
        }
    }

    /// Hands the whole frames on. False: punt is at its end.
    async fn take(&mut self) -> bool {
        let received = Timestamp::now();
        let meter = Arc::clone(&self.intake.meter);
        let mut tally = Tally::default();
        let mut open = true;
        while let Some(frame) = self.framer.next_frame() {
            self.encoder.push(
                &mut self.batch,
                &mut tally,
                frame.bytes,
                frame.truncated,
                self.peer.as_deref(),
                received,
            );
            if self.batch.is_full() {
                tally.settle(&meter);
                open &= self.intake.send(&mut self.batch).await;
            }
        }
        tally.settle(&meter);
        let counts = self.framer.counts();
        meter.add(Count::Truncated, counts.truncated - self.counted.truncated);
        meter.add(Count::Resyncs, counts.resyncs - self.counted.resyncs);
        self.counted = counts;
        open && self.intake.send(&mut self.batch).await
    }
}

//! Syslog over TCP: framed by newline or octet counting, as each sender likes.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use punt_syslog::{Framer, FramingCounts};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::encode::{Encoder, Tally, peer};
use crate::config::SyslogConfig;
use crate::event::Batch;
use crate::meter::Count;
use crate::source::Intake;

const CHUNK: usize = 64 << 10;

/// The pause after a failed accept: out of file descriptors, most likely, and that takes time to pass.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The accepting side.
#[derive(Debug)]
pub(crate) struct Tcp {
    pub(crate) listener: TcpListener,
    pub(crate) config: SyslogConfig,
    pub(crate) encoder: Arc<Encoder>,
    pub(crate) intake: Intake,
}

struct Connection {
    stream: TcpStream,
    peer: String,
    framer: Framer,
    counted: FramingCounts,
    encoder: Arc<Encoder>,
    intake: Intake,
    batch: Batch,
}

// === impl Tcp ===

impl Tcp {
    /// Accepts until the stop signal, then waits for the connections to end, and to hand on what they have.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let connections = TaskTracker::new();
        let slots = Arc::new(Semaphore::new(self.config.max_connections));
        loop {
            let accepted = tokio::select! {
                () = self.intake.stop.cancelled() => break,
                accepted = self.accept(&slots) => accepted,
            };
            match accepted {
                Ok((stream, address, slot)) => {
                    self.intake.meter.add(Count::Connections, 1);
                    let connection = self.connection(stream, address);
                    let idle = self.config.idle_timeout;
                    connections.spawn(async move {
                        if let Err(error) = connection.run(idle).await {
                            debug!(%error, source.ip = %address.ip(), "syslog connection ended");
                        }
                        drop(slot);
                    });
                }
                Err(error) => {
                    warn!(event.action = "accept-failed", labels.source = self.intake.name, %error,
                          "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        connections.close();
        // Their own end of the queue goes with them; ours must not outlive this.
        connections.wait().await;
        Ok(())
    }

    /// With a free slot only: who does not get one waits in the kernel's backlog.
    async fn accept(
        &self,
        slots: &Arc<Semaphore>,
    ) -> io::Result<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
        let slot = Arc::clone(slots)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let (stream, address) = self.listener.accept().await?;
        Ok((stream, address, slot))
    }

    fn connection(&self, stream: TcpStream, address: SocketAddr) -> Connection {
        Connection {
            stream,
            peer: peer(address.ip()),
            framer: Framer::new(self.config.max_frame_bytes),
            counted: FramingCounts::default(),
            encoder: Arc::clone(&self.encoder),
            intake: self.intake.clone(),
            batch: Batch::default(),
        }
    }
}

// === impl Connection ===

impl Connection {
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
                    drop(self.stream.shutdown().await);
                    continue;
                }
                read = timeout(idle, self.stream.read(&mut chunk)) => read,
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
        while let Ok(length @ 1..) = self.stream.try_read(chunk) {
            self.framer.push(&chunk[..length]);
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
                &self.peer,
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

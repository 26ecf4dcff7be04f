//! The sink's task: waits for a batch's worth of events, reads them from the buffer, has them delivered, and
//! acknowledges them in order.

use std::collections::VecDeque;
use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use tokio::task::{JoinSet, block_in_place};
use tokio::time::{Instant, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use super::delivery::Delivery;
use crate::buffer::{Drain, Gauge, Limit, Payloads, Position};
use crate::config::DeliveryConfig;
use crate::meter::Count;

/// How often an idle sink writes its position down.
const PERSIST_EVERY: Duration = Duration::from_millis(500);

/// One sink.
pub(crate) struct Sender {
    pub(crate) config: DeliveryConfig,
    pub(crate) delivery: Arc<Delivery>,
    pub(crate) reader: Drain,
    pub(crate) gauge: Arc<Gauge>,
    /// What the sender before this one, with other settings, had begun.
    pub(crate) begun: Begun,
    /// Cancelled when a sender with other settings takes over.
    pub(crate) handover: CancellationToken,
}

/// What a sender gives to the one that takes over.
pub(crate) struct Baton {
    pub(crate) reader: Drain,
    pub(crate) begun: Begun,
}

/// How far a sender is: what it has read, and what of that is not delivered.
#[derive(Default)]
pub(crate) struct Begun {
    in_flight: InFlight,
    /// By number of the batch.
    left: Vec<(u64, Vec<Payloads>)>,
    read_events: u64,
    read_bytes: u64,
}

/// What became of a batch.
enum Delivered {
    /// All of it is dealt with; this is its memory.
    All(Option<Bytes>),
    /// This is left to the sender that takes over.
    Left(Vec<Payloads>),
}

/// Batches on their way, in the order of the buffer.
#[derive(Default)]
struct InFlight {
    next: u64,
    bytes: usize,
    batches: VecDeque<Batch>,
}

struct Batch {
    number: u64,
    end: Position,
    events: u64,
    bytes: usize,
    oldest_ms: u64,
    done: bool,
}

// === impl Sender ===

impl Sender {
    /// Runs until the buffer is closed, and empty; or on disk, and the other side takes nothing; or until the
    /// handover, and then gives what the next one needs.
    pub(crate) async fn run(mut self) -> anyhow::Result<Option<Baton>> {
        // Both owned here, and ended with this task.
        let mut deliveries: JoinSet<(u64, Delivered)> = JoinSet::new();
        let mut upkeep = JoinSet::new();
        if let Some(task) = self.delivery.target.upkeep() {
            upkeep.spawn(task);
        }
        let Begun {
            mut in_flight,
            left,
            mut read_events,
            mut read_bytes,
        } = std::mem::take(&mut self.begun);
        for (number, pieces) in left {
            deliveries.spawn(self.deliver(number, pieces, None));
        }
        let mut written = self.reader.written();
        let gauge = Arc::clone(&self.gauge);
        let mut tick = interval(PERSIST_EVERY);
        let mut waiting_since: Option<Instant> = None;
        loop {
            let now = *written.borrow_and_update();
            let waiting = now.events.saturating_sub(read_events);
            let room = self.has_room(deliveries.len(), in_flight.bytes);
            if waiting > 0 && waiting_since.is_none() {
                waiting_since = Some(Instant::now());
            }
            let due = waiting_since.map(|since| since + Duration::from_millis(self.config.batch_timeout_ms));
            let ready = waiting >= self.config.batch_events as u64
                || now.bytes.saturating_sub(read_bytes) >= self.config.batch_bytes as u64
                || now.closed
                || due.is_some_and(|due| due <= Instant::now());
            if !room && ready && waiting > 0 {
                self.delivery.pace.reached();
            }
            if room && ready && (waiting > 0 || now.closed) {
                let limit = Limit {
                    events: self.config.batch_events,
                    bytes: self.config.batch_bytes,
                };
                let read = block_in_place(|| self.reader.read(limit)).context("reading the buffer")?;
                self.delivery
                    .meter
                    .add(Count::DroppedCorrupt, self.reader.take_lost());
                match read {
                    Some(read) => {
                        read_events += read.payloads.len() as u64;
                        read_bytes += read.payloads.bytes() as u64;
                        waiting_since = None;
                        let (events, bytes) = (read.payloads.len() as u64, read.payloads.bytes());
                        let number = in_flight.push(read.end, events, bytes, read.oldest_ms);
                        let block = read.payloads.block();
                        deliveries.spawn(self.deliver(number, vec![read.payloads], Some(block)));
                        continue;
                    }
                    None if now.closed && deliveries.is_empty() => break,
                    // Corruption can make the counts differ; the reader knows what there is.
                    None => {
                        (read_events, waiting_since) = (now.events, None);
                        read_bytes = now.bytes;
                    }
                }
            }
            let wait_due = async {
                match due {
                    Some(due) if room => sleep_until(due).await,
                    _ => pending().await,
                }
            };
            tokio::select! {
                () = self.handover.cancelled() => break,
                Some(done) = deliveries.join_next(), if !deliveries.is_empty() => {
                    match done.context("a delivery ended early")? {
                        (number, Delivered::All(block)) => {
                            if let Some(block) = block {
                                self.reader.recycle(block);
                            }
                            self.acknowledge(&mut in_flight, number)?;
                        }
                        // The handover is on; the loop ends with it.
                        (number, Delivered::Left(pieces)) => self.begun.left.push((number, pieces)),
                    }
                }
                changed = written.changed(), if !now.closed => drop(changed),
                () = wait_due => {}
                () = gauge.shed.notified() => {
                    let shed = block_in_place(|| self.reader.shed()).context("dropping the oldest events")?;
                    self.delivery.meter.add(Count::DroppedOldest, shed);
                    // What was dropped is not read any more.
                    read_events += shed;
                }
                _ = tick.tick() => {
                    block_in_place(|| self.reader.persist()).context("writing the buffer's position")?;
                    if now.closed && self.reader.survives() && self.delivery.is_in_trouble() {
                        // Stopping, and nothing is taken: waiting helps nobody, the events are on disk.
                        return Ok(None);
                    }
                }
            }
        }
        let handover = self.handover.is_cancelled();
        while let Some(done) = deliveries.join_next().await {
            match done.context("a delivery ended early")? {
                (number, Delivered::All(_)) => self.acknowledge(&mut in_flight, number)?,
                (number, Delivered::Left(pieces)) => self.begun.left.push((number, pieces)),
            }
        }
        block_in_place(|| self.reader.persist()).context("writing the buffer's position")?;
        if !handover {
            return Ok(None);
        }
        let begun = Begun {
            in_flight,
            left: self.begun.left,
            read_events,
            read_bytes,
        };
        Ok(Some(Baton {
            reader: self.reader,
            begun,
        }))
    }

    /// Delivers a batch. `block` is the memory of all of it, for the next read.
    fn deliver(
        &self,
        number: u64,
        pieces: Vec<Payloads>,
        block: Option<Bytes>,
    ) -> impl Future<Output = (u64, Delivered)> + Send + use<> {
        let (delivery, handover) = (Arc::clone(&self.delivery), self.handover.clone());
        async move {
            let left = delivery.deliver(pieces, &handover).await;
            let delivered = match left.is_empty() {
                true => Delivered::All(block),
                false => Delivered::Left(left),
            };
            (number, delivered)
        }
    }

    /// Whether another request may be sent.
    fn has_room(&self, requests: usize, bytes: usize) -> bool {
        let limit = match self.delivery.target.is_serial() {
            true => 1,
            false => self.delivery.pace.limit(),
        };
        requests == 0 || (requests < limit && bytes < self.config.in_flight_bytes)
    }

    fn acknowledge(&mut self, in_flight: &mut InFlight, number: u64) -> anyhow::Result<()> {
        for (end, events) in in_flight.done(number) {
            block_in_place(|| self.reader.acknowledge(end, events))
                .context("writing the buffer's position")?;
        }
        if let Some(oldest) = in_flight.batches.front() {
            self.gauge.oldest_ms.store(oldest.oldest_ms, Relaxed);
        }
        Ok(())
    }
}

// === impl InFlight ===

impl InFlight {
    fn push(&mut self, end: Position, events: u64, bytes: usize, oldest_ms: u64) -> u64 {
        let number = self.next;
        self.next += 1;
        self.bytes += bytes;
        self.batches.push_back(Batch {
            number,
            end,
            events,
            bytes,
            oldest_ms,
            done: false,
        });
        number
    }

    /// Marks a batch as delivered; gives what can be acknowledged now, in order.
    fn done(&mut self, number: u64) -> Vec<(Position, u64)> {
        if let Some(batch) = self.batches.iter_mut().find(|batch| batch.number == number) {
            batch.done = true;
            self.bytes -= batch.bytes;
        }
        let mut acknowledged = Vec::new();
        while let Some(batch) = self.batches.pop_front_if(|batch| batch.done) {
            acknowledged.push((batch.end, batch.events));
        }
        acknowledged
    }
}

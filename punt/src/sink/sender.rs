//! The sink's task: waits for a batch's worth of events, reads them from the buffer, has them delivered, and
//! acknowledges them in order.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use tokio::task::{JoinSet, block_in_place};
use tokio::time::{Instant, interval, sleep_until};

use super::delivery::Delivery;
use crate::buffer::{Drain, Gauge, Limit, Position};
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
    /// Runs until the buffer is closed, and empty; or on disk, and the other side takes nothing.
    pub(crate) async fn run(mut self) -> anyhow::Result<()> {
        // Both owned here, and ended with this task.
        let mut deliveries: JoinSet<(u64, Bytes)> = JoinSet::new();
        let mut upkeep = JoinSet::new();
        if let Some(task) = self.delivery.target.upkeep() {
            upkeep.spawn(task);
        }
        let mut in_flight = InFlight::default();
        let mut written = self.reader.written();
        let gauge = Arc::clone(&self.gauge);
        let mut tick = interval(PERSIST_EVERY);
        let mut read_events = 0;
        let mut read_bytes = 0;
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
                        let delivery = Arc::clone(&self.delivery);
                        deliveries.spawn(async move {
                            let block = read.payloads.block();
                            delivery.deliver(read.payloads).await;
                            (number, block)
                        });
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
                Some(done) = deliveries.join_next(), if !deliveries.is_empty() => {
                    let (number, block) = done.context("a delivery ended early")?;
                    self.reader.recycle(block);
                    self.acknowledge(&mut in_flight, number)?;
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
                        return Ok(());
                    }
                }
            }
        }
        block_in_place(|| self.reader.persist()).context("writing the buffer's position")
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

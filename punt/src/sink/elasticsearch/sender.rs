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
use super::template;
use crate::buffer::{Gauge, Limit, Position, Reader};
use crate::config::ElasticsearchConfig;
use crate::meter::Count;

/// How often an idle sink writes its position down.
const PERSIST_EVERY: Duration = Duration::from_millis(500);

/// One sink.
pub(crate) struct Sender {
    pub(crate) config: ElasticsearchConfig,
    pub(crate) delivery: Arc<Delivery>,
    pub(crate) reader: Reader,
    pub(crate) gauge: Arc<Gauge>,
}

/// Batches on their way, in the order of the buffer.
#[derive(Default)]
struct InFlight {
    next: u64,
    batches: VecDeque<Batch>,
}

struct Batch {
    number: u64,
    end: Position,
    events: u64,
    oldest_ms: u64,
    done: bool,
}

// === impl Sender ===

impl Sender {
    /// Runs until the buffer is closed, and either empty or without an engine that takes anything.
    pub(crate) async fn run(mut self) -> anyhow::Result<()> {
        let mut deliveries: JoinSet<(u64, Bytes)> = JoinSet::new();
        // Owned here, and ended with this task.
        let mut background = JoinSet::new();
        if self.config.template {
            let retry_max = Duration::from_millis(self.config.retry_max_ms);
            let prefix = self.config.index.prefix().to_owned();
            let delivery = &self.delivery;
            let mut written = self.reader.written();
            let installed = tokio::select! {
                installed = template::install(&delivery.engine, &delivery.sink, &prefix, retry_max) => installed,
                // Stopped before the engine was ever there: the events are on disk.
                _ = written.wait_for(|written| written.closed) => return Ok(()),
            };
            if !installed {
                let delivery = Arc::clone(delivery);
                background.spawn(async move {
                    template::install_later(&delivery.engine, &delivery.sink, &prefix, retry_max).await;
                });
            }
        }
        let mut in_flight = InFlight::default();
        let mut written = self.reader.written();
        let mut tick = interval(PERSIST_EVERY);
        let mut read_events = 0;
        let mut read_bytes = 0;
        let mut waiting_since: Option<Instant> = None;
        loop {
            let now = *written.borrow_and_update();
            let waiting = now.events.saturating_sub(read_events);
            let room = deliveries.len() < self.config.concurrency;
            if waiting > 0 && waiting_since.is_none() {
                waiting_since = Some(Instant::now());
            }
            let due = waiting_since.map(|since| since + Duration::from_millis(self.config.batch_timeout_ms));
            let ready = waiting >= self.config.batch_events as u64
                || now.bytes.saturating_sub(read_bytes) >= self.config.batch_bytes as u64
                || now.closed
                || due.is_some_and(|due| due <= Instant::now());
            if room && ready && (waiting > 0 || now.closed) {
                let limit = Limit {
                    events: self.config.batch_events,
                    bytes: self.config.batch_bytes,
                };
                match block_in_place(|| self.reader.read(limit)).context("reading the buffer")? {
                    Some(read) => {
                        read_events += read.payloads.len() as u64;
                        read_bytes += read.payloads.bytes() as u64;
                        waiting_since = None;
                        self.delivery.meter.add(Count::DroppedCorrupt, read.corrupt);
                        let events = read.payloads.len() as u64;
                        let number = in_flight.push(read.end, events, read.oldest_ms);
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
                _ = tick.tick() => {
                    block_in_place(|| self.reader.persist()).context("writing the buffer's position")?;
                    if now.closed && self.delivery.is_in_trouble() {
                        // Stopping, and the engine takes nothing: waiting helps nobody, the events are on disk.
                        return Ok(());
                    }
                }
            }
        }
        block_in_place(|| self.reader.persist()).context("writing the buffer's position")
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
    fn push(&mut self, end: Position, events: u64, oldest_ms: u64) -> u64 {
        let number = self.next;
        self.next += 1;
        self.batches.push_back(Batch {
            number,
            end,
            events,
            oldest_ms,
            done: false,
        });
        number
    }

    /// Marks a batch as delivered; gives what can be acknowledged now, in order.
    fn done(&mut self, number: u64) -> Vec<(Position, u64)> {
        if let Some(batch) = self.batches.iter_mut().find(|batch| batch.number == number) {
            batch.done = true;
        }
        let mut acknowledged = Vec::new();
        while let Some(batch) = self.batches.pop_front_if(|batch| batch.done) {
            acknowledged.push((batch.end, batch.events));
        }
        acknowledged
    }
}

//! A buffer in memory: no file, no checksum, and nothing of it left when punt ends.
//!
//! A sender is told that its events are safe once the sink has them, so what can be sent again (files, spools, HTTP)
//! loses nothing; the rest is counted as lost when punt stops before it was delivered. The bound counts what is on
//! its way, too: full means full.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, watch};

use super::reader::Read;
use super::{AppendError, Gauge, Limit, Payloads, Position, Written, WrittenReceiver, now_ms};
use crate::meter::{Count, Meter};

/// A larger block was for one huge event, and is given back.
const SPARE_BYTES: usize = 8 << 20;

/// The writing end. Dropping it closes the buffer: the reader drains what is there and ends.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: Arc<Queue>,
    gauge: Arc<Gauge>,
    written: watch::Sender<Written>,
}

/// The reading end. What is in the buffer when it is dropped is counted as lost.
#[derive(Debug)]
pub(crate) struct Reader {
    queue: Arc<Queue>,
    gauge: Arc<Gauge>,
    written: WrittenReceiver,
    meter: Arc<Meter>,
    read: u64,
    on_their_way: VecDeque<OnItsWay>,
    /// Memory of a read that was dealt with, for the next one: the largest so far.
    spare: Vec<u8>,
}

/// A read that is not acknowledged.
#[derive(Debug)]
struct OnItsWay {
    end: u64,
    /// Up to where all is done once it is: behind what was dropped after it.
    done: u64,
    bytes: u64,
}

/// How far the events of a buffer are delivered, as the routing stage sees it.
#[derive(Debug, Clone)]
pub(crate) struct Delivered(Arc<Queue>);

#[derive(Debug)]
struct Queue {
    chunks: Mutex<VecDeque<Chunk>>,
    /// Events that are delivered, or dropped, counted from the start, in order.
    done: AtomicU64,
    /// Rung when `done` has grown.
    news: Arc<Notify>,
}

#[derive(Debug)]
struct Chunk {
    payloads: Payloads,
    written_ms: u64,
}

/// A new buffer with the bound of `gauge`. `news` is rung when events were delivered.
pub(crate) fn open(gauge: Arc<Gauge>, meter: Arc<Meter>, news: Arc<Notify>) -> (Writer, Reader) {
    let (written, receiver) = watch::channel(Written {
        position: Position {
            segment: 0,
            offset: 0,
        },
        events: 0,
        bytes: 0,
        closed: false,
    });
    let queue = Arc::new(Queue {
        chunks: Mutex::default(),
        done: AtomicU64::new(0),
        news,
    });
    let writer = Writer {
        queue: Arc::clone(&queue),
        gauge: Arc::clone(&gauge),
        written,
    };
    let reader = Reader {
        queue,
        gauge,
        written: receiver,
        meter,
        read: 0,
        on_their_way: VecDeque::new(),
        spare: Vec::new(),
    };
    (writer, reader)
}

// === impl Queue ===

impl Queue {
    fn chunks(&self) -> MutexGuard<'_, VecDeque<Chunk>> {
        self.chunks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Writer ===

impl Writer {
    /// Appends these events: `payloads` is one after the other, and ends at `ends`. It is taken only when there
    /// is room.
    pub(crate) fn append(
        &mut self,
        payloads: &mut Vec<u8>,
        ends: &mut Vec<usize>,
    ) -> Result<(), AppendError> {
        let length = payloads.len() as u64;
        let max_bytes = self.gauge.max_bytes.load(Relaxed);
        if length > max_bytes {
            return Err(AppendError::TooLarge);
        }
        if self.gauge.bytes.load(Relaxed) + length > max_bytes {
            return Err(AppendError::Full);
        }
        let events = ends.len() as u64;
        let room = (payloads.len(), ends.len());
        let block = std::mem::replace(payloads, Vec::with_capacity(room.0));
        let ends = std::mem::replace(ends, Vec::with_capacity(room.1));
        let mut start = 0;
        let ranges = ends
            .into_iter()
            .map(|end| std::mem::replace(&mut start, end)..end)
            .collect();
        let written_ms = now_ms();
        self.gauge.bytes.fetch_add(length, Relaxed);
        if self.gauge.events.fetch_add(events, Relaxed) == 0 {
            self.gauge.oldest_ms.store(written_ms, Relaxed);
        }
        self.queue.chunks().push_back(Chunk {
            payloads: Payloads::new(block.into(), ranges),
            written_ms,
        });
        self.written.send_modify(|written| {
            written.position.offset += events;
            written.events += events;
            written.bytes += length;
        });
        Ok(())
    }

    /// Events that were appended, counted from the start.
    pub(crate) fn appended(&self) -> u64 {
        self.written.borrow().events
    }

    pub(crate) fn delivered(&self) -> Delivered {
        Delivered(Arc::clone(&self.queue))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.written.send_modify(|written| written.closed = true);
    }
}

// === impl Delivered ===

impl Delivered {
    /// Events that are delivered, in order, counted from the start.
    pub(crate) fn events(&self) -> u64 {
        self.0.done.load(Relaxed)
    }
}

// === impl Reader ===

impl Reader {
    pub(super) fn written(&self) -> WrittenReceiver {
        self.written.clone()
    }

    pub(super) fn read(&mut self, limit: Limit) -> Option<Read> {
        let mut chunks = self.queue.chunks();
        let mut parts: Vec<Payloads> = Vec::new();
        let (mut events, mut bytes, mut oldest_ms) = (0, 0, 0);
        while events < limit.events && (parts.is_empty() || bytes < limit.bytes) {
            let Some(mut chunk) = chunks.pop_front() else {
                break;
            };
            if parts.is_empty() {
                oldest_ms = chunk.written_ms;
            }
            let fits = chunk
                .payloads
                .fitting(limit.events - events, limit.bytes.saturating_sub(bytes));
            let fits = if parts.is_empty() { fits.max(1) } else { fits };
            if fits < chunk.payloads.len() {
                let rest = chunk.payloads.split_off(fits);
                let written_ms = chunk.written_ms;
                chunks.push_front(Chunk {
                    payloads: rest,
                    written_ms,
                });
                if fits == 0 {
                    break;
                }
            }
            events += chunk.payloads.len();
            bytes += chunk.payloads.bytes();
            parts.push(chunk.payloads);
        }
        drop(chunks);
        if parts.is_empty() {
            return None;
        }
        self.read += events as u64;
        self.on_their_way.push_back(OnItsWay {
            end: self.read,
            done: self.read,
            bytes: bytes as u64,
        });
        Some(Read {
            payloads: joined(parts, &mut self.spare),
            end: Position {
                segment: 0,
                offset: self.read,
            },
            oldest_ms,
        })
    }

    pub(super) fn acknowledge(&mut self, position: Position, events: u64) {
        let (mut freed, mut done) = (0, position.offset);
        while let Some(read) = self.on_their_way.pop_front_if(|read| read.end <= position.offset) {
            freed += read.bytes;
            done = read.done;
        }
        self.free(events, freed);
        self.queue.done.fetch_max(done, Relaxed);
        self.queue.news.notify_one();
    }

    /// Takes the memory of a read that was dealt with, if nobody else holds it any more.
    pub(super) fn recycle(&mut self, block: Bytes) {
        if let Ok(block) = block.try_into_mut()
            && block.capacity() > self.spare.capacity()
            && block.capacity() <= SPARE_BYTES
        {
            self.spare = block.into();
        }
    }

    /// Drops the oldest chunk that is not on its way.
    pub(super) fn shed(&mut self) -> u64 {
        let Some(chunk) = self.queue.chunks().pop_front() else {
            return 0;
        };
        let (events, bytes) = (chunk.payloads.len() as u64, chunk.payloads.bytes() as u64);
        self.read += events;
        match self.on_their_way.back_mut() {
            Some(last) => last.done = self.read,
            None => {
                self.queue.done.fetch_max(self.read, Relaxed);
                self.queue.news.notify_one();
            }
        }
        self.free(events, bytes);
        events
    }

    fn free(&self, events: u64, bytes: u64) {
        self.gauge.bytes.fetch_sub(bytes, Relaxed);
        if self.gauge.events.fetch_sub(events, Relaxed) == events {
            self.gauge.oldest_ms.store(0, Relaxed);
        }
        self.gauge.space.notify_waiters();
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.meter
            .add(Count::DroppedAtStop, self.gauge.events.swap(0, Relaxed));
    }
}

/// Several chunks as one, copied only when there are several, and into memory that is there already if it is.
fn joined(mut parts: Vec<Payloads>, spare: &mut Vec<u8>) -> Payloads {
    if parts.len() == 1
        && let Some(only) = parts.pop()
    {
        return only;
    }
    let mut block = std::mem::take(spare);
    block.clear();
    block.reserve(parts.iter().map(Payloads::bytes).sum());
    let mut ranges = Vec::with_capacity(parts.iter().map(Payloads::len).sum());
    for payload in parts.iter().flat_map(Payloads::iter) {
        let start = block.len();
        block.extend_from_slice(payload);
        ranges.push(start..block.len());
    }
    Payloads::new(Bytes::from(block), ranges)
}

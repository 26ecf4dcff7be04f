//! The buffer in front of a sink, on disk or in memory (see [`memory`]), behind one face: the routing stage has a
//! [`Writer`] or a [`memory::Writer`], the sink a [`Drain`].
//!
//! On disk it is a log of frames, written by one thread and read by one sink:
//!
//! ```text
//! DATA/buffer/<sink>/0000000001.seg    frames, back to back (see `frame`)
//!                    0000000002.seg    the highest number is written to; a start never appends to an old one
//!                    position          {"segment":1,"offset":4711}: everything before it is acknowledged
//! ```
//!
//! Invariants:
//! - A frame is visible to the reader only once it is written whole.
//! - The position moves over acknowledged events only, in order. A segment is unlinked only after a position
//!   behind it is on disk, so a crash sends some events again and loses none.
//! - A torn tail (power loss) is cut off at start; a corrupt frame is passed over and counted.
//! - The segments never take more than `max_bytes`; [`Writer::append`] says [`Full`] instead, and the caller
//!   decides whether to wait or to drop and count.

mod drain;
mod frame;
pub(crate) mod memory;
mod payloads;
mod position;
mod reader;
mod segment;
#[cfg(test)]
mod tests;
mod writer;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::sync::{Notify, watch};

pub(crate) use drain::Drain;
pub(crate) use frame::encode;
pub(crate) use payloads::Payloads;
pub(crate) use position::Position;
pub(crate) use reader::{Limit, Reader};
pub(crate) use writer::{AppendError, Writer};

/// The largest segment; a smaller bound gets smaller segments.
const SEGMENT_BYTES: u64 = 16 << 20;

/// What both ends and the outside know of a buffer.
#[derive(Debug)]
pub(crate) struct Gauge {
    /// Events in it that are not acknowledged.
    pub(crate) events: AtomicU64,
    /// Bytes of its segments.
    pub(crate) bytes: AtomicU64,
    /// The bound of `bytes`. A reload may change it.
    pub(crate) max_bytes: AtomicU64,
    /// When the oldest event that is not acknowledged was written (milliseconds since 1970); 0 when unknown.
    pub(crate) oldest_ms: AtomicU64,
    /// Rung when there is more room.
    pub(crate) space: Notify,
    /// Rung to ask the sink to drop the oldest events.
    pub(crate) shed: Notify,
}

/// How far the writer has come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    position: Position,
    /// Events and payload bytes since the start, with what was there already.
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    /// Nothing more will come.
    pub(crate) closed: bool,
}

/// A buffer that was opened.
pub(crate) struct Opened {
    pub(crate) writer: Writer,
    pub(crate) reader: Reader,
    pub(crate) gauge: Arc<Gauge>,
    /// Events that were in it.
    pub(crate) restored: u64,
    /// Places in it that could not be read.
    pub(crate) corrupt: u64,
}

/// Opens the buffer in `folder`, which is created when missing.
pub(crate) fn open(folder: &Path, max_bytes: u64) -> io::Result<Opened> {
    std::fs::create_dir_all(folder)?;
    let at = position::load(folder);
    let mut segments = segment::list(folder)?;
    let at = at.unwrap_or(Position {
        segment: segments.first().copied().unwrap_or(1),
        offset: 0,
    });
    for old in segments.extract_if(.., |number| *number < at.segment) {
        std::fs::remove_file(segment::path(folder, old))?;
    }
    let mut census = segment::Census::default();
    for (index, number) in segments.iter().enumerate() {
        let from = if *number == at.segment { at.offset } else { 0 };
        let last = index + 1 == segments.len();
        census.add(segment::census(&segment::path(folder, *number), from, last)?);
    }
    let next = segments
        .last()
        .map_or(at.segment, |last| last + 1)
        .max(at.segment);
    let gauge = Arc::new(Gauge {
        events: AtomicU64::new(census.events),
        bytes: AtomicU64::new(census.file_bytes),
        oldest_ms: AtomicU64::new(census.oldest_ms),
        ..Gauge::new(max_bytes)
    });
    let segment_bytes = SEGMENT_BYTES.min(max_bytes / 8).max(1);
    let (writer, written) = Writer::create(folder, next, segment_bytes, Arc::clone(&gauge), &census)?;
    let reader = Reader::new(folder, at, Arc::clone(&gauge), written);
    Ok(Opened {
        writer,
        reader,
        gauge,
        restored: census.events,
        corrupt: census.corrupt,
    })
}

// === impl Gauge ===

impl Gauge {
    /// That of an empty buffer.
    pub(crate) fn new(max_bytes: u64) -> Self {
        Self {
            events: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            max_bytes: AtomicU64::new(max_bytes),
            oldest_ms: AtomicU64::new(0),
            space: Notify::new(),
            shed: Notify::new(),
        }
    }

    pub(crate) fn lag_ms(&self) -> u64 {
        let oldest = self.oldest_ms.load(Relaxed);
        if oldest == 0 || self.events.load(Relaxed) == 0 {
            return 0;
        }
        now_ms().saturating_sub(oldest)
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default()
}

type WrittenReceiver = watch::Receiver<Written>;

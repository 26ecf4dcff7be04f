//! The reading end of a buffer.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::frame::{Decoded, decode, next_whole};
use super::{Gauge, Payloads, Position, Written, WrittenReceiver, position, segment};

/// How long an acknowledgement may stay in memory only.
const PERSIST_EVERY: Duration = Duration::from_millis(500);

/// Blocks of memory that are kept for the next reads.
const SPARE: usize = 2;

/// A larger block was for one huge event, and is given back.
const SPARE_BYTES: usize = 8 << 20;

/// What an event is thought to take before the first were read.
const TYPICAL: usize = 512;

/// Reads frames in order, and remembers how far they are acknowledged.
#[derive(Debug)]
pub(crate) struct Reader {
    folder: PathBuf,
    at: Position,
    file: Option<File>,
    acknowledged: Position,
    persisted: Position,
    persisted_at: Instant,
    gauge: Arc<Gauge>,
    written: WrittenReceiver,
    spare: Vec<Vec<u8>>,
    /// Bytes of an event, as the last read found it: no more is read than the limit of events will use.
    typical: usize,
    /// Events that were read or dropped, with those that were there at the start.
    passed: u64,
    /// Events that are known to be gone and were not told yet.
    lost: u64,
}

/// How much to read at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

/// What was read.
#[derive(Debug)]
pub(crate) struct Read {
    /// The payloads.
    pub(crate) payloads: Payloads,
    /// The place behind them, to acknowledge.
    pub(crate) end: Position,
    /// When the first one was written.
    pub(crate) oldest_ms: u64,
}

// === impl Reader ===

impl Reader {
    pub(super) fn new(folder: &Path, at: Position, gauge: Arc<Gauge>, written: WrittenReceiver) -> Self {
        Self {
            folder: folder.to_owned(),
            at,
            file: None,
            acknowledged: at,
            persisted: at,
            persisted_at: Instant::now(),
            gauge,
            written,
            spare: Vec::new(),
            typical: TYPICAL,
            passed: 0,
            lost: 0,
        }
    }

    /// Takes the memory of a read that was dealt with, if nobody else holds it any more.
    pub(crate) fn recycle(&mut self, block: Bytes) {
        if let Ok(block) = block.try_into_mut()
            && self.spare.len() < SPARE
            && block.capacity() <= SPARE_BYTES
        {
            self.spare.push(block.into());
        }
    }

    /// How far the writer is; for waiting.
    pub(crate) fn written(&self) -> WrittenReceiver {
        self.written.clone()
    }

    /// The next frames within the limit, at least one if there is one; none when the reader has caught up.
    pub(crate) fn read(&mut self, limit: Limit) -> io::Result<Option<Read>> {
        let written = *self.written.borrow();
        loop {
            let end = self.segment_end(written)?;
            if self.at.offset < end
                && let Some(read) = self.read_segment(end, limit)?
            {
                self.passed += read.payloads.len() as u64;
                return Ok(Some(read));
            }
            if self.at.segment >= written.position.segment {
                // All that was written is read: what is missing was corrupt.
                self.lose(written.events.saturating_sub(self.passed));
                return Ok(None);
            }
            self.next_segment(written)?;
        }
    }

    /// Events that were found to be gone since this was last asked.
    pub(crate) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    /// Drops the oldest events that were not read yet, a segment's worth at least, to make room for new ones; gives
    /// how many. What was read and is not acknowledged is on its way and stays. Nothing can be dropped of the
    /// segment that is written to; the writer begins another one when the buffer is full.
    pub(crate) fn shed(&mut self) -> io::Result<u64> {
        let written = *self.written.borrow();
        let before = self.gauge.bytes.load(Relaxed);
        let mut dropped = 0;
        while self.at.segment < written.position.segment && self.gauge.bytes.load(Relaxed) == before {
            let old = self.at;
            let path = segment::path(&self.folder, old.segment);
            let rest = match segment::census(&path, old.offset, false) {
                Ok(rest) => rest,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.next_segment(written)?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            dropped += rest.events;
            self.passed += rest.events;
            self.gauge.events.fetch_sub(rest.events, Relaxed);
            self.next_segment(written)?;
            if self.acknowledged == old {
                // Nothing is on its way.
                self.acknowledged = self.at;
                self.persist()?;
            } else if old.offset == 0 {
                // Nothing of it was ever read: the file can go before those in front of it.
                std::fs::remove_file(&path)?;
                self.gauge.bytes.fetch_sub(rest.file_bytes, Relaxed);
            } else {
                // What is on its way stands before that place.
                OpenOptions::new().write(true).open(&path)?.set_len(old.offset)?;
                let freed = rest.file_bytes.saturating_sub(old.offset);
                self.gauge.bytes.fetch_sub(freed, Relaxed);
            }
        }
        self.gauge.space.notify_waiters();
        Ok(dropped)
    }

    fn next_segment(&mut self, written: Written) -> io::Result<()> {
        self.file = None;
        let later = segment::list(&self.folder)?;
        let next = later.into_iter().find(|number| *number > self.at.segment);
        self.at = Position {
            segment: next.unwrap_or(written.position.segment),
            offset: 0,
        };
        Ok(())
    }

    fn lose(&mut self, events: u64) {
        if events > 0 {
            self.passed += events;
            self.lost += events;
            self.gauge.events.fetch_sub(events, Relaxed);
        }
    }

    /// Says that everything before `position` is in the engine or in the dead-letter file. In order only.
    pub(crate) fn acknowledge(&mut self, position: Position, events: u64) -> io::Result<()> {
        self.acknowledged = self.acknowledged.max(position);
        let left = self.gauge.events.load(Relaxed).saturating_sub(events);
        self.gauge.events.fetch_sub(events, Relaxed);
        if left == 0 {
            self.gauge.oldest_ms.store(0, Relaxed);
        }
        let segment_done = self.acknowledged.segment > self.persisted.segment;
        if segment_done || self.persisted_at.elapsed() >= PERSIST_EVERY {
            self.persist()?;
        }
        Ok(())
    }

    /// Writes the position down, and deletes the segments before it: in this order, never the other.
    pub(crate) fn persist(&mut self) -> io::Result<()> {
        // All of a segment acknowledged, and the writer beyond it: the position is the start of the next one.
        let written = *self.written.borrow();
        if self.acknowledged.segment < written.position.segment {
            let length = std::fs::metadata(segment::path(&self.folder, self.acknowledged.segment));
            if length.map_or(0, |data| data.len()) <= self.acknowledged.offset {
                self.acknowledged = Position {
                    segment: self.acknowledged.segment + 1,
                    offset: 0,
                };
            }
        }
        self.persisted_at = Instant::now();
        if self.acknowledged == self.persisted {
            return Ok(());
        }
        position::store(&self.folder, self.acknowledged)?;
        self.persisted = self.acknowledged;
        for number in segment::list(&self.folder)? {
            if number >= self.persisted.segment {
                break;
            }
            let path = segment::path(&self.folder, number);
            let length = std::fs::metadata(&path).map_or(0, |data| data.len());
            std::fs::remove_file(&path)?;
            self.gauge.bytes.fetch_sub(length, Relaxed);
        }
        self.gauge.space.notify_waiters();
        Ok(())
    }

    /// Where the readable part of the current segment ends. Opens it.
    fn segment_end(&mut self, written: Written) -> io::Result<u64> {
        if self.file.is_none() {
            match File::open(segment::path(&self.folder, self.at.segment)) {
                Ok(file) => self.file = Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
                Err(error) => return Err(error),
            }
        }
        let file = self.file.as_ref();
        if self.at.segment == written.position.segment {
            return Ok(written.position.offset);
        }
        file.map_or(Ok(0), |file| Ok(file.metadata()?.len()))
    }

    fn read_segment(&mut self, end: u64, limit: Limit) -> io::Result<Option<Read>> {
        let Some(file) = &self.file else { return Ok(None) };
        let available = usize::try_from(end - self.at.offset).unwrap_or(usize::MAX);
        let events = limit.events.saturating_mul(self.typical);
        let enough = limit.bytes.min(events.saturating_add(events / 16));
        let mut want = enough.max(1).min(available);
        let mut bytes = self.spare.pop().unwrap_or_default();
        loop {
            bytes.resize(want, 0);
            file.read_exact_at(&mut bytes, self.at.offset)?;
            let (ranges, consumed, oldest_ms, needed) = scan(&bytes, limit.events, want == available);
            if ranges.is_empty() && consumed == 0 {
                // One frame larger than the limit: it is read alone.
                want = needed.max(want + 1).min(available);
                continue;
            }
            self.at.offset += consumed as u64;
            if !ranges.is_empty() {
                self.typical = consumed / ranges.len();
            }
            return Ok(Some(Read {
                payloads: Payloads::close_up(bytes, ranges),
                end: self.at,
                oldest_ms,
            }));
        }
    }
}

/// The whole frames in `bytes`: their payloads, how many bytes they take, the first one's time, and how many bytes
/// the first one needs if it is not whole. What is corrupt is passed over. `all`: no more bytes will ever follow.
fn scan(bytes: &[u8], events: usize, all: bool) -> (Vec<Range<usize>>, usize, u64, usize) {
    let (mut ranges, mut at, mut oldest_ms) = (Vec::new(), 0, 0);
    while ranges.len() < events && at < bytes.len() {
        match decode(bytes, at) {
            Decoded::Frame { written_ms, payload } => {
                if ranges.is_empty() {
                    oldest_ms = written_ms;
                }
                at = payload.end;
                ranges.push(payload);
            }
            Decoded::Corrupt { skip: Some(skip) } => at += skip,
            Decoded::Short { needed } if !all => return (ranges, at, oldest_ms, needed),
            Decoded::Corrupt { skip: None } if !all => {
                // Stop short of the end, where a mark may be cut in two.
                at = bytes.len().saturating_sub(3).max(at + 1);
                break;
            }
            // A damaged length looks like a frame that is not whole.
            Decoded::Short { .. } | Decoded::Corrupt { skip: None } => {
                at = next_whole(bytes, at + 1).unwrap_or(bytes.len());
            }
        }
    }
    (ranges, at, oldest_ms, 0)
}

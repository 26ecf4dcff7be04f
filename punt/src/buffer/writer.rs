//! The writing end of a buffer.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::watch;

use super::segment::{self, Census};
use super::{Gauge, Position, Written, WrittenReceiver};

/// Appends frames. Dropping it closes the buffer: the reader drains what is there and ends.
#[derive(Debug)]
pub(crate) struct Writer {
    folder: PathBuf,
    segment_bytes: u64,
    file: File,
    gauge: Arc<Gauge>,
    written: watch::Sender<Written>,
    dirty: bool,
}

/// Why nothing was appended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppendError {
    /// The bound would be exceeded; [`Gauge::space`] is rung when it is worth another try.
    #[error("the buffer is full")]
    Full,
    /// The bound would be exceeded even if the buffer were empty.
    #[error("an event is larger than the whole buffer; raise buffer.max_bytes")]
    TooLarge,
    /// The disk failed or is full. What was written of it is cut off again.
    #[error("cannot write the buffer in {folder}: {source}", folder = folder.display())]
    Io { folder: PathBuf, source: io::Error },
}

// === impl Writer ===

impl Writer {
    pub(super) fn create(
        folder: &Path,
        number: u64,
        segment_bytes: u64,
        gauge: Arc<Gauge>,
        census: &Census,
    ) -> io::Result<(Self, WrittenReceiver)> {
        let (written, receiver) = watch::channel(Written {
            position: Position {
                segment: number,
                offset: 0,
            },
            events: census.events,
            bytes: census.payload_bytes,
            closed: false,
        });
        let writer = Self {
            folder: folder.to_owned(),
            segment_bytes,
            file: create(folder, number)?,
            gauge,
            written,
            dirty: false,
        };
        Ok((writer, receiver))
    }

    /// Appends whole frames holding so many events, in one write. They survive the death of this process when
    /// this returns, and power loss after [`Writer::sync`].
    pub(crate) fn append(&mut self, frames: &[u8], events: u64) -> Result<(), AppendError> {
        let length = frames.len() as u64;
        let max_bytes = self.gauge.max_bytes.load(Relaxed);
        if length > max_bytes {
            return Err(AppendError::TooLarge);
        }
        let at = self.written.borrow().position;
        let full = self.gauge.bytes.load(Relaxed) + length > max_bytes;
        if at.offset >= self.segment_bytes || (full && at.offset > 0) {
            // Also when full: only a segment that is no longer written to can be deleted.
            self.rotate(at).map_err(|source| self.io(source))?;
        }
        if full {
            return Err(AppendError::Full);
        }
        let at = self.written.borrow().position;
        if let Err(source) = self.file.write_all(frames) {
            // A part of a frame must not stand before the next one.
            drop(self.file.set_len(at.offset));
            return Err(self.io(source));
        }
        self.dirty = true;
        self.gauge.bytes.fetch_add(length, Relaxed);
        if self.gauge.events.fetch_add(events, Relaxed) == 0 {
            self.gauge.oldest_ms.store(super::now_ms(), Relaxed);
        }
        self.written.send_modify(|written| {
            written.position.offset += length;
            written.events += events;
            written.bytes += length;
        });
        Ok(())
    }

    /// Puts what was appended on stable storage.
    pub(crate) fn sync(&mut self) -> Result<(), AppendError> {
        if self.dirty {
            self.file.sync_data().map_err(|source| self.io(source))?;
            self.dirty = false;
        }
        Ok(())
    }

    fn rotate(&mut self, at: Position) -> io::Result<()> {
        if self.dirty {
            self.file.sync_data()?;
            self.dirty = false;
        }
        self.file = create(&self.folder, at.segment + 1)?;
        self.written.send_modify(|written| {
            written.position = Position {
                segment: at.segment + 1,
                offset: 0,
            };
        });
        Ok(())
    }

    fn io(&self, source: io::Error) -> AppendError {
        AppendError::Io {
            folder: self.folder.clone(),
            source,
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.written.send_modify(|written| written.closed = true);
    }
}

fn create(folder: &Path, number: u64) -> io::Result<File> {
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(segment::path(folder, number))?;
    File::open(folder)?.sync_all()?;
    Ok(file)
}

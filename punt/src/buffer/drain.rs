//! The reading end of a buffer, on disk or in memory, as a sink sees it.

use std::io;

use bytes::Bytes;

use super::reader::Read;
use super::{Limit, Position, Reader, WrittenReceiver, memory};

/// What a sink reads.
#[derive(Debug)]
pub(crate) enum Drain {
    Disk(Reader),
    Memory(memory::Reader),
}

// === impl Drain ===

impl Drain {
    /// How far the writer is; for waiting.
    pub(crate) fn written(&self) -> WrittenReceiver {
        match self {
            Self::Disk(reader) => reader.written(),
            Self::Memory(reader) => reader.written(),
        }
    }

    /// The next events within the limit, at least one if there is one; none when the reader has caught up.
    pub(crate) fn read(&mut self, limit: Limit) -> io::Result<Option<Read>> {
        match self {
            Self::Disk(reader) => reader.read(limit),
            Self::Memory(reader) => Ok(reader.read(limit)),
        }
    }

    /// Says that everything before `position` is dealt with. In order only.
    pub(crate) fn acknowledge(&mut self, position: Position, events: u64) -> io::Result<()> {
        match self {
            Self::Disk(reader) => reader.acknowledge(position, events),
            Self::Memory(reader) => {
                reader.acknowledge(position, events);
                Ok(())
            }
        }
    }

    /// Writes down how far the events are acknowledged.
    pub(crate) fn persist(&mut self) -> io::Result<()> {
        match self {
            Self::Disk(reader) => reader.persist(),
            Self::Memory(_) => Ok(()),
        }
    }

    /// Takes the memory of a read that was dealt with.
    pub(crate) fn recycle(&mut self, block: Bytes) {
        match self {
            Self::Disk(reader) => reader.recycle(block),
            Self::Memory(reader) => reader.recycle(block),
        }
    }

    /// Drops the oldest events that are not on their way, to make room; gives how many.
    pub(crate) fn shed(&mut self) -> io::Result<u64> {
        match self {
            Self::Disk(reader) => reader.shed(),
            Self::Memory(reader) => Ok(reader.shed()),
        }
    }

    /// Events that the last read found to be gone: the disk gave back something else than was written.
    pub(crate) fn take_lost(&mut self) -> u64 {
        match self {
            Self::Disk(reader) => reader.take_lost(),
            Self::Memory(_) => 0,
        }
    }

    /// Whether what is in it outlives punt.
    pub(crate) fn survives(&self) -> bool {
        matches!(self, Self::Disk(_))
    }
}

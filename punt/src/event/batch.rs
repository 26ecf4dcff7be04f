//! A batch: some events of one source in one arena, and whom to tell when they are durable.

use tokio::sync::watch;

/// A batch is handed on once it has this many bytes.
pub(crate) const BATCH_BYTES: usize = 128 << 10;

/// Events of one source, in order.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    arena: Vec<u8>,
    spans: Vec<Span>,
    /// Bytes and events that are made room for with the first event.
    room: (usize, usize),
    /// Told when every event of the batch is durable in every buffer it was routed to.
    pub(crate) acknowledge: Option<Acknowledge>,
}

/// One event of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event<'a> {
    /// The time that names the index, milliseconds since 1970.
    pub(crate) index_time_ms: i64,
    /// The `_id`: the same whenever the event is sent again.
    pub(crate) id: &'a [u8],
    /// One JSON object, without a line end.
    pub(crate) document: &'a [u8],
}

/// Tells a source how far its batches are durable. Batches of a source become durable in their order.
#[derive(Debug, Clone)]
pub(crate) struct Acknowledge {
    sequence: u64,
    to: watch::Sender<u64>,
}

#[derive(Debug)]
struct Span {
    index_time_ms: i64,
    id_start: usize,
    document_start: usize,
    end: usize,
}

// === impl Batch ===

impl Batch {
    /// Adds an event. Both functions append to the arena and must leave what is there alone.
    pub(crate) fn push(
        &mut self,
        index_time_ms: i64,
        id: impl FnOnce(&mut Vec<u8>),
        document: impl FnOnce(&mut Vec<u8>),
    ) {
        if self.spans.is_empty() {
            self.arena.reserve(self.room.0);
            self.spans.reserve(self.room.1);
        }
        let id_start = self.arena.len();
        id(&mut self.arena);
        let document_start = self.arena.len();
        document(&mut self.arena);
        self.spans.push(Span {
            index_time_ms,
            id_start,
            document_start,
            end: self.arena.len(),
        });
    }

    /// Gives the batch and leaves an empty one, which will make room for about as much at once: a batch of a busy
    /// source is not grown from nothing each time, and a quiet source holds no memory.
    pub(crate) fn take(&mut self) -> Self {
        let fading = |room: usize, used: usize| used.max(room - room / 4);
        let room = (
            fading(self.room.0, self.arena.len() + self.arena.len() / 32),
            fading(self.room.1, self.spans.len()),
        );
        std::mem::replace(
            self,
            Self {
                room,
                ..Self::default()
            },
        )
    }

    /// Keeps the first `events` events.
    pub(crate) fn truncate(&mut self, events: usize) {
        self.spans.truncate(events);
        self.arena.truncate(self.spans.last().map_or(0, |span| span.end));
    }

    /// An empty batch with room for as much as this one has: for what a stage makes of it.
    pub(crate) fn sibling(&self) -> Self {
        Self {
            room: (self.arena.len() + self.arena.len() / 8, self.spans.len()),
            ..Self::default()
        }
    }

    /// The events, in order.
    pub(crate) fn events(&self) -> impl Iterator<Item = Event<'_>> {
        self.spans.iter().map(|span| Event {
            index_time_ms: span.index_time_ms,
            id: &self.arena[span.id_start..span.document_start],
            document: &self.arena[span.document_start..span.end],
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Whether it is time to hand the batch on.
    pub(crate) fn is_full(&self) -> bool {
        self.arena.len() >= BATCH_BYTES
    }
}

// === impl Acknowledge ===

impl Acknowledge {
    /// The acknowledgement of the source's batch number `sequence`, counted from 1.
    pub(crate) fn new(sequence: u64, to: watch::Sender<u64>) -> Self {
        Self { sequence, to }
    }

    /// Whether this one says all that `older` says.
    pub(crate) fn speaks_for(&self, older: &Self) -> bool {
        self.to.same_channel(&older.to) && self.sequence >= older.sequence
    }

    /// Says that the batch is durable.
    pub(crate) fn durable(self) {
        self.to.send_if_modified(|durable| {
            let news = self.sequence > *durable;
            *durable = self.sequence.max(*durable);
            news
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(batch: &mut Batch, length: usize) {
        batch.push(0, |_| {}, |out| out.resize(out.len() + length, b'x'));
    }

    #[test]
    fn a_batch_makes_room_like_the_one_before_and_only_for_an_event() {
        let mut batch = Batch::default();
        push(&mut batch, 10_000);
        assert_eq!(batch.take().len(), 1);
        assert!(batch.is_empty());
        assert_eq!(batch.arena.capacity(), 0);
        push(&mut batch, 1);
        assert!(batch.arena.capacity() >= 10_000);
    }

    #[test]
    fn a_source_that_became_quiet_makes_room_for_little() {
        let mut batch = Batch::default();
        push(&mut batch, 10_000);
        for _ in 0..40 {
            drop(batch.take());
            push(&mut batch, 1);
        }
        assert!(batch.arena.capacity() < 100);
    }
}

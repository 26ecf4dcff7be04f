//! A batch: some events of one source in one arena, and whom to tell when they are durable.

use tokio::sync::watch;

/// A batch is handed on once it has this many bytes.
pub(crate) const BATCH_BYTES: usize = 128 << 10;

/// Events of one source, in order.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    arena: Vec<u8>,
    spans: Vec<Span>,
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

    /// Says that the batch is durable.
    pub(crate) fn durable(self) {
        self.to.send_if_modified(|durable| {
            let news = self.sequence > *durable;
            *durable = self.sequence.max(*durable);
            news
        });
    }
}

//! One sink as the routing stage sees it: how its records are written, and what to do when its buffer is full.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::buffer::{AppendError, Gauge, Writer, encode, memory};
use crate::config::{IndexPattern, Operation, WhenFull};
use crate::event::{Event, write_text};
use crate::meter::{Count, Meter};

/// What was added is written once it has this many bytes, or an eighth of the buffer if that is less: one write
/// must always fit into a buffer that was emptied.
const WRITE_BYTES: u64 = 1 << 20;

/// The longest pause before a failed write is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The way into one sink's buffer.
pub(crate) struct Outlet {
    name: String,
    store: Store,
    gauge: Arc<Gauge>,
    meter: Arc<Meter>,
    when_full: WhenFull,
    action: ActionLine,
    added: Added,
    /// Of these: events that are not counted as routed yet.
    unrouted: u64,
    /// What had no room when another stage took over, oldest first. At most what one round of the stage adds.
    waiting: VecDeque<Added>,
    stuck: bool,
}

/// Where the events wait for the sink.
pub(crate) enum Store {
    Disk(Writer),
    Memory(memory::Writer),
}

/// Events that are not written yet: frames on their way to disk, or payloads on their way to memory.
#[derive(Debug, Default)]
struct Added {
    bytes: Vec<u8>,
    /// Where each payload ends; for a buffer in memory.
    ends: Vec<usize>,
    events: u64,
}

/// What ends the wait for room in a full buffer.
#[derive(Debug, Clone)]
pub(crate) struct Patience {
    /// The grace period is over: what has no room is lost and counted.
    pub(crate) abandon: CancellationToken,
    /// Another stage takes over, with what has no room yet.
    pub(crate) handover: CancellationToken,
}

/// What became of what was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flushed {
    /// It is written, or dropped and counted as the configuration wants it.
    Done,
    /// Some of it waits for room, for the stage that takes over.
    Waiting,
    /// Some of it is lost and counted: the sources must read it again, if they can.
    Lost,
}

/// `{"create":{"_index":"...","_id":`, kept for the hour that it is for.
struct ActionLine {
    index: Option<IndexPattern>,
    operation: Operation,
    hour: i64,
    head: Vec<u8>,
}

// === impl Outlet ===

impl Outlet {
    pub(crate) fn new(
        name: &str,
        store: Store,
        gauge: Arc<Gauge>,
        meter: Arc<Meter>,
        when_full: WhenFull,
        index: Option<IndexPattern>,
        operation: Operation,
    ) -> Self {
        Self {
            name: name.to_owned(),
            store,
            gauge,
            meter,
            when_full,
            action: ActionLine::new(index, operation),
            added: Added::default(),
            unrouted: 0,
            waiting: VecDeque::new(),
            stuck: false,
        }
    }

    /// The sink's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Adds an event to what [`Outlet::flush`] will write.
    pub(crate) fn add(&mut self, event: Event<'_>, now_ms: u64) {
        let action = &mut self.action;
        let mut item = |out: &mut Vec<u8>| {
            action.write(out, event);
            out.push(b'\n');
            out.extend_from_slice(event.document);
            out.push(b'\n');
        };
        let added = &mut self.added;
        match &self.store {
            Store::Disk(_) => encode(&mut added.bytes, now_ms, item),
            Store::Memory(_) => {
                item(&mut added.bytes);
                added.ends.push(added.bytes.len());
            }
        }
        added.events += 1;
        self.unrouted += 1;
    }

    /// Whether it is time to [`Outlet::flush`].
    pub(crate) fn is_full(&self) -> bool {
        self.added.bytes.len() as u64 >= WRITE_BYTES.min(self.gauge.max_bytes.load(Relaxed) / 8)
    }

    /// Writes what was added as far as there is room, and waits for nothing.
    pub(crate) fn flush_some(&mut self) {
        // Once for each event: what is set aside is not added again.
        self.meter.add(Count::Routed, std::mem::take(&mut self.unrouted));
        while let Some(mut first) = self.waiting.pop_front() {
            if !self.append(&mut first) {
                self.waiting.push_front(first);
                return;
            }
        }
        let mut added = std::mem::take(&mut self.added);
        self.append(&mut added);
        self.added = added;
    }

    /// Writes what was added, and waits for room if that is what a full buffer does here.
    pub(crate) fn flush(&mut self, runtime: &tokio::runtime::Handle, patience: &Patience) -> Flushed {
        loop {
            let gauge = Arc::clone(&self.gauge);
            // Listened to before the attempt: room that is made in between is not missed.
            let space = gauge.space.notified();
            tokio::pin!(space);
            space.as_mut().enable();
            self.flush_some();
            if self.waiting.is_empty() && self.added.events == 0 {
                return Flushed::Done;
            }
            if patience.abandon.is_cancelled() {
                self.lose();
                return Flushed::Lost;
            }
            if patience.handover.is_cancelled() {
                self.set_aside();
                return Flushed::Waiting;
            }
            runtime.block_on(async {
                tokio::select! {
                    () = space => {}
                    () = patience.abandon.cancelled() => {}
                    () = patience.handover.cancelled() => {}
                    () = tokio::time::sleep(RETRY) => {}
                }
            });
        }
    }

    /// Whether something waits for the stage that takes over.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Takes other settings over, with a reload.
    pub(crate) fn change(&mut self, when_full: WhenFull, index: Option<IndexPattern>, operation: Operation) {
        self.when_full = when_full;
        self.action = ActionLine::new(index, operation);
    }

    /// Counts what waits for room as lost: the sink was taken out of the configuration.
    pub(crate) fn give_up(mut self) {
        self.lose();
    }

    /// Puts what was written on stable storage.
    pub(crate) fn sync(&mut self) -> Result<(), AppendError> {
        match &mut self.store {
            Store::Disk(writer) => writer.sync(),
            Store::Memory(_) => Ok(()),
        }
    }

    /// For a buffer in memory: how many events were written, and how many of them are delivered.
    pub(crate) fn delivered(&self) -> Option<(u64, memory::Delivered)> {
        match &self.store {
            Store::Disk(_) => None,
            Store::Memory(writer) => Some((writer.appended(), writer.delivered())),
        }
    }

    /// One write is no larger than a buffer takes, so what waits stays in the pieces that it came in.
    fn set_aside(&mut self) {
        if self.added.events > 0 {
            self.waiting.push_back(std::mem::take(&mut self.added));
        }
    }

    fn lose(&mut self) {
        self.set_aside();
        let events = self.waiting.drain(..).map(|added| added.events).sum();
        self.meter.add(Count::DroppedAtStop, events);
    }

    /// Writes this if there is room; drops and counts it if that is what a full buffer does here. False: it is still
    /// there.
    fn append(&mut self, added: &mut Added) -> bool {
        if added.events == 0 {
            return true;
        }
        let result = match &mut self.store {
            Store::Disk(writer) => writer.append(&added.bytes, added.events),
            Store::Memory(writer) => writer.append(&mut added.bytes, &mut added.ends),
        };
        match result {
            Ok(()) => {
                self.meter.add(Count::Buffered, added.events);
                if std::mem::take(&mut self.stuck) {
                    info!(
                        event.action = "buffer-writable",
                        labels.sink = self.name,
                        "the buffer takes events again"
                    );
                }
            }
            Err(error) => {
                self.say_stuck(&error);
                let full = matches!(error, AppendError::Full);
                let too_large = matches!(error, AppendError::TooLarge);
                let dropped = too_large || (full && self.when_full == WhenFull::DropNewest);
                if !dropped {
                    if full && self.when_full == WhenFull::DropOldest {
                        self.gauge.shed.notify_one();
                    }
                    return false;
                }
                self.meter.add(Count::DroppedBufferFull, added.events);
            }
        }
        added.bytes.clear();
        added.ends.clear();
        added.events = 0;
        true
    }

    /// Once when it begins, not with every event.
    fn say_stuck(&mut self, reason: &AppendError) {
        if std::mem::replace(&mut self.stuck, true) {
            return;
        }
        match reason {
            AppendError::Full | AppendError::TooLarge => warn!(
                event.action = "buffer-full",
                labels.sink = self.name,
                max_bytes = self.gauge.max_bytes.load(Relaxed),
                labels.when_full = ?self.when_full,
                error = %reason,
                "the buffer is full"
            ),
            AppendError::Io { .. } => error!(
                event.action = "buffer-unwritable",
                labels.sink = self.name,
                error = %reason,
                "the buffer cannot be written"
            ),
        }
    }
}

// === impl ActionLine ===

impl ActionLine {
    fn new(index: Option<IndexPattern>, operation: Operation) -> Self {
        Self {
            index,
            operation,
            hour: i64::MIN,
            head: Vec::new(),
        }
    }

    fn write(&mut self, out: &mut Vec<u8>, event: Event<'_>) {
        let hour = event.index_time_ms.div_euclid(3_600_000);
        if hour != self.hour {
            self.hour = hour;
            self.head.clear();
            self.head.extend_from_slice(match self.operation {
                Operation::Create => &b"{\"create\":{"[..],
                Operation::Index => b"{\"index\":{",
            });
            if let Some(index) = &self.index {
                self.head.extend_from_slice(b"\"_index\":");
                write_text(&mut self.head, &index.name(event.index_time_ms));
                self.head.push(b',');
            }
            self.head.extend_from_slice(b"\"_id\":");
        }
        out.extend_from_slice(&self.head);
        match str::from_utf8(event.id) {
            Ok(id) => write_text(out, id),
            Err(_) => write_text(out, &String::from_utf8_lossy(event.id)),
        }
        out.extend_from_slice(b"}}");
    }
}

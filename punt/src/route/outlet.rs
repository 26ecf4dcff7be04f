//! One sink as the routing stage sees it: how its records are written, and what to do when its buffer is full.

use std::sync::Arc;
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
    events: u64,
    stuck: bool,
}

/// Where the events wait, and those that are not written there yet.
pub(crate) enum Store {
    Disk {
        writer: Writer,
        frames: Vec<u8>,
    },
    Memory {
        writer: memory::Writer,
        payloads: Vec<u8>,
        ends: Vec<usize>,
    },
}

/// What became of an attempt to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flushed {
    /// Nothing waits any more: it is written, or dropped and counted.
    Done,
    /// There is no room (or no disk) now.
    Stuck,
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
            action: ActionLine {
                index,
                operation,
                hour: i64::MIN,
                head: Vec::new(),
            },
            events: 0,
            stuck: false,
        }
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
        match &mut self.store {
            Store::Disk { frames, .. } => encode(frames, now_ms, item),
            Store::Memory { payloads, ends, .. } => {
                item(payloads);
                ends.push(payloads.len());
            }
        }
        self.events += 1;
    }

    /// Whether it is time to [`Outlet::flush`].
    pub(crate) fn is_full(&self) -> bool {
        let bytes = match &self.store {
            Store::Disk { frames, .. } => frames.len(),
            Store::Memory { payloads, .. } => payloads.len(),
        };
        bytes as u64 >= WRITE_BYTES.min(self.gauge.max_bytes / 8)
    }

    /// Writes what was added if there is room; drops and counts it if that is what a full buffer does here.
    pub(crate) fn try_flush(&mut self) -> Flushed {
        if self.events == 0 {
            return Flushed::Done;
        }
        let result = match &mut self.store {
            Store::Disk { writer, frames } => writer.append(frames, self.events),
            Store::Memory {
                writer,
                payloads,
                ends,
            } => writer.append(payloads, ends),
        };
        match result {
            Ok(()) => {
                self.meter.add(Count::Buffered, self.events);
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
                let drop = matches!(error, AppendError::Full) && self.when_full == WhenFull::DropNewest;
                if !drop && !matches!(error, AppendError::TooLarge) {
                    if self.when_full == WhenFull::DropOldest {
                        self.gauge.shed.notify_one();
                    }
                    return Flushed::Stuck;
                }
                self.meter.add(Count::DroppedBufferFull, self.events);
            }
        }
        self.clear();
        Flushed::Done
    }

    /// Writes what was added, and waits for room if that is what a full buffer does here. False: given up
    /// because of `abandon`, and what was added is lost and counted.
    pub(crate) fn flush(&mut self, runtime: &tokio::runtime::Handle, abandon: &CancellationToken) -> bool {
        loop {
            let gauge = Arc::clone(&self.gauge);
            // Listened to before the attempt: room that is made in between is not missed.
            let space = gauge.space.notified();
            tokio::pin!(space);
            space.as_mut().enable();
            if self.try_flush() == Flushed::Done {
                return true;
            }
            if abandon.is_cancelled() {
                self.meter.add(Count::DroppedAtStop, self.events);
                self.clear();
                return false;
            }
            runtime.block_on(async {
                tokio::select! {
                    () = space => {}
                    () = abandon.cancelled() => {}
                    () = tokio::time::sleep(RETRY) => {}
                }
            });
        }
    }

    /// Puts what was written on stable storage.
    pub(crate) fn sync(&mut self) -> Result<(), AppendError> {
        match &mut self.store {
            Store::Disk { writer, .. } => writer.sync(),
            Store::Memory { .. } => Ok(()),
        }
    }

    /// For a buffer in memory: how many events were written, and how many of them are delivered.
    pub(crate) fn delivered(&self) -> Option<(u64, memory::Delivered)> {
        match &self.store {
            Store::Disk { .. } => None,
            Store::Memory { writer, .. } => Some((writer.appended(), writer.delivered())),
        }
    }

    fn clear(&mut self) {
        self.events = 0;
        match &mut self.store {
            Store::Disk { frames, .. } => frames.clear(),
            Store::Memory { payloads, ends, .. } => {
                payloads.clear();
                ends.clear();
            }
        }
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
                max_bytes = self.gauge.max_bytes,
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

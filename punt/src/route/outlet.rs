//! One sink as the routing stage sees it: how its records are written, and what to do when its buffer is full.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::buffer::{AppendError, Gauge, Writer, encode};
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
    writer: Writer,
    gauge: Arc<Gauge>,
    meter: Arc<Meter>,
    when_full: WhenFull,
    action: ActionLine,
    frames: Vec<u8>,
    events: u64,
    stuck: bool,
}

/// `{"create":{"_index":"...","_id":`, kept for the hour that it is for.
struct ActionLine {
    index: IndexPattern,
    operation: Operation,
    hour: i64,
    head: Vec<u8>,
}

// === impl Outlet ===

impl Outlet {
    pub(crate) fn new(
        name: &str,
        writer: Writer,
        gauge: Arc<Gauge>,
        meter: Arc<Meter>,
        when_full: WhenFull,
        index: IndexPattern,
        operation: Operation,
    ) -> Self {
        Self {
            name: name.to_owned(),
            writer,
            gauge,
            meter,
            when_full,
            action: ActionLine {
                index,
                operation,
                hour: i64::MIN,
                head: Vec::new(),
            },
            frames: Vec::new(),
            events: 0,
            stuck: false,
        }
    }

    /// Adds an event to what [`Outlet::flush`] will write.
    pub(crate) fn add(&mut self, event: Event<'_>, now_ms: u64) {
        let action = &mut self.action;
        encode(&mut self.frames, now_ms, |out| {
            action.write(out, event);
            out.push(b'\n');
            out.extend_from_slice(event.document);
            out.push(b'\n');
        });
        self.events += 1;
    }

    /// Whether it is time to [`Outlet::flush`].
    pub(crate) fn is_full(&self) -> bool {
        self.frames.len() as u64 >= WRITE_BYTES.min(self.gauge.max_bytes / 8)
    }

    /// Writes what was added, and waits for room if that is what a full buffer does here. False: given up
    /// because of `abandon`, and what was added is lost and counted.
    pub(crate) fn flush(&mut self, runtime: &tokio::runtime::Handle, abandon: &CancellationToken) -> bool {
        if self.events == 0 {
            return true;
        }
        let kept = self.append(runtime, abandon);
        self.frames.clear();
        self.events = 0;
        kept
    }

    /// Puts what was written on stable storage.
    pub(crate) fn sync(&mut self) -> Result<(), AppendError> {
        self.writer.sync()
    }

    fn append(&mut self, runtime: &tokio::runtime::Handle, abandon: &CancellationToken) -> bool {
        loop {
            match self.writer.append(&self.frames, self.events) {
                Ok(()) => {
                    self.meter.add(Count::Buffered, self.events);
                    if std::mem::take(&mut self.stuck) {
                        info!(
                            event.action = "buffer-writable",
                            labels.sink = self.name,
                            "the buffer takes events again"
                        );
                    }
                    return true;
                }
                Err(error)
                    if matches!(error, AppendError::TooLarge)
                        || (matches!(error, AppendError::Full) && self.when_full == WhenFull::DropNewest) =>
                {
                    self.say_stuck(&error);
                    self.meter.add(Count::DroppedBufferFull, self.events);
                    return true;
                }
                Err(error) => self.say_stuck(&error),
            }
            if abandon.is_cancelled() {
                self.meter.add(Count::DroppedAtStop, self.events);
                return false;
            }
            let gauge = &self.gauge;
            runtime.block_on(async {
                tokio::select! {
                    () = gauge.space.notified() => {}
                    () = abandon.cancelled() => {}
                    () = tokio::time::sleep(RETRY) => {}
                }
            });
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
                Operation::Create => b"{\"create\":{\"_index\":",
                Operation::Index => b"{\"index\":{\"_index\":",
            });
            write_text(&mut self.head, &self.index.name(event.index_time_ms));
            self.head.extend_from_slice(b",\"_id\":");
        }
        out.extend_from_slice(&self.head);
        match str::from_utf8(event.id) {
            Ok(id) => write_text(out, id),
            Err(_) => write_text(out, &String::from_utf8_lossy(event.id)),
        }
        out.extend_from_slice(b"}}");
    }
}

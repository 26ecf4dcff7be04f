//! One sink as the routing stage sees it: how its records are written, and what to do when its buffer is full.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
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
    /// Frames and their events that had no room when another stage took over, oldest first. At most what one
    /// round of the stage adds.
    waiting: VecDeque<(Vec<u8>, u64)>,
    stuck: bool,
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
            action: ActionLine::new(index, operation),
            frames: Vec::new(),
            events: 0,
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
        self.frames.len() as u64 >= WRITE_BYTES.min(self.gauge.max_bytes.load(Relaxed) / 8)
    }

    /// Writes what was added, and waits for room if that is what a full buffer does here.
    pub(crate) fn flush(&mut self, runtime: &tokio::runtime::Handle, patience: &Patience) -> Flushed {
        // Once for each event: what is set aside is not added again.
        self.meter.add(Count::Routed, self.events);
        let mut lost = false;
        while let Some((frames, events)) = self.waiting.pop_front() {
            match self.append(&frames, events, runtime, patience) {
                Flushed::Done => {}
                Flushed::Lost => lost = true,
                Flushed::Waiting => {
                    self.waiting.push_front((frames, events));
                    self.set_aside();
                    return Flushed::Waiting;
                }
            }
        }
        if self.events > 0 {
            let frames = std::mem::take(&mut self.frames);
            let flushed = self.append(&frames, self.events, runtime, patience);
            self.frames = frames;
            match flushed {
                Flushed::Waiting => {
                    self.set_aside();
                    return Flushed::Waiting;
                }
                Flushed::Lost => lost = true,
                Flushed::Done => {}
            }
            self.frames.clear();
            self.events = 0;
        }
        if lost { Flushed::Lost } else { Flushed::Done }
    }

    /// Whether something waits for the stage that takes over.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Takes other settings over, with a reload.
    pub(crate) fn change(&mut self, when_full: WhenFull, index: IndexPattern, operation: Operation) {
        self.when_full = when_full;
        self.action = ActionLine::new(index, operation);
    }

    /// Counts what waits for room as lost: the sink was taken out of the configuration.
    pub(crate) fn give_up(mut self) {
        self.set_aside();
        let events = self.waiting.iter().map(|(_, events)| events).sum();
        self.meter.add(Count::DroppedAtStop, events);
    }

    /// One write is no larger than a buffer takes, so what waits stays in the pieces that it came in.
    fn set_aside(&mut self) {
        if self.events > 0 {
            let events = std::mem::take(&mut self.events);
            self.waiting.push_back((std::mem::take(&mut self.frames), events));
        }
    }

    /// Puts what was written on stable storage.
    pub(crate) fn sync(&mut self) -> Result<(), AppendError> {
        self.writer.sync()
    }

    fn append(
        &mut self,
        frames: &[u8],
        events: u64,
        runtime: &tokio::runtime::Handle,
        patience: &Patience,
    ) -> Flushed {
        loop {
            match self.writer.append(frames, events) {
                Ok(()) => {
                    self.meter.add(Count::Buffered, events);
                    if std::mem::take(&mut self.stuck) {
                        info!(
                            event.action = "buffer-writable",
                            labels.sink = self.name,
                            "the buffer takes events again"
                        );
                    }
                    return Flushed::Done;
                }
                Err(error)
                    if matches!(error, AppendError::TooLarge)
                        || (matches!(error, AppendError::Full) && self.when_full == WhenFull::DropNewest) =>
                {
                    self.say_stuck(&error);
                    self.meter.add(Count::DroppedBufferFull, events);
                    return Flushed::Done;
                }
                Err(error) => self.say_stuck(&error),
            }
            if patience.abandon.is_cancelled() {
                self.meter.add(Count::DroppedAtStop, events);
                return Flushed::Lost;
            }
            if patience.handover.is_cancelled() {
                return Flushed::Waiting;
            }
            let gauge = &self.gauge;
            runtime.block_on(async {
                tokio::select! {
                    () = gauge.space.notified() => {}
                    () = patience.abandon.cancelled() => {}
                    () = patience.handover.cancelled() => {}
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
    fn new(index: IndexPattern, operation: Operation) -> Self {
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

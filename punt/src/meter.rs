//! The counters of every component. One set feeds `/metrics` and the control socket alike.
//!
//! The law they obey is in `punt_control::stats`; each way to lose an event is a counter of its own here.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use punt_control::{BufferStats, ComponentStats, Kind, Stats};

use crate::buffer::Gauge;

/// What is counted. The names are those of the metrics and of the statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Count {
    /// Events that came in.
    Received,
    /// Bytes they had.
    ReceivedBytes,
    /// Events that were understood.
    Parsed,
    /// Events that were not, and are kept as they came with the reason.
    Failed,
    /// Events that were cut at a limit.
    Truncated,
    /// Times that framing lost its place and found it again.
    Resyncs,
    /// Events whose sender's clock is far off; they are indexed by the time of receipt.
    ClockSkewed,
    /// Events with bytes that are not UTF-8; they are kept as they came, in base64, beside the readable text.
    NotUtf8,
    /// Datagrams that the kernel dropped because punt did not read them in time. They are not among the received.
    KernelDropped,
    /// Connections that were accepted.
    Connections,
    /// Of these: connections whose TLS handshake failed.
    FailedHandshakes,
    /// Requests that were answered.
    HttpRequests,
    /// Events that were turned away with an answer that said so: their sender still has them, so they are not
    /// among the received.
    Refused,
    /// Events that went on, of those that a transform worked on.
    Emitted,
    /// Messages of an alert.
    Fired,
    /// Events of a source that its transforms did not let pass; the reasons are counted there.
    Filtered,
    /// Events that came to this stage: to the router from the sources, to a sink by its routes.
    Routed,
    /// Events that were in the buffer at start.
    Restored,
    /// Events that entered the buffer.
    Buffered,
    /// Events that were sent, each try counted.
    Sent,
    /// Events that the engine has.
    Acknowledged,
    /// Of these: events that it had already.
    Duplicates,
    /// Events that were sent again, each try counted.
    Retried,
    /// Events that the engine refused and the dead-letter file has.
    DeadLettered,
    /// Bulk requests.
    Requests,
    /// Bulk requests that failed as a whole.
    FailedRequests,
    /// Lost: the source is over its rate (`when_limited = "drop"`).
    DroppedRateLimited,
    /// Dropped by the transform `drop`.
    DroppedCondition,
    /// Dropped by the transform `sample`.
    DroppedSampled,
    /// Dropped by the transform `throttle`.
    DroppedThrottled,
    /// Dropped by the transform `dedupe`.
    DroppedDuplicate,
    /// Dropped by a transform that failed on it, as `on_failure` says, or by a program's `abort`.
    DroppedFailed,
    /// A message of an alert that found no room in the action's queue. No event is lost.
    DroppedQueueFull,
    /// A message of an alert that could not be sent. No event is lost.
    DroppedUnsent,
    /// Lost: no route matched.
    DroppedNoRoute,
    /// Lost: the buffer was full (`when_full = "drop_newest"`).
    DroppedBufferFull,
    /// Lost: the buffer was full, and made room for newer events (`when_full = "drop_oldest"`).
    DroppedOldest,
    /// Lost: the buffer was full or unwritable until the end of the grace period.
    DroppedAtStop,
    /// Lost: the buffer's disk returned something else than was written. Events; places, when that is found at start.
    DroppedCorrupt,
    /// Lost: the engine refused it and the dead-letter file is full.
    DroppedDeadLetterFull,
}

const ALL: &[(Count, &str)] = &[
    (Count::Received, "received"),
    (Count::ReceivedBytes, "received_bytes"),
    (Count::Parsed, "parsed"),
    (Count::Failed, "failed"),
    (Count::Truncated, "truncated"),
    (Count::Resyncs, "resyncs"),
    (Count::ClockSkewed, "clock_skewed"),
    (Count::NotUtf8, "not_utf8"),
    (Count::KernelDropped, "kernel_dropped"),
    (Count::Connections, "connections"),
    (Count::FailedHandshakes, "failed_handshakes"),
    (Count::HttpRequests, "http_requests"),
    (Count::Refused, "refused"),
    (Count::Emitted, "emitted"),
    (Count::Fired, "fired"),
    (Count::Filtered, "filtered"),
    (Count::Routed, "routed"),
    (Count::Restored, "restored"),
    (Count::Buffered, "buffered"),
    (Count::Sent, "sent"),
    (Count::Acknowledged, "acknowledged"),
    (Count::Duplicates, "duplicates"),
    (Count::Retried, "retried"),
    (Count::DeadLettered, "dead_lettered"),
    (Count::Requests, "requests"),
    (Count::FailedRequests, "failed_requests"),
];

const DROPPED: &[(Count, &str)] = &[
    (Count::DroppedRateLimited, "rate_limited"),
    (Count::DroppedCondition, "condition"),
    (Count::DroppedSampled, "sampled"),
    (Count::DroppedThrottled, "throttled"),
    (Count::DroppedDuplicate, "duplicate"),
    (Count::DroppedFailed, "failed"),
    (Count::DroppedQueueFull, "queue_full"),
    (Count::DroppedUnsent, "unsent"),
    (Count::DroppedNoRoute, "no_route"),
    (Count::DroppedBufferFull, "buffer_full"),
    (Count::DroppedOldest, "buffer_full_oldest"),
    (Count::DroppedAtStop, "stopped"),
    (Count::DroppedCorrupt, "buffer_corrupt"),
    (Count::DroppedDeadLetterFull, "dead_letter_full"),
];

const SIZE: usize = Count::DroppedDeadLetterFull as usize + 1;

/// The counters of one component.
#[derive(Debug)]
pub(crate) struct Meter {
    kind: Kind,
    name: String,
    counts: [AtomicU64; SIZE],
    gauge: Option<Arc<Gauge>>,
}

/// All components, and the queue between the sources and the buffers.
#[derive(Debug)]
pub(crate) struct Meters {
    node: String,
    started: Instant,
    shown: RwLock<Shown>,
    queue: tokio::sync::mpsc::WeakSender<crate::event::Batch>,
}

/// Which components there are. A reload changes it.
#[derive(Debug, Default)]
struct Shown {
    live: Vec<Arc<Meter>>,
    /// Of components that a reload took out: what they counted still happened.
    retired: Vec<Arc<Meter>>,
}

// === impl Meter ===

impl Meter {
    pub(crate) fn new(kind: Kind, name: &str, gauge: Option<Arc<Gauge>>) -> Arc<Self> {
        Arc::new(Self {
            kind,
            name: name.to_owned(),
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
            gauge,
        })
    }

    pub(crate) fn add(&self, count: Count, by: u64) {
        if by > 0 {
            self.counts[count as usize].fetch_add(by, Relaxed);
        }
    }

    pub(crate) fn get(&self, count: Count) -> u64 {
        self.counts[count as usize].load(Relaxed)
    }

    fn stats(&self) -> ComponentStats {
        let read = |table: &[(Count, &str)]| {
            table
                .iter()
                .map(|(count, name)| ((*name).to_owned(), self.get(*count)))
                .filter(|(_, value)| *value > 0)
                .collect()
        };
        ComponentStats {
            kind: self.kind,
            name: self.name.clone(),
            counters: read(ALL),
            dropped: read(DROPPED),
            buffer: self.gauge.as_ref().map(|gauge| BufferStats {
                events: gauge.events.load(Relaxed),
                bytes: gauge.bytes.load(Relaxed),
                max_bytes: gauge.max_bytes.load(Relaxed),
                lag_ms: gauge.lag_ms(),
            }),
        }
    }

    fn applies(&self, count: Count) -> bool {
        let of_source = (count as usize) < Count::Emitted as usize;
        let of_transform = matches!(
            count,
            Count::DroppedCondition
                | Count::DroppedSampled
                | Count::DroppedThrottled
                | Count::DroppedDuplicate
                | Count::DroppedFailed
        );
        match self.kind {
            Kind::Source => {
                of_source
                    || matches!(
                        count,
                        Count::Filtered | Count::DroppedAtStop | Count::DroppedRateLimited
                    )
            }
            Kind::Transform => {
                of_transform
                    || matches!(
                        count,
                        Count::Received
                            | Count::Emitted
                            | Count::Failed
                            | Count::DeadLettered
                            | Count::DroppedAtStop
                            | Count::DroppedDeadLetterFull
                    )
            }
            Kind::Alert => matches!(count, Count::Received | Count::Fired | Count::DroppedQueueFull),
            Kind::Action => matches!(
                count,
                Count::Received
                    | Count::Failed
                    | Count::Acknowledged
                    | Count::Retried
                    | Count::Requests
                    | Count::FailedRequests
                    | Count::DroppedUnsent
            ),
            Kind::Router => matches!(count, Count::Routed | Count::DroppedNoRoute),
            Kind::Sink => {
                !of_source
                    && !of_transform
                    && !matches!(
                        count,
                        Count::DroppedNoRoute
                            | Count::DroppedRateLimited
                            | Count::Emitted
                            | Count::Filtered
                            | Count::Fired
                            | Count::DroppedQueueFull
                            | Count::DroppedUnsent
                    )
            }
        }
    }
}

// === impl Meters ===

impl Meters {
    pub(crate) fn new(node: &str, queue: tokio::sync::mpsc::WeakSender<crate::event::Batch>) -> Self {
        Self {
            node: node.to_owned(),
            started: Instant::now(),
            shown: RwLock::default(),
            queue,
        }
    }

    /// Shows these components from now on, in this order; those that are not among them any more, as retired.
    pub(crate) fn show(&self, live: Vec<Arc<Meter>>) {
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut shown.live, live);
        shown.retired.extend(before);
        let Shown { live, retired } = &mut *shown;
        let mut seen: Vec<(Kind, String)> = live.iter().map(|m| (m.kind, m.name.clone())).collect();
        retired.retain(|meter| {
            let key = (meter.kind, meter.name.clone());
            let new = !seen.contains(&key);
            seen.push(key);
            new
        });
    }

    /// The counters of a component that is or was there.
    pub(crate) fn find(&self, kind: Kind, name: &str) -> Option<Arc<Meter>> {
        self.all()
            .into_iter()
            .find(|meter| meter.kind == kind && meter.name == name)
    }

    fn all(&self) -> Vec<Arc<Meter>> {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        shown.live.iter().chain(&shown.retired).cloned().collect()
    }

    pub(crate) fn stats(&self) -> Stats {
        let (depth, capacity) = self.queue_depth();
        Stats {
            node: self.node.clone(),
            time: jiff::Timestamp::now().to_string(),
            uptime_seconds: self.started.elapsed().as_secs(),
            queue_depth: depth,
            queue_capacity: capacity,
            components: self.all().iter().map(|meter| meter.stats()).collect(),
        }
    }

    /// The counters in Prometheus text format.
    pub(crate) fn prometheus(&self) -> String {
        let meters = self.all();
        let mut text = String::new();
        // Writing to a string cannot fail.
        for (count, name) in ALL {
            let unit = if name.ends_with("bytes") { "" } else { "_events" };
            let metric = match count {
                Count::Connections
                | Count::FailedHandshakes
                | Count::HttpRequests
                | Count::Requests
                | Count::FailedRequests
                | Count::Resyncs => {
                    format!("punt_{name}_total")
                }
                _ => format!("punt_{name}{unit}_total"),
            };
            let _ = writeln!(text, "# TYPE {metric} counter");
            for meter in meters.iter().filter(|meter| meter.applies(*count)) {
                let (kind, component) = (meter.kind.name(), &meter.name);
                let value = meter.get(*count);
                let _ = writeln!(
                    text,
                    "{metric}{{kind=\"{kind}\",component=\"{component}\"}} {value}"
                );
            }
        }
        let _ = writeln!(text, "# TYPE punt_dropped_events_total counter");
        for (count, reason) in DROPPED {
            for meter in meters.iter().filter(|meter| meter.applies(*count)) {
                let (kind, component, value) = (meter.kind.name(), &meter.name, meter.get(*count));
                let _ = writeln!(
                    text,
                    "punt_dropped_events_total{{kind=\"{kind}\",component=\"{component}\",reason=\"{reason}\"}} {value}"
                );
            }
        }
        for metric in ["events", "bytes", "max_bytes", "lag_seconds"] {
            let _ = writeln!(text, "# TYPE punt_buffer_{metric} gauge");
            for meter in &meters {
                let Some(gauge) = &meter.gauge else { continue };
                let component = &meter.name;
                let _ = write!(text, "punt_buffer_{metric}{{component=\"{component}\"}} ");
                let _ = match metric {
                    "events" => writeln!(text, "{}", gauge.events.load(Relaxed)),
                    "bytes" => writeln!(text, "{}", gauge.bytes.load(Relaxed)),
                    "max_bytes" => writeln!(text, "{}", gauge.max_bytes.load(Relaxed)),
                    _ => writeln!(text, "{:.3}", gauge.lag_ms() as f64 / 1000.0),
                };
            }
        }
        let (depth, _) = self.queue_depth();
        let _ = writeln!(
            text,
            "# TYPE punt_queue_batches gauge\npunt_queue_batches {depth}"
        );
        text
    }

    fn queue_depth(&self) -> (u64, u64) {
        match self.queue.upgrade() {
            Some(queue) => {
                let capacity = queue.max_capacity();
                ((capacity - queue.capacity()) as u64, capacity as u64)
            }
            None => (0, 0),
        }
    }
}

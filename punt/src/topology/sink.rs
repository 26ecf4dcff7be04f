//! Building the sinks: one function a kind. Whatever can fail, fails before anything is exchanged.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use punt_control::Kind;
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::running::{Running, Work};
use crate::buffer::{self, Drain, Gauge};
use crate::config::{BufferKind, Fsync, IndexPattern, Operation, SinkConfig};
use crate::meter::{Count, Meter};
use crate::route::{Outlet, Store};
use crate::sink::{Baton, Begun, DeadLetter, Delivery, Pace, Sender, Target};

/// A sink that is ready to start, without its buffer.
pub(super) struct Prepared {
    name: String,
    config: SinkConfig,
    target: Target,
    dead_letter: DeadLetter,
}

/// A new sink with its buffer.
pub(super) struct Fresh {
    pub(super) prepared: Prepared,
    store: Store,
    reader: Drain,
    gauge: Arc<Gauge>,
    pub(super) meter: Arc<Meter>,
}

/// A sink that runs.
pub(super) struct LiveSink {
    pub(super) meter: Arc<Meter>,
    gauge: Arc<Gauge>,
    kind: BufferKind,
    /// Cancelled when it is to end: because another takes over, or because it has drained.
    pub(super) asked: CancellationToken,
    handover: CancellationToken,
    baton: oneshot::Receiver<Baton>,
}

/// Checks the settings and opens what the sink needs beside its buffer.
pub(super) fn prepare(name: &str, config: &SinkConfig, data: &Path) -> anyhow::Result<Prepared> {
    let (max, rotate) = (
        config.delivery.dead_letter_max_bytes,
        config.delivery.dead_letter_rotate_bytes,
    );
    let folder = data.join("dead-letter");
    let dead_letter = DeadLetter::open(&folder, name, max, rotate)
        .with_context(|| format!("creating {}", folder.display()))?;
    Ok(Prepared {
        name: name.to_owned(),
        config: config.clone(),
        target: Target::new(name, config)?,
        dead_letter,
    })
}

/// The strictest settings of the buffers on disk: the routing stage speaks for all of them.
pub(super) fn strictest_fsync(sinks: &[(String, SinkConfig)]) -> Fsync {
    let settings = sinks
        .iter()
        .map(|(_, sink)| &sink.delivery.buffer)
        .filter(|buffer| buffer.kind == BufferKind::Disk)
        .map(|buffer| buffer.fsync);
    settings.fold(Fsync::Never, |strictest, next| match (strictest, next) {
        (Fsync::Always, _) | (_, Fsync::Always) => Fsync::Always,
        (Fsync::Interval, _) | (_, Fsync::Interval) => Fsync::Interval,
        (Fsync::Never, Fsync::Never) => Fsync::Never,
    })
}

// === impl Prepared ===

impl Prepared {
    /// Whether the sink can take the place of `live`.
    pub(super) fn check(&self, live: &LiveSink) -> anyhow::Result<()> {
        ensure!(
            live.kind == self.config.delivery.buffer.kind,
            "buffer.type cannot change while punt runs; restart punt to change it, or give the sink another name"
        );
        Ok(())
    }

    /// Opens the sink's buffer, with what is in it. `delivered` is rung when one in memory has delivered events.
    pub(super) fn open(self, data: &Path, delivered: &Arc<Notify>) -> anyhow::Result<Fresh> {
        match self.config.delivery.buffer.kind {
            BufferKind::Disk => self.open_disk(data),
            BufferKind::Memory => Ok(self.open_memory(delivered)),
        }
    }

    fn open_memory(self, delivered: &Arc<Notify>) -> Fresh {
        let gauge = Arc::new(Gauge::new(self.config.delivery.buffer.max_bytes()));
        let meter = Meter::new(Kind::Sink, &self.name, Some(Arc::clone(&gauge)));
        let (writer, reader) =
            buffer::memory::open(Arc::clone(&gauge), Arc::clone(&meter), Arc::clone(delivered));
        Fresh {
            prepared: self,
            store: Store::Memory(writer),
            reader: Drain::Memory(reader),
            gauge,
            meter,
        }
    }

    fn open_disk(self, data: &Path) -> anyhow::Result<Fresh> {
        let name = &self.name;
        let folder = data.join("buffer").join(name);
        let opened = buffer::open(&folder, self.config.delivery.buffer.max_bytes())
            .with_context(|| format!("opening the buffer {}", folder.display()))?;
        let meter = Meter::new(Kind::Sink, name, Some(Arc::clone(&opened.gauge)));
        meter.add(Count::Restored, opened.restored);
        meter.add(Count::DroppedCorrupt, opened.corrupt);
        if opened.corrupt > 0 {
            warn!(
                event.action = "buffer-corrupt",
                labels.sink = name,
                places = opened.corrupt,
                "the buffer has places that cannot be read, they are passed over"
            );
        }
        info!(
            event.action = "buffer-opened",
            labels.sink = name,
            events = opened.restored,
            "buffer opened"
        );
        Ok(Fresh {
            prepared: self,
            store: Store::Disk(opened.writer),
            reader: Drain::Disk(opened.reader),
            gauge: opened.gauge,
            meter,
        })
    }

    /// Starts the sink in the place of `live`: on its buffer, with what it has begun. None: `live` has failed, which
    /// its own task says.
    pub(super) async fn replace(
        self,
        live: LiveSink,
        outlet: &mut Outlet,
        running: &mut Running,
    ) -> Option<LiveSink> {
        let LiveSink {
            meter,
            gauge,
            asked,
            handover,
            baton,
            kind: _,
        } = live;
        asked.cancel();
        handover.cancel();
        let baton = baton.await.ok()?;
        let settings = &self.config.delivery.buffer;
        gauge.max_bytes.store(settings.max_bytes(), Relaxed);
        let (index, operation) = self.action();
        outlet.change(settings.when_full, index, operation);
        Some(self.start(baton, meter, gauge, running))
    }

    fn action(&self) -> (Option<IndexPattern>, Operation) {
        Target::action(&self.config)
    }

    fn start(self, baton: Baton, meter: Arc<Meter>, gauge: Arc<Gauge>, running: &mut Running) -> LiveSink {
        let handover = CancellationToken::new();
        let (give, taken) = oneshot::channel();
        let settings = self.config.delivery;
        let kind = settings.buffer.kind;
        let retry_max = Duration::from_millis(settings.retry_max_ms);
        let pace = Pace::new(&settings);
        let delivery = Delivery::new(
            &self.name,
            self.target,
            Arc::clone(&meter),
            pace,
            retry_max,
            self.dead_letter,
        );
        let sender = Sender {
            config: settings,
            delivery: Arc::new(delivery),
            reader: baton.reader,
            gauge: Arc::clone(&gauge),
            begun: baton.begun,
            handover: handover.clone(),
        };
        let asked = CancellationToken::new();
        running.spawn(&self.name, Work::Sink, asked.clone(), async move {
            if let Some(baton) = sender.run().await? {
                // Nobody takes over at the end of the process; then it is all on disk.
                drop(give.send(baton));
            }
            Ok(())
        });
        LiveSink {
            meter,
            gauge,
            kind,
            asked,
            handover,
            baton: taken,
        }
    }
}

// === impl Fresh ===

impl Fresh {
    /// Starts the sink, and gives the way into it.
    pub(super) fn start(self, running: &mut Running) -> (LiveSink, Outlet) {
        let (index, operation) = self.prepared.action();
        let outlet = Outlet::new(
            &self.prepared.name,
            self.store,
            Arc::clone(&self.gauge),
            Arc::clone(&self.meter),
            self.prepared.config.delivery.buffer.when_full,
            index,
            operation,
        );
        let baton = Baton {
            reader: self.reader,
            begun: Begun::default(),
        };
        (
            self.prepared.start(baton, self.meter, self.gauge, running),
            outlet,
        )
    }
}

// === impl LiveSink ===

impl LiveSink {
    /// Events in its buffer.
    pub(super) fn events(&self) -> u64 {
        self.gauge.events.load(Relaxed)
    }

    /// Ends a sink that is draining, so that its buffer can be opened again.
    pub(super) async fn end(self) {
        self.handover.cancel();
        // An error means that it has ended already.
        drop(self.baton.await);
    }
}

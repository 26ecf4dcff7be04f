//! Building the sinks: one function a kind. Whatever can fail, fails before anything is exchanged.

use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use punt_control::Kind;
use punt_elastic::Elastic;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::running::{Running, Work};
use crate::buffer::{self, Gauge, Opened};
use crate::config::{ElasticsearchConfig, Fsync, SinkConfig};
use crate::meter::{Count, Meter};
use crate::route::Outlet;
use crate::sink::elasticsearch::{Baton, Begun, DeadLetter, Delivery, Sender};

/// A sink that is ready to start, without its buffer.
pub(super) struct Prepared {
    name: String,
    config: ElasticsearchConfig,
    engine: Elastic,
    dead_letter: DeadLetter,
}

/// A new sink with its buffer.
pub(super) struct Fresh {
    pub(super) prepared: Prepared,
    opened: Opened,
    pub(super) meter: Arc<Meter>,
}

/// A sink that runs.
pub(super) struct LiveSink {
    pub(super) meter: Arc<Meter>,
    gauge: Arc<Gauge>,
    /// Cancelled when it is to end: because another takes over, or because it has drained.
    pub(super) asked: CancellationToken,
    handover: CancellationToken,
    baton: oneshot::Receiver<Baton>,
}

/// Checks the settings and opens what the sink needs beside its buffer.
pub(super) fn prepare(name: &str, config: &SinkConfig, data: &Path) -> anyhow::Result<Prepared> {
    match config {
        SinkConfig::Elasticsearch(config) => prepare_elasticsearch(name, config, data),
    }
}

fn prepare_elasticsearch(name: &str, config: &ElasticsearchConfig, data: &Path) -> anyhow::Result<Prepared> {
    let path = data.join("dead-letter").join(format!("{name}.ndjson"));
    let dead_letter = DeadLetter::open(&path, config.dead_letter_max_bytes)
        .with_context(|| format!("opening the dead-letter file {}", path.display()))?;
    let engine = Elastic::new(&config.url)?.with_timeout(Duration::from_millis(config.request_timeout_ms));
    Ok(Prepared {
        name: name.to_owned(),
        config: config.clone(),
        engine,
        dead_letter,
    })
}

/// The strictest of the sinks' settings: the routing stage speaks for all of them.
pub(super) fn strictest_fsync(sinks: &[(String, SinkConfig)]) -> Fsync {
    let settings = sinks
        .iter()
        .map(|(_, SinkConfig::Elasticsearch(sink))| sink.buffer.fsync);
    settings.fold(Fsync::Never, |strictest, next| match (strictest, next) {
        (Fsync::Always, _) | (_, Fsync::Always) => Fsync::Always,
        (Fsync::Interval, _) | (_, Fsync::Interval) => Fsync::Interval,
        (Fsync::Never, Fsync::Never) => Fsync::Never,
    })
}

// === impl Prepared ===

impl Prepared {
    /// Opens the sink's buffer, with what is in it.
    pub(super) fn open(self, data: &Path) -> anyhow::Result<Fresh> {
        let name = &self.name;
        let folder = data.join("buffer").join(name);
        let opened = buffer::open(&folder, self.config.buffer.max_bytes)
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
            opened,
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
        } = live;
        asked.cancel();
        handover.cancel();
        let baton = baton.await.ok()?;
        gauge.max_bytes.store(self.config.buffer.max_bytes, Relaxed);
        let config = &self.config;
        outlet.change(config.buffer.when_full, config.index.clone(), config.op);
        Some(self.start(baton, meter, gauge, running))
    }

    fn start(self, baton: Baton, meter: Arc<Meter>, gauge: Arc<Gauge>, running: &mut Running) -> LiveSink {
        let handover = CancellationToken::new();
        let (give, taken) = oneshot::channel();
        let retry_max = Duration::from_millis(self.config.retry_max_ms);
        let sender = Sender {
            config: self.config,
            delivery: Arc::new(Delivery {
                sink: self.name.clone(),
                engine: self.engine,
                meter: Arc::clone(&meter),
                retry_max,
                dead_letter: Mutex::new(self.dead_letter),
                trouble: Mutex::new(None),
                said_rejected: Mutex::new(None),
            }),
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
        let Self {
            prepared,
            opened,
            meter,
        } = self;
        let config = &prepared.config;
        let outlet = Outlet::new(
            &prepared.name,
            opened.writer,
            Arc::clone(&opened.gauge),
            Arc::clone(&meter),
            config.buffer.when_full,
            config.index.clone(),
            config.op,
        );
        let baton = Baton {
            reader: opened.reader,
            begun: Begun::default(),
        };
        (prepared.start(baton, meter, opened.gauge, running), outlet)
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

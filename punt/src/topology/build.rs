//! From a configuration to stages that are ready to run: everything that can fail, fails here.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, bail};
use lifecycle::Sockets;
use punt_control::Kind;
use punt_elastic::Elastic;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::running::{Running, Work};
use crate::alert::{self, Action, Rule, Rules};
use crate::buffer;
use crate::config::{Config, ElasticsearchConfig, Fsync, OnFailure, SinkConfig, TransformConfig};
use crate::event::Batch;
use crate::meter::{Count, Meter, Meters};
use crate::route::{Outlet, Routes, Stage};
use crate::sink::elasticsearch::{DeadLetter, Delivery, Sender};
use crate::source::{self, Intake, Rate};
use crate::tap::Tap;
use crate::transform::{self, Chain, Step};

/// Batches (of about 128 KiB) that may wait between sources and buffers.
const QUEUE: usize = 16;

/// Batches that may wait between a source and its transforms.
const TRANSFORM_QUEUE: usize = 4;

/// Stages that are ready to run.
pub(crate) struct Topology {
    pub(crate) meters: Arc<Meters>,
    pub(crate) tap: Tap,
    pub(crate) running: Running,
}

struct Builder<'a> {
    data: &'a Path,
    meters: Vec<Arc<Meter>>,
    running: Running,
}

/// Builds the topology and starts it. `stop` is what the sources listen to.
pub(crate) fn build(
    config: &Config,
    node: &str,
    sockets: &mut Sockets,
    stop: &CancellationToken,
) -> anyhow::Result<Topology> {
    let data = &config.process.data;
    let checkpoints = data.join("checkpoints");
    std::fs::create_dir_all(&checkpoints).with_context(|| format!("creating {}", checkpoints.display()))?;
    let lock = lock(data)?;
    let (queue, receiver) = mpsc::channel::<Batch>(QUEUE);
    let abandon = CancellationToken::new();
    let mut builder = Builder {
        data,
        meters: Vec::new(),
        running: Running::new(lock, config.process.grace, abandon.clone()),
    };
    let steps = builder.transforms(&config.transforms)?;
    // Sources first: their sockets are up whatever becomes of the rest.
    for (name, source) in &config.sources {
        let intake = Intake {
            name: name.clone(),
            meter: builder.meter(Kind::Source, name, None),
            queue: match chain(
                &steps,
                config.source_transforms.get(name).map_or(&[], Vec::as_slice),
            ) {
                Some(chain) => builder.transformed(name, chain, queue.clone()),
                None => queue.clone(),
            },
            stop: stop.clone(),
            input_ended: builder.running.input_ended(),
            checkpoints: checkpoints.clone(),
            rate: source
                .rate()
                .map(|(per_second, when)| Arc::new(Rate::new(per_second, when))),
        };
        let tasks = source::start(source, intake, sockets)
            .with_context(|| format!("starting the source {name:?}"))?;
        for task in tasks {
            match task {
                source::Task::Async(task) => builder.running.spawn(name, Work::Source, task),
                source::Task::Thread(task) => builder.running.spawn_blocking(name, Work::Source, task),
            }
        }
    }
    let router = builder.meter(Kind::Router, "router", None);
    let mut outlets = Vec::new();
    for (name, sink) in &config.sinks {
        let SinkConfig::Elasticsearch(sink) = sink;
        outlets.push(
            builder
                .sink(name, sink)
                .with_context(|| format!("starting the sink {name:?}"))?,
        );
    }
    let names: Vec<String> = config.sinks.iter().map(|(name, _)| name.clone()).collect();
    let tap = Tap::new();
    let alerts = builder.alerts(config, stop)?;
    let stage = Stage {
        alerts,
        queue: receiver,
        routes: Routes::new(&config.routes, &names, |names| chain(&steps, names)),
        outlets,
        meter: router,
        tap: tap.clone(),
        fsync: strictest(&config.sinks),
        abandon,
    };
    let runtime = tokio::runtime::Handle::current();
    builder
        .running
        .spawn_blocking("router", Work::Router, move || stage.run(&runtime));
    let meters = Arc::new(Meters::new(node, builder.meters, queue.downgrade()));
    Ok(Topology {
        meters,
        tap,
        running: builder.running,
    })
}

/// Two processes on the same buffers would send everything twice and delete each other's segments.
fn lock(data: &Path) -> anyhow::Result<File> {
    let path = data.join("lock");
    let file = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            bail!(
                "{} is in use by another punt; give each its own `data`",
                data.display()
            )
        }
        Err(std::fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("locking {}", path.display()))
        }
    }
}

/// The chain of these transforms, whose names were checked with the configuration. `None`: there are none.
fn chain(steps: &[Arc<Step>], names: &[String]) -> Option<Chain> {
    let chain: Vec<_> = names
        .iter()
        .filter_map(|name| steps.iter().find(|step| step.name == *name).cloned())
        .collect();
    (!chain.is_empty()).then_some(Chain(chain))
}

fn strictest(sinks: &[(String, SinkConfig)]) -> Fsync {
    let settings = sinks
        .iter()
        .map(|(_, SinkConfig::Elasticsearch(sink))| sink.buffer.fsync);
    settings.fold(Fsync::Never, |strictest, next| match (strictest, next) {
        (Fsync::Always, _) | (_, Fsync::Always) => Fsync::Always,
        (Fsync::Interval, _) | (_, Fsync::Interval) => Fsync::Interval,
        (Fsync::Never, Fsync::Never) => Fsync::Never,
    })
}

// === impl Builder ===

impl Builder<'_> {
    fn meter(&mut self, kind: Kind, name: &str, gauge: Option<Arc<buffer::Gauge>>) -> Arc<Meter> {
        let meter = Meter::new(kind, name, gauge);
        self.meters.push(Arc::clone(&meter));
        meter
    }

    /// Starts the actions, and gives the rules that feed them.
    fn alerts(&mut self, config: &Config, stop: &CancellationToken) -> anyhow::Result<Rules> {
        let mut queues = HashMap::new();
        for (name, action) in &config.actions {
            // One that no alert names would have nothing to do, and end.
            if !config.alerts.iter().any(|(_, alert)| alert.action == *name) {
                continue;
            }
            let (queue, notices) = mpsc::channel(action.sending().queue);
            let meter = self.meter(Kind::Action, name, None);
            let action = action
                .url(|variable| std::env::var(variable).ok())
                .and_then(|url| Action::new(name, action, &url, &config.alerts, meter, notices))
                .map_err(|fault| anyhow::anyhow!("starting the action {name:?}: {fault}"))?;
            self.running.spawn(name, Work::Action, action.run(stop.clone()));
            queues.insert(name, queue);
        }
        let rules = config.alerts.iter().filter_map(|(name, alert)| {
            let queue = queues.get(&alert.action)?.clone();
            Some(Rule::new(name, alert, self.meter(Kind::Alert, name, None), queue))
        });
        let rules = Rules::new(rules.collect());
        if !rules.is_empty() {
            let tick = alert::tick(rules.downgrade(), stop.clone());
            self.running.spawn("alerts", Work::Action, async move {
                tick.await;
                Ok(())
            });
        }
        Ok(rules)
    }

    fn transforms(&mut self, configs: &[(String, TransformConfig)]) -> anyhow::Result<Vec<Arc<Step>>> {
        let make = |(name, config): &(String, TransformConfig)| {
            let transform = transform::compile(config)
                .map_err(|fault| anyhow::anyhow!("starting the transform {name:?}: {fault}"))?;
            let path = self
                .data
                .join("dead-letter")
                .join(format!("transform-{name}.ndjson"));
            let dead_letter = match config.on_failure() {
                OnFailure::DeadLetter => Some(
                    transform::DeadLetter::open(&path)
                        .with_context(|| format!("opening the dead-letter file {}", path.display()))?,
                ),
                OnFailure::Keep | OnFailure::Drop => None,
            };
            Ok(Arc::new(Step {
                name: name.clone(),
                when: config.when().0.clone(),
                transform,
                on_failure: config.on_failure(),
                dead_letter,
                meter: self.meter(Kind::Transform, name, None),
            }))
        };
        configs.iter().map(make).collect()
    }

    /// Starts the stage that runs a source's transforms, and gives its end of a queue of its own: the source waits
    /// when it is full.
    fn transformed(&mut self, source: &str, chain: Chain, to: mpsc::Sender<Batch>) -> mpsc::Sender<Batch> {
        let (queue, from) = mpsc::channel(TRANSFORM_QUEUE);
        let name = format!("{source} transforms");
        self.running.spawn_blocking(&name, Work::Transform, move || {
            chain.stage(from, &to);
            Ok(())
        });
        queue
    }

    fn sink(&mut self, name: &str, config: &ElasticsearchConfig) -> anyhow::Result<Outlet> {
        let folder = self.data.join("buffer").join(name);
        let opened = buffer::open(&folder, config.buffer.max_bytes)
            .with_context(|| format!("opening the buffer {}", folder.display()))?;
        let meter = self.meter(Kind::Sink, name, Some(Arc::clone(&opened.gauge)));
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
        let path = self.data.join("dead-letter").join(format!("{name}.ndjson"));
        let dead_letter = DeadLetter::open(&path, config.dead_letter_max_bytes)
            .with_context(|| format!("opening the dead-letter file {}", path.display()))?;
        let engine =
            Elastic::new(&config.url)?.with_timeout(Duration::from_millis(config.request_timeout_ms));
        let sender = Sender {
            config: config.clone(),
            delivery: Arc::new(Delivery {
                sink: name.to_owned(),
                engine,
                meter: Arc::clone(&meter),
                retry_max: Duration::from_millis(config.retry_max_ms),
                dead_letter: Mutex::new(dead_letter),
                trouble: Mutex::new(None),
                said_rejected: Mutex::new(None),
            }),
            reader: opened.reader,
            gauge: Arc::clone(&opened.gauge),
        };
        self.running.spawn(name, Work::Sink, sender.run());
        Ok(Outlet::new(
            name,
            opened.writer,
            opened.gauge,
            meter,
            config.buffer.when_full,
            config.index.clone(),
            config.op,
        ))
    }
}

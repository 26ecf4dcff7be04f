//! A topology that runs, and how parts of it are exchanged while it does.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use lifecycle::{CancellationToken, Sockets};
use punt_control::{Kind, Reload};
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, oneshot};
use tracing::{error, info, warn};

use super::alerts::LiveAlerts;
use super::plan::{NewSource, Plan, chain};
use super::running::{FOREVER, Running, Work};
use super::sink::{self, LiveSink};
use crate::alert::Rules;
use crate::config::{self, Config, ProcessConfig};
use crate::event::Batch;
use crate::meter::{Meter, Meters};
use crate::notify::{self, Watchdog};
use crate::route::{Handover, Outlet, Patience, Pending, Routes, Stage};
use crate::source::Task;
use crate::tap::Tap;
use crate::transform::Step;

/// Batches (of about 128 KiB) that may wait between sources and buffers.
const QUEUE: usize = 16;

/// What a reload did, or all that is wrong with the new configuration.
pub(crate) type Report = Result<Reload, String>;

/// Stages that run.
pub(crate) struct Topology {
    pub(crate) meters: Arc<Meters>,
    pub(crate) tap: Tap,
    /// What the sources listen to, each through a child of its own.
    pub(super) stop: CancellationToken,
    pub(super) data: PathBuf,
    pub(super) checkpoints: PathBuf,
    pub(super) sockets: Sockets,
    /// What is in force.
    pub(super) table: toml::Table,
    /// None: punt is stopping.
    pub(super) queue: Option<mpsc::Sender<Batch>>,
    alerts: LiveAlerts,
    /// The transforms in force.
    pub(super) steps: Vec<Arc<Step>>,
    pub(super) sources: BTreeMap<String, LiveSource>,
    /// Sources that were taken out and have not ended: what each one's end cancels.
    leaving: BTreeMap<String, CancellationToken>,
    pub(super) sinks: BTreeMap<String, LiveSink>,
    /// Sinks that were taken out of the configuration and send what they still have.
    pub(super) draining: BTreeMap<String, LiveSink>,
    config: PathBuf,
    process: ProcessConfig,
    router: Arc<Meter>,
    stage: LiveStage,
    /// Rung when a buffer in memory has delivered events.
    pub(super) delivered: Arc<Notify>,
    abandon: CancellationToken,
    pub(super) running: Running,
}

/// A source that runs.
pub(super) struct LiveSource {
    pub(super) meter: Arc<Meter>,
    stop: CancellationToken,
    /// Cancelled by the end of its last task.
    ended: CancellationToken,
}

/// The routing stage that runs.
struct LiveStage {
    handover: CancellationToken,
    baton: oneshot::Receiver<Handover>,
}

// === impl Topology ===

impl Topology {
    /// Starts the topology of `config`, which was read from `path`. `stop` is what the sources listen to.
    pub(crate) async fn start(
        config: Config,
        path: &Path,
        node: &str,
        mut sockets: Sockets,
        stop: &CancellationToken,
    ) -> anyhow::Result<Self> {
        sockets.keep();
        let data = config.process.data.clone();
        let checkpoints = data.join("checkpoints");
        std::fs::create_dir_all(&checkpoints)
            .with_context(|| format!("creating {}", checkpoints.display()))?;
        let lock = lock(&data)?;
        let (queue, receiver) = mpsc::channel::<Batch>(QUEUE);
        let abandon = CancellationToken::new();
        let (give, baton) = oneshot::channel();
        // The first stage takes over from nobody.
        drop(give.send(Handover {
            queue: receiver,
            outlets: Vec::new(),
            alerts: Rules::new(Vec::new()),
            pending: Pending::default(),
        }));
        let mut topology = Self {
            meters: Arc::new(Meters::new(node, queue.downgrade())),
            tap: Tap::new(),
            stop: stop.clone(),
            data,
            checkpoints,
            sockets,
            table: toml::Table::new(),
            queue: Some(queue),
            alerts: LiveAlerts::default(),
            steps: Vec::new(),
            sources: BTreeMap::new(),
            leaving: BTreeMap::new(),
            sinks: BTreeMap::new(),
            draining: BTreeMap::new(),
            config: path.to_owned(),
            process: config.process.clone(),
            router: Meter::new(Kind::Router, "router", None),
            stage: LiveStage {
                handover: CancellationToken::new(),
                baton,
            },
            delivered: Arc::new(Notify::new()),
            running: Running::new(lock, abandon.clone()),
            abandon,
        };
        topology.apply(config).await?;
        Ok(topology)
    }

    /// Runs until the stop signal and everything has drained, or until a task fails. Each of `reloads` is answered.
    pub(crate) async fn run(
        mut self,
        mut reloads: mpsc::Receiver<oneshot::Sender<Report>>,
    ) -> anyhow::Result<()> {
        let stop = self.stop.clone();
        let input_ended = self.running.input_ended();
        let mut watchdog = Watchdog::new();
        notify::ready();
        let failed = loop {
            tokio::select! {
                // First: sources end because of it.
                biased;
                () = stop.cancelled() => break None,
                () = input_ended.cancelled() => {
                    // Everything is to be delivered, however long that takes.
                    self.process.grace = FOREVER;
                    stop.cancel();
                    break None;
                }
                reason = self.running.failure() => {
                    error!(event.action = "task-failed", error = format!("{reason:#}"), "a task failed, stopping");
                    stop.cancel();
                    break Some(reason);
                }
                Some(answer) = reloads.recv() => {
                    notify::reloading();
                    let report = self.reload().await;
                    notify::ready();
                    // Whoever asked may have left.
                    drop(answer.send(report));
                }
                () = watchdog.sign() => {}
            }
        };
        notify::stopping();
        self.queue = None;
        tokio::select! {
            () = self.running.drain(self.process.grace) => {}
            // Signs of life go on: draining takes its time.
            () = async { loop { watchdog.sign().await } } => {}
        }
        let buffered: u64 = self
            .sinks
            .values()
            .chain(self.draining.values())
            .map(LiveSink::events)
            .sum();
        let message = match buffered {
            0 => "stopped, all is delivered",
            _ => "stopped, what is left stays in the buffers",
        };
        info!(event.action = "stopped", buffered_events = buffered, "{message}");
        failed.map_or(Ok(()), Err)
    }

    /// Reads the configuration again and puts it into force; if anything is wrong with it, nothing has changed.
    async fn reload(&mut self) -> Report {
        let refused = |reason: String| {
            warn!(
                event.action = "reload-refused",
                error = reason,
                "the configuration stays as it was"
            );
            Err(reason)
        };
        let config = match config::load(&self.config) {
            Ok(config) => config,
            Err(faults) => return refused(faults.to_string()),
        };
        match self.apply(config).await {
            Ok(report) => {
                info!(
                    event.action = "reloaded",
                    labels.added = report.added.join(", "),
                    labels.changed = report.changed.join(", "),
                    labels.removed = report.removed.join(", "),
                    "the configuration was reloaded"
                );
                Ok(report)
            }
            Err(error) => refused(format!("{error:#}")),
        }
    }

    /// Puts a configuration into force. An error leaves all as it was.
    async fn apply(&mut self, config: Config) -> anyhow::Result<Reload> {
        self.refuse_fixed(&config.process)?;
        let before = self.sockets.snapshot();
        match self.plan(&config).await {
            Ok(plan) => self.exchange(config, plan).await,
            Err(error) => {
                self.sockets.restore(before);
                Err(error)
            }
        }
    }

    /// What cannot change while punt runs.
    fn refuse_fixed(&self, new: &ProcessConfig) -> anyhow::Result<()> {
        let (old, mut changed) = (&self.process, Vec::new());
        if old.data != new.data {
            changed.push("data");
        }
        if old.control() != new.control() {
            changed.push("control");
        }
        if old.tail != new.tail {
            changed.push("tail");
        }
        if old.metrics != new.metrics {
            changed.push("metrics");
        }
        if changed.is_empty() {
            return Ok(());
        }
        bail!(
            "{} cannot change while punt runs; restart punt to change it",
            changed.join(" and ")
        )
    }

    /// Exchanges what the plan names. Nothing here waits for an engine, or for room in a buffer.
    async fn exchange(&mut self, config: Config, plan: Plan) -> anyhow::Result<Reload> {
        let mut report = Reload::default();
        self.stage.handover.cancel();
        let baton = (&mut self.stage.baton).await;
        let mut handover = baton.context("the routing stage has failed")?;
        let mut outlets: BTreeMap<String, Outlet> = BTreeMap::new();
        for outlet in handover.outlets.drain(..) {
            outlets.insert(outlet.name().to_owned(), outlet);
        }
        for name in plan.removed_sinks {
            if let (Some(outlet), Some(live)) = (outlets.remove(&name), self.sinks.remove(&name)) {
                report.removed.push(format!("sink {name}"));
                let left = live.events();
                if left > 0 {
                    let folder = self.data.join("buffer").join(&name);
                    report.notes.push(format!(
                        "sink {name} still sends {left} events; what it cannot deliver stays in {}",
                        folder.display()
                    ));
                }
                // Without a writer it drains and ends.
                live.asked.cancel();
                outlet.give_up();
                self.draining.insert(name, live);
            }
        }
        for (name, prepared) in plan.changed_sinks {
            if let (Some(outlet), Some(live)) = (outlets.get_mut(&name), self.sinks.remove(&name)) {
                let replaced = prepared.replace(live, outlet, &mut self.running).await;
                let live = replaced.with_context(|| format!("the sink {name} has failed"))?;
                report.changed.push(format!("sink {name}"));
                self.sinks.insert(name, live);
            }
        }
        for fresh in plan.fresh_sinks {
            let (live, outlet) = fresh.start(&mut self.running);
            let name = outlet.name().to_owned();
            report.added.push(format!("sink {name}"));
            outlets.insert(name.clone(), outlet);
            self.sinks.insert(name, live);
        }
        let names: Vec<String> = config.sinks.iter().map(|(name, _)| name.clone()).collect();
        handover.outlets = names.iter().filter_map(|name| outlets.remove(name)).collect();
        self.steps = plan.steps;
        if let Some(alerts) = plan.alerts {
            self.alerts.stop.cancel();
            (handover.alerts, self.alerts) = alerts.start(&mut self.running);
        }
        self.route(&config, &names, handover);
        for name in plan.removed_sources {
            if let Some(live) = self.sources.remove(&name) {
                live.stop.cancel();
                self.leaving.insert(name.clone(), live.ended);
                report.removed.push(format!("source {name}"));
            }
        }
        for source in plan.sources {
            let name = source.name.clone();
            match self.source(source) {
                true => report.changed.push(format!("source {name}")),
                false => report.added.push(format!("source {name}")),
            }
        }
        for section in ["routes", "transforms", "alerts", "actions"] {
            if self.table.get(section) != config.table.get(section) {
                report.changed.push(section.to_owned());
            }
        }
        self.leaving.retain(|_, ended| !ended.is_cancelled());
        let sources = &self.sources;
        self.sockets
            .retain(|owner| owner.is_empty() || sources.contains_key(owner));
        self.register(&config);
        self.table = config.table;
        self.process = config.process;
        report.unchanged = (self.sources.len() + self.sinks.len()) as u64 - report.touched();
        Ok(report)
    }

    /// Starts the routing stage, with what the one before had not finished.
    fn route(&mut self, config: &Config, sinks: &[String], handover: Handover) {
        let token = CancellationToken::new();
        let stage = Stage {
            queue: handover.queue,
            routes: Routes::new(&config.routes, sinks, |names| chain(&self.steps, names)),
            outlets: handover.outlets,
            alerts: handover.alerts,
            meter: Arc::clone(&self.router),
            tap: self.tap.clone(),
            fsync: sink::strictest_fsync(&config.sinks),
            patience: Patience {
                abandon: self.abandon.clone(),
                handover: token.clone(),
            },
            pending: handover.pending,
            delivered: Arc::clone(&self.delivered),
        };
        let (give, baton) = oneshot::channel();
        let runtime = Handle::current();
        self.running
            .spawn_blocking("router", Work::Router, token.clone(), move || {
                if let Some(handover) = stage.run(&runtime)? {
                    // Nobody takes over when punt has failed meanwhile; the sources read it again.
                    drop(give.send(handover));
                }
                Ok(())
            });
        self.stage = LiveStage {
            handover: token,
            baton,
        };
    }

    /// Starts a source. True: in the place of another, which takes nothing more and lets its senders finish.
    fn source(&mut self, source: NewSource) -> bool {
        let ended = CancellationToken::new();
        let guard = Arc::new(ended.clone().drop_guard());
        let live = LiveSource {
            meter: source.meter,
            stop: source.stop.clone(),
            ended,
        };
        let replaced = self.sources.insert(source.name.clone(), live);
        let was_there = replaced.is_some();
        let predecessor = match replaced {
            Some(replaced) => {
                replaced.stop.cancel();
                Some(replaced.ended)
            }
            None => self.leaving.remove(&source.name),
        };
        if let Some(transforms) = source.transforms {
            let (name, asked) = (format!("{} transforms", source.name), source.stop.clone());
            self.running
                .spawn_blocking(&name, Work::Transform, asked, move || {
                    transforms.run();
                    Ok(())
                });
        }
        for task in source.tasks {
            let (name, asked) = (&source.name, source.stop.clone());
            let guard = Arc::clone(&guard);
            match task {
                Task::Async(task) => self.running.spawn(name, Work::Source, asked, async move {
                    let result = task.await;
                    drop(guard);
                    result
                }),
                Task::Receiver(task) => self.running.spawn_blocking(name, Work::Source, asked, move || {
                    let _guard = guard;
                    task()
                }),
                Task::Thread(task) => {
                    let runtime = Handle::current();
                    let before = predecessor.clone();
                    let stop = source.stop.clone();
                    self.running.spawn_blocking(name, Work::Source, asked, move || {
                        let _guard = guard;
                        if let Some(before) = before {
                            // However long it takes: it finds room, or the grace period is over for it, too.
                            runtime.block_on(before.cancelled());
                            if stop.is_cancelled() {
                                return Ok(());
                            }
                        }
                        task()
                    });
                }
            }
        }
        was_there
    }

    /// Shows the counters of these components, and of those that are not in the configuration any more.
    fn register(&self, config: &Config) {
        let sources = config
            .sources
            .iter()
            .filter_map(|(name, _)| self.sources.get(name));
        let sinks = config.sinks.iter().filter_map(|(name, _)| self.sinks.get(name));
        let meters = sources
            .map(|source| &source.meter)
            .chain(self.steps.iter().map(|step| &step.meter))
            .chain([&self.router])
            .chain(&self.alerts.meters)
            .chain(sinks.map(|sink| &sink.meter))
            .cloned()
            .collect();
        self.meters.show(meters);
    }
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

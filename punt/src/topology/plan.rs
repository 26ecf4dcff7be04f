//! What a new configuration changes, with everything made ready that can fail. Nothing that runs is touched.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use lifecycle::CancellationToken;
use punt_control::Kind;
use tokio::sync::mpsc;

use super::alerts::NewAlerts;
use super::live::Topology;
use super::sink::{self, Fresh, Prepared};
use crate::config::{Config, OnFailure, TransformConfig};
use crate::event::Batch;
use crate::meter::Meter;
use crate::source::{self, Intake, Rate, Task};
use crate::transform::{self, Chain, Step};

/// Batches that may wait between a source and its transforms; the source waits when it is full.
const TRANSFORM_QUEUE: usize = 4;

/// What is to be done. Whatever is not named here stays as it is.
#[derive(Default)]
pub(super) struct Plan {
    /// All transforms of the new configuration.
    pub(super) steps: Vec<Arc<Step>>,
    /// None: those in force stay.
    pub(super) alerts: Option<NewAlerts>,
    /// New sources, and those that take the place of one of the same name.
    pub(super) sources: Vec<NewSource>,
    pub(super) removed_sources: Vec<String>,
    pub(super) fresh_sinks: Vec<Fresh>,
    pub(super) changed_sinks: Vec<(String, Prepared)>,
    pub(super) removed_sinks: Vec<String>,
}

/// A source that is ready to run.
pub(super) struct NewSource {
    pub(super) name: String,
    pub(super) meter: Arc<Meter>,
    pub(super) stop: CancellationToken,
    pub(super) tasks: Vec<Task>,
    /// The stage that runs its transforms.
    pub(super) transforms: Option<TransformStage>,
}

/// What runs a source's transforms, on a thread of its own. It ends because the source has.
pub(super) struct TransformStage {
    chain: Chain,
    from: mpsc::Receiver<Batch>,
    to: mpsc::Sender<Batch>,
    source: Arc<Meter>,
}

// === impl Topology ===

impl Topology {
    /// Makes everything ready for `config`. An error leaves all as it was.
    pub(super) async fn plan(&mut self, config: &Config) -> anyhow::Result<Plan> {
        let mut plan = Plan {
            steps: self.steps(config)?,
            alerts: self.alerts(config)?,
            ..Plan::default()
        };
        // Sources first: their sockets are up whatever becomes of the rest.
        for (name, source) in &config.sources {
            if self.sources.contains_key(name) && self.is_same(config, "sources", name) {
                continue;
            }
            let meter = self.meters.find(Kind::Source, name);
            let meter = meter.unwrap_or_else(|| Meter::new(Kind::Source, name, None));
            let Some(queue) = self.queue.clone() else {
                bail!("punt is stopping");
            };
            let names = config.source_transforms.get(name).map_or(&[][..], Vec::as_slice);
            let (queue, transforms) = match chain(&plan.steps, names) {
                None => (queue, None),
                Some(chain) => {
                    let (own, from) = mpsc::channel(TRANSFORM_QUEUE);
                    let source = Arc::clone(&meter);
                    let to = queue;
                    (
                        own,
                        Some(TransformStage {
                            chain,
                            from,
                            to,
                            source,
                        }),
                    )
                }
            };
            let stop = self.stop.child_token();
            let intake = Intake {
                name: name.clone(),
                meter: Arc::clone(&meter),
                queue,
                stop: stop.clone(),
                hang_up: self.stop.clone(),
                input_ended: self.running.input_ended(),
                rate: source
                    .rate()
                    .map(|(per_second, when)| Arc::new(Rate::new(per_second, when))),
                checkpoints: self.checkpoints.clone(),
            };
            let tasks = source::start(source, intake, self.sockets.owner(name))
                .with_context(|| format!("starting the source {name:?}"))?;
            plan.sources.push(NewSource {
                name: name.clone(),
                meter,
                stop,
                tasks,
                transforms,
            });
        }
        for (name, sink) in &config.sinks {
            let live = self.sinks.get(name);
            if live.is_some() && self.is_same(config, "sinks", name) {
                continue;
            }
            let context = || format!("starting the sink {name:?}");
            let prepared = sink::prepare(name, sink, &self.data).with_context(context)?;
            if let Some(live) = live {
                prepared.check(live).with_context(context)?;
                plan.changed_sinks.push((name.clone(), prepared));
                continue;
            }
            // Two readers on one buffer would send everything twice.
            if let Some(draining) = self.draining.remove(name) {
                draining.end().await;
            }
            let fresh = prepared.open(&self.data, &self.delivered).with_context(context)?;
            plan.fresh_sinks.push(fresh);
        }
        plan.removed_sources = missing(self.sources.keys(), &config.sources);
        plan.removed_sinks = missing(self.sinks.keys(), &config.sinks);
        Ok(plan)
    }

    /// The transforms, ready to work. One whose settings did not change stays, with what it remembers.
    fn steps(&self, config: &Config) -> anyhow::Result<Vec<Arc<Step>>> {
        let make = |(name, settings): &(String, TransformConfig)| {
            let live = self.steps.iter().find(|step| step.name == *name);
            if let Some(live) = live.filter(|_| self.is_same(config, "transforms", name)) {
                return Ok(Arc::clone(live));
            }
            let meter = self.meters.find(Kind::Transform, name);
            let meter = meter.unwrap_or_else(|| Meter::new(Kind::Transform, name, None));
            step(name, settings, &self.data, meter)
        };
        config.transforms.iter().map(make).collect()
    }

    /// Whether the table of this component, and of all transforms that it names, is what it was.
    fn is_same(&self, config: &Config, section: &str, name: &str) -> bool {
        settings(&self.table, section, name) == settings(&config.table, section, name)
    }
}

/// Opens and compiles what a transform needs.
fn step(name: &str, config: &TransformConfig, data: &Path, meter: Arc<Meter>) -> anyhow::Result<Arc<Step>> {
    let transform =
        transform::compile(config).map_err(|fault| anyhow!("starting the transform {name:?}: {fault}"))?;
    let path = data.join("dead-letter").join(format!("transform-{name}.ndjson"));
    let dead_letter = match config.on_failure() {
        OnFailure::DeadLetter => Some(
            transform::DeadLetter::open(&path)
                .with_context(|| format!("opening the dead-letter file {}", path.display()))?,
        ),
        OnFailure::Keep | OnFailure::Drop => None,
    };
    Ok(Arc::new(Step {
        name: name.to_owned(),
        when: config.when().0.clone(),
        transform,
        on_failure: config.on_failure(),
        dead_letter,
        meter,
    }))
}

/// The chain of these transforms, whose names were checked with the configuration. `None`: there are none.
pub(crate) fn chain(steps: &[Arc<Step>], names: &[String]) -> Option<Chain> {
    let chain: Vec<_> = names
        .iter()
        .filter_map(|name| steps.iter().find(|step| step.name == *name).cloned())
        .collect();
    (!chain.is_empty()).then_some(Chain(chain))
}

/// The tables that make up a component.
fn settings<'t>(table: &'t toml::Table, section: &str, name: &str) -> Vec<Option<&'t toml::Value>> {
    let of = |section: &str, name: &str| table.get(section)?.get(name);
    let own = of(section, name);
    let transforms = own
        .and_then(|own| own.get("transforms")?.as_array())
        .into_iter()
        .flatten();
    let transforms = transforms
        .filter_map(toml::Value::as_str)
        .map(|name| of("transforms", name));
    std::iter::once(own).chain(transforms).collect()
}

fn missing<'a, T>(live: impl Iterator<Item = &'a String>, wanted: &[(String, T)]) -> Vec<String> {
    let wanted: BTreeSet<&String> = wanted.iter().map(|(name, _)| name).collect();
    live.filter(|name| !wanted.contains(name)).cloned().collect()
}

// === impl TransformStage ===

impl TransformStage {
    pub(super) fn run(self) {
        self.chain.stage(self.from, &self.to, &self.source);
    }
}

//! Running the tests of a configuration: the real parsing, transforms and routes, without sockets and buffers.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use punt_control::Kind;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::config::{Config, InputConfig, OnFailure, OutputConfig, TestConfig, TransformConfig};
use crate::event::Batch;
use crate::meter::Meter;
use crate::route::Routes;
use crate::source;
use crate::topology::chain;
use crate::transform::{self, Step, Work};

/// How one test ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Outcome {
    pub(super) name: String,
    /// What was otherwise than expected; none: passed.
    pub(super) failures: Vec<String>,
}

type Event = Map<String, Value>;

/// Runs one test. What it remembers (`throttle`, `dedupe`) begins anew.
pub(super) fn run(config: &Config, test: &TestConfig) -> anyhow::Result<Outcome> {
    let steps: Vec<Arc<Step>> = config.transforms.iter().map(step).collect::<Result<_, _>>()?;
    let names: Vec<String> = config.sinks.iter().map(|(name, _)| name.clone()).collect();
    let mut routes = Routes::new(&config.routes, &names, |names| chain(&steps, names));
    let mut came: BTreeMap<&str, Vec<Event>> = BTreeMap::new();
    let mut dropped = 0;
    for input in &test.inputs {
        let mut batch = Batch::default();
        feed(config, input, &mut batch)?;
        let transforms = config
            .source_transforms
            .get(&input.source)
            .map_or(&[][..], Vec::as_slice);
        if let Some(chain) = chain(&steps, transforms) {
            batch = chain.apply(batch, &mut Work::default());
        }
        let mut arrived = false;
        routes.begin();
        for event in batch.events() {
            routes.route(event, |sinks, event| {
                for (number, name) in names.iter().enumerate() {
                    if sinks & 1 << number != 0 {
                        arrived = true;
                        let event = serde_json::from_slice(event.document).unwrap_or_default();
                        came.entry(name).or_default().push(event);
                    }
                }
            });
        }
        routes.settle();
        dropped += usize::from(!arrived);
    }
    let mut failures = Vec::new();
    if let Some(expected) = test.dropped.filter(|expected| *expected != dropped) {
        failures.push(format!(
            "dropped: expected {expected} of the inputs, found {dropped}"
        ));
    }
    for output in &test.outputs {
        let events = came.get(output.sink.as_str()).map_or(&[][..], Vec::as_slice);
        failures.extend(judge(output, events));
    }
    Ok(Outcome {
        name: test.name.clone(),
        failures,
    })
}

fn step((name, config): &(String, TransformConfig)) -> anyhow::Result<Arc<Step>> {
    let transform = transform::compile(config).map_err(|fault| anyhow!("the transform {name:?}: {fault}"))?;
    let on_failure = match config.on_failure() {
        // It does not go on either way, and a test writes no files.
        OnFailure::DeadLetter | OnFailure::Drop => OnFailure::Drop,
        OnFailure::Keep => OnFailure::Keep,
    };
    Ok(Arc::new(Step {
        name: name.clone(),
        when: config.when().0.clone(),
        transform,
        on_failure,
        dead_letter: None,
        meter: Meter::new(Kind::Transform, name, None),
    }))
}

fn feed(config: &Config, input: &InputConfig, batch: &mut Batch) -> anyhow::Result<()> {
    if let Some(record) = &input.record {
        let document = serde_json::to_vec(record).context("writing the record as JSON")?;
        let now = jiff::Timestamp::now().as_millisecond();
        batch.push(
            now,
            |out| out.extend_from_slice(b"test"),
            |out| out.extend_from_slice(&document),
        );
        return Ok(());
    }
    let source = config.sources.iter().find(|(name, _)| *name == input.source);
    let (name, source) = source.with_context(|| format!("there is no source {:?}", input.source))?;
    let meter = Meter::new(Kind::Source, name, None);
    let raw = input.raw.as_deref().unwrap_or_default();
    source::sample(source, raw.as_bytes(), batch, &meter);
    Ok(())
}

fn judge(output: &OutputConfig, events: &[Event]) -> Vec<String> {
    let mut failures = Vec::new();
    let sink = &output.sink;
    if let Some(expected) = output.events.filter(|expected| *expected != events.len()) {
        failures.push(format!(
            "sink {sink}: expected {expected} events, found {}",
            events.len()
        ));
    }
    let nothing = output.fields.is_empty() && output.matching.is_empty() && output.absent.is_empty();
    if nothing && (output.events.is_some() || !events.is_empty()) {
        return failures;
    }
    // The event that comes closest is the one to speak of.
    match events
        .iter()
        .map(|event| differences(output, event))
        .min_by_key(Vec::len)
    {
        None => failures.push(format!("sink {sink}: no event came to it")),
        Some(differences) => {
            failures.extend(differences.into_iter().map(|line| format!("sink {sink}: {line}")))
        }
    }
    failures
}

fn differences(output: &OutputConfig, event: &Event) -> Vec<String> {
    let mut lines = Vec::new();
    let found = |name: &str| super::layout::value(event, name);
    let shown = |value: Option<&Value>| value.map_or("nothing".to_owned(), Value::to_string);
    for (name, expected) in &output.fields {
        let expected = serde_json::to_value(expected).unwrap_or_default();
        if found(name) != Some(&expected) {
            lines.push(format!(
                "{name}: expected {expected}, found {}",
                shown(found(name))
            ));
        }
    }
    for (name, pattern) in &output.matching {
        let text = found(name).map(|value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), ToOwned::to_owned)
        });
        let matches =
            text.is_some_and(|text| regex::Regex::new(pattern).is_ok_and(|regex| regex.is_match(&text)));
        if !matches {
            lines.push(format!(
                "{name}: expected a match of /{pattern}/, found {}",
                shown(found(name))
            ));
        }
    }
    for name in &output.absent {
        if found(name).is_some() {
            lines.push(format!("{name}: expected nothing, found {}", shown(found(name))));
        }
    }
    if !lines.is_empty() {
        lines.push(format!("the event was {}", Value::Object(event.clone())));
    }
    lines
}

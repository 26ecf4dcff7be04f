//! A pipeline: steps in order, each with what guards it and what is done when it fails.

use serde_json::{Map, Value, json};

use super::condition::Condition;
use super::document::Ingested;
use super::processor::{Flow, Processor};
use crate::engine::store::Store;
use crate::error::{ApiError, ApiResult};
use crate::query::dsl;

/// Keys of a pipeline.
const KEYS: &[&str] = &[
    "description",
    "processors",
    "on_failure",
    "version",
    "_meta",
    "deprecated",
    "created_date",
    "modified_date",
    "created_date_millis",
    "modified_date_millis",
];

/// How deep pipelines may call pipelines.
const MAX_DEPTH: usize = 16;

/// A pipeline.
#[derive(Debug)]
pub struct Pipeline {
    steps: Vec<Step>,
    on_failure: Vec<Step>,
}

/// A processor with what all of them may have.
#[derive(Debug)]
pub struct Step {
    kind: String,
    tag: Option<String>,
    description: Option<String>,
    condition: Option<Condition>,
    ignore_failure: bool,
    on_failure: Vec<Step>,
    processor: Processor,
}

/// Why a document did not get through.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What went wrong.
    pub message: String,
    /// The kind of processor.
    pub kind: String,
    /// Its tag.
    pub tag: Option<String>,
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        let exception = if failure.kind == "fail" {
            "fail_processor_exception"
        } else {
            "illegal_argument_exception"
        };
        let error = Self::new(
            if failure.kind == "fail" { 500 } else { 400 },
            exception,
            failure.message,
        )
        .with("processor_type", failure.kind);
        match failure.tag {
            Some(tag) => error.with("processor_tag", tag),
            None => error,
        }
    }
}

// === impl Pipeline ===

impl Pipeline {
    /// Reads a pipeline; what cannot be done here is refused now, not at the first document.
    pub fn parse(body: &Value) -> ApiResult<Self> {
        if let Some(unknown) = body
            .as_object()
            .into_iter()
            .flat_map(serde_json::Map::keys)
            .find(|key| !KEYS.contains(&key.as_str()))
        {
            return Err(ApiError::new(
                400,
                "parse_exception",
                format!("pipeline doesn't support one or more provided configuration parameters [{unknown}]"),
            ));
        }
        let processors = body.get("processors").and_then(Value::as_array).ok_or_else(|| {
            ApiError::new(
                400,
                "parse_exception",
                "[processors] required property is missing",
            )
        })?;
        Ok(Self {
            steps: steps(processors)?,
            on_failure: failure_steps(body)?,
        })
    }

    /// Sends a document through.
    pub fn run(&self, store: &Store, document: &mut Ingested, depth: usize) -> Result<Flow, Failure> {
        if depth > MAX_DEPTH {
            return Err(Failure {
                message: format!("pipelines call one another more than [{MAX_DEPTH}] deep"),
                kind: "pipeline".to_owned(),
                tag: None,
            });
        }
        match run_all(&self.steps, store, document, depth) {
            Err(failure) if !self.on_failure.is_empty() => {
                recover(&self.on_failure, store, document, depth, &failure)
            }
            other => other,
        }
    }

    /// The same, and what each step made of it, as a verbose simulation shows.
    pub fn trace(&self, store: &Store, document: &mut Ingested) -> Vec<Value> {
        let mut out = Vec::new();
        for step in &self.steps {
            let mut shown = Map::new();
            shown.insert("processor_type".into(), step.kind.as_str().into());
            if let Some(tag) = &step.tag {
                shown.insert("tag".into(), tag.as_str().into());
            }
            if let Some(description) = &step.description {
                shown.insert("description".into(), description.as_str().into());
            }
            if let Some(condition) = &step.condition
                && !condition.holds(document)
            {
                shown.insert("status".into(), "skipped".into());
                out.push(shown.into());
                continue;
            }
            match step.run(store, document, 0) {
                Ok(Flow::Go) => {
                    shown.insert("status".into(), "success".into());
                    shown.insert("doc".into(), simulated(document));
                    out.push(shown.into());
                }
                Ok(Flow::Drop) => {
                    shown.insert("status".into(), "dropped".into());
                    out.push(shown.into());
                    break;
                }
                Err(failure) => {
                    shown.insert("status".into(), "error".into());
                    shown.insert(
                        "error".into(),
                        crate::present::error::body(&failure.into())["error"].clone(),
                    );
                    out.push(shown.into());
                    break;
                }
            }
        }
        out
    }
}

/// A document as a simulation shows it.
pub fn simulated(document: &Ingested) -> Value {
    json!({
        "_index": document.index,
        "_id": document.id.as_deref().unwrap_or("_id"),
        "_source": document.source,
        "_ingest": document.ingest,
    })
}

fn failure_steps(body: &Value) -> ApiResult<Vec<Step>> {
    match body.get("on_failure") {
        None => Ok(Vec::new()),
        Some(Value::Array(listed)) if listed.is_empty() => Err(ApiError::new(
            400,
            "parse_exception",
            "[on_failure] processors list cannot be empty",
        )),
        Some(listed) => steps(dsl::list(Some(listed))),
    }
}

fn steps(listed: &[Value]) -> ApiResult<Vec<Step>> {
    listed.iter().map(Step::parse).collect()
}

fn run_all(steps: &[Step], store: &Store, document: &mut Ingested, depth: usize) -> Result<Flow, Failure> {
    for step in steps {
        if let Some(condition) = &step.condition
            && !condition.holds(document)
        {
            continue;
        }
        if step.run(store, document, depth)? == Flow::Drop {
            return Ok(Flow::Drop);
        }
    }
    Ok(Flow::Go)
}

/// Runs what is to be done after a failure, with the failure in `_ingest`.
fn recover(
    steps: &[Step],
    store: &Store,
    document: &mut Ingested,
    depth: usize,
    failure: &Failure,
) -> Result<Flow, Failure> {
    let names = [
        ("on_failure_message", Value::from(failure.message.as_str())),
        ("on_failure_processor_type", failure.kind.as_str().into()),
        (
            "on_failure_processor_tag",
            failure.tag.as_deref().map_or(Value::Null, Value::from),
        ),
    ];
    for (name, value) in names.clone() {
        document.ingest.insert(name.to_owned(), value);
    }
    let flow = run_all(steps, store, document, depth);
    for (name, _) in names {
        document.ingest.remove(name);
    }
    flow
}

// === impl Step ===

impl Step {
    /// Reads one entry of `processors`.
    pub fn parse(entry: &Value) -> ApiResult<Self> {
        let (kind, body) = entry
            .as_object()
            .filter(|entry| entry.len() == 1)
            .and_then(|entry| entry.iter().next())
            .ok_or_else(|| {
                ApiError::new(
                    400,
                    "parse_exception",
                    "a processor must be an object with one key",
                )
            })?;
        let text = |key: &str| body.get(key).map(dsl::text);
        Ok(Self {
            kind: kind.clone(),
            tag: text("tag"),
            description: text("description"),
            condition: match body.get("if") {
                Some(Value::String(text)) => Some(Condition::parse(text)?),
                Some(Value::Object(script)) => Some(Condition::parse(
                    script.get("source").and_then(Value::as_str).unwrap_or_default(),
                )?),
                _ => None,
            },
            ignore_failure: body.get("ignore_failure") == Some(&Value::Bool(true)),
            on_failure: failure_steps(body)?,
            processor: Processor::parse(kind, body)?,
        })
    }

    /// Does what it does, and what is to be done when that fails.
    pub fn run(&self, store: &Store, document: &mut Ingested, depth: usize) -> Result<Flow, Failure> {
        match self.processor.run(store, document, depth) {
            Ok(flow) => Ok(flow),
            Err(_) if self.ignore_failure => Ok(Flow::Go),
            Err(message) => {
                let failure = Failure {
                    message,
                    kind: self.kind.clone(),
                    tag: self.tag.clone(),
                };
                if self.on_failure.is_empty() {
                    Err(failure)
                } else {
                    recover(&self.on_failure, store, document, depth, &failure)
                }
            }
        }
    }
}

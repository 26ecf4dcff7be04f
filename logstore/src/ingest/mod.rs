//! Ingest pipelines: what is done to a document before it is indexed.
//!
//! - [`pipeline`]: a pipeline as it was put, read once into steps.
//! - [`processor`]: the steps themselves, one a kind.
//! - [`document`]: the document on its way, and the paths and templates that name its parts.
//! - [`condition`]: the `if` of a step. There is no scripting language: comparisons alone.
//! - [`grok`], [`dissect`], [`when`]: patterns of text, of parts, of dates.

pub mod condition;
pub mod dissect;
pub mod document;
pub mod grok;
pub mod pipeline;
pub mod processor;
pub mod when;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;

use crate::engine::copy::Row;
use crate::engine::store::Store;
use crate::error::{ApiError, ApiResult};
pub use document::Ingested;
pub use pipeline::Pipeline;

/// The kinds of processors there are.
pub const PROCESSORS: &[&str] = &[
    "append",
    "convert",
    "date",
    "date_index_name",
    "dissect",
    "dot_expander",
    "drop",
    "fail",
    "foreach",
    "grok",
    "gsub",
    "html_strip",
    "join",
    "json",
    "kv",
    "lowercase",
    "pipeline",
    "remove",
    "rename",
    "set",
    "set_security_user",
    "sort",
    "split",
    "trim",
    "uppercase",
    "uri_parts",
    "urldecode",
    "bytes",
];

/// Pipelines that were read, so that each pattern is compiled once.
#[derive(Debug, Default)]
pub struct Pipelines {
    read: RwLock<HashMap<String, Arc<Pipeline>>>,
}

// === impl Pipelines ===

impl Pipelines {
    /// Forgets what was read, since a pipeline was put or removed.
    pub fn forget(&self) {
        self.read.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// A pipeline by its id, read if it was not yet.
    pub fn get(&self, store: &Store, id: &str) -> ApiResult<Arc<Pipeline>> {
        if let Some(known) = self.read.read().unwrap_or_else(PoisonError::into_inner).get(id) {
            return Ok(Arc::clone(known));
        }
        let state = store.state();
        let body = state
            .pipelines
            .get(id)
            .ok_or_else(|| ApiError::argument(format!("pipeline with id [{id}] does not exist")))?;
        let pipeline = Arc::new(Pipeline::parse(body)?);
        self.read
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id.to_owned(), Arc::clone(&pipeline));
        Ok(pipeline)
    }
}

/// Sends a document through pipelines by their ids. `None`: a pipeline dropped it.
pub fn run(store: &Store, ids: &[&str], mut document: Ingested) -> ApiResult<Option<Ingested>> {
    for id in ids {
        let pipeline = store.pipelines.get(store, id)?;
        match pipeline.run(store, &mut document, 0) {
            Ok(processor::Flow::Go) => {}
            Ok(processor::Flow::Drop) => return Ok(None),
            Err(failure) => return Err(failure.into()),
        }
    }
    Ok(Some(document))
}

/// The source that a stored document gets from a pipeline. `None`: it is dropped, so it stays as it is.
pub fn through(store: &Store, id: &str, row: &Row) -> ApiResult<Option<Bytes>> {
    let document = Ingested::read("", Some(&row.id), &row.source)?;
    Ok(Some(match run(store, &[id], document)? {
        Some(document) => document.source.to_string().into(),
        None => row.source.clone(),
    }))
}

/// What a document is to be indexed as.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The index, which a pipeline may have changed.
    pub index: String,
    /// The id, which a pipeline may have given.
    pub id: Option<String>,
    /// The source.
    pub source: Bytes,
}

/// The default and the final pipeline of an index, made yet or not.
#[derive(Debug, Clone, Default)]
pub struct OfIndex {
    first: Option<String>,
    last: Option<String>,
}

impl OfIndex {
    /// Reads what the settings of an index, or of the templates it would be made from, say.
    pub fn of(store: &Store, name: &str) -> Self {
        let state = store.state();
        let behind = match state.aliases.write_index(name) {
            Some(Ok(index)) => Some(index),
            _ => state
                .data_streams
                .get(name)
                .and_then(|stream| stream.write_index()),
        };
        let named = |value: Option<String>| value.filter(|id| id != "_none");
        if let Some(entry) = store.entry(behind.unwrap_or(name)) {
            return Self {
                first: named(entry.setting("index.default_pipeline")),
                last: named(entry.setting("index.final_pipeline")),
            };
        }
        let mut settings = crate::engine::settings::Settings::default();
        for part in store
            .templates()
            .resolve(name)
            .map(|resolved| resolved.parts)
            .unwrap_or_default()
        {
            if let Some(body) = part.get("settings")
                && settings.merge(body).is_err()
            {
                return Self::default();
            }
        }
        Self {
            first: named(settings.get("index.default_pipeline")),
            last: named(settings.get("index.final_pipeline")),
        }
    }

    /// Whether documents go through nothing, unless a request asks for it.
    pub fn is_none(&self) -> bool {
        self.first.is_none() && self.last.is_none()
    }
}

/// Sends a document through the pipeline that was asked for, or through its index's own. `None`: it was dropped.
pub fn prepare(
    store: &Store,
    of_index: &OfIndex,
    asked: Option<&str>,
    ready: Ready,
) -> ApiResult<Option<Ready>> {
    let first = match asked {
        Some("_none") => None,
        Some(id) => Some(id),
        None => of_index.first.as_deref(),
    };
    let ids: Vec<&str> = first.into_iter().chain(of_index.last.as_deref()).collect();
    if ids.is_empty() {
        return Ok(Some(ready));
    }
    let document = Ingested::read(&ready.index, ready.id.as_deref(), &ready.source)?;
    Ok(run(store, &ids, document)?.map(|document| Ready {
        source: document.source.to_string().into(),
        index: document.index,
        id: document.id,
    }))
}

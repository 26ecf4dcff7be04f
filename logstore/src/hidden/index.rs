//! One hidden index. All of it is in memory; [`super::store`] writes what changes to the file first.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde_json::{Map, Value, json};

use super::mapping::Mappings;
use crate::date::Millis;
use crate::engine::block;
use crate::engine::op::{Done, Outcome, new_id};
use crate::engine::settings::Settings;
use crate::error::{ApiError, ApiResult};

/// A stored document.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Document type of Elasticsearch 5; empty otherwise.
    pub doc_type: String,
    /// `_id`.
    pub id: String,
    /// Number of the operation that wrote it.
    pub seq_no: u64,
    /// `_version`.
    pub version: u64,
    /// `_source`.
    pub source: Value,
}

/// A write as a client asks for it.
#[derive(Debug, Clone)]
pub struct Write {
    /// Document type of Elasticsearch 5; empty otherwise.
    pub doc_type: String,
    /// `_id`; made here when missing.
    pub id: Option<String>,
    /// The document; `None` deletes.
    pub source: Option<Value>,
    /// Refuse when the id exists.
    pub create: bool,
    /// Only when the document's newest operation has this number.
    pub if_seq_no: Option<u64>,
}

/// What of an index is in the file beside its documents.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meta {
    /// Identity.
    pub uuid: String,
    /// When it was made.
    pub created: Millis,
    /// Settings.
    pub settings: Settings,
    /// Mappings.
    pub mappings: Mappings,
    /// The number the next write gets.
    pub next_seq_no: u64,
}

/// The changeable part.
#[derive(Debug)]
pub struct Contents {
    /// Settings, mappings, counters.
    pub meta: Meta,
    /// Documents by [`key`].
    pub documents: BTreeMap<String, Arc<Document>>,
}

/// A hidden index.
#[derive(Debug)]
pub struct HiddenIndex {
    /// Its name.
    pub name: String,
    contents: RwLock<Contents>,
}

/// What a batch of writes changes, ready for the file.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) outcomes: Vec<ApiResult<Outcome>>,
    /// New state of each key; `None`: gone.
    pub(super) documents: BTreeMap<String, Option<Arc<Document>>>,
}

/// Where a document is kept.
pub fn key(doc_type: &str, id: &str) -> String {
    format!("{doc_type}\u{0}{id}")
}

// === impl HiddenIndex ===

impl HiddenIndex {
    pub(super) fn new(name: String, contents: Contents) -> Self {
        Self {
            name,
            contents: RwLock::new(contents),
        }
    }

    /// The contents as they are now.
    pub fn read(&self) -> RwLockReadGuard<'_, Contents> {
        self.contents.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Contents> {
        self.contents.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A document. Without a document type: of any.
    pub fn get(&self, doc_type: &str, id: &str) -> Option<Arc<Document>> {
        let contents = self.read();
        if let Some(found) = contents.documents.get(&key(doc_type, id)) {
            return Some(Arc::clone(found));
        }
        doc_type
            .is_empty()
            .then(|| contents.documents.values().find(|document| document.id == id))
            .flatten()
            .cloned()
    }

    /// The number of documents.
    pub fn doc_count(&self) -> u64 {
        self.read().documents.len() as u64
    }

    /// One setting as text, by its full flat name.
    pub fn setting(&self, name: &str) -> Option<String> {
        self.read().meta.settings.get(name)
    }

    /// Refuses what a setting of the index forbids.
    pub fn check_block(&self, doing: block::Doing) -> ApiResult<()> {
        block::check(&self.name, doing, |key| self.setting(key))
    }

    /// What `GET _settings` shows, flat.
    pub fn settings_json(&self) -> Map<String, Value> {
        let contents = self.read();
        let mut flat = contents.meta.settings.flat().clone();
        for (key, value) in [
            ("index.creation_date", json!(contents.meta.created.to_string())),
            ("index.number_of_replicas", json!("0")),
            ("index.number_of_shards", json!("1")),
            ("index.provided_name", json!(self.name)),
            ("index.uuid", json!(contents.meta.uuid)),
            ("index.version.created", json!("7170099")),
        ] {
            flat.entry(key).or_insert(value);
        }
        flat
    }
}

impl Contents {
    /// Works out what writes come to, in order, without changing the documents. Mappings learn at once: what
    /// they learn does no harm when the file then refuses the batch.
    pub(super) fn plan(&mut self, index: &str, writes: Vec<Write>) -> Changes {
        let mut changes = Changes::default();
        for write in writes {
            let outcome = self.plan_one(index, write, &mut changes.documents);
            changes.outcomes.push(outcome);
        }
        changes
    }

    fn plan_one(
        &mut self,
        index: &str,
        write: Write,
        pending: &mut BTreeMap<String, Option<Arc<Document>>>,
    ) -> ApiResult<Outcome> {
        let id = match write.id {
            Some(id) if id.is_empty() => {
                return Err(ApiError::argument("if _id is specified it must not be empty"));
            }
            Some(id) => id,
            None => new_id().to_string(),
        };
        let at = key(&write.doc_type, &id);
        let before = match pending.get(&at) {
            Some(changed) => changed.clone(),
            None => self.documents.get(&at).cloned(),
        };
        if write.create
            && let Some(before) = &before
        {
            return Err(ApiError::conflict(
                index,
                format!(
                    "[{id}]: version conflict, document already exists (current version [{}])",
                    before.version
                ),
            ));
        }
        if let Some(wanted) = write.if_seq_no
            && before.as_ref().map(|before| before.seq_no) != Some(wanted)
        {
            let found = before.as_ref().map_or_else(
                || "but no document was found".to_owned(),
                |before| {
                    format!(
                        "current document has seqNo [{}] and primary term [1]",
                        before.seq_no
                    )
                },
            );
            return Err(ApiError::conflict(
                index,
                format!("[{id}]: version conflict, required seqNo [{wanted}], primary term [1]. {found}"),
            ));
        }
        let version = before.as_ref().map_or(1, |before| before.version + 1);
        let exists = before.is_some();
        let (done, document) = match write.source {
            None if exists => (Done::Deleted, None),
            None => (Done::NotFound, None),
            Some(source) => {
                if !source.is_object() {
                    return Err(ApiError::mapper("failed to parse: a document must be an object"));
                }
                self.meta.mappings.admit(&write.doc_type, &source)?;
                let document = Document {
                    doc_type: write.doc_type,
                    id: id.clone(),
                    seq_no: self.meta.next_seq_no,
                    version,
                    source,
                };
                let done = if exists { Done::Updated } else { Done::Created };
                (done, Some(Arc::new(document)))
            }
        };
        let seq_no = self.meta.next_seq_no;
        self.meta.next_seq_no += 1;
        pending.insert(at, document);
        Ok(Outcome {
            id: id.into(),
            version,
            seq_no,
            done,
        })
    }
}

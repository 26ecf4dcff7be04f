//! The file of all hidden indices (`DATA/hidden.redb`). A write is committed to it, which syncs, before it can
//! be seen.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use serde_json::Value;

use super::index::{Contents, Document, HiddenIndex, Meta, Write};
use super::mapping::Mappings;
use crate::date;
use crate::engine::block::Doing;
use crate::engine::op::{Done, Outcome, new_uuid};
use crate::engine::settings::Settings;
use crate::engine::update::{Update, merge};
use crate::error::{ApiError, ApiResult};

/// Index name to [`Meta`].
const INDICES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("indices");

/// Index name and key to [`Document`].
const DOCUMENTS: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("documents");

/// All hidden indices.
#[derive(Debug)]
pub struct HiddenStore {
    database: Database,
    indices: RwLock<BTreeMap<String, Arc<HiddenIndex>>>,
    /// Bytes of documents in memory, roughly.
    bytes: AtomicUsize,
    max_bytes: usize,
}

fn broken(error: impl Into<redb::Error>) -> ApiError {
    ApiError::unavailable(format!("the store of hidden indices failed: {}", error.into()))
}

fn unreadable(error: &serde_json::Error) -> ApiError {
    ApiError::internal(format!("the store of hidden indices cannot be read: {error}"))
}

fn encode<T: serde::Serialize>(value: &T) -> ApiResult<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| ApiError::internal(error.to_string()))
}

// === impl HiddenStore ===

impl HiddenStore {
    /// Opens the file, and reads all of it.
    pub fn open(file: &Path, max_bytes: usize) -> ApiResult<Self> {
        let database = Database::create(file).map_err(broken)?;
        let transaction = database.begin_write().map_err(broken)?;
        transaction.open_table(INDICES).map_err(broken)?;
        transaction.open_table(DOCUMENTS).map_err(broken)?;
        transaction.commit().map_err(broken)?;
        let mut indices = BTreeMap::new();
        let mut bytes = 0;
        let reading = database.begin_read().map_err(broken)?;
        let documents = reading.open_table(DOCUMENTS).map_err(broken)?;
        for row in reading
            .open_table(INDICES)
            .map_err(broken)?
            .iter()
            .map_err(broken)?
        {
            let (name, meta) = row.map_err(broken)?;
            let name = name.value().to_owned();
            let meta: Meta = serde_json::from_slice(meta.value()).map_err(|error| unreadable(&error))?;
            let mut kept = BTreeMap::new();
            for row in documents.range((name.as_str(), "")..).map_err(broken)? {
                let (key, document) = row.map_err(broken)?;
                let (index, key) = key.value();
                if index != name {
                    break;
                }
                bytes += document.value().len();
                let document: Document =
                    serde_json::from_slice(document.value()).map_err(|error| unreadable(&error))?;
                kept.insert(key.to_owned(), Arc::new(document));
            }
            let contents = Contents {
                meta,
                documents: kept,
            };
            indices.insert(name.clone(), Arc::new(HiddenIndex::new(name, contents)));
        }
        Ok(Self {
            database,
            indices: RwLock::new(indices),
            bytes: AtomicUsize::new(bytes),
            max_bytes,
        })
    }

    /// An index by its exact name.
    pub fn get(&self, name: &str) -> Option<Arc<HiddenIndex>> {
        self.indices
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    /// Every index, sorted by name.
    pub fn list(&self) -> Vec<Arc<HiddenIndex>> {
        self.indices
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }

    /// Makes an index. The caller makes sure that there is none of that name.
    pub fn create(&self, name: &str, settings: Settings, mappings: Mappings) -> ApiResult<Arc<HiddenIndex>> {
        let meta = Meta {
            uuid: new_uuid().to_string(),
            created: date::now(),
            settings,
            mappings,
            next_seq_no: 0,
        };
        self.keep(name, &meta, &BTreeMap::new())?;
        let contents = Contents {
            meta,
            documents: BTreeMap::new(),
        };
        let index = Arc::new(HiddenIndex::new(name.to_owned(), contents));
        self.indices
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.to_owned(), Arc::clone(&index));
        Ok(index)
    }

    /// Removes an index with its documents.
    pub fn delete(&self, index: &HiddenIndex) -> ApiResult<()> {
        let mut contents = index.write();
        let transaction = self.database.begin_write().map_err(broken)?;
        {
            let mut indices = transaction.open_table(INDICES).map_err(broken)?;
            indices.remove(index.name.as_str()).map_err(broken)?;
            let mut documents = transaction.open_table(DOCUMENTS).map_err(broken)?;
            for key in contents.documents.keys() {
                documents
                    .remove((index.name.as_str(), key.as_str()))
                    .map_err(broken)?;
            }
        }
        transaction.commit().map_err(broken)?;
        let freed = contents
            .documents
            .values()
            .map(|document| size(document))
            .sum::<usize>();
        self.bytes
            .fetch_sub(freed.min(self.bytes.load(Ordering::Acquire)), Ordering::AcqRel);
        contents.documents.clear();
        self.indices
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&index.name);
        Ok(())
    }

    /// Changes the settings or mappings of an index.
    pub fn change(
        &self,
        index: &HiddenIndex,
        change: impl FnOnce(&mut Meta) -> ApiResult<()>,
    ) -> ApiResult<()> {
        let mut contents = index.write();
        let mut next = contents.meta.clone();
        change(&mut next)?;
        self.keep(&index.name, &next, &BTreeMap::new())?;
        contents.meta = next;
        Ok(())
    }

    /// Applies writes in order; they are durable and visible when this returns.
    pub fn apply(&self, index: &HiddenIndex, writes: Vec<Write>) -> ApiResult<Vec<ApiResult<Outcome>>> {
        index.check_block(Doing::Writing)?;
        let mut contents = index.write();
        let changes = contents.plan(&index.name, writes);
        if changes.documents.is_empty() {
            return Ok(changes.outcomes);
        }
        let (mut added, mut freed) = (0, 0);
        for (key, change) in &changes.documents {
            added += change.as_ref().map_or(0, |document| size(document));
            freed += contents.documents.get(key).map_or(0, |document| size(document));
        }
        let held = self.bytes.load(Ordering::Acquire);
        if held + added > self.max_bytes + freed {
            return Err(ApiError::new(
                429,
                "circuit_breaking_exception",
                format!(
                    "hidden indices may hold [{}] bytes (--max-hidden-bytes) and hold [{held}]; delete what is not needed or raise the limit",
                    self.max_bytes
                ),
            ));
        }
        self.keep(&index.name, &contents.meta, &changes.documents)?;
        self.bytes.fetch_add(added, Ordering::AcqRel);
        self.bytes
            .fetch_sub(freed.min(self.bytes.load(Ordering::Acquire)), Ordering::AcqRel);
        for (key, change) in changes.documents {
            match change {
                Some(document) => contents.documents.insert(key, document),
                None => contents.documents.remove(&key),
            };
        }
        Ok(changes.outcomes)
    }

    /// Applies a partial update; the second part is the document as it is then.
    pub fn update(
        &self,
        index: &HiddenIndex,
        doc_type: &str,
        id: &str,
        update: &Update,
    ) -> ApiResult<(Outcome, Value)> {
        let write = |source: Value, create, if_seq_no| Write {
            doc_type: doc_type.to_owned(),
            id: Some(id.to_owned()),
            source: Some(source),
            create,
            if_seq_no,
        };
        for attempt in 0.. {
            let (source, create, if_seq_no) = match index.get(doc_type, id) {
                None => {
                    let fresh = update
                        .upsert
                        .as_ref()
                        .or(update.doc.as_ref().filter(|_| update.doc_as_upsert));
                    let fresh = fresh.ok_or_else(|| {
                        let shown = if doc_type.is_empty() { "_doc" } else { doc_type };
                        ApiError::new(
                            404,
                            "document_missing_exception",
                            format!("[{shown}][{id}]: document missing"),
                        )
                        .with("index", index.name.as_str())
                    })?;
                    (fresh.clone(), true, None)
                }
                Some(found) => {
                    let mut source = found.source.clone();
                    let changed = update.doc.as_ref().is_some_and(|doc| merge(&mut source, doc));
                    let conflict = update.if_seq_no.is_some_and(|wanted| wanted != found.seq_no);
                    if !changed && !update.always && !conflict {
                        let outcome = Outcome {
                            id: id.into(),
                            version: found.version,
                            seq_no: found.seq_no,
                            done: Done::Noop,
                        };
                        return Ok((outcome, source));
                    }
                    (source, false, update.if_seq_no.or(Some(found.seq_no)))
                }
            };
            let mut outcomes = self.apply(index, vec![write(source.clone(), create, if_seq_no)])?;
            match outcomes.pop() {
                // Somebody else wrote in between: their document is read and merged with.
                Some(Err(error)) if error.status == 409 && update.if_seq_no.is_none() && attempt < 16 => {}
                Some(done) => return done.map(|outcome| (outcome, source)),
                None => break,
            }
        }
        Err(ApiError::internal("an update came to nothing"))
    }

    fn keep(
        &self,
        name: &str,
        meta: &Meta,
        documents: &BTreeMap<String, Option<Arc<Document>>>,
    ) -> ApiResult<()> {
        let transaction = self.database.begin_write().map_err(broken)?;
        {
            let mut indices = transaction.open_table(INDICES).map_err(broken)?;
            indices.insert(name, encode(meta)?.as_slice()).map_err(broken)?;
            let mut table = transaction.open_table(DOCUMENTS).map_err(broken)?;
            for (key, document) in documents {
                match document {
                    Some(document) => {
                        table
                            .insert((name, key.as_str()), encode(&**document)?.as_slice())
                            .map_err(broken)?;
                    }
                    None => {
                        table.remove((name, key.as_str())).map_err(broken)?;
                    }
                }
            }
        }
        transaction.commit().map_err(broken)
    }
}

/// Roughly what a document takes.
fn size(document: &Document) -> usize {
    fn of(value: &Value) -> usize {
        match value {
            Value::String(text) => text.len() + 8,
            Value::Array(items) => items.iter().map(of).sum::<usize>() + 8,
            Value::Object(map) => {
                map.iter()
                    .map(|(key, value)| key.len() + 8 + of(value))
                    .sum::<usize>()
                    + 8
            }
            _ => 8,
        }
    }
    document.id.len() + 64 + of(&document.source)
}

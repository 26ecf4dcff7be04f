//! Writing to an index: parse, log, index. What returns from [`Index::sync`] survives any crash.
//!
//! The order is the point. Under the write lock a batch is checked (versions), numbered, appended to the log
//! as a whole, and only then given to tantivy: if the append fails nothing has happened; if tantivy fails the
//! log has it. Syncing comes after the lock is released, so that one fsync serves many batches.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use tantivy::indexer::UserOperation;
use tantivy::{Searcher, Term};
use tracing::{error, info};

use super::frame::{self, Frame};
use super::ids::IdFilter;
use super::index::{Index, Writer};
use super::op::{Action, Done, Given, Op, Outcome, PRIMARY_TERM, ordered_id};
use super::schema;
use super::versions::Entry;
use super::wal::Position;
use crate::document::{LogDocument, Parser, Values};
use crate::error::{ApiError, ApiResult};

/// The longest id, in bytes.
const MAX_ID: usize = 512;

/// Operations given to tantivy at once. Each hand-over wakes an indexing thread, and its queue of 10,000 of them
/// blocks when it is full; `flush_bytes` bounds what waits in it.
const HANDED_OVER: usize = 64;

/// Bytes of documents given to tantivy at once: it looks at its memory only between hand-overs.
const HANDED_OVER_BYTES: usize = 128 << 10;

/// A write as a client asks for it.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `_id`; made here when missing.
    pub id: Option<String>,
    /// The document; `None` deletes.
    pub source: Option<Bytes>,
    /// Refuse when the id exists.
    pub create: bool,
    /// Only when the document's newest operation has this number.
    pub if_seq_no: Option<u64>,
    /// Only in this primary term.
    pub if_primary_term: Option<u64>,
    /// The version that the client gives the document.
    pub version: Option<Given>,
}

/// A write that passed its checks and waits for the log.
struct Staged {
    id: Arc<str>,
    seq_no: u64,
    version: u64,
    replaces: bool,
    document: Option<(Bytes, Values)>,
}

// === impl Index ===

impl Index {
    /// Parses writes against the mapping, which learns what it did not know.
    pub fn prepare(&self, requests: &[Request]) -> Vec<ApiResult<Op>> {
        loop {
            let mapping = self.mapping();
            let mut parser = Parser::new(&mapping, self.max_fields());
            let ops = requests
                .iter()
                .map(|request| {
                    if self.is_backing()
                        && let Some(source) = &request.source
                    {
                        super::data_stream::check_timestamp(source)?;
                    }
                    prepare_one(&mut parser, request)
                })
                .collect();
            if self.learn(parser.into_learnt()).is_ok() {
                return ops;
            }
        }
    }

    /// Applies writes in order. They are durable after [`Self::sync`] of the returned position.
    pub fn apply(&self, ops: Vec<ApiResult<Op>>) -> ApiResult<(Vec<ApiResult<Outcome>>, Position)> {
        self.space.check(&self.name)?;
        self.check_block(super::block::Doing::Writing)?;
        self.keep_meta()?;
        let mut guard = self.lock_writer()?;
        let writer = &mut *guard;
        self.open_writer(writer)?;
        let mut outcomes = Vec::with_capacity(ops.len());
        let mut staged: Vec<Staged> = Vec::with_capacity(ops.len());
        let mut log = Vec::new();
        let mut next_seq_no = writer.next_seq_no;
        self.check(
            ops,
            &mut writer.ids,
            &mut outcomes,
            &mut staged,
            &mut log,
            &mut next_seq_no,
        )?;
        if staged.is_empty() {
            return Ok((outcomes, Position::default()));
        }
        let position = writer.wal.append(&log).map_err(|error| {
            metrics::counter!("logstore_wal_errors_total").increment(1);
            ApiError::unavailable(format!(
                "cannot append to the write-ahead log of index [{}]: {error}; nothing of the request was written, send it again when there is space",
                self.name
            ))
        })?;
        writer.next_seq_no = next_seq_no;
        writer.uncommitted_bytes += log.len() as u64;
        let documents = staged.iter().filter(|item| item.document.is_some()).count() as u64;
        self.activity.indexed.add(documents);
        self.activity.deleted.add(staged.len() as u64 - documents);
        metrics::counter!("logstore_documents_written_total").increment(staged.len() as u64);
        metrics::counter!("logstore_wal_bytes_total").increment(log.len() as u64);
        self.index_staged(writer, staged);
        self.mark_dirty();
        if writer.uncommitted_bytes >= self.limits.flush_bytes
            && let Err(error) = self.commit(writer)
        {
            error!(%error, labels.index = self.name, "early commit failed, the write-ahead log keeps the documents");
        }
        Ok((outcomes, position))
    }

    /// Returns once everything up to the position is durable; at once where the index's settings say that a write
    /// need not be (the housekeeping syncs it within [`super::store::ASYNC_SYNC`] then).
    pub fn sync(&self, position: Position) -> ApiResult<()> {
        if self.is_async() {
            return Ok(());
        }
        self.sync_now(position)
    }

    /// Makes durable what an index with asynchronous durability has acknowledged.
    pub(super) fn sync_written(&self) -> ApiResult<()> {
        if !self.is_async() {
            return Ok(());
        }
        self.sync_now(self.syncer.written())
    }

    /// Returns once everything up to the position is durable.
    pub(super) fn sync_now(&self, position: Position) -> ApiResult<()> {
        self.syncer.sync(position).map_err(|error| {
            ApiError::unavailable(format!(
                "cannot sync the write-ahead log of index [{}]: {error}",
                self.name
            ))
        })
    }

    fn check(
        &self,
        ops: Vec<ApiResult<Op>>,
        ids: &mut Option<IdFilter>,
        outcomes: &mut Vec<ApiResult<Outcome>>,
        staged: &mut Vec<Staged>,
        log: &mut Vec<u8>,
        next_seq_no: &mut u64,
    ) -> ApiResult<()> {
        let searcher = self.reader.searcher();
        // What earlier operations of this batch did to an id, which the version map does not know yet.
        let mut batch: HashMap<Arc<str>, (u64, u64, bool)> = HashMap::new();
        for op in ops {
            let op = match op {
                Ok(op) => op,
                Err(error) => {
                    outcomes.push(Err(error));
                    continue;
                }
            };
            // (seq_no, version, exists)
            let before = if op.fresh_id {
                None
            } else {
                match batch.get(&op.id) {
                    Some(known) => Some(*known),
                    None if self.known_ids(ids, &searcher)?.may_contain(op.id.as_bytes()) => {
                        self.newest(&searcher, &op.id)?
                    }
                    None => None,
                }
            };
            if let Some(error) = self.refusal(&op, before) {
                outcomes.push(Err(error));
                continue;
            }
            let exists = before.is_some_and(|(_, _, exists)| exists);
            let next = before.map_or(1, |(_, version, _)| version + 1);
            let version = op.version.map_or(next, |given| given.number);
            let seq_no = *next_seq_no;
            *next_seq_no += 1;
            let (document, done) = match op.action {
                Action::Index { source, values, .. } => {
                    frame::write(log, seq_no, version, &op.id, Some(&source));
                    (
                        Some((source, values)),
                        if exists { Done::Updated } else { Done::Created },
                    )
                }
                Action::Delete => {
                    frame::write(log, seq_no, version, &op.id, None);
                    (None, if exists { Done::Deleted } else { Done::NotFound })
                }
            };
            if let Some(ids) = ids {
                ids.insert(op.id.as_bytes());
            }
            if !op.fresh_id {
                batch.insert(Arc::clone(&op.id), (seq_no, version, document.is_some()));
            }
            outcomes.push(Ok(Outcome {
                id: Arc::clone(&op.id),
                version,
                seq_no,
                done,
            }));
            staged.push(Staged {
                id: op.id,
                seq_no,
                version,
                replaces: exists,
                document,
            });
        }
        Ok(())
    }

    /// The filter of ids, made from what is committed and what is not yet.
    fn known_ids<'f>(&self, ids: &'f mut Option<IdFilter>, searcher: &Searcher) -> ApiResult<&'f IdFilter> {
        if ids.is_none() {
            let mut filter = IdFilter::of(searcher)?;
            for id in self.versions.read().unwrap_or_else(PoisonError::into_inner).ids() {
                filter.insert(id.as_bytes());
            }
            *ids = Some(filter);
        }
        ids.as_ref()
            .ok_or_else(|| ApiError::internal("the filter of ids is gone"))
    }

    fn refusal(&self, op: &Op, before: Option<(u64, u64, bool)>) -> Option<ApiError> {
        let present = before.filter(|(_, _, exists)| *exists);
        if let (Action::Index { create: true, .. }, Some((_, version, _))) = (&op.action, present) {
            return Some(ApiError::conflict(
                &self.name,
                format!(
                    "[{}]: version conflict, document already exists (current version [{version}])",
                    op.id
                ),
            ));
        }
        // A deleted document still has its last version, which one that the client gives must pass.
        if let (Some(given), Some((_, version, _))) = (op.version, before)
            && (version > given.number || version == given.number && !given.or_equal)
        {
            let how = if given.or_equal {
                "higher"
            } else {
                "higher or equal to"
            };
            let than = if given.or_equal { "than " } else { "" };
            return Some(ApiError::conflict(
                &self.name,
                format!(
                    "[{}]: version conflict, current version [{version}] is {how} {than}the one provided [{}]",
                    op.id, given.number
                ),
            ));
        }
        let wanted = op.if_seq_no?;
        let term = op.if_primary_term.unwrap_or(PRIMARY_TERM);
        let required = format!(
            "[{}]: version conflict, required seqNo [{wanted}], primary term [{term}].",
            op.id
        );
        let reason = match present {
            Some((seq_no, ..)) if seq_no == wanted && term == PRIMARY_TERM => return None,
            Some((seq_no, ..)) => {
                format!("{required} current document has seqNo [{seq_no}] and primary term [{PRIMARY_TERM}]")
            }
            None => format!("{required} but no document was found"),
        };
        Some(ApiError::conflict(&self.name, reason))
    }

    /// Gives logged operations to tantivy and the version map.
    fn index_staged(&self, writer: &mut Writer, staged: Vec<Staged>) {
        {
            // Not held while tantivy takes the documents, which may have to wait: readers ask this map.
            let mut versions = self.versions.write().unwrap_or_else(PoisonError::into_inner);
            for item in &staged {
                let source = item.document.as_ref().map(|(source, _)| source.clone());
                let entry = Entry {
                    seq_no: item.seq_no,
                    version: item.version,
                    source,
                };
                versions.insert(Arc::clone(&item.id), entry);
            }
        }
        let Some(tantivy) = &writer.tantivy else { return };
        let fields = schema::fields();
        let mut operations = Vec::with_capacity((HANDED_OVER + 1).min(2 * staged.len()));
        let (mut bytes, mut handed_over) = (0, Ok(0));
        for item in staged {
            if item.replaces {
                let id = Term::from_field_text(fields.id, &item.id);
                operations.push(UserOperation::Delete(id));
            }
            if let Some((source, values)) = item.document {
                bytes += source.len();
                operations.push(UserOperation::Add(LogDocument {
                    id: item.id,
                    seq_no: item.seq_no,
                    version: item.version,
                    source,
                    values,
                    fields,
                }));
            }
            if operations.len() >= HANDED_OVER || bytes >= HANDED_OVER_BYTES {
                bytes = 0;
                handed_over = tantivy.run(operations.drain(..));
                if handed_over.is_err() {
                    break;
                }
            }
        }
        if let Err(error) = handed_over.and_then(|_| tantivy.run(operations)) {
            error!(%error, labels.index = self.name, "indexing failed, the writer is reopened from the write-ahead log");
            writer.tantivy = None;
            metrics::gauge!("logstore_open_writers").decrement(1);
            writer.replay_needed = true;
        }
    }

    /// Locks the writer of an index that still exists.
    pub(super) fn lock_writer(&self) -> ApiResult<MutexGuard<'_, Writer>> {
        let guard = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if self.deleted.load(Ordering::Acquire) {
            return Err(ApiError::index_not_found(&self.name));
        }
        Ok(guard)
    }

    /// Opens tantivy's writer if it is closed, and gives it what it lost, if it failed.
    pub(super) fn open_writer(&self, writer: &mut Writer) -> ApiResult<()> {
        writer.used = Instant::now();
        if writer.tantivy.is_some() {
            return Ok(());
        }
        let options = tantivy::indexer::IndexWriterOptions::builder()
            .num_worker_threads(self.limits.writer_threads)
            .memory_budget_per_thread(self.limits.writer_memory / self.limits.writer_threads.max(1))
            .num_merge_threads(1)
            .build();
        writer.tantivy = Some(self.tantivy.writer_with_options(options)?);
        metrics::gauge!("logstore_open_writers").increment(1);
        if writer.replay_needed {
            let frames = writer.wal.frames_from(writer.committed)?;
            self.replay(writer, frames)?;
            writer.replay_needed = false;
        }
        Ok(())
    }

    /// Replays the log into an index that is being opened.
    pub(super) fn replay_at_open(&self, frames: Vec<Frame>) -> ApiResult<()> {
        let mut guard = self.lock_writer()?;
        let writer = &mut *guard;
        self.open_writer(writer)?;
        let count = frames.len();
        self.replay(writer, frames)?;
        self.mark_dirty();
        info!(
            event.action = "wal-replayed",
            labels.index = self.name,
            documents = count,
            "write-ahead log replayed"
        );
        Ok(())
    }

    /// Replay is delete-term and add: a record that tantivy has already is replaced by itself.
    fn replay(&self, writer: &mut Writer, frames: Vec<Frame>) -> ApiResult<()> {
        let fields = schema::fields();
        for frame in frames {
            let id: Arc<str> = frame.id.as_str().into();
            let values = frame
                .source
                .as_ref()
                .map(|source| self.values_for_replay(&id, source));
            let tantivy = writer
                .tantivy
                .as_ref()
                .ok_or_else(|| ApiError::internal("replay without a writer"))?;
            tantivy.delete_term(Term::from_field_text(fields.id, &id));
            if let (Some(source), Some(values)) = (&frame.source, values) {
                tantivy.add_document(LogDocument {
                    id: Arc::clone(&id),
                    seq_no: frame.seq_no,
                    version: frame.version,
                    source: source.clone(),
                    values,
                    fields,
                })?;
                writer.uncommitted_bytes += source.len() as u64;
            }
            writer.next_seq_no = writer.next_seq_no.max(frame.seq_no + 1);
            let entry = Entry {
                seq_no: frame.seq_no,
                version: frame.version,
                source: frame.source,
            };
            self.versions
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(id, entry);
        }
        Ok(())
    }

    /// An acknowledged document is never dropped: one that no longer fits the mapping is kept in `_source`.
    fn values_for_replay(&self, id: &str, source: &[u8]) -> Values {
        loop {
            let mapping = self.mapping();
            let mut parser = Parser::new(&mapping, usize::MAX);
            let values = parser.parse(id, source).unwrap_or_else(|error| {
                error!(%error, labels.index = self.name, "replayed document does not fit the mapping, only its source is kept");
                Values::default()
            });
            if self.learn(parser.into_learnt()).is_ok() {
                return values;
            }
        }
    }

    pub(super) fn mark_dirty(&self) {
        self.dirty_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert_with(Instant::now);
    }
}

fn prepare_one(parser: &mut Parser<'_>, request: &Request) -> ApiResult<Op> {
    let (id, fresh_id): (Arc<str>, bool) = match &request.id {
        Some(id) if id.is_empty() => {
            return Err(ApiError::argument("if _id is specified it must not be empty"));
        }
        Some(id) if id.len() > MAX_ID => {
            return Err(ApiError::argument(format!(
                "id is too long, must be no longer than {MAX_ID} bytes but was: {}",
                id.len()
            )));
        }
        Some(id) => (id.as_str().into(), false),
        None => (ordered_id(), true),
    };
    let action = match &request.source {
        Some(source) => Action::Index {
            values: parser.parse(&id, source)?,
            source: source.clone(),
            create: request.create,
        },
        None => Action::Delete,
    };
    Ok(Op {
        id,
        action,
        fresh_id,
        if_seq_no: request.if_seq_no,
        if_primary_term: request.if_primary_term,
        version: request.version,
    })
}

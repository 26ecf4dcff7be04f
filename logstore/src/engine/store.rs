//! The store: every index of a data folder, and the templates new ones are made from.
//!
//! ```text
//! DATA/lock              held while a process uses the folder
//! DATA/http.addr         where the process listens (written by the server)
//! DATA/templates.json    templates
//! DATA/state.json        aliases, data streams, pipelines
//! DATA/hidden.redb       hidden indices
//! DATA/indices/NAME/     one folder an index
//! DATA/trash/            indices on their way out
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use serde_json::Value;
use tracing::{error, info};

use super::damage::{self, Damage};
use super::disk::{self, DataFolder};
use super::entry::Entry;
use super::format;
use super::index::Index;
use super::space::Space;
use super::state::State;
use super::template::{TemplateKind, Templates};
use crate::error::ApiResult;
use crate::hidden::HiddenStore;
use crate::ingest::Pipelines;
use crate::limits::Limits;
use crate::security::scope;

/// Bytes that are verified before the store answers: a fraction of a second. The rest follows in the background.
const VERIFIED_AT_START: u64 = 128 << 20;

/// How often the logs of indices with asynchronous durability are synced: Elasticsearch's `sync_interval`.
pub const ASYNC_SYNC: Duration = Duration::from_secs(5);

/// How often the retention rules are looked at.
const RETENTION_EVERY: Duration = Duration::from_secs(60);

/// The store.
#[derive(Debug)]
pub struct Store {
    folder: DataFolder,
    /// The limits it keeps.
    pub limits: Arc<Limits>,
    /// Identity of the data folder.
    pub cluster_uuid: String,
    /// Hidden indices.
    pub hidden: HiddenStore,
    /// Ingest pipelines that were read.
    pub pipelines: Pipelines,
    pub(super) indices: RwLock<BTreeMap<String, Arc<Index>>>,
    /// Held while indices are made or removed.
    pub(super) changing: Mutex<()>,
    templates: RwLock<Templates>,
    /// The disk that everything is on.
    pub space: Arc<Space>,
    /// Whole indices that were set aside.
    pub(super) damaged_indices: Vec<Damage>,
    /// Set when the process is to end.
    pub(super) stopping: AtomicBool,
    /// Held while a snapshot is made or removed.
    pub(super) snapshots: Mutex<()>,
    /// When asynchronous indices were synced last.
    synced: Mutex<Instant>,
    /// When the retention rules were looked at last.
    retained: Mutex<Option<Instant>>,
    state: RwLock<Arc<State>>,
}

// === impl Store ===

impl Store {
    /// Opens every index of a folder.
    pub fn open(folder: DataFolder, limits: Limits) -> ApiResult<Self> {
        let limits = Arc::new(limits);
        let path = folder.path();
        format::check(path)?;
        let space = Arc::new(Space::new(limits.disk_reserve));
        space.look(path);
        let trash = path.join("trash");
        if trash.exists() {
            std::fs::remove_dir_all(&trash)?;
        }
        std::fs::create_dir_all(path.join("indices"))?;
        let cluster_uuid = identity(&path.join("cluster-uuid"))?;
        let templates = match std::fs::read(path.join("templates.json")) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(std::io::Error::other)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Templates::default(),
            Err(error) => return Err(error.into()),
        };
        let mut indices = BTreeMap::new();
        let mut damaged_indices = damage::indices_left(path);
        let mut budget = VERIFIED_AT_START;
        for entry in std::fs::read_dir(path.join("indices"))? {
            let folder = entry?.path();
            // What is damaged in a way that no checksum covers may well make a reader panic.
            let opened = catch_unwind(AssertUnwindSafe(|| {
                Index::open(&folder, Arc::clone(&limits), Arc::clone(&space), &mut budget)
            }));
            let reason = match opened {
                Ok(Ok(index)) => {
                    indices.insert(index.name.clone(), Arc::new(index));
                    continue;
                }
                Ok(Err(error)) => error.reason,
                Err(_) => "reading it failed in a way that nothing accounts for".to_owned(),
            };
            damaged_indices.push(damage::set_index_aside(path, &folder, &reason)?);
        }
        let state = State::read(path)?;
        let hidden = HiddenStore::open(&path.join("hidden.redb"), limits.max_hidden_bytes)?;
        info!(
            event.action = "store-opened",
            indices = indices.len(),
            "store opened"
        );
        Ok(Self {
            folder,
            limits,
            cluster_uuid,
            indices: RwLock::new(indices),
            changing: Mutex::new(()),
            templates: RwLock::new(templates),
            space,
            damaged_indices,
            stopping: AtomicBool::new(false),
            snapshots: Mutex::default(),
            synced: Mutex::new(Instant::now()),
            retained: Mutex::new(None),
            state: RwLock::new(Arc::new(state)),
            hidden,
            pipelines: Pipelines::default(),
        })
    }

    /// The data folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// An index of logs by its name, or by the name of an alias or data stream that writes to it.
    ///
    /// Who may not see it is told that there is none.
    pub fn get(&self, name: &str) -> Option<Arc<Index>> {
        if !scope::sees(name) {
            return None;
        }
        if let Some(index) = self.exact(name) {
            return Some(index);
        }
        let state = self.state();
        let behind = match state.aliases.write_index(name) {
            Some(Ok(index)) => Some(index),
            Some(Err(_)) => None,
            None => state
                .data_streams
                .get(name)
                .and_then(|stream| stream.write_index()),
        };
        self.exact(behind?)
    }

    /// An index of logs by its exact name.
    pub(super) fn exact(&self, name: &str) -> Option<Arc<Index>> {
        self.indices
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    /// An index of either kind by its exact name.
    pub fn entry(&self, name: &str) -> Option<Entry> {
        self.exact(name)
            .map(Entry::Log)
            .or_else(|| self.hidden.get(name).map(Entry::Hidden))
    }

    /// Every index of both kinds, sorted by name.
    pub fn list_all(&self) -> Vec<Entry> {
        let mut all: Vec<Entry> = self.list().into_iter().map(Entry::Log).collect();
        all.extend(self.hidden.list().into_iter().map(Entry::Hidden));
        all.sort_by(|a, b| a.name().cmp(b.name()));
        all
    }

    /// Keeps others from making or removing snapshots.
    pub fn hold_snapshots(&self) -> MutexGuard<'_, ()> {
        self.snapshots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The folders that snapshot repositories may lie in: those of the flag, and `snapshots` in the data folder.
    pub fn repository_roots(&self) -> Vec<PathBuf> {
        let own = self
            .path()
            .canonicalize()
            .unwrap_or_else(|_| self.path().to_owned())
            .join("snapshots");
        self.limits.path_repo.iter().cloned().chain([own]).collect()
    }

    /// Every index, sorted by name.
    pub fn list(&self) -> Vec<Arc<Index>> {
        self.indices
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }

    /// Aliases, data streams and the like, as they are now.
    pub fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The limits of searches, as the settings of the cluster have them now.
    pub fn search_limits(&self) -> Cow<'_, Limits> {
        let state = self.state();
        if state.settings.is_empty() && state.transient.is_empty() {
            Cow::Borrowed(&self.limits)
        } else {
            Cow::Owned(self.limits.under(&state.settings).under(&state.transient))
        }
    }

    /// Changes the state as a whole, and keeps it: all of the change or none.
    pub fn change_state<T>(&self, change: impl FnOnce(&mut State) -> ApiResult<T>) -> ApiResult<T> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = State::clone(&state);
        let result = change(&mut next)?;
        next.write(self.path())?;
        *state = Arc::new(next);
        Ok(result)
    }

    /// Removes an index and its files.
    pub fn delete(&self, index: &Index) -> ApiResult<()> {
        index.check_block(super::block::Doing::Removing)?;
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut writer = index.lock_writer()?;
            index.deleted.store(true, Ordering::Release);
            if writer.tantivy.take().is_some() {
                metrics::gauge!("logstore_open_writers").decrement(1);
            }
        }
        self.indices
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&index.name);
        let trash = self.path().join("trash");
        std::fs::create_dir_all(&trash)?;
        let aside = trash.join(&index.uuid);
        std::fs::rename(self.index_folder(&index.name), &aside)?;
        // Searches that still run hold the files open; what cannot be removed now goes at the next start.
        if let Err(error) = std::fs::remove_dir_all(&aside) {
            error!(%error, labels.index = index.name, "deleted index left files behind, they go at the next start");
        }
        self.change_state(|state| {
            state.forget_index(&index.name);
            Ok(())
        })?;
        info!(
            event.action = "index-deleted",
            labels.index = index.name,
            "index deleted"
        );
        Ok(())
    }

    /// A copy of the templates.
    pub fn templates(&self) -> Templates {
        self.templates
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Puts a template, and keeps it.
    pub fn put_template(&self, kind: TemplateKind, name: &str, body: Value) -> ApiResult<()> {
        self.change_templates(|templates| templates.put(kind, name, body))
    }

    /// Removes templates, and says how many there were.
    pub fn remove_template(&self, kind: TemplateKind, name: &str) -> ApiResult<usize> {
        self.change_templates(|templates| templates.remove(kind, name))
    }

    fn change_templates<T>(&self, change: impl FnOnce(&mut Templates) -> ApiResult<T>) -> ApiResult<T> {
        let mut templates = self.templates.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = templates.clone();
        let result = change(&mut next)?;
        let bytes = serde_json::to_vec_pretty(&next).expect("templates are JSON");
        disk::replace(&self.path().join("templates.json"), &bytes)?;
        *templates = next;
        Ok(result)
    }

    pub(super) fn index_folder(&self, name: &str) -> PathBuf {
        self.path().join("indices").join(name)
    }

    /// Refreshes what is due; closes idle writers, and the longest unused beyond the limit.
    pub(super) fn housekeep(&self) {
        let now = Instant::now();
        self.space.look(self.path());
        if due(
            &mut self.retained.lock().unwrap_or_else(PoisonError::into_inner),
            now,
            RETENTION_EVERY,
        ) {
            self.retain(&self.limits.retention, crate::date::now());
        }
        let indices = self.list();
        {
            let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
            if now.saturating_duration_since(*synced) >= ASYNC_SYNC {
                *synced = now;
                for index in &indices {
                    if let Err(error) = index.sync_written() {
                        error!(%error, labels.index = index.name, "syncing the write-ahead log failed");
                    }
                }
            }
        }
        let mut open = Vec::new();
        for index in indices {
            index.refresh_if_due(now);
            if let Some(idle) = index.writer_idle(now) {
                open.push((idle, index));
            }
        }
        open.sort_by_key(|(idle, _)| *idle);
        for (place, (idle, index)) in open.iter().enumerate() {
            if (place >= self.limits.max_open_writers || *idle >= self.limits.writer_idle)
                && let Err(error) = index.close_writer()
            {
                error!(%error, labels.index = index.name, "closing an idle writer failed");
            }
        }
    }

    /// Commits everything, so that the next start has nothing to replay.
    pub fn close(&self) {
        for index in self.list() {
            if let Err(error) = index.close_writer() {
                error!(%error, labels.index = index.name, "last commit failed, the write-ahead log keeps the documents");
            }
        }
    }
}

/// Whether something that is done every so often is due; then it counts as done.
fn due(last: &mut Option<Instant>, now: Instant, every: Duration) -> bool {
    let due = last.is_none_or(|last| now.saturating_duration_since(last) >= every);
    if due {
        *last = Some(now);
    }
    due
}

/// Reads the identity kept in a file, or makes one.
fn identity(path: &Path) -> ApiResult<String> {
    match std::fs::read_to_string(path) {
        Ok(id) => Ok(id),
        Err(_) => {
            let id = super::op::new_id().to_string();
            disk::replace(path, id.as_bytes())?;
            Ok(id)
        }
    }
}

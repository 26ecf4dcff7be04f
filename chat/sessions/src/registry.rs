//! The sessions of this node, by id.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chat_proto::SessionId;

use crate::cell::Cell;
use crate::limits::REGISTRY_SHARDS;

type Shard<W> = HashMap<SessionId, Arc<Cell<W>>>;

/// See the module.
#[derive(Debug)]
pub(crate) struct Registry<W> {
    shards: [Mutex<Shard<W>>; REGISTRY_SHARDS],
    len: AtomicUsize,
}

impl<W> Default for Registry<W> {
    fn default() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::new(HashMap::new())),
            len: AtomicUsize::new(0),
        }
    }
}

// === impl Registry ===

impl<W: crate::wire::Wire> Registry<W> {
    /// The session of that id.
    pub(crate) fn get(&self, id: &SessionId) -> Option<Arc<Cell<W>>> {
        self.shard(id).get(id).cloned()
    }

    /// Puts a session in; returns the one whose place it takes.
    pub(crate) fn insert(&self, cell: Arc<Cell<W>>) -> Option<Arc<Cell<W>>> {
        let before = self.shard(cell.id()).insert(cell.id().clone(), cell);
        if before.is_none() {
            self.len.fetch_add(1, Ordering::Relaxed);
        }
        before
    }

    /// Puts a session in unless `keep` says that the one that is there should stay; returns the one that went.
    pub(crate) fn insert_unless(
        &self,
        cell: Arc<Cell<W>>,
        keep: impl FnOnce(&Arc<Cell<W>>) -> bool,
    ) -> Result<Option<Arc<Cell<W>>>, Arc<Cell<W>>> {
        let mut shard = self.shard(cell.id());
        if shard.get(cell.id()).is_some_and(keep) {
            return Err(cell);
        }
        let before = shard.insert(cell.id().clone(), cell);
        if before.is_none() {
            self.len.fetch_add(1, Ordering::Relaxed);
        }
        Ok(before)
    }

    /// Takes this very session out (not another one of the same id).
    pub(crate) fn remove(&self, cell: &Arc<Cell<W>>) -> bool {
        let mut shard = self.shard(cell.id());
        let same = shard.get(cell.id()).is_some_and(|there| Arc::ptr_eq(there, cell));
        if same {
            shard.remove(cell.id());
            self.len.fetch_sub(1, Ordering::Relaxed);
        }
        same
    }

    /// All sessions, as of now.
    pub(crate) fn all(&self) -> Vec<Arc<Cell<W>>> {
        let mut cells = Vec::with_capacity(self.len());
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            cells.extend(shard.values().cloned());
        }
        cells
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    fn shard(&self, id: &SessionId) -> MutexGuard<'_, Shard<W>> {
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        let index = hasher.finish() as usize % REGISTRY_SHARDS;
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

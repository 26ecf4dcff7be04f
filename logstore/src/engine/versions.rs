//! The version map: what was written since the last commit, which no searcher shows yet.
//!
//! It serves `GET _doc` in real time, `create`'s conflict and optimistic concurrency. It is emptied when a
//! commit has become visible, and its size is bounded by `flush_bytes`.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

/// The newest state of one id.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Number of the operation.
    pub seq_no: u64,
    /// `_version`.
    pub version: u64,
    /// The document; `None`: deleted.
    pub source: Option<Bytes>,
}

/// Uncommitted ids.
#[derive(Debug, Default)]
pub struct VersionMap {
    entries: HashMap<Arc<str>, Entry>,
}

impl VersionMap {
    /// The newest uncommitted state of an id.
    pub fn get(&self, id: &str) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// Notes an operation.
    pub fn insert(&mut self, id: Arc<str>, entry: Entry) {
        self.entries.insert(id, entry);
    }

    /// Forgets everything: a commit made it visible.
    pub fn clear(&mut self) {
        // The map keeps its memory, which the next second of the same load needs again.
        self.entries.clear();
        if self.entries.capacity() > 1 << 20 {
            self.entries.shrink_to(1 << 16);
        }
    }

    /// The uncommitted ids.
    pub fn ids(&self) -> impl Iterator<Item = &Arc<str>> {
        self.entries.keys()
    }

    /// The number of uncommitted ids.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is uncommitted.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

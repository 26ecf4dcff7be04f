//! How well the store is: what is damaged, and the verification that goes on after the start.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use tracing::{error, info};

use super::damage::Damage;
use super::index::Index;
use super::store::Store;
use super::verify;
use crate::error::ApiResult;

/// Elasticsearch's word for how well an index, or the store, is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Everything is served.
    Green,
    /// A part is damaged and set aside.
    Yellow,
    /// A whole index is damaged and set aside.
    Red,
}

impl Status {
    /// As answers write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Yellow => "yellow",
            Self::Red => "red",
        }
    }
}

impl Index {
    /// How well the index is.
    pub fn status(&self) -> Status {
        if self.damages.is_empty() {
            Status::Green
        } else {
            Status::Yellow
        }
    }

    /// A segment that fails its checksums. Merges go on meanwhile, so what is gone from the list is no damage.
    fn first_bad(&self) -> Option<verify::Bad> {
        let folder = self.folder.join("tantivy");
        let listed = || verify::segments(&folder).unwrap_or_default();
        listed().iter().find_map(|segment| {
            let bad = verify::segment(&folder, segment).err()?;
            (listed().contains(segment)).then_some(bad)
        })
    }
}

impl Store {
    /// Everything that is damaged.
    pub fn damage(&self) -> Vec<Damage> {
        let mut all = self.damaged_indices.clone();
        all.extend(self.list().iter().flat_map(|index| index.damages.clone()));
        all
    }

    /// How well the store is: as its worst index.
    pub fn status(&self) -> Status {
        if !self.damaged_indices.is_empty() {
            return Status::Red;
        }
        self.list()
            .iter()
            .map(|index| index.status())
            .max()
            .unwrap_or(Status::Green)
    }

    /// Verifies what was too much to verify at the start, one index after another.
    pub(super) fn verify_rest(&self) {
        for index in self.list() {
            if self.stopping.load(Ordering::Relaxed) {
                return;
            }
            if index.verified.load(Ordering::Acquire) {
                continue;
            }
            match index.first_bad() {
                None => {
                    index.verified.store(true, Ordering::Release);
                    info!(
                        event.action = "index-verified",
                        labels.index = index.name,
                        "index verified"
                    );
                }
                Some(bad) => {
                    error!(
                        labels.index = index.name,
                        error.message = bad.reason,
                        "damage found, the index is opened again without it"
                    );
                    if let Err(error) = self.reopen(&index) {
                        error!(%error, labels.index = index.name, "the damaged index cannot be opened again, it goes on as it is");
                    }
                }
            }
        }
    }

    /// Makes the verification end after the index that it is at.
    pub(super) fn stop_verifying(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Opens an index again in place of itself, which sets aside what is damaged. Writes that come meanwhile are
    /// refused, and their sender tries again.
    fn reopen(&self, index: &Index) -> ApiResult<()> {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut writer = index.lock_writer()?;
            index.deleted.store(true, Ordering::Release);
            if writer.tantivy.take().is_some() {
                metrics::gauge!("logstore_open_writers").decrement(1);
            }
        }
        let mut everything = u64::MAX;
        let opened = Index::open(
            &index.folder,
            Arc::clone(&self.limits),
            Arc::clone(&self.space),
            &mut everything,
        );
        if opened.is_err() {
            index.deleted.store(false, Ordering::Release);
        }
        let opened = Arc::new(opened?);
        self.indices
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(index.name.clone(), opened);
        Ok(())
    }
}

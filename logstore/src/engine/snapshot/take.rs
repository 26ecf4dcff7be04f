//! Taking a snapshot.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde_json::Value;
use tracing::{error, info};

use super::super::index::Index;
use super::super::store::Store;
use super::super::{op, verify};
use super::repository::{Held, Repository, Snapshot, check_name};
use crate::date;
use crate::error::{ApiError, ApiResult};

/// A merge may take files away between listing and linking them; then they are listed again.
const ATTEMPTS: usize = 10;

impl Store {
    /// Copies indices as they are now into a repository. An index that cannot be copied is named as a failure, and the
    /// others are kept.
    pub fn take_snapshot(
        &self,
        repository: &Repository,
        name: &str,
        indices: &[std::sync::Arc<Index>],
        metadata: Value,
    ) -> ApiResult<Snapshot> {
        check_name(&repository.name, name)?;
        let _one_at_a_time = self
            .snapshots
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if repository.get(name).is_ok() {
            return Err(ApiError::new(
                400,
                "invalid_snapshot_name_exception",
                format!(
                    "[{}:{name}] Invalid snapshot name [{name}], snapshot with the same name already exists",
                    repository.name
                ),
            ));
        }
        repository.verify()?;
        let mut snapshot = Snapshot {
            name: name.to_owned(),
            uuid: op::new_id().to_string(),
            started: date::now(),
            ended: 0,
            metadata,
            indices: BTreeMap::new(),
            failures: BTreeMap::new(),
        };
        for index in indices {
            match index.copy_to(repository) {
                Ok(held) => {
                    snapshot.indices.insert(index.name.clone(), held);
                }
                Err(error) => {
                    error!(%error, labels.index = index.name, "the index cannot be copied into the snapshot");
                    snapshot.failures.insert(index.name.clone(), error.reason);
                }
            }
        }
        snapshot.ended = date::now();
        repository.put(&snapshot)?;
        info!(
            event.action = "snapshot-taken",
            labels.repository = repository.name,
            labels.snapshot = name,
            indices = snapshot.indices.len(),
            failures = snapshot.failures.len(),
            "snapshot taken"
        );
        Ok(snapshot)
    }
}

impl Index {
    /// Copies what is committed now. Writes wait only while names are linked, not while bytes are copied.
    fn copy_to(&self, repository: &Repository) -> ApiResult<Held> {
        let staging = self.folder.join(format!("snapshot-{}", op::new_id()));
        std::fs::create_dir_all(&staging)?;
        let held = self.link(&staging).and_then(|mut held| {
            let pool = repository.pool(&held.uuid);
            std::fs::create_dir_all(&pool)?;
            for entry in std::fs::read_dir(&staging)?.flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                let size = copy(&entry.path(), &pool.join(&name))
                    .map_err(|error| ApiError::unavailable(format!("{}: {error}", entry.path().display())))?;
                held.files.insert(name, size);
            }
            std::fs::File::open(&pool)?.sync_all()?;
            Ok(held)
        });
        std::fs::remove_dir_all(&staging)?;
        held
    }

    /// Commits, and gives every committed file a second name that merges do not take away.
    fn link(&self, staging: &Path) -> ApiResult<Held> {
        let mut guard = self.lock_writer()?;
        if self.is_dirty() {
            self.commit(&mut guard)?;
        }
        self.keep_meta()?;
        let tantivy = self.folder.join("tantivy");
        for _ in 0..ATTEMPTS {
            let segments: Value = serde_json::from_slice(&std::fs::read(tantivy.join("meta.json"))?)
                .map_err(io::Error::other)?;
            let listed = verify::segments(&tantivy).map_err(io::Error::other)?;
            let mut complete = true;
            for entry in std::fs::read_dir(&tantivy)?.flatten() {
                let name = entry.file_name();
                if !listed
                    .iter()
                    .any(|segment| name.to_string_lossy().starts_with(&segment.id))
                {
                    continue;
                }
                match std::fs::hard_link(entry.path(), staging.join(&name)) {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    Err(error) if error.kind() == io::ErrorKind::NotFound => complete = false,
                    Err(error) => return Err(error.into()),
                }
            }
            let there = |id: &str| staging.join(format!("{id}.store")).exists();
            if complete && listed.iter().all(|segment| there(&segment.id)) {
                let bytes = std::fs::read(self.folder.join("meta.json"))?;
                let meta = verify::unsealed(&bytes)
                    .and_then(|content| serde_json::from_slice(content).map_err(io::Error::other))?;
                return Ok(Held {
                    uuid: self.uuid.clone(),
                    meta,
                    segments,
                    files: BTreeMap::new(),
                });
            }
        }
        Err(ApiError::unavailable(
            "merges took the files of the index away again and again, try again later",
        ))
    }
}

/// Copies a file that carries its checksum, unless it is there already; returns its size.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<u64> {
    let size = verify::file(from)?;
    if std::fs::metadata(to).is_ok_and(|there| there.len() == size) {
        return Ok(size);
    }
    let partial = to.with_extension("partial");
    std::fs::copy(from, &partial)?;
    std::fs::File::open(&partial)?.sync_all()?;
    std::fs::rename(&partial, to)?;
    Ok(size)
}

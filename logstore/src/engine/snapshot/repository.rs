//! A repository: a folder of snapshots.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::{disk, verify};
use crate::date::Millis;
use crate::error::{ApiError, ApiResult};

/// A folder of snapshots, by its name.
#[derive(Debug, Clone)]
pub struct Repository {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub folder: PathBuf,
}

/// One snapshot.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Snapshot {
    /// Its name.
    pub name: String,
    /// Its identity.
    pub uuid: String,
    /// When it was begun.
    pub started: Millis,
    /// When it was complete.
    pub ended: Millis,
    /// What its maker wrote on it.
    pub metadata: Value,
    /// What is in it, by name.
    pub indices: BTreeMap<String, Held>,
    /// Indices that could not be copied, and why.
    pub failures: BTreeMap<String, String>,
}

/// One index of a snapshot.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Held {
    /// The index's identity, which its files are kept under.
    pub uuid: String,
    /// Its settings and mappings.
    pub meta: Value,
    /// tantivy's list of segments.
    pub segments: Value,
    /// Its files, and their sizes.
    pub files: BTreeMap<String, u64>,
}

// === impl Repository ===

impl Repository {
    /// Opens a repository where `settings.location` says, within one of the folders that are allowed.
    ///
    /// # Errors
    /// A `repository_exception` that names the location and the flag.
    pub fn open(name: &str, body: &Value, allowed: &[PathBuf]) -> ApiResult<Self> {
        let failed =
            |reason: String| ApiError::new(400, "repository_exception", format!("[{name}] {reason}"));
        match body.get("type").and_then(Value::as_str) {
            Some("fs") => {}
            Some(other) => {
                return Err(failed(format!(
                    "repository type [{other}] does not exist, this store has [fs]"
                )));
            }
            None => return Err(failed("repository type is missing".to_owned())),
        }
        let location = body.pointer("/settings/location").and_then(Value::as_str);
        let location = Path::new(location.ok_or_else(|| failed("missing location".to_owned()))?);
        let leaves = location
            .components()
            .any(|part| part == std::path::Component::ParentDir);
        let folder = match (location.is_absolute(), allowed.first()) {
            (false, Some(first)) => first.join(location),
            _ => location.to_owned(),
        };
        if leaves || !allowed.iter().any(|root| folder.starts_with(root)) {
            return Err(failed(format!(
                "location [{}] doesn't match any of the locations specified by --path-repo",
                location.display()
            )));
        }
        Ok(Self {
            name: name.to_owned(),
            folder,
        })
    }

    /// Makes the folder, and proves that it can be written.
    pub fn verify(&self) -> ApiResult<()> {
        let failed = |error: std::io::Error| {
            ApiError::new(
                500,
                "repository_verification_exception",
                format!(
                    "[{}] path {} is not accessible: {error}",
                    self.name,
                    self.folder.display()
                ),
            )
        };
        std::fs::create_dir_all(self.folder.join("files")).map_err(failed)?;
        let probe = self.folder.join("probe");
        disk::replace(&probe, b"ok").map_err(failed)?;
        std::fs::remove_file(probe).map_err(failed)
    }

    pub(super) fn pool(&self, uuid: &str) -> PathBuf {
        self.folder.join("files").join(uuid)
    }

    fn path(&self, snapshot: &str) -> PathBuf {
        self.folder.join(format!("{snapshot}.snapshot"))
    }

    /// Every snapshot, the oldest first.
    pub fn list(&self) -> ApiResult<Vec<Snapshot>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if let Some(name) = entry
                .file_name()
                .to_str()
                .and_then(|name| name.strip_suffix(".snapshot"))
            {
                found.push(self.get(name)?);
            }
        }
        found.sort_by_key(|snapshot: &Snapshot| snapshot.started);
        Ok(found)
    }

    /// One snapshot.
    pub fn get(&self, name: &str) -> ApiResult<Snapshot> {
        let bytes = std::fs::read(self.path(name)).map_err(|_| {
            ApiError::new(
                404,
                "snapshot_missing_exception",
                format!("[{}:{name}] is missing", self.name),
            )
        })?;
        verify::unsealed(&bytes)
            .and_then(|content| serde_json::from_slice(content).map_err(std::io::Error::other))
            .map_err(|error| {
                ApiError::new(
                    500,
                    "snapshot_exception",
                    format!("[{}:{name}] cannot be read: the file {error}", self.name),
                )
            })
    }

    pub(super) fn put(&self, snapshot: &Snapshot) -> ApiResult<()> {
        let bytes = serde_json::to_vec(snapshot).expect("a snapshot is plain JSON");
        Ok(disk::replace(&self.path(&snapshot.name), &verify::sealed(bytes))?)
    }

    /// Removes a snapshot, and the files that no other one needs.
    pub fn delete(&self, name: &str) -> ApiResult<()> {
        self.get(name)?;
        std::fs::remove_file(self.path(name))?;
        let kept = self.list()?;
        let needed: BTreeSet<(&str, &str)> = kept
            .iter()
            .flat_map(|snapshot| snapshot.indices.values())
            .flat_map(|held| held.files.keys().map(|file| (held.uuid.as_str(), file.as_str())))
            .collect();
        for folder in std::fs::read_dir(self.folder.join("files"))?.flatten() {
            let uuid = folder.file_name().to_string_lossy().into_owned();
            for file in std::fs::read_dir(folder.path())?.flatten() {
                if !needed.contains(&(uuid.as_str(), &*file.file_name().to_string_lossy())) {
                    std::fs::remove_file(file.path())?;
                }
            }
            // Only an empty one goes.
            if std::fs::read_dir(folder.path())?.next().is_none() {
                std::fs::remove_dir(folder.path())?;
            }
        }
        Ok(())
    }
}

/// Refuses names that would not be one file.
pub fn check_name(repository: &str, name: &str) -> ApiResult<()> {
    let fits = !name.is_empty()
        && !name.starts_with(['_', '.', '-'])
        && name.len() <= 200
        && name
            .chars()
            .all(|c| !c.is_uppercase() && !c.is_whitespace() && !"\\/*?\"<>|,#".contains(c));
    if fits {
        return Ok(());
    }
    Err(ApiError::new(
        400,
        "invalid_snapshot_name_exception",
        format!(
            "[{repository}:{name}] Invalid snapshot name [{name}], must be lowercase and one word without any of \\/*?\"<>|,#"
        ),
    ))
}

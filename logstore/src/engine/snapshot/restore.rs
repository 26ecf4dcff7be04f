//! Restoring an index from a snapshot.

use std::sync::{Arc, PoisonError};

use serde_json::{Value, json};
use tracing::info;

use super::super::index::Index;
use super::super::settings::Settings;
use super::super::store::Store;
use super::super::{disk, name, op, verify};
use super::repository::{Repository, Snapshot};
use super::take::copy;
use crate::error::{ApiError, ApiResult};

impl Store {
    /// Makes an index of a snapshot again, under its own or another name. It is built aside and renamed, so that a
    /// crash leaves no half of one.
    pub fn restore_index(
        &self,
        repository: &Repository,
        snapshot: &Snapshot,
        source: &str,
        target: &str,
        settings: &Value,
    ) -> ApiResult<()> {
        name::check(target)?;
        let place = format!("[{}:{}/{}]", repository.name, snapshot.name, snapshot.uuid);
        let held = snapshot
            .indices
            .get(source)
            .ok_or_else(|| ApiError::index_not_found(source))?;
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_free(target).map_err(|_| {
            ApiError::new(
                500,
                "snapshot_restore_exception",
                format!("{place} cannot restore index [{target}] because an open index with same name already exists in the cluster. Either close or delete the existing index or restore the index under a different name by providing a rename pattern and replacement name"),
            )
        })?;
        let aside = self.path().join("trash").join(op::new_id().as_ref());
        let tantivy = aside.join("tantivy");
        std::fs::create_dir_all(&tantivy)?;
        let pool = repository.pool(&held.uuid);
        for (file, size) in &held.files {
            let copied = copy(&pool.join(file), &tantivy.join(file)).and_then(|copied| {
                let whole = copied == *size;
                whole
                    .then_some(())
                    .ok_or_else(|| std::io::Error::other("has another size than the snapshot says"))
            });
            copied.map_err(|error| {
                ApiError::new(
                    500,
                    "snapshot_restore_exception",
                    format!("{place} {}: {error}", pool.join(file).display()),
                )
            })?;
        }
        disk::replace(
            &tantivy.join("meta.json"),
            &serde_json::to_vec_pretty(&held.segments).map_err(std::io::Error::other)?,
        )?;
        // What tantivy may delete once it is merged away.
        let managed: Vec<&str> = held
            .files
            .keys()
            .map(String::as_str)
            .chain(["meta.json"])
            .collect();
        disk::replace(
            &tantivy.join(".managed.json"),
            json!(managed).to_string().as_bytes(),
        )?;
        let mut meta = held.meta.clone();
        meta["name"] = target.into();
        meta["uuid"] = op::new_uuid().as_ref().into();
        if settings.is_object() {
            let mut merged = Settings::default();
            merged.merge(&meta["settings"])?;
            merged.merge(settings)?;
            meta["settings"] = Value::Object(merged.flat().clone());
        }
        let bytes = serde_json::to_vec_pretty(&meta).map_err(std::io::Error::other)?;
        disk::replace(&aside.join("meta.json"), &verify::sealed(bytes))?;
        let folder = self.index_folder(target);
        std::fs::rename(&aside, &folder)?;
        std::fs::File::open(self.path().join("indices"))?.sync_all()?;
        let mut everything = u64::MAX;
        let index = Index::open(
            &folder,
            Arc::clone(&self.limits),
            Arc::clone(&self.space),
            &mut everything,
        )?;
        self.indices
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(target.to_owned(), Arc::new(index));
        info!(
            event.action = "index-restored",
            labels.index = target,
            labels.snapshot = snapshot.name,
            "index restored"
        );
        Ok(())
    }
}

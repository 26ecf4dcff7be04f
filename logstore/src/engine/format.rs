//! The format of a data folder: which one it has, who wrote it, and whether this build can read it.

use std::path::Path;

use serde_json::{Value, json};

use super::disk;
use crate::error::{ApiError, ApiResult};

/// The format that this build writes and reads. It changes with the tantivy schema, tantivy's own files, the record
/// of the write-ahead log, or `meta.json`.
pub const FORMAT: u64 = 3;

/// The file that says so.
const FILE: &str = "format.json";

/// Checks a data folder, and marks a new one.
///
/// # Errors
/// Says which build wrote the folder and what to do.
pub fn check(data: &Path) -> ApiResult<()> {
    let path = data.join(FILE);
    let (format, by) = match std::fs::read(&path) {
        Ok(bytes) => {
            let said: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            let by = said["written_by"]
                .as_str()
                .unwrap_or("an unknown version")
                .to_owned();
            (
                said["format"].as_u64().unwrap_or_default(),
                format!("logstored {by}"),
            )
        }
        Err(_) if is_new(data) => {
            let said = json!({"format": FORMAT, "written_by": env!("CARGO_PKG_VERSION")});
            disk::replace(&path, said.to_string().as_bytes())?;
            return Ok(());
        }
        Err(_) => (1, "a build from before formats were numbered".to_owned()),
    };
    if format == FORMAT {
        return Ok(());
    }
    let what = if format > FORMAT {
        format!(
            "run that version or a later one, or give this one another --data folder: this is {}",
            env!("CARGO_PKG_VERSION")
        )
    } else {
        "start the version that wrote it and copy its indices into a new folder (elasticdump or _reindex from remote), or give this one another --data folder".to_owned()
    };
    Err(ApiError::internal(format!(
        "the folder has format {format} and was written by {by}, this logstored reads format {FORMAT}; {what}"
    )))
}

/// Whether no index was ever made in the folder.
fn is_new(data: &Path) -> bool {
    std::fs::read_dir(data.join("indices")).map_or(true, |mut entries| entries.next().is_none())
}

//! What is damaged: segments and indices that were set aside so that the rest can be served.
//!
//! A segment that fails its checksums goes to `indices/NAME/damaged/`, an index that cannot be opened to
//! `DATA/damaged/`. Nothing is deleted: the files stay until the operator removes them, and until then the index is
//! yellow, or the store red.

use std::io;
use std::path::Path;

use serde_json::Value;
use tracing::error;

use super::disk;
use super::verify::{self, Bad};

/// Something that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The index.
    pub index: String,
    /// Whether nothing of it is served.
    pub whole: bool,
    /// What was found.
    pub reason: String,
}

/// The folder, in an index or in the data folder, for what is damaged.
pub const FOLDER: &str = "damaged";

/// Verifies segments of the tantivy index in `folder` and sets the bad ones aside, until `budget` bytes were read.
/// Returns what it found and whether everything was verified.
pub(super) fn check(index: &Path, name: &str, budget: &mut u64) -> io::Result<(Vec<Damage>, bool)> {
    let folder = index.join("tantivy");
    let mut bad = Vec::new();
    let mut complete = true;
    for segment in verify::segments(&folder).map_err(io::Error::other)? {
        if verify::size(&folder, &segment) > *budget {
            complete = false;
            continue;
        }
        match verify::segment(&folder, &segment) {
            Ok(read) => *budget = budget.saturating_sub(read),
            Err(found) => bad.push(found),
        }
    }
    if !bad.is_empty() {
        set_aside(index, &bad)?;
    }
    let damages = bad.into_iter().map(|bad| damage(name, &bad)).collect();
    Ok((damages, complete))
}

fn damage(name: &str, bad: &Bad) -> Damage {
    let reason = format!("{} documents set aside: {}", bad.segment.documents, bad.reason);
    error!(
        event.action = "segment-damaged",
        labels.index = name,
        labels.segment = bad.segment.id,
        documents = bad.segment.documents,
        error.message = bad.reason,
        "damaged segment set aside, the rest of the index is served; restore it from a snapshot, then remove the folder `damaged` of the index"
    );
    metrics::counter!("logstore_damaged_segments_total").increment(1);
    Damage {
        index: name.to_owned(),
        whole: false,
        reason,
    }
}

/// Takes segments out of tantivy's list and moves their files away.
fn set_aside(index: &Path, bad: &[Bad]) -> io::Result<()> {
    let folder = index.join("tantivy");
    let aside = index.join(FOLDER);
    std::fs::create_dir_all(&aside)?;
    let path = folder.join("meta.json");
    let mut meta: Value = serde_json::from_slice(&std::fs::read(&path)?).map_err(io::Error::other)?;
    let is_bad = |id: &str| bad.iter().any(|bad| id.starts_with(&bad.segment.id));
    if let Some(listed) = meta["segments"].as_array_mut() {
        listed.retain(|segment| {
            !segment["segment_id"]
                .as_str()
                .is_some_and(|id| is_bad(&id.replace('-', "")))
        });
    }
    // First the list: a crash in between leaves files that nobody names, which is what moving them is for anyway.
    disk::replace(&path, &serde_json::to_vec_pretty(&meta)?)?;
    for entry in std::fs::read_dir(&folder)?.flatten() {
        let name = entry.file_name();
        if is_bad(&name.to_string_lossy()) {
            std::fs::rename(entry.path(), aside.join(&name))?;
        }
    }
    Ok(())
}

/// What an earlier run set aside in an index, which is still there.
pub(super) fn left(index: &Path, name: &str) -> Vec<Damage> {
    let segments = std::fs::read_dir(index.join(FOLDER))
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| {
            entry
                .path()
                .extension()
                .is_some_and(|extension| extension == "store" || extension == "wal")
        });
    segments
        .map(|entry| Damage {
            index: name.to_owned(),
            whole: false,
            reason: format!(
                "{} was set aside by an earlier start; remove it once its documents are restored",
                entry.path().display()
            ),
        })
        .collect()
}

/// Moves a whole index away.
pub(super) fn set_index_aside(data: &Path, folder: &Path, reason: &str) -> io::Result<Damage> {
    let name = folder
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let aside = data.join(FOLDER);
    std::fs::create_dir_all(&aside)?;
    let target = aside.join(format!("{name}.{}", crate::date::now()));
    std::fs::rename(folder, &target)?;
    error!(
        event.action = "index-damaged",
        labels.index = name,
        error.message = reason,
        labels.folder = %target.display(),
        "damaged index set aside, the others are served; restore it from a snapshot, then remove the folder"
    );
    metrics::counter!("logstore_damaged_indices_total").increment(1);
    Ok(Damage {
        index: name,
        whole: true,
        reason: format!("{reason}; it was moved to {}", target.display()),
    })
}

/// Indices that an earlier run set aside, which are still there.
pub(super) fn indices_left(data: &Path) -> Vec<Damage> {
    std::fs::read_dir(data.join(FOLDER))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| {
            let file = entry.file_name().to_string_lossy().into_owned();
            Damage {
                index: file
                    .rsplit_once('.')
                    .map_or(file.as_str(), |(name, _)| name)
                    .to_owned(),
                whole: true,
                reason: format!(
                    "{} was set aside by an earlier start; remove it once it is restored",
                    entry.path().display()
                ),
            }
        })
        .collect()
}

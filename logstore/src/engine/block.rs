//! Blocks on an index: what its settings forbid to do with it.

use crate::error::{ApiError, ApiResult};

/// What is about to be done with an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Writing documents.
    Writing,
    /// Reading documents.
    Reading,
    /// Changing mappings or settings.
    Changing,
    /// Removing the index.
    Removing,
}

/// Setting, status, what Elasticsearch calls it, what it forbids.
type Block = (&'static str, u16, &'static str, &'static [Doing]);

const BLOCKS: &[Block] = &[
    (
        "index.blocks.read_only",
        403,
        "FORBIDDEN/5/index read-only (api)",
        &[Doing::Writing, Doing::Changing, Doing::Removing],
    ),
    (
        "index.blocks.read_only_allow_delete",
        429,
        "TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has read-only-allow-delete block",
        &[Doing::Writing, Doing::Changing],
    ),
    (
        "index.blocks.read",
        403,
        "FORBIDDEN/7/index read (api)",
        &[Doing::Reading],
    ),
    (
        "index.blocks.write",
        403,
        "FORBIDDEN/8/index write (api)",
        &[Doing::Writing],
    ),
    (
        "index.blocks.metadata",
        403,
        "FORBIDDEN/9/index metadata (api)",
        &[Doing::Changing, Doing::Removing],
    ),
];

/// Refuses what a setting of the index forbids.
pub fn check(index: &str, doing: Doing, setting: impl Fn(&str) -> Option<String>) -> ApiResult<()> {
    for (key, status, words, forbids) in BLOCKS {
        if forbids.contains(&doing) && setting(key).as_deref() == Some("true") {
            return Err(ApiError::new(
                *status,
                "cluster_block_exception",
                format!("index [{index}] blocked by: [{words}];"),
            )
            .with("index", index));
        }
    }
    Ok(())
}

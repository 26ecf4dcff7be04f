//! A place in a buffer, and the file that remembers the one up to which everything is acknowledged.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::checkpoint;

const FILE: &str = "position";

/// A place between two frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Position {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
}

/// The position on disk. None when there is none or it cannot be read: then everything that is there is sent
/// again, which stable ids make harmless.
pub(super) fn load(folder: &Path) -> Option<Position> {
    checkpoint::load(&folder.join(FILE)).ok().flatten()
}

pub(super) fn store(folder: &Path, position: Position) -> io::Result<()> {
    checkpoint::store(&folder.join(FILE), &position)
}

//! How a file is known again, and how far it was read.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// So many of the first bytes are part of a file's identity.
const FINGERPRINT: usize = 256;

/// One file in the checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mark {
    /// Where it was seen last.
    pub(super) path: PathBuf,
    pub(super) device: u64,
    pub(super) inode: u64,
    /// Its part of the record ids.
    pub(super) generation: String,
    /// Everything before this is durable.
    pub(super) offset: u64,
    /// The checksum of the first `fingerprint_bytes` bytes.
    pub(super) fingerprint: u32,
    pub(super) fingerprint_bytes: usize,
}

// === impl Mark ===

impl Mark {
    /// The mark of a file that was never seen before.
    pub(super) fn new(path: &Path, file: &File) -> io::Result<Self> {
        let data = file.metadata()?;
        let mut mark = Self {
            path: path.to_owned(),
            device: data.dev(),
            inode: data.ino(),
            generation: format!("{:016x}", rand::random::<u64>()),
            offset: 0,
            fingerprint: 0,
            fingerprint_bytes: 0,
        };
        mark.extend(file)?;
        Ok(mark)
    }

    /// Whether this is the same file, grown or not.
    pub(super) fn is_of(&self, file: &File) -> io::Result<bool> {
        let data = file.metadata()?;
        if (data.dev(), data.ino()) != (self.device, self.inode) || data.len() < self.offset {
            return Ok(false);
        }
        let (fingerprint, bytes) = fingerprint(file, self.fingerprint_bytes)?;
        Ok((fingerprint, bytes) == (self.fingerprint, self.fingerprint_bytes))
    }

    /// Takes more of the first bytes into the identity, once there are more.
    pub(super) fn extend(&mut self, file: &File) -> io::Result<()> {
        if self.fingerprint_bytes < FINGERPRINT {
            (self.fingerprint, self.fingerprint_bytes) = fingerprint(file, FINGERPRINT)?;
        }
        Ok(())
    }
}

fn fingerprint(file: &File, max: usize) -> io::Result<(u32, usize)> {
    let mut first = [0; FINGERPRINT];
    let mut length = 0;
    while length < max {
        match file.read_at(&mut first[length..max], length as u64)? {
            0 => break,
            more => length += more,
        }
    }
    Ok((crc32fast::hash(&first[..length]), length))
}

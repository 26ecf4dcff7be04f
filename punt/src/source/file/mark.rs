//! How a file is known again, and how far it was read.
//!
//! A file is its content rather than its name or inode: the checksum of its first bytes, and of the bytes just
//! before the place up to which it was read. So a file that was renamed, copied away and truncated, or packed is
//! read on where it was left; and a new file that got the inode of an old one is a new file.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// So many of the first bytes, and of the bytes before the offset, are part of a file's identity.
pub(super) const FINGERPRINT: usize = 256;

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
    /// Everything before this is durable. In a packed file: of what is in it.
    pub(super) offset: u64,
    /// The checksum of the first `fingerprint_bytes` bytes.
    pub(super) fingerprint: u32,
    pub(super) fingerprint_bytes: usize,
    /// The checksum of the last bytes before `offset`, once it is as far as [`FINGERPRINT`].
    #[serde(default)]
    pub(super) tail: Option<u32>,
    /// It is read to its end, for good: remembered so that its packed copy is not read again.
    #[serde(default)]
    pub(super) done: bool,
}

// === impl Mark ===

impl Mark {
    /// The mark of a file that was never seen before.
    pub(super) fn new(path: &Path, file: &File) -> io::Result<Self> {
        let data = file.metadata()?;
        Ok(Self {
            path: path.to_owned(),
            device: data.dev(),
            inode: data.ino(),
            generation: format!("{:016x}", rand::random::<u64>()),
            offset: 0,
            fingerprint: 0,
            fingerprint_bytes: 0,
            tail: None,
            done: false,
        })
    }

    /// Whether this is the same file, grown or not.
    pub(super) fn is_of(&self, file: &File) -> io::Result<bool> {
        let data = file.metadata()?;
        if (data.dev(), data.ino()) != (self.device, self.inode) || data.len() < self.offset {
            return Ok(false);
        }
        self.has_content_of(file)
    }

    /// Whether the file begins as this one did, and is the same just before the offset.
    pub(super) fn has_content_of(&self, file: &File) -> io::Result<bool> {
        if part(file, 0, self.fingerprint_bytes)? != (self.fingerprint, self.fingerprint_bytes) {
            return Ok(false);
        }
        let Some(tail) = self.tail else {
            return Ok(true);
        };
        Ok(part(file, self.offset - FINGERPRINT as u64, FINGERPRINT)? == (tail, FINGERPRINT))
    }

    /// Whether content alone is enough to know this file by.
    pub(super) fn is_distinct(&self) -> bool {
        self.fingerprint_bytes == FINGERPRINT && (self.tail.is_some() || self.offset < FINGERPRINT as u64)
    }

    /// Takes more of the first bytes into the identity, once there are more. True: there were.
    pub(super) fn extend(&mut self, file: &File) -> io::Result<bool> {
        if self.fingerprint_bytes == FINGERPRINT {
            return Ok(false);
        }
        let before = self.fingerprint_bytes;
        (self.fingerprint, self.fingerprint_bytes) = part(file, 0, FINGERPRINT)?;
        Ok(self.fingerprint_bytes != before)
    }

    /// Takes note that everything before `offset` is durable. `tail`: see [`tail`].
    pub(super) fn advance(&mut self, offset: u64, tail: Option<u32>) {
        (self.offset, self.tail) = (offset, tail);
    }
}

/// The checksum of the last bytes before the offset, if there are so many.
pub(super) fn tail(file: &File, offset: u64) -> Option<u32> {
    let from = offset.checked_sub(FINGERPRINT as u64)?;
    let (tail, length) = part(file, from, FINGERPRINT).ok()?;
    (length == FINGERPRINT).then_some(tail)
}

/// The checksum of up to `max` bytes from `offset` on, and how many there are.
fn part(file: &File, offset: u64, max: usize) -> io::Result<(u32, usize)> {
    let mut bytes = [0; FINGERPRINT];
    let mut length = 0;
    while length < max {
        match file.read_at(&mut bytes[length..max], offset + length as u64)? {
            0 => break,
            more => length += more,
        }
    }
    Ok((crc32fast::hash(&bytes[..length]), length))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file
    }

    #[test]
    fn a_file_is_known_by_how_it_begins_and_by_where_it_was_left() {
        let content: Vec<u8> = (0..4000_u32).flat_map(u32::to_le_bytes).collect();
        let original = file(&content);
        let mut mark = Mark::new(Path::new("x"), &original).unwrap();
        assert!(mark.extend(&original).unwrap());
        mark.advance(8000, tail(&original, 8000));
        assert!(mark.is_distinct());
        assert!(mark.has_content_of(&file(&content)).unwrap());
        assert!(mark.has_content_of(&file(&content[..8000])).unwrap());
        assert!(!mark.has_content_of(&file(&content[..7999])).unwrap(), "shorter");
        let mut rewritten = content.clone();
        rewritten[7990] ^= 1;
        assert!(
            !mark.has_content_of(&file(&rewritten)).unwrap(),
            "same head, other content"
        );
    }

    #[test]
    fn a_short_file_is_not_known_by_its_content() {
        let original = file(b"started\n");
        let mut mark = Mark::new(Path::new("x"), &original).unwrap();
        assert!(mark.extend(&original).unwrap());
        mark.advance(8, tail(&original, 8));
        assert!(!mark.is_distinct());
    }
}

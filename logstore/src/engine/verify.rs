//! Checks the files of an index against their checksums.
//!
//! Every file that tantivy writes ends in a footer with the CRC-32 of what is before it; `meta.json` of an index ends
//! in a line of ours that says the same. Only files are read: an index may be verified while it is open, and one that
//! cannot be opened can be verified, too. The write-ahead log checks itself, record by record, when it is replayed.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// What tantivy writes at the end of every file.
const MAGIC: u32 = 1337;

/// A footer larger than this is garbage.
const LONGEST_FOOTER: usize = 50_000;

/// Files that every segment has.
const PARTS: [&str; 4] = ["idx", "term", "store", "fast"];

/// A segment as tantivy's own `meta.json` lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its id, as the files start with it.
    pub id: String,
    /// Documents in it, deleted ones included.
    pub documents: u64,
}

/// A segment that cannot be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    /// Which.
    pub segment: Segment,
    /// Which file of it, and why.
    pub reason: String,
}

/// Why tantivy's list of segments cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}", path = .0.display(), reason = .1)]
pub struct Unreadable(PathBuf, String);

/// The segments of the tantivy index in `folder`.
///
/// # Errors
/// The list is not there or is no longer what tantivy wrote.
pub fn segments(folder: &Path) -> Result<Vec<Segment>, Unreadable> {
    let path = folder.join("meta.json");
    let failed = |reason: String| Unreadable(path.clone(), reason);
    let bytes = std::fs::read(&path).map_err(|error| failed(error.to_string()))?;
    let meta: Value =
        serde_json::from_slice(&bytes).map_err(|error| failed(format!("is damaged: {error}")))?;
    let listed = meta["segments"]
        .as_array()
        .ok_or_else(|| failed("is damaged: it lists no segments".to_owned()))?;
    listed
        .iter()
        .map(|segment| {
            let id = segment["segment_id"].as_str().map(|id| id.replace('-', ""));
            let documents = segment["max_doc"].as_u64();
            match (id, documents) {
                (Some(id), Some(documents)) => Ok(Segment { id, documents }),
                _ => Err(failed("is damaged: a segment has no id or no size".to_owned())),
            }
        })
        .collect()
}

/// Checks every file of one segment.
pub fn segment(folder: &Path, segment: &Segment) -> Result<u64, Bad> {
    let bad = |reason: String| Bad {
        segment: segment.clone(),
        reason,
    };
    let mut read = 0;
    for part in PARTS {
        let path = folder.join(format!("{}.{part}", segment.id));
        if !path.exists() {
            return Err(bad(format!("{} is missing", path.display())));
        }
    }
    let entries = std::fs::read_dir(folder).map_err(|error| bad(error.to_string()))?;
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with(&segment.id) {
            read += file(&path).map_err(|error| bad(format!("{}: {error}", path.display())))?;
        }
    }
    Ok(read)
}

/// Checks one file of tantivy's; returns its size.
pub fn file(path: &Path) -> io::Result<u64> {
    let bad = |reason: &str| io::Error::new(io::ErrorKind::InvalidData, reason.to_owned());
    let bytes = std::fs::read(path)?;
    let (rest, magic) = bytes.split_last_chunk::<4>().ok_or_else(|| bad("is cut off"))?;
    let (rest, length) = rest.split_last_chunk::<4>().ok_or_else(|| bad("is cut off"))?;
    let length = u32::from_le_bytes(*length) as usize;
    if u32::from_le_bytes(*magic) != MAGIC || length > LONGEST_FOOTER || length > rest.len() {
        return Err(bad("has no footer: it is cut off or overwritten"));
    }
    let (body, footer) = rest.split_at(rest.len() - length);
    let footer: Value = serde_json::from_slice(footer).map_err(|_| bad("has a damaged footer"))?;
    let expected = footer["crc"]
        .as_u64()
        .ok_or_else(|| bad("has a footer without a checksum"))?;
    if u64::from(crc32fast::hash(body)) != expected {
        return Err(bad("fails its checksum"));
    }
    Ok(bytes.len() as u64)
}

/// What stands before the checksum at the end of a file of ours.
const SEAL: &str = "\n#crc32 ";

/// A file's content with its checksum after it.
pub fn sealed(mut content: Vec<u8>) -> Vec<u8> {
    let crc = crc32fast::hash(&content);
    content.extend_from_slice(format!("{SEAL}{crc:08x}\n").as_bytes());
    content
}

/// The content of a sealed file.
///
/// # Errors
/// It is not what was written.
pub fn unsealed(bytes: &[u8]) -> io::Result<&[u8]> {
    let bad = |reason: &str| io::Error::new(io::ErrorKind::InvalidData, reason.to_owned());
    // Mark, eight digits, newline.
    let place = bytes
        .len()
        .checked_sub(SEAL.len() + 9)
        .ok_or_else(|| bad("is cut off"))?;
    let (content, seal) = bytes.split_at(place);
    let expected = std::str::from_utf8(seal)
        .ok()
        .and_then(|seal| seal.strip_prefix(SEAL)?.strip_suffix('\n'))
        .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        .ok_or_else(|| bad("has no checksum: it is cut off or overwritten"))?;
    if crc32fast::hash(content) == expected {
        Ok(content)
    } else {
        Err(bad("fails its checksum"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_sealed_file_is_read_back_and_every_flip_and_cut_is_noticed(content in proptest::collection::vec(any::<u8>(), 0..60), at: prop::sample::Index, bit in 0_u8..8) {
            let sealed = sealed(content.clone());
            prop_assert_eq!(unsealed(&sealed).unwrap(), &content[..]);
            let mut flipped = sealed.clone();
            flipped[at.index(sealed.len())] ^= 1 << bit;
            // The case of a hexadecimal digit is all that may differ.
            if !flipped.eq_ignore_ascii_case(&sealed) {
                prop_assert!(unsealed(&flipped).is_err());
            }
            prop_assert!(unsealed(&sealed[..at.index(sealed.len())]).is_err());
        }
    }
}

//! Checks the files of an index against their checksums.
//!
//! Every file that tantivy writes ends in a footer with the CRC-32 of what is before it; `meta.json` of an index ends
//! in a line of ours that says the same. Only files are read: an index may be verified while it is open, and one that
//! cannot be opened can be verified, too. The write-ahead log checks itself, record by record, when it is replayed.

use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// What tantivy writes at the end of every file.
const MAGIC: u32 = 1337;

/// A footer larger than this is garbage.
const LONGEST_FOOTER: u64 = 50_000;

/// Bytes read at once.
const PIECE: usize = 256 << 10;

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
    // A footer covers its file but not itself. The files of a segment are written by one process, so they name one
    // version; only deletions may come later.
    let mut written_by: Option<Value> = None;
    for entry in entries.flatten() {
        let path = entry.path();
        if !entry.file_name().to_string_lossy().starts_with(&segment.id) {
            continue;
        }
        let (size, version) = checked(&path).map_err(|error| bad(format!("{}: {error}", path.display())))?;
        read += size;
        if path.extension().is_none_or(|kind| kind != "del")
            && *written_by.get_or_insert_with(|| version.clone()) != version
        {
            return Err(bad(format!(
                "{}: has a damaged footer, or another file of the segment has",
                path.display()
            )));
        }
    }
    Ok(read)
}

/// Checks one file of tantivy's; returns its size.
pub fn file(path: &Path) -> io::Result<u64> {
    checked(path).map(|(size, _)| size)
}

/// The size of a file that passes, and the version of tantivy that its footer names. The file is read piece by piece:
/// it may be larger than memory.
fn checked(path: &Path) -> io::Result<(u64, Value)> {
    const TAIL: u64 = 8;
    let bad = |reason: &str| io::Error::new(io::ErrorKind::InvalidData, reason.to_owned());
    let mut file = std::fs::File::open(path)?;
    let size = file.metadata()?.len();
    let before_tail = size.checked_sub(TAIL).ok_or_else(|| bad("is cut off"))?;
    let mut tail = [0; 8];
    file.seek(SeekFrom::Start(before_tail))?;
    file.read_exact(&mut tail)?;
    let [a, b, c, d, magic @ ..] = tail;
    let length = u64::from(u32::from_le_bytes([a, b, c, d]));
    if u32::from_le_bytes(magic) != MAGIC || length > LONGEST_FOOTER || length > before_tail {
        return Err(bad("has no footer: it is cut off or overwritten"));
    }
    let body = before_tail - length;
    file.seek(SeekFrom::Start(body))?;
    let mut footer: Value =
        serde_json::from_reader((&file).take(length)).map_err(|_| bad("has a damaged footer"))?;
    let expected = footer["crc"]
        .as_u64()
        .ok_or_else(|| bad("has a footer without a checksum"))?;
    file.seek(SeekFrom::Start(0))?;
    let mut hasher = crc32fast::Hasher::new();
    let mut piece = vec![0; PIECE];
    let mut left = body;
    while left > 0 {
        let wanted = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
        let read = file.read(&mut piece[..wanted])?;
        if read == 0 {
            return Err(bad("is cut off"));
        }
        hasher.update(&piece[..read]);
        left -= read as u64;
    }
    if u64::from(hasher.finalize()) != expected {
        return Err(bad("fails its checksum"));
    }
    Ok((size, footer["version"].take()))
}

/// The bytes of a segment's files.
pub fn size(folder: &Path, segment: &Segment) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&segment.id))
        .filter_map(|entry| entry.metadata().ok())
        .map(|meta| meta.len())
        .sum()
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

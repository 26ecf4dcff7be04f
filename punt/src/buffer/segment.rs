//! The segment files of a buffer: their names, and counting what is in one.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::frame::{Decoded, decode, next_whole};

const EXTENSION: &str = "seg";
const CHUNK: usize = 256 << 10;

/// What is in a segment from some offset on.
#[derive(Debug, Default)]
pub(super) struct Census {
    pub(super) events: u64,
    pub(super) payload_bytes: u64,
    pub(super) file_bytes: u64,
    pub(super) corrupt: u64,
    pub(super) oldest_ms: u64,
}

pub(super) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:010}.{EXTENSION}"))
}

/// The numbers of the segments in `folder`, ascending.
pub(super) fn list(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == EXTENSION)
            && let Some(number) = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok())
        {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Counts the frames from `from` on, in bounded memory. The last segment may end in a torn frame: it is cut.
pub(super) fn census(path: &Path, from: u64, last: bool) -> io::Result<Census> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut census = Census {
        file_bytes: file.metadata()?.len(),
        ..Census::default()
    };
    let from = from.min(census.file_bytes);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    let (mut at, mut base) = (0, from);
    loop {
        let mut damaged = false;
        let needed = match decode(&bytes, at) {
            Decoded::Frame { written_ms, payload } => {
                census.events += 1;
                census.payload_bytes += payload.len() as u64;
                if census.oldest_ms == 0 {
                    census.oldest_ms = written_ms;
                }
                at = payload.end;
                continue;
            }
            Decoded::Short { needed } => needed,
            Decoded::Corrupt { skip: Some(skip) } => {
                census.corrupt += 1;
                at += skip;
                continue;
            }
            Decoded::Corrupt { skip: None } => {
                damaged = true;
                bytes.len() - at + CHUNK
            }
        };
        bytes.drain(..at);
        base += at as u64;
        at = 0;
        let want = needed.saturating_sub(bytes.len()).max(CHUNK) as u64;
        if (&mut file).take(want).read_to_end(&mut bytes)? == 0 {
            // The end. A damaged length looks like a frame that is not whole; then there are others behind it.
            if let Some(next) = next_whole(&bytes, 1) {
                census.corrupt += 1;
                at = next;
                continue;
            }
            census.corrupt += u64::from(damaged && last && !bytes.is_empty());
            break;
        }
    }
    if base < census.file_bytes {
        census.corrupt += u64::from(!last);
        if last {
            tracing::warn!(
                event.action = "buffer-tail-cut",
                file.path = %path.display(),
                bytes = census.file_bytes - base,
                "the buffer ended in a torn record, which was cut off"
            );
            file.set_len(base)?;
            file.sync_all()?;
            census.file_bytes = base;
        }
    }
    Ok(census)
}

// === impl Census ===

impl Census {
    pub(super) fn add(&mut self, next: Self) {
        self.events += next.events;
        self.payload_bytes += next.payload_bytes;
        self.file_bytes += next.file_bytes;
        self.corrupt += next.corrupt;
        if self.oldest_ms == 0 {
            self.oldest_ms = next.oldest_ms;
        }
    }
}

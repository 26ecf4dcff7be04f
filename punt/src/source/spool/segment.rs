//! One segment of a spool: its name, and how far it is read and durable.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::source::lines::Lines;

/// A segment that was not written to for so long, with a later one beside it, has no writer.
const ABANDONED: Duration = Duration::from_secs(2);

/// The name of a segment: `<boot>-<segment>.ndjson` in the folder of a node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) node: String,
    pub(super) boot: String,
    pub(super) segment: String,
}

/// A segment that is being tailed.
#[derive(Debug)]
pub(super) struct Segment {
    file: File,
    pub(super) lines: Lines,
    /// Everything before this offset is durable in every buffer.
    pub(super) durable: u64,
    /// It is complete and read to its end, which is here.
    pub(super) finished: Option<u64>,
}

// === impl Name ===

impl Name {
    /// The name of this file, if it is a segment.
    pub(super) fn of(node: &str, file: &str) -> Option<Self> {
        let stem = file
            .strip_suffix(telemetry::spool::EXTENSION)?
            .strip_suffix('.')?;
        let (boot, segment) = stem.rsplit_once('-')?;
        (!boot.is_empty() && !segment.is_empty()).then(|| Self {
            node: node.to_owned(),
            boot: boot.to_owned(),
            segment: segment.to_owned(),
        })
    }

    pub(super) fn path(&self, dir: &Path) -> PathBuf {
        dir.join(&self.node).join(self.file())
    }

    fn file(&self) -> String {
        format!("{}-{}.{}", self.boot, self.segment, telemetry::spool::EXTENSION)
    }

    /// The name in the checkpoint file.
    pub(super) fn key(&self) -> String {
        format!("{}/{}", self.node, self.file())
    }

    /// The id of the record at this offset.
    pub(super) fn record_id(&self, offset: u64) -> String {
        format!("{}/{}/{}/{offset}", self.node, self.boot, self.segment)
    }

    /// Whether nobody will append to it: `later` stands beside it. Of the same boot, that is certain. Of
    /// another one, the process could still be on its way out (or the machine has another with its number), so
    /// it must be gone or have been silent.
    pub(super) fn is_complete(&self, later: Option<&Self>, dir: &Path) -> bool {
        let Some(later) = later.filter(|later| later.node == self.node) else {
            return false;
        };
        if later.boot == self.boot {
            return true;
        }
        let pid = self.boot.rsplit_once('-').map(|(_, pid)| pid).unwrap_or_default();
        let gone = pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists();
        gone || self
            .path(dir)
            .metadata()
            .and_then(|data| data.modified())
            .is_ok_and(|modified| {
                SystemTime::now()
                    .duration_since(modified)
                    .is_ok_and(|age| age > ABANDONED)
            })
    }
}

// === impl Segment ===

impl Segment {
    /// Opens the segment to read on from `offset`.
    pub(super) fn open(path: &Path, offset: u64, max_line_bytes: usize) -> io::Result<Self> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(Self {
            file,
            lines: Lines::new(offset, max_line_bytes),
            durable: offset,
            finished: None,
        })
    }

    /// Reads one more chunk; false when there is no more at the moment.
    pub(super) fn read(&mut self, chunk: &mut [u8]) -> io::Result<bool> {
        let length = self.file.read(chunk)?;
        if length > 0 {
            self.lines.push(&chunk[..length]);
        }
        Ok(length > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_node_boot_and_segment() {
        let name = Name::of("guilds-0", "1795513611123-77-000012.ndjson").unwrap();
        assert_eq!(name.record_id(4711), "guilds-0/1795513611123-77/000012/4711");
        assert_eq!(name.key(), "guilds-0/1795513611123-77-000012.ndjson");
        assert_eq!(Name::of("n", "notes.txt"), None);
        assert_eq!(Name::of("n", "x.ndjson"), None);
    }

    #[test]
    fn a_segment_is_complete_once_a_later_one_of_its_boot_stands_beside_it() {
        let dir = Path::new("/nowhere");
        let own = std::process::id();
        let at = |node: &str, boot: String, segment: &str| {
            Name::of(node, &format!("{boot}-{segment}.ndjson")).unwrap()
        };
        let first = at("n", format!("1-{own}"), "000000");
        assert!(first.is_complete(Some(&at("n", format!("1-{own}"), "000001")), dir));
        assert!(
            !first.is_complete(Some(&at("n", "2-1".into(), "000000")), dir),
            "it is alive"
        );
        assert!(!first.is_complete(Some(&at("o", format!("1-{own}"), "000001")), dir));
        assert!(!first.is_complete(None, dir));
        let dead = at("n", "1-4294967295".into(), "000000");
        assert!(dead.is_complete(Some(&at("n", "2-1".into(), "000000")), dir));
    }
}

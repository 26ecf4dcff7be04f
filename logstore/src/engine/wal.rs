//! The write-ahead log of one index: segments of records, appended to by one writer, synced in groups.
//!
//! ```text
//! wal/00000000000000000007.log    older segments, whole
//! wal/00000000000000000008.log    the segment that is written to
//! ```
//! A [`Position`] is a segment and an offset. Everything before the position in tantivy's last commit is in
//! tantivy; everything after it is replayed on opening. Segments before it are deleted.
//!
//! [`Wal`] appends (its owner holds the index's write lock). [`Syncer`] makes appended bytes durable and is
//! shared: whoever syncs first syncs for all who wrote before, the others find their work done.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::warn;

use super::frame::{self, Frame, Read};

/// A segment is closed at a commit once it is this large. It is also what the log of a quiet index may weigh: a
/// segment goes with the first commit after it was closed.
const SEGMENT_BYTES: u64 = 4 << 20;

/// A place in the log.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize,
)]
pub struct Position {
    /// The segment.
    pub segment: u64,
    /// The offset in it.
    pub offset: u64,
}

/// The appending half.
#[derive(Debug)]
pub struct Wal {
    folder: PathBuf,
    file: Arc<File>,
    end: Position,
    syncer: Arc<Syncer>,
    /// A failed append could not be undone: what follows it would be lost at a replay.
    broken: bool,
    damage: Vec<String>,
}

/// The syncing half.
#[derive(Debug)]
pub struct Syncer {
    /// Up to where the log is durable. Held during an fsync, so that those who wait form the next group.
    durable: Mutex<Result<Position, String>>,
    /// Up to where the log is written, and the file that holds its end.
    written: Mutex<(Position, Arc<File>)>,
}

fn segment_path(folder: &Path, segment: u64) -> PathBuf {
    folder.join(format!("{segment:020}.log"))
}

/// The segments in a folder, in order.
fn segments(folder: &Path) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number: Option<u64> = name
            .to_str()
            .and_then(|name| name.strip_suffix(".log"))
            .and_then(|name| name.parse().ok());
        found.extend(number);
    }
    found.sort_unstable();
    Ok(found)
}

// === impl Wal ===

impl Wal {
    /// Opens the log in `folder` and gives every record from `from` on to `replay`, in order.
    ///
    /// A torn end of the last segment is cut off with a warning: its write was never acknowledged. A corrupt record
    /// anywhere else is skipped: the segment is kept aside in the index's folder for damage, and the replay goes on
    /// with the next record that passes its checksum.
    pub fn open(
        folder: &Path,
        from: Position,
        mut replay: impl FnMut(Frame) -> io::Result<()>,
    ) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        if let Some(parent) = folder.parent() {
            File::open(parent)?.sync_all()?;
        }
        let found = segments(folder)?;
        let mut damage = Vec::new();
        let last = found.last().copied().unwrap_or(from.segment).max(from.segment);
        for segment in found.iter().copied().filter(|segment| *segment >= from.segment) {
            let offset = if segment == from.segment { from.offset } else { 0 };
            damage.extend(replay_segment(
                folder,
                segment,
                offset,
                segment == last,
                &mut replay,
            )?);
        }
        for segment in found.into_iter().filter(|segment| *segment < from.segment) {
            std::fs::remove_file(segment_path(folder, segment))?;
        }
        let (file, length) = open_segment(folder, last)?;
        // After a power failure the log may be shorter than what tantivy committed; nothing is missing then,
        // but new records must not come before the committed position.
        let (file, end) = if last == from.segment && length < from.offset {
            (
                open_segment(folder, last + 1)?.0,
                Position {
                    segment: last + 1,
                    offset: 0,
                },
            )
        } else {
            (
                file,
                Position {
                    segment: last,
                    offset: length,
                },
            )
        };
        let file = Arc::new(file);
        file.sync_data()?;
        let syncer = Arc::new(Syncer {
            durable: Mutex::new(Ok(end)),
            written: Mutex::new((end, Arc::clone(&file))),
        });
        Ok(Self {
            folder: folder.to_owned(),
            file,
            end,
            syncer,
            broken: false,
            damage,
        })
    }

    /// What was found damaged when the log was opened.
    pub fn damage(&self) -> &[String] {
        &self.damage
    }

    /// The half that makes appended records durable.
    pub fn syncer(&self) -> Arc<Syncer> {
        Arc::clone(&self.syncer)
    }

    /// The end of the log.
    pub fn end(&self) -> Position {
        self.end
    }

    /// Appends whole records. On an error the log is as it was before.
    pub fn append(&mut self, records: &[u8]) -> io::Result<Position> {
        if self.broken {
            return Err(io::Error::other(
                "an earlier append failed halfway and could not be undone, the log is closed until a restart",
            ));
        }
        if let Err(error) = (&*self.file).write_all(records) {
            // Half a record in the middle of the log would hide what comes after it.
            let undone = self
                .file
                .set_len(self.end.offset)
                .and_then(|()| (&*self.file).seek(SeekFrom::Start(self.end.offset)));
            self.broken = undone.is_err();
            return Err(error);
        }
        self.end.offset += records.len() as u64;
        self.syncer.wrote(self.end, &self.file);
        Ok(self.end)
    }

    /// Starts a new segment when the present one is large. What was written before is durable afterwards.
    pub fn rotate_if_large(&mut self) -> io::Result<()> {
        if self.end.offset < SEGMENT_BYTES {
            return Ok(());
        }
        self.syncer.sync(self.end)?;
        let segment = self.end.segment + 1;
        let (file, _) = open_segment(&self.folder, segment)?;
        self.file = Arc::new(file);
        self.end = Position { segment, offset: 0 };
        self.syncer.wrote(self.end, &self.file);
        Ok(())
    }

    /// Reads every record from a position on, without touching the log.
    pub fn frames_from(&self, from: Position) -> io::Result<Vec<Frame>> {
        let mut frames = Vec::new();
        for segment in segments(&self.folder)?
            .into_iter()
            .filter(|segment| *segment >= from.segment)
        {
            let bytes = std::fs::read(segment_path(&self.folder, segment))?;
            let start = if segment == from.segment {
                usize::try_from(from.offset).unwrap_or(usize::MAX)
            } else {
                0
            };
            let mut rest = bytes.get(start..).unwrap_or_default();
            while let Read::Frame(frame, length) = frame::read(rest) {
                frames.push(frame);
                rest = &rest[length..];
            }
        }
        Ok(frames)
    }

    /// Deletes the segments that lie wholly before a committed position.
    pub fn delete_before(&self, committed: Position) -> io::Result<()> {
        for segment in segments(&self.folder)? {
            if segment < committed.segment {
                std::fs::remove_file(segment_path(&self.folder, segment))?;
            }
        }
        Ok(())
    }
}

fn open_segment(folder: &Path, segment: u64) -> io::Result<(File, u64)> {
    let path = segment_path(folder, segment);
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)?;
    let length = file.seek(SeekFrom::End(0))?;
    File::open(folder)?.sync_all()?;
    Ok((file, length))
}

fn replay_segment(
    folder: &Path,
    segment: u64,
    from: u64,
    is_last: bool,
    replay: &mut impl FnMut(Frame) -> io::Result<()>,
) -> io::Result<Option<String>> {
    let path = segment_path(folder, segment);
    let mut bytes = Vec::new();
    let mut file = OpenOptions::new().read(true).write(true).open(&path)?;
    file.seek(SeekFrom::Start(from))?;
    file.read_to_end(&mut bytes)?;
    let (mut at, mut skipped) = (0, 0);
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        match frame::read(rest) {
            Read::Frame(frame, length) => {
                replay(frame)?;
                at += length;
            }
            Read::End => break,
            torn_or_corrupt => {
                let next = frame::next(rest);
                let offset = from + at as u64;
                if next.is_none() && is_last && torn_or_corrupt == Read::Torn {
                    warn!(
                        file.path = %path.display(),
                        offset,
                        lost_bytes = rest.len(),
                        "torn end of the write-ahead log cut off"
                    );
                    file.set_len(offset)?;
                    file.sync_all()?;
                    break;
                }
                if skipped == 0 {
                    keep_aside(folder, &path)?;
                }
                let length = next.unwrap_or(rest.len());
                skipped += length;
                tracing::error!(
                    event.action = "wal-damaged",
                    file.path = %path.display(),
                    offset,
                    lost_bytes = length,
                    "write-ahead log record fails its checksum, it is kept aside and not replayed"
                );
                metrics::counter!("logstore_wal_lost_bytes_total").increment(length as u64);
                at += length;
                if next.is_none() {
                    // What is appended later must follow a whole record.
                    file.set_len(offset)?;
                    file.sync_all()?;
                    break;
                }
            }
        }
    }
    Ok((skipped > 0).then(|| {
        format!(
            "{skipped} bytes of the write-ahead log {} failed their checksum and were not replayed",
            path.display()
        )
    }))
}

/// Copies a damaged segment to where an index keeps what is damaged.
fn keep_aside(folder: &Path, path: &Path) -> io::Result<()> {
    let aside = folder.parent().unwrap_or(folder).join(super::damage::FOLDER);
    std::fs::create_dir_all(&aside)?;
    let name = path.file_name().unwrap_or_default();
    std::fs::copy(path, aside.join(name).with_extension("wal")).map(|_| ())
}

// === impl Syncer ===

impl Syncer {
    /// Up to where the log is written, durable or not.
    pub fn written(&self) -> Position {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    fn wrote(&self, end: Position, file: &Arc<File>) {
        *self.written.lock().unwrap_or_else(PoisonError::into_inner) = (end, Arc::clone(file));
    }

    /// Returns once everything up to `upto` is durable.
    ///
    /// After one failed fsync the log stays failed: the kernel may have dropped the pages, and a later fsync
    /// that succeeds would prove nothing.
    pub fn sync(&self, upto: Position) -> io::Result<()> {
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        match &*durable {
            Ok(position) if *position >= upto => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(io::Error::other(error.clone())),
        }
        let (written, file) = {
            let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
            (written.0, Arc::clone(&written.1))
        };
        match file.sync_data() {
            Ok(()) => {
                *durable = Ok(written);
                Ok(())
            }
            Err(error) => {
                *durable = Err(format!(
                    "the write-ahead log could not be synced and is closed until a restart: {error}"
                ));
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(seq_no: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        frame::write(&mut bytes, seq_no, 1, "id", Some(b"{}"));
        bytes
    }

    fn replayed(folder: &Path, from: Position) -> (Wal, Vec<u64>) {
        let mut seen = Vec::new();
        let wal = Wal::open(folder, from, |frame| {
            seen.push(frame.seq_no);
            Ok(())
        })
        .unwrap();
        (wal, seen)
    }

    #[test]
    fn records_replay_in_order_from_the_committed_position() {
        let folder = tempfile::tempdir().unwrap();
        let (mut wal, seen) = replayed(folder.path(), Position::default());
        assert!(seen.is_empty());
        let first = wal.append(&record(1)).unwrap();
        let end = wal.append(&record(2)).unwrap();
        wal.syncer().sync(end).unwrap();
        drop(wal);
        assert_eq!(replayed(folder.path(), Position::default()).1, [1, 2]);
        assert_eq!(replayed(folder.path(), first).1, [2]);
        assert!(replayed(folder.path(), end).1.is_empty());
    }

    #[test]
    fn a_torn_end_is_cut_off_and_the_log_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let (mut wal, _) = replayed(folder.path(), Position::default());
        wal.append(&record(1)).unwrap();
        let torn = record(2);
        wal.append(&torn[..torn.len() - 1]).unwrap();
        drop(wal);
        let (mut wal, seen) = replayed(folder.path(), Position::default());
        assert_eq!(seen, [1]);
        wal.append(&record(3)).unwrap();
        drop(wal);
        assert_eq!(replayed(folder.path(), Position::default()).1, [1, 3]);
    }

    #[test]
    fn a_corrupt_record_is_skipped_and_its_segment_kept_aside() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("wal");
        let (mut wal, _) = replayed(&folder, Position::default());
        let first = wal.append(&record(1)).unwrap();
        wal.append(&record(2)).unwrap();
        wal.append(&record(3)).unwrap();
        drop(wal);
        let path = segment_path(&folder, 0);
        let whole = std::fs::read(&path).unwrap();
        // In the length, in the checksum, in the payload.
        for byte in [1, 5, frame::HEADER + 3] {
            let mut bytes = whole.clone();
            bytes[usize::try_from(first.offset).unwrap() + byte] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            let (wal, seen) = replayed(&folder, Position::default());
            assert_eq!(seen, [1, 3], "byte {byte}");
            assert_eq!(wal.damage().len(), 1);
        }
        assert!(
            folder
                .parent()
                .unwrap()
                .join("damaged/00000000000000000000.wal")
                .exists()
        );
    }

    #[test]
    fn a_log_shorter_than_what_was_committed_starts_a_new_segment() {
        let folder = tempfile::tempdir().unwrap();
        let (mut wal, seen) = replayed(
            folder.path(),
            Position {
                segment: 4,
                offset: 100,
            },
        );
        assert!(seen.is_empty());
        assert_eq!(
            wal.end(),
            Position {
                segment: 5,
                offset: 0
            }
        );
        wal.append(&record(9)).unwrap();
        drop(wal);
        assert_eq!(
            replayed(
                folder.path(),
                Position {
                    segment: 4,
                    offset: 100
                }
            )
            .1,
            [9]
        );
    }
}

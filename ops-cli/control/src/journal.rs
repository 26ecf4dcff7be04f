//! The control plane's journal: one fsynced file of JSON lines, intent before action.
//!
//! A line counts when its line end is there; a torn last line (a crash in mid-write) was never answered to
//! anybody and is cut off. A bad line before the last means that somebody else wrote into the file: then it is
//! not guessed at, and the control plane does not start. Compacted when it is opened.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use chat_proto::{Generation, Member, NodeName};
use serde::{Deserialize, Serialize};

use crate::operation::Run;

/// One line of the journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Record {
    /// The generation as of here, where no member says it (compaction).
    Generation(Generation),
    /// A member came or changed.
    Put {
        /// The generation from then on.
        generation: Generation,
        /// The member.
        member: Member,
    },
    /// A member went.
    Remove {
        /// The generation from then on.
        generation: Generation,
        /// The member's name.
        node: NodeName,
    },
    /// An operation, as it is from then on.
    Operation(Box<Run>),
}

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The system said no.
    #[error("cannot {action} the journal {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Which file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// A line is not ours.
    #[error(
        "line {line} of the journal {path} cannot be understood ({reason}); move the file away to start anew"
    )]
    Corrupt {
        /// Which file.
        path: String,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

/// The open journal. Cheap to share; appends are one after another.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    file: Arc<Mutex<File>>,
    path: Arc<Path>,
}

// === impl Journal ===

impl Journal {
    /// What the journal at `path` holds; a torn last line is left out.
    pub(crate) fn read(path: &Path) -> Result<Vec<Record>, JournalError> {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(io_error("read", path)(error)),
        };
        let whole = text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        text[..whole]
            .split(|byte| *byte == b'\n')
            .enumerate()
            .filter(|(_, line)| !line.is_empty())
            .map(|(index, line)| {
                serde_json::from_slice(line).map_err(|error| JournalError::Corrupt {
                    path: path.display().to_string(),
                    line: index + 1,
                    reason: error.to_string(),
                })
            })
            .collect()
    }

    /// Writes the journal anew with `records`, whole or not at all, and opens it for more.
    pub(crate) fn compact(path: &Path, records: &[Record]) -> Result<Self, JournalError> {
        let new = path.with_extension("new");
        let write = || -> io::Result<File> {
            let mut file = File::create(&new)?;
            file.write_all(&lines(records)?)?;
            file.sync_all()?;
            std::fs::rename(&new, path)?;
            // The name too must survive a power cut.
            File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
            File::options().append(true).open(path)
        };
        let file = write().map_err(io_error("write", path))?;
        Ok(Self {
            file: Arc::new(Mutex::new(file)),
            path: path.into(),
        })
    }

    /// Appends records; they are on the disk when this returns.
    pub(crate) async fn append(&self, records: Vec<Record>) -> Result<(), JournalError> {
        let this = self.clone();
        let written = tokio::task::spawn_blocking(move || {
            let lines = lines(&records)?;
            let mut file = this.file.lock().unwrap_or_else(PoisonError::into_inner);
            let whole = file.metadata()?.len();
            let outcome = file.write_all(&lines).and_then(|()| file.sync_data());
            if outcome.is_err() {
                // Half a line must not stay in front of the next one.
                file.set_len(whole)?;
            }
            outcome
        });
        written
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)))
            .map_err(io_error("append to", &self.path))
    }
}

fn lines(records: &[Record]) -> io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for record in records {
        serde_json::to_writer(&mut lines, record)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> JournalError {
    let path: PathBuf = path.to_owned();
    move |source| JournalError::Io {
        action,
        path: path.display().to_string(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn generations(records: &[Record]) -> Vec<u64> {
        records
            .iter()
            .map(|record| match record {
                Record::Generation(generation) => generation.0,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[tokio::test]
    async fn what_was_appended_is_read_again_after_what_it_was_compacted_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.ndjson");
        let journal = Journal::compact(&path, &[Record::Generation(Generation(7))]).unwrap();
        journal
            .append(vec![Record::Generation(Generation(8))])
            .await
            .unwrap();
        assert_eq!(generations(&Journal::read(&path).unwrap()), [7, 8]);
    }

    #[test]
    fn a_bad_line_in_the_middle_is_not_guessed_at() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.ndjson");
        std::fs::write(&path, "{\"generation\":1}\nnonsense\n{\"generation\":2}\n").unwrap();
        let error = Journal::read(&path).unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
    }

    proptest! {
        #[test]
        fn cut_anywhere_it_reads_as_a_prefix(count in 1_u64..20, cut in 0_usize..400) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("journal.ndjson");
            let records: Vec<Record> = (0..count).map(|n| Record::Generation(Generation(n))).collect();
            drop(Journal::compact(&path, &records).unwrap());
            let text = std::fs::read(&path).unwrap();
            let cut = cut.min(text.len());
            std::fs::write(&path, &text[..cut]).unwrap();
            let read = generations(&Journal::read(&path).unwrap());
            let whole = text[..cut].iter().filter(|byte| **byte == b'\n').count();
            prop_assert_eq!(read, (0..whole as u64).collect::<Vec<_>>());
        }
    }
}

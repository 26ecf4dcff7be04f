//! The dead-letter files of a sink: events that it refuses for good, each with the reason.
//!
//! ```text
//! DATA/dead-letter/<sink>.ndjson               appended to
//!                  <sink>.000001.ndjson        full ones, the oldest first
//!                  <sink>.ndjson.replaying     taken by `punt replay`, which is at work or was killed
//!                  <sink>.lock                 held while a file is appended to or renamed
//! ```
//!
//! All of them together have a bound. A line is on stable storage before the buffer's position moves over its event.
//! After a crash an event may stand here twice, with the same index and `_id`: a replay sends it once.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use punt_elastic::Rejection;

use super::letter;

/// The dead-letter files of one sink.
#[derive(Debug)]
pub(crate) struct DeadLetter {
    folder: PathBuf,
    sink: String,
    max_bytes: u64,
    rotate_bytes: u64,
}

/// The files are ours as long as this is there.
#[derive(Debug)]
pub(super) struct Locked {
    _file: File,
}

// === impl DeadLetter ===

impl DeadLetter {
    /// The files in `folder`, which is created when missing.
    pub(crate) fn open(folder: &Path, sink: &str, max_bytes: u64, rotate_bytes: u64) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            sink: sink.to_owned(),
            max_bytes,
            rotate_bytes,
        })
    }

    /// Appends these items, as they stood in the buffer, and syncs. Gives how many had room.
    pub(crate) fn write(&mut self, rejected: &[(Bytes, Rejection)]) -> io::Result<u64> {
        let _locked = lock(&self.folder, &self.sink)?;
        let mut taken: u64 = 0;
        for path in files(&self.folder, &self.sink)? {
            taken += std::fs::metadata(&path).map_or(0, |data| data.len());
        }
        let path = current(&self.folder, &self.sink);
        if self.rotate_bytes > 0 && std::fs::metadata(&path).map_or(0, |data| data.len()) >= self.rotate_bytes
        {
            self.rotate(&path)?;
        }
        let mut lines = Vec::new();
        let mut written = 0;
        for (item, rejection) in rejected {
            let start = lines.len();
            letter::write(&mut lines, item, rejection);
            if taken + lines.len() as u64 > self.max_bytes {
                lines.truncate(start);
                break;
            }
            written += 1;
        }
        if written > 0 {
            append(&path, &lines)?;
        }
        Ok(written)
    }

    fn rotate(&self, path: &Path) -> io::Result<()> {
        let number = |path: &PathBuf| {
            let name = path.file_name()?.to_str()?;
            name.strip_prefix(&self.sink)?
                .strip_prefix('.')?
                .split('.')
                .next()?
                .parse::<u64>()
                .ok()
        };
        let last = files(&self.folder, &self.sink)?
            .iter()
            .filter_map(number)
            .max()
            .unwrap_or_default();
        std::fs::rename(
            path,
            self.folder.join(format!("{}.{:06}.ndjson", self.sink, last + 1)),
        )?;
        File::open(&self.folder)?.sync_all()
    }
}

/// The file that is appended to.
pub(super) fn current(folder: &Path, sink: &str) -> PathBuf {
    folder.join(format!("{sink}.ndjson"))
}

/// All files of a sink, the oldest first.
pub(super) fn files(folder: &Path, sink: &str) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        if sink_of(&entry.path()).as_deref() == Some(sink) {
            found.push(entry.path());
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The sink whose dead letters are in this file, by its name. (The name of a sink has no dot.)
pub(super) fn sink_of(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let name = name
        .strip_suffix(".replaying")
        .unwrap_or(name)
        .strip_suffix(".ndjson")?;
    match name.split_once('.') {
        None => Some(name.to_owned()),
        Some((sink, number)) => number
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| sink.to_owned()),
    }
}

/// Waits until nobody else appends to or renames the files of this sink.
pub(super) fn lock(folder: &Path, sink: &str) -> io::Result<Locked> {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join(format!("{sink}.lock")))?;
    file.lock()?;
    Ok(Locked { _file: file })
}

/// Appends whole lines and syncs; nothing of them stays when that fails.
pub(super) fn append(path: &Path, lines: &[u8]) -> io::Result<()> {
    let new = !path.exists();
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    let length = file.metadata()?.len();
    if let Err(error) = file.write_all(lines).and_then(|()| file.sync_data()) {
        // A torn line must not stand before the next one.
        drop(file.set_len(length));
        let path = path.display();
        return Err(io::Error::new(
            error.kind(),
            format!("cannot write {path}: {error}"),
        ));
    }
    match path.parent() {
        Some(folder) if new => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected() -> (Bytes, Rejection) {
        let item = Bytes::from_static(b"{\"create\":{\"_id\":\"a\"}}\n{\"message\":\"x\"}\n");
        let rejection = Rejection {
            status: 400,
            kind: "document_parsing_exception".into(),
            reason: "say \"no\"".into(),
        };
        (item, rejection)
    }

    #[test]
    fn a_line_holds_what_was_sent_and_why_it_was_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = DeadLetter::open(folder.path(), "es", 10_000, 0).unwrap();
        assert_eq!(file.write(&[rejected(), rejected()]).unwrap(), 2);
        let text = std::fs::read_to_string(folder.path().join("es.ndjson")).unwrap();
        let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(line["document"]["message"], "x");
        assert_eq!(line["action"]["create"]["_id"], "a");
        assert_eq!(line["error.message"], "say \"no\"");
        assert_eq!(text.lines().count(), 2);
    }

    #[test]
    fn full_files_are_put_aside_and_all_together_have_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = DeadLetter::open(folder.path(), "es", 1000, 300).unwrap();
        let mut written = 0;
        for _ in 0..20 {
            written += file.write(&[rejected()]).unwrap();
        }
        let files = files(folder.path(), "es").unwrap();
        assert!(files.len() > 1, "{files:?}");
        let bytes: u64 = files.iter().map(|path| path.metadata().unwrap().len()).sum();
        assert!(bytes <= 1000);
        let lines: usize = files
            .iter()
            .map(|path| std::fs::read_to_string(path).unwrap().lines().count())
            .sum();
        assert_eq!(lines as u64, written);
        assert_eq!(
            file.write(&[rejected()]).unwrap(),
            0,
            "a full one takes no more, and says so"
        );
    }

    #[test]
    fn a_file_names_its_sink() {
        for (name, sink) in [
            ("es.ndjson", Some("es")),
            ("es.000012.ndjson", Some("es")),
            ("es.ndjson.replaying", Some("es")),
            ("es.000012.ndjson.replaying", Some("es")),
            ("es.lock", None),
            ("es.old.ndjson", None),
        ] {
            assert_eq!(sink_of(Path::new(name)).as_deref(), sink, "{name}");
        }
    }
}

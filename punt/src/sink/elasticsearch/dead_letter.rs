//! The dead-letter file: events that the engine refuses for good, each with the reason, one JSON object a line.
//!
//! ```text
//! DATA/dead-letter/<sink>.ndjson
//! {"@timestamp":..,"status":400,"error.type":..,"error.message":..,"action":{"create":{..}},"document":{..}}
//! ```
//!
//! Action and document are what was sent, so the file can be replayed. After a crash an event may stand in it
//! twice, with the same `_id`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use punt_elastic::Rejection;

use crate::event::Document;

/// An open dead-letter file.
#[derive(Debug)]
pub(crate) struct DeadLetter {
    file: File,
    path: PathBuf,
    bytes: u64,
    max_bytes: u64,
}

// === impl DeadLetter ===

impl DeadLetter {
    pub(crate) fn open(path: &Path, max_bytes: u64) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self {
            file,
            path: path.to_owned(),
            bytes,
            max_bytes,
        })
    }

    /// Appends these items, as they stood in the bulk body, and syncs. Gives how many had room.
    pub(crate) fn write(&mut self, rejected: &[(Bytes, Rejection)]) -> io::Result<u64> {
        let mut lines = Vec::new();
        let mut written = 0;
        // A predecessor that this sink replaced may have written after this one was opened.
        self.bytes = self.file.metadata()?.len();
        for (item, rejection) in rejected {
            let start = lines.len();
            line(&mut lines, item, rejection);
            if self.bytes + lines.len() as u64 > self.max_bytes {
                lines.truncate(start);
                break;
            }
            written += 1;
        }
        if let Err(error) = self.file.write_all(&lines).and_then(|()| self.file.sync_data()) {
            // A torn line must not stand before the next one.
            drop(self.file.set_len(self.bytes));
            let path = self.path.display();
            return Err(io::Error::new(
                error.kind(),
                format!("cannot write {path}: {error}"),
            ));
        }
        self.bytes += lines.len() as u64;
        Ok(written)
    }
}

fn line(out: &mut Vec<u8>, item: &[u8], rejection: &Rejection) {
    let mut parts = item.splitn(2, |byte| *byte == b'\n');
    let action = parts.next().unwrap_or_default();
    let document = parts.next().unwrap_or_default();
    let mut line = Document::at(out, jiff::Timestamp::now());
    line.number("status", rejection.status.into());
    line.text("error.type", &rejection.kind);
    line.text("error.message", &rejection.reason);
    line.raw("action", action);
    line.raw("document", document.trim_ascii_end());
    line.end();
    out.push(b'\n');
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
        let path = folder.path().join("dead-letter").join("es.ndjson");
        let mut file = DeadLetter::open(&path, 10_000).unwrap();
        assert_eq!(file.write(&[rejected(), rejected()]).unwrap(), 2);
        let text = std::fs::read_to_string(&path).unwrap();
        let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(line["document"]["message"], "x");
        assert_eq!(line["action"]["create"]["_id"], "a");
        assert_eq!(line["error.message"], "say \"no\"");
        assert_eq!(text.lines().count(), 2);
    }

    #[test]
    fn a_full_file_takes_no_more_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = DeadLetter::open(&folder.path().join("es.ndjson"), 300).unwrap();
        assert_eq!(file.write(&[rejected(), rejected()]).unwrap(), 1);
        assert_eq!(file.write(&[rejected()]).unwrap(), 0);
    }
}

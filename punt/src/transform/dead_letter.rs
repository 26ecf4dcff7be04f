//! Where events go that a transform failed on with `on_failure = "dead_letter"`, each with the reason, one JSON object
//! a line.
//!
//! ```text
//! DATA/dead-letter/transform-NAME.ndjson
//! {"@timestamp":..,"error.type":"transform_failed","error.message":..,"transform":..,"id":..,"document":{..}}
//! ```

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::event::Document;

/// Bytes that one file may have; what finds no room is counted as dropped.
const MAX_BYTES: u64 = 256 << 20;

/// An open file.
pub(crate) struct DeadLetter(Mutex<(File, u64)>);

// === impl DeadLetter ===

impl DeadLetter {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self(Mutex::new((file, bytes))))
    }

    /// Writes one line, for [`DeadLetter::append`].
    pub(super) fn line(out: &mut Vec<u8>, transform: &str, reason: &str, id: &[u8], document: &[u8]) {
        let mut line = Document::at(out, jiff::Timestamp::now());
        line.text("error.type", "transform_failed");
        line.text("error.message", reason);
        line.text("transform", transform);
        line.text("id", &String::from_utf8_lossy(id));
        line.raw("document", document);
        line.end();
        out.push(b'\n');
    }

    /// Appends lines and syncs them. False: the file is full.
    pub(super) fn append(&self, lines: &[u8]) -> io::Result<bool> {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, bytes) = &mut *guard;
        if *bytes + lines.len() as u64 > MAX_BYTES {
            return Ok(false);
        }
        if let Err(error) = file.write_all(lines).and_then(|()| file.sync_data()) {
            // A torn line must not stand before the next one.
            drop(file.set_len(*bytes));
            return Err(error);
        }
        *bytes += lines.len() as u64;
        Ok(true)
    }
}

//! The `file` sink: a line an event, appended to a file that is rotated by size and by age.
//!
//! ```text
//! events.ndjson                          written to
//! events.ndjson.20261124T094651123456Z   full; the last part is when it was put aside
//! ```
//!
//! Events count as delivered once they are written (and, with `fsync`, on stable storage). A line that was torn by a
//! crash is cut off at the next start. What was written and not yet acknowledged when punt was killed is written
//! again: a file, unlike an engine, does not know ids.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use jiff::Timestamp;
use punt_elastic::{Rejection, Verdict};
use serde::Deserialize;
use tracing::info;

use super::failure::Failure;
use super::item::Item;
use super::target::all_stored;
use crate::buffer::Payloads;
use crate::config::{Encoding, FileSinkConfig};

/// How far back the end of a file is searched for its last whole line, at a time.
const CHUNK: u64 = 64 << 10;

/// The form of the time in the name of a full file.
const ASIDE: &str = "%Y%m%dT%H%M%S%6fZ";

/// The file of a sink.
#[derive(Debug)]
pub(crate) struct FileTarget {
    config: FileSinkConfig,
    /// Opened with the first event: until then a predecessor, which a reload replaces, may be writing.
    open: Mutex<Option<Open>>,
}

/// What of a document is the line of a text file.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    message: Cow<'a, str>,
}

#[derive(Debug)]
struct Open {
    file: File,
    bytes: u64,
    since: SystemTime,
}

// === impl FileTarget ===

impl FileTarget {
    pub(super) fn open(config: &FileSinkConfig) -> anyhow::Result<Self> {
        let context = || format!("opening {}", config.path.display());
        if let Some(folder) = config
            .path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            std::fs::create_dir_all(folder).with_context(context)?;
        }
        // What cannot be written is known at start.
        drop(
            OpenOptions::new()
                .append(true)
                .create(true)
                .open(&config.path)
                .with_context(context)?,
        );
        Ok(Self {
            config: config.clone(),
            open: Mutex::new(None),
        })
    }

    pub(super) fn send(&self, items: &Payloads) -> Result<Vec<Verdict>, Failure> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let written = tokio::task::block_in_place(|| {
            let opened = match open.take() {
                Some(opened) => Ok(opened),
                None => Open::new(&self.config.path),
            };
            match opened {
                Ok(opened) => self.write(open.insert(opened), items),
                Err(error) => (0, Err(error)),
            }
        });
        match written {
            (_, Ok(())) => Ok(all_stored(items)),
            (0, Err(error)) => Err(Failure::here(format!(
                "cannot write {}: {error}",
                self.config.path.display()
            ))),
            // Those before are in a full file already, and must not be written again.
            (count, Err(error)) => Ok((0..items.len())
                .map(|number| match number < count {
                    true => Verdict::Stored,
                    false => Verdict::Retry(Rejection {
                        status: 0,
                        kind: "io_error".to_owned(),
                        reason: error.to_string(),
                    }),
                })
                .collect()),
        }
    }

    /// Writes the items, in as many files as they fill; gives how many are written.
    fn write(&self, open: &mut Open, items: &Payloads) -> (usize, io::Result<()>) {
        let mut lines = Vec::with_capacity(items.bytes());
        let (mut done, mut pending) = (0, 0);
        for payload in items.iter() {
            let start = lines.len();
            encode(&mut lines, payload, self.config.encoding);
            let limit = self.config.rotate_bytes;
            if limit > 0 && start > 0 && open.bytes + lines.len() as u64 > limit {
                let next = lines.split_off(start);
                if let Err(error) = self.append(open, &lines) {
                    return (done, Err(error));
                }
                done += pending;
                (lines, pending) = (next, 0);
            }
            pending += 1;
        }
        (done, self.append(open, &lines))
    }

    fn append(&self, open: &mut Open, lines: &[u8]) -> io::Result<()> {
        let config = &self.config;
        let full = config.rotate_bytes > 0 && open.bytes + lines.len() as u64 > config.rotate_bytes;
        let age = open.since.elapsed().unwrap_or_default();
        let old = config.rotate_every > Duration::ZERO && age >= config.rotate_every;
        if open.bytes > 0 && (full || old) {
            self.rotate(open)?;
        } else if !config.path.exists() {
            // Somebody (logrotate) took it away.
            *open = Open::new(&config.path)?;
        }
        let written = open.file.write_all(lines).and_then(|()| match config.fsync {
            true => open.file.sync_data(),
            false => Ok(()),
        });
        if written.is_err() {
            // A torn line must not stand before the next one.
            open.file.set_len(open.bytes)?;
        }
        written?;
        open.bytes += lines.len() as u64;
        Ok(())
    }

    fn rotate(&self, open: &mut Open) -> io::Result<()> {
        let path = &self.config.path;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}", Timestamp::now().strftime(ASIDE)));
        std::fs::rename(path, path.with_file_name(name))?;
        *open = Open::new(path)?;
        let mut aside = put_aside(path)?;
        aside.sort_unstable();
        let surplus = aside.len().saturating_sub(self.config.keep);
        for old in aside.drain(..surplus) {
            std::fs::remove_file(&old)?;
            info!(event.action = "file-deleted", file.path = %old.display(), "a full file beyond `keep` is deleted");
        }
        Ok(())
    }
}

/// The full files beside `path`: those whose names end in the time of a rotation, and in nothing else.
fn put_aside(path: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let own = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder.unwrap_or(Path::new(".")))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let time = name.strip_prefix(&own).and_then(|rest| rest.strip_prefix('.'));
        let is_time = |time: &str| {
            time.len() == 22
                && time.bytes().enumerate().all(|(at, byte)| match at {
                    8 => byte == b'T',
                    21 => byte == b'Z',
                    _ => byte.is_ascii_digit(),
                })
        };
        if time.is_some_and(is_time) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// One line of the file.
pub(super) fn encode(out: &mut Vec<u8>, payload: &[u8], encoding: Encoding) {
    let document = Item::read(payload).document;
    let message = match encoding {
        Encoding::Json => None,
        // A message that is no text is none.
        Encoding::Text => serde_json::from_slice::<Message<'_>>(document).ok(),
    };
    match message {
        Some(Message { message }) => out.extend_from_slice(message.as_bytes()),
        None => out.extend_from_slice(document),
    }
    out.push(b'\n');
}

// === impl Open ===

impl Open {
    fn new(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)?;
        let data = file.metadata()?;
        let mut bytes = data.len();
        if data.is_file() {
            bytes = whole_lines(&mut file, data.len())?;
            if bytes < data.len() {
                file.set_len(bytes)?;
            }
        }
        // Birth times are not known everywhere; a new file is as old as its last write.
        let since = data
            .created()
            .or_else(|_| data.modified())
            .unwrap_or(SystemTime::UNIX_EPOCH);
        Ok(Self { file, bytes, since })
    }
}

/// How many bytes the whole lines of the file take.
fn whole_lines(file: &mut File, length: u64) -> io::Result<u64> {
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(CHUNK);
        file.seek(SeekFrom::Start(start))?;
        let mut chunk = Vec::new();
        (&*file).take(end - start).read_to_end(&mut chunk)?;
        if let Some(at) = memchr::memrchr(b'\n', &chunk) {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

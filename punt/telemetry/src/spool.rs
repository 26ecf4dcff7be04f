//! The spool: append-only segments of NDJSON that punt tails and deletes.
//!
//! ```text
//! SPOOL/<boot>-<segment>.ndjson        boot = <start, unix ms, 13 digits>-<pid>; segment = 6 digits
//! ```
//!
//! Names sort by time. A process only ever appends to segments of its own boot, so a segment is complete as soon
//! as a later name stands beside it. A record's identity is `boot`, `segment` and byte offset. A record is one
//! `write(2)` of a whole line: a process that is killed leaves at most one torn line, at the end of a segment,
//! without a newline. The spool is bounded ([`SpoolSettings::max_bytes`]): what does not fit is dropped and
//! counted, and the service is never blocked; when there is room again, one record says how many were lost.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

/// The file extension of a segment.
pub const EXTENSION: &str = "ndjson";

/// How long a full spool waits before it measures the folder again.
const RECHECK: Duration = Duration::from_secs(1);

/// The bounds of a spool.
#[derive(Debug, Clone, Copy)]
pub struct SpoolSettings {
    /// A segment is closed once it has this many bytes.
    pub segment_bytes: u64,
    /// All segments together hold at most about this many bytes.
    pub max_bytes: u64,
}

/// An open spool.
#[derive(Debug)]
pub struct Spool {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    folder: PathBuf,
    boot: String,
    settings: SpoolSettings,
    segment: u64,
    file: File,
    written: u64,
    dropped: u64,
    full_since: Option<Instant>,
}

impl Default for SpoolSettings {
    fn default() -> Self {
        Self {
            segment_bytes: 8 << 20,
            max_bytes: 256 << 20,
        }
    }
}

// === impl Spool ===

impl Spool {
    /// Opens a new segment in `folder`, which is created when missing.
    pub fn open(folder: &Path, settings: SpoolSettings) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let boot = format!(
            "{:013}-{}",
            jiff::Timestamp::now().as_millisecond(),
            std::process::id()
        );
        let file = create(folder, &boot, 0)?;
        Ok(Self {
            state: Mutex::new(State {
                folder: folder.to_owned(),
                boot,
                settings,
                segment: 0,
                file,
                written: 0,
                dropped: 0,
                full_since: None,
            }),
        })
    }

    /// Writes one record. It never fails towards the caller: what cannot be written is counted as dropped.
    pub fn write(&self, record: &Map<String, Value>) {
        let Ok(mut line) = serde_json::to_vec(record) else {
            return;
        };
        line.push(b'\n');
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(reason) = state.append(&line) {
            state.dropped += 1;
            metrics::counter!("log_records_dropped_total", "reason" => reason).increment(1);
        } else if state.dropped > 0 {
            state.report_dropped(record);
        }
    }
}

// === impl State ===

impl State {
    fn append(&mut self, line: &[u8]) -> Result<(), &'static str> {
        if self.full_since.is_some_and(|since| since.elapsed() < RECHECK) {
            return Err("spool full");
        }
        if self.full_since.take().is_some() || self.written >= self.settings.segment_bytes {
            if self.used_bytes() >= self.settings.max_bytes {
                self.full_since = Some(Instant::now());
                return Err("spool full");
            }
            if self.written >= self.settings.segment_bytes {
                self.file =
                    create(&self.folder, &self.boot, self.segment + 1).map_err(|_| "spool unwritable")?;
                self.segment += 1;
                self.written = 0;
            }
        }
        self.file.write_all(line).map_err(|_| "spool unwritable")?;
        self.written += line.len() as u64;
        Ok(())
    }

    fn used_bytes(&self) -> u64 {
        let Ok(entries) = std::fs::read_dir(&self.folder) else {
            return 0;
        };
        entries
            .flatten()
            .filter_map(|entry| entry.metadata().ok())
            .map(|data| data.len())
            .sum()
    }

    /// Writes the record that says how many records were lost, in the shape of the record just written.
    fn report_dropped(&mut self, like: &Map<String, Value>) {
        let mut record = Map::new();
        for key in [
            "@timestamp",
            "log.level",
            "message",
            "ecs.version",
            "service.name",
            "service.node.name",
            "service.version",
            "event.dataset",
        ] {
            if let Some(value) = like.get(key) {
                record.insert(key.into(), value.clone());
            }
        }
        record.insert("log.level".into(), "error".into());
        record.insert("message".into(), "log records dropped".into());
        record.insert("log.logger".into(), "telemetry::spool".into());
        record.insert("event.action".into(), "log-records-dropped".into());
        record.insert("numeric_labels.dropped".into(), json!(self.dropped));
        if let Ok(mut line) = serde_json::to_vec(&record) {
            line.push(b'\n');
            if self.append(&line).is_ok() {
                self.dropped = 0;
            }
        }
    }
}

fn create(folder: &Path, boot: &str, segment: u64) -> io::Result<File> {
    let path = folder.join(format!("{boot}-{segment:06}.{EXTENSION}"));
    OpenOptions::new().append(true).create_new(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(n: usize) -> Map<String, Value> {
        Map::from_iter([
            ("message".to_owned(), json!("x".repeat(50))),
            ("n".to_owned(), json!(n)),
        ])
    }

    fn lines(folder: &Path) -> Vec<Value> {
        let mut names: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .flatten()
            .map(|e| e.path())
            .collect();
        names.sort();
        names
            .iter()
            .flat_map(|p| {
                std::fs::read_to_string(p)
                    .unwrap()
                    .lines()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            })
            .map(|l| serde_json::from_str(&l).unwrap())
            .collect()
    }

    #[test]
    fn segments_rotate_and_names_sort_in_the_order_written() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(
            folder.path(),
            SpoolSettings {
                segment_bytes: 200,
                max_bytes: 1 << 20,
            },
        )
        .unwrap();
        (0..20).for_each(|n| spool.write(&record(n)));
        assert!(std::fs::read_dir(folder.path()).unwrap().count() > 3);
        let numbers: Vec<u64> = lines(folder.path())
            .iter()
            .map(|l| l["n"].as_u64().unwrap())
            .collect();
        assert_eq!(numbers, (0..20).collect::<Vec<_>>());
    }

    #[test]
    fn a_full_spool_drops_and_later_says_how_many() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(
            folder.path(),
            SpoolSettings {
                segment_bytes: 200,
                max_bytes: 400,
            },
        )
        .unwrap();
        (0..50).for_each(|n| spool.write(&record(n)));
        let kept = lines(folder.path()).len();
        assert!(kept < 50, "the bound holds");
        for entry in std::fs::read_dir(folder.path()).unwrap().flatten() {
            std::fs::remove_file(entry.path()).unwrap();
        }
        spool.state.lock().unwrap().full_since = Instant::now().checked_sub(RECHECK);
        spool.write(&record(50));
        let after = lines(folder.path());
        let report = after
            .iter()
            .find(|l| l["event.action"] == "log-records-dropped")
            .expect("a report");
        assert_eq!(report["numeric_labels.dropped"], 50 - kept);
    }
}

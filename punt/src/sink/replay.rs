//! Sending dead letters again: what is accepted leaves the file, what is refused again stays with the new reason.
//!
//! ```text
//! logs.ndjson  --rename-->  logs.ndjson.replaying  --sent-->  what is left is appended to logs.ndjson again,
//!                                                             and the .replaying file is deleted
//! ```
//!
//! A running punt goes on appending to `logs.ndjson` meanwhile. A replay that was killed left its `.replaying` file:
//! the next one takes it up. An event that stands in a file twice, or was accepted before the kill, is known by its
//! id and stored once.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use punt_elastic::{Rejection, Retry, Verdict};

use super::backoff::Backoff;
use super::dead_letter;
use super::letter::{self, Letter};
use super::target::Target;
use crate::buffer::Payloads;

/// Sends the dead letters of one sink again.
pub(crate) struct Replay {
    target: Target,
    sink: String,
    batch_events: usize,
    batch_bytes: usize,
    retry_max: Duration,
    /// How long the other side may take nothing before the replay gives up; what is left stays in the file.
    patience: Duration,
}

/// What became of the letters.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Replayed {
    /// Lines that were read.
    pub(crate) read: u64,
    /// Events that are stored now.
    pub(crate) accepted: u64,
    /// Of these: events that were there already.
    pub(crate) duplicates: u64,
    /// Events that were refused again, or not sent any more.
    pub(crate) left: u64,
    /// Lines that are no dead letters; they stay.
    pub(crate) unreadable: u64,
    /// Lines about an event that another line was about already.
    pub(crate) repeated: u64,
}

/// A file that is being replayed.
struct Work<'a> {
    replay: &'a Replay,
    done: Replayed,
    seen: HashSet<String>,
    /// Lines that stay.
    left: Vec<u8>,
    payloads: Vec<u8>,
    ends: Vec<usize>,
    /// Why nothing more is sent.
    gave_up: Option<String>,
}

// === impl Replay ===

impl Replay {
    pub(crate) fn new(
        sink: &str,
        target: Target,
        delivery: &crate::config::DeliveryConfig,
        patience: Duration,
    ) -> Self {
        Self {
            target,
            sink: sink.to_owned(),
            batch_events: delivery.batch_events,
            batch_bytes: delivery.batch_bytes,
            retry_max: Duration::from_millis(delivery.retry_max_ms),
            patience,
        }
    }

    /// The dead-letter files of a sink, without those that only a replay in progress has.
    pub(crate) fn files(folder: &Path, sink: &str) -> io::Result<Vec<PathBuf>> {
        let mut files = dead_letter::files(folder, sink)?;
        for path in &mut files {
            if path.extension().is_some_and(|extension| extension == "replaying") {
                path.set_extension("");
            }
        }
        files.dedup();
        Ok(files)
    }

    /// The sink whose dead letters are in this file, by its name.
    pub(crate) fn sink_of(path: &Path) -> Option<String> {
        dead_letter::sink_of(path)
    }

    /// Counts the letters of a file by the reason of their refusal, and changes nothing.
    pub(crate) fn survey(path: &Path) -> anyhow::Result<(Replayed, Vec<(String, u64)>)> {
        let mut done = Replayed::default();
        let mut kinds = std::collections::BTreeMap::<String, u64>::new();
        for path in [replaying(path), path.to_owned()] {
            let Some(lines) = open(&path)? else { continue };
            for line in lines.split(b'\n') {
                let line = line.with_context(|| format!("reading {}", path.display()))?;
                if line.trim_ascii().is_empty() {
                    continue;
                }
                done.read += 1;
                match Letter::read(&line) {
                    Ok(letter) => *kinds.entry(letter.kind).or_default() += 1,
                    Err(_) => done.unreadable += 1,
                }
            }
        }
        Ok((done, kinds.into_iter().collect()))
    }

    /// Sends the letters of this file. An error after some were sent is told once the file has what is left.
    pub(crate) async fn run(&self, path: &Path) -> anyhow::Result<Replayed> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).to_owned();
        let taken = replaying(path);
        let mut done = Replayed::default();
        // First what an earlier replay left behind, then the file itself.
        for leftover in [true, false] {
            let locked = dead_letter::lock(&folder, &self.sink).context("locking the dead-letter files")?;
            if leftover != taken.exists() {
                continue;
            }
            if !leftover {
                if !path.exists() {
                    break;
                }
                std::fs::rename(path, &taken).with_context(|| format!("taking {}", path.display()))?;
            }
            drop(locked);
            let (part, gave_up) = self.replay(&taken, path, &folder).await?;
            done.add(part);
            if let Some(reason) = gave_up {
                bail!(
                    "gave up, {} events stay in {}: {reason}",
                    part.left,
                    path.display()
                );
            }
        }
        Ok(done)
    }

    async fn replay(
        &self,
        taken: &Path,
        back: &Path,
        folder: &Path,
    ) -> anyhow::Result<(Replayed, Option<String>)> {
        let mut work = Work {
            replay: self,
            done: Replayed::default(),
            seen: HashSet::new(),
            left: Vec::new(),
            payloads: Vec::new(),
            ends: Vec::new(),
            gave_up: None,
        };
        if let Some(lines) = open(taken)? {
            for line in lines.split(b'\n') {
                work.take(line.with_context(|| format!("reading {}", taken.display()))?)
                    .await;
            }
        }
        work.send().await;
        let _locked = dead_letter::lock(folder, &self.sink).context("locking the dead-letter files")?;
        if !work.left.is_empty() {
            dead_letter::append(back, &work.left).context("writing what is left")?;
        }
        std::fs::remove_file(taken).with_context(|| format!("deleting {}", taken.display()))?;
        Ok((work.done, work.gave_up))
    }
}

/// The name of a file while it is replayed.
fn replaying(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".replaying");
    name.into()
}

fn open(path: &Path) -> anyhow::Result<Option<BufReader<File>>> {
    match File::open(path) {
        Ok(file) => Ok(Some(BufReader::new(file))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("opening {}", path.display())),
    }
}

// === impl Work ===

impl Work<'_> {
    /// Takes one line, and sends what has come together when it is enough.
    async fn take(&mut self, line: Vec<u8>) {
        if line.trim_ascii().is_empty() {
            return;
        }
        self.done.read += 1;
        match Letter::read(&line) {
            Ok(letter) => {
                if letter
                    .identity()
                    .is_some_and(|identity| !self.seen.insert(identity))
                {
                    self.done.repeated += 1;
                    return;
                }
                if self.gave_up.is_none() {
                    letter.payload(&mut self.payloads);
                    self.ends.push(self.payloads.len());
                } else {
                    self.keep(&line);
                    self.done.left += 1;
                }
            }
            Err(_) => {
                self.keep(&line);
                self.done.unreadable += 1;
            }
        }
        if self.ends.len() >= self.replay.batch_events || self.payloads.len() >= self.replay.batch_bytes {
            self.send().await;
        }
    }

    fn keep(&mut self, line: &[u8]) {
        self.left.extend_from_slice(line);
        self.left.push(b'\n');
    }

    fn refuse(&mut self, payload: &[u8], rejection: &Rejection) {
        letter::write(&mut self.left, payload, rejection);
        self.done.left += 1;
    }

    async fn send(&mut self) {
        let ends = std::mem::take(&mut self.ends);
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let ranges = starts
            .zip(ends.iter().copied())
            .map(|(start, end)| start..end)
            .collect();
        let mut pieces = vec![Payloads::new(std::mem::take(&mut self.payloads).into(), ranges)];
        let mut backoff = Backoff::new(self.replay.retry_max);
        let mut since: Option<Instant> = None;
        while let Some(mut piece) = pieces.pop() {
            if piece.is_empty() {
                continue;
            }
            let trouble = match self.replay.target.send(&piece).await {
                Ok(verdicts) => {
                    let again = self.judge(&piece, verdicts);
                    if again.is_empty() {
                        since = None;
                        continue;
                    }
                    piece = piece.select(&again);
                    Rejection {
                        status: 429,
                        kind: "not_now".to_owned(),
                        reason: "the other side takes no more for now".to_owned(),
                    }
                }
                Err(failure) if failure.retry == Retry::Smaller && piece.len() > 1 => {
                    let rest = piece.split_off(piece.len() / 2);
                    pieces.extend([rest, piece]);
                    continue;
                }
                Err(failure) => {
                    let rejection = Rejection {
                        status: failure.status,
                        kind: "request_refused".to_owned(),
                        reason: failure.reason.clone(),
                    };
                    if failure.retry == Retry::Smaller {
                        self.refuse(&piece.payload(0), &rejection);
                        continue;
                    }
                    rejection
                }
            };
            let waited = since.get_or_insert_with(Instant::now).elapsed();
            if waited < self.replay.patience && !matches!(trouble.status, 401 | 403) {
                tokio::time::sleep(backoff.pause()).await;
                pieces.push(piece);
                continue;
            }
            for piece in std::iter::once(&piece).chain(&pieces) {
                for payload in piece.iter() {
                    self.refuse(payload, &trouble);
                }
            }
            self.gave_up = Some(trouble.reason);
            return;
        }
    }

    /// Gives the numbers of those to send again.
    fn judge(&mut self, piece: &Payloads, verdicts: Vec<Verdict>) -> Vec<usize> {
        let mut again = Vec::new();
        for (number, verdict) in verdicts.into_iter().enumerate() {
            match verdict {
                Verdict::Stored => self.done.accepted += 1,
                Verdict::Duplicate => {
                    self.done.accepted += 1;
                    self.done.duplicates += 1;
                }
                Verdict::Retry(_) => again.push(number),
                Verdict::Rejected(rejection) => self.refuse(&piece.payload(number), &rejection),
            }
        }
        again
    }
}

// === impl Replayed ===

impl Replayed {
    pub(crate) fn add(&mut self, other: Self) {
        self.read += other.read;
        self.accepted += other.accepted;
        self.duplicates += other.duplicates;
        self.left += other.left;
        self.unreadable += other.unreadable;
        self.repeated += other.repeated;
    }
}

//! The thread that looks at the files of a source, a few times a second.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tracing::{debug, info, warn};

use super::followed::Followed;
use super::mark::Mark;
use crate::checkpoint;
use crate::config::FileConfig;
use crate::event::{Acknowledge, Batch};
use crate::source::Intake;

const CHUNK: usize = 256 << 10;

/// How often the checkpoint is written.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(500);

struct Follower {
    config: FileConfig,
    intake: Intake,
    runtime: Handle,
    checkpoint: PathBuf,
    checkpointed: Vec<Mark>,
    checkpointed_at: Instant,
    /// By generation.
    files: BTreeMap<String, Followed>,
    batch: Batch,
    /// The number of the batch that is being filled.
    sequence: u64,
    acknowledge: watch::Sender<u64>,
    durable: watch::Receiver<u64>,
    /// Batch number, generation and offset, in order: durable once the batch is.
    on_their_way: VecDeque<(u64, String, u64)>,
    chunk: Vec<u8>,
    /// Paths that cannot be opened, each spoken of once.
    unreadable: BTreeSet<PathBuf>,
}

/// Runs on a thread of its own until the stop signal; then reads once more what is there.
pub(crate) fn run(config: FileConfig, intake: Intake, runtime: &Handle) -> anyhow::Result<()> {
    let checkpoint = intake.checkpoints.join(format!("{}.json", intake.name));
    let marks: Vec<Mark> = checkpoint::load(&checkpoint)
        .with_context(|| format!("reading the checkpoint {}", checkpoint.display()))?
        .unwrap_or_default();
    let (acknowledge, durable) = watch::channel(0);
    info!(
        event.action = "source-started",
        labels.source = intake.name,
        files = marks.len(),
        "tailing files"
    );
    let mut follower = Follower {
        config,
        intake,
        runtime: runtime.clone(),
        checkpoint,
        checkpointed: marks.clone(),
        checkpointed_at: Instant::now(),
        files: BTreeMap::new(),
        batch: Batch::default(),
        sequence: 1,
        acknowledge,
        durable,
        on_their_way: VecDeque::new(),
        chunk: vec![0; CHUNK],
        unreadable: BTreeSet::new(),
    };
    for mark in marks {
        follower.resume(mark);
    }
    loop {
        let stopping = follower.intake.stop.is_cancelled();
        if !follower.pass()? {
            break;
        }
        follower.settle()?;
        if stopping {
            break;
        }
        let stop = follower.intake.stop.clone();
        let poll = follower.config.poll;
        drop(runtime.block_on(async { timeout(poll, stop.cancelled()).await }));
    }
    follower.finish()
}

// === impl Follower ===

impl Follower {
    /// Finds a file of the checkpoint again: under its path, or renamed in the same folder.
    fn resume(&mut self, mark: Mark) {
        let found = find(&mark).and_then(|(path, file)| {
            let mark = Mark { path, ..mark.clone() };
            Followed::open(file, mark, self.config.max_line_bytes).ok()
        });
        match found {
            Some(followed) => drop(self.files.insert(mark.generation, followed)),
            None => debug!(file.path = %mark.path.display(), "a file of the checkpoint is gone"),
        }
    }

    /// Reads what is new in every file. False: punt is at its end.
    fn pass(&mut self) -> anyhow::Result<bool> {
        for followed in self.files.values_mut() {
            followed.renamed = true;
        }
        let mut news = false;
        let paths = self.paths();
        self.unreadable.retain(|path| paths.contains(path));
        for path in paths {
            match self.look(&path) {
                Ok(new) => news |= new,
                // Gone between listing and opening, which is no news.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    if self.unreadable.insert(path.clone()) {
                        warn!(event.action = "file-unreadable", file.path = %path.display(), %error,
                              "a file cannot be opened, trying again");
                    }
                }
            }
        }
        if news {
            // A generation must be on disk before a record with it is anywhere.
            self.write_checkpoint()?;
        }
        let generations: Vec<String> = self.files.keys().cloned().collect();
        for generation in generations {
            match self.read(&generation) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(error) => debug!(generation, %error, "file not read"),
            }
        }
        Ok(self.batch.is_empty() || self.hand_on())
    }

    fn paths(&self) -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> = self
            .config
            .paths
            .iter()
            .filter_map(|pattern| glob::glob(pattern).ok())
            .flat_map(|found| found.flatten())
            .filter(|path| path.is_file())
            .collect();
        paths.sort();
        paths.dedup();
        paths
    }

    /// Whether something new is followed because of this path.
    fn look(&mut self, path: &Path) -> io::Result<bool> {
        let data = path.metadata()?;
        let identity = (data.dev(), data.ino());
        let known = self
            .files
            .values_mut()
            .find(|followed| (followed.mark.device, followed.mark.inode) == identity && !followed.finished);
        if let Some(followed) = known {
            followed.renamed = false;
            followed.mark.path = path.to_owned();
            if !followed.is_truncated()? {
                return Ok(false);
            }
            // What was not read before the truncation is gone; what was read of a last line is kept.
            followed.finished = true;
            followed.renamed = true;
            info!(event.action = "file-truncated", file.path = %path.display(), "a file was truncated");
        }
        let file = File::open(path)?;
        let mark = Mark::new(path, &file)?;
        let generation = mark.generation.clone();
        let followed = Followed::open(file, mark, self.config.max_line_bytes)?;
        self.files.insert(generation, followed);
        Ok(true)
    }

    fn read(&mut self, generation: &str) -> io::Result<bool> {
        loop {
            let Some(followed) = self.files.get_mut(generation) else {
                return Ok(true);
            };
            let more = !followed.finished && followed.read(&mut self.chunk)?;
            let end = followed.take(&mut self.batch, &self.intake.meter, &self.config);
            if let Some(end) = end {
                self.on_their_way
                    .push_back((self.sequence, generation.to_owned(), end));
            }
            if self.batch.is_full() && !self.hand_on() {
                return Ok(false);
            }
            if !more {
                return Ok(true);
            }
        }
    }

    fn hand_on(&mut self) -> bool {
        self.batch.acknowledge = Some(Acknowledge::new(self.sequence, self.acknowledge.clone()));
        self.sequence += 1;
        self.intake
            .queue
            .blocking_send(std::mem::take(&mut self.batch))
            .is_ok()
    }

    /// Takes note of what has become durable; lets go of files that are done with.
    fn settle(&mut self) -> anyhow::Result<()> {
        let durable = *self.durable.borrow_and_update();
        while let Some((_, generation, offset)) = self
            .on_their_way
            .pop_front_if(|(number, _, _)| *number <= durable)
        {
            if let Some(followed) = self.files.get_mut(&generation) {
                followed.mark.offset = offset;
            }
        }
        self.files
            .retain(|_, followed| !followed.finished || !followed.is_settled());
        if self.checkpointed_at.elapsed() >= CHECKPOINT_EVERY {
            self.write_checkpoint()?;
        }
        Ok(())
    }

    fn write_checkpoint(&mut self) -> anyhow::Result<()> {
        self.checkpointed_at = Instant::now();
        let marks: Vec<Mark> = self
            .files
            .values()
            .map(|followed| followed.mark.clone())
            .collect();
        if marks != self.checkpointed {
            checkpoint::store(&self.checkpoint, &marks)
                .with_context(|| format!("writing the checkpoint {}", self.checkpoint.display()))?;
            self.checkpointed = marks;
        }
        Ok(())
    }

    /// Lets go of the queue, waits until what was sent is durable (or given up), and remembers it.
    fn finish(mut self) -> anyhow::Result<()> {
        let mut durable = self.durable.clone();
        let (nobody, _) = watch::channel(0);
        drop(std::mem::replace(&mut self.acknowledge, nobody));
        let (closed, _) = mpsc::channel(1);
        drop(std::mem::replace(&mut self.intake.queue, closed));
        self.runtime
            .clone()
            .block_on(async { while durable.changed().await.is_ok() {} });
        self.settle()?;
        self.write_checkpoint()
    }
}

/// The file of this mark, where it is now.
fn find(mark: &Mark) -> Option<(PathBuf, File)> {
    let beside = mark
        .path
        .parent()
        .and_then(|folder| std::fs::read_dir(folder).ok());
    let candidates = std::iter::once(mark.path.clone())
        .chain(beside.into_iter().flatten().flatten().map(|entry| entry.path()));
    candidates
        .filter(|path| {
            path.metadata()
                .is_ok_and(|data| data.ino() == mark.inode && data.is_file())
        })
        .find_map(|path| {
            let file = File::open(&path).ok()?;
            mark.is_of(&file).ok()?.then_some((path, file))
        })
}

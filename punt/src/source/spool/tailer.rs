//! The thread that looks at all spools, a few times a second.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::{info, warn};

use super::segment::{Name, Segment};
use crate::checkpoint;
use crate::config::SpoolConfig;
use crate::event::{Acknowledge, Batch};
use crate::source::{Intake, json};

const CHUNK: usize = 256 << 10;

/// How often the checkpoint is written.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(500);

/// Offsets by segment: everything before them is durable.
type Offsets = BTreeMap<String, u64>;

struct Tailer {
    config: SpoolConfig,
    intake: Intake,
    runtime: Handle,
    checkpoint: PathBuf,
    checkpointed: Offsets,
    checkpointed_at: Instant,
    segments: BTreeMap<Name, Segment>,
    batch: Batch,
    /// The number of the batch that is being filled.
    sequence: u64,
    acknowledge: watch::Sender<u64>,
    durable: watch::Receiver<u64>,
    /// Batch number, segment and offset, in order: durable once the batch is.
    on_their_way: VecDeque<(u64, Name, u64)>,
    chunk: Vec<u8>,
    unreadable: bool,
}

/// Runs on a thread of its own until the stop signal; then reads once more what is there.
pub(crate) fn run(config: SpoolConfig, intake: Intake, runtime: &Handle) -> anyhow::Result<()> {
    let checkpoint = intake.checkpoints.join(format!("{}.json", intake.name));
    let checkpointed: Offsets = checkpoint::load(&checkpoint)
        .with_context(|| format!("reading the checkpoint {}", checkpoint.display()))?
        .unwrap_or_default();
    let (acknowledge, durable) = watch::channel(0);
    info!(event.action = "source-started", labels.source = intake.name, labels.dir = %config.dir.display(),
          "tailing spools");
    let mut tailer = Tailer {
        config,
        intake,
        runtime: runtime.clone(),
        checkpoint,
        checkpointed,
        checkpointed_at: Instant::now(),
        segments: BTreeMap::new(),
        batch: Batch::default(),
        sequence: 1,
        acknowledge,
        durable,
        on_their_way: VecDeque::new(),
        chunk: vec![0; CHUNK],
        unreadable: false,
    };
    loop {
        let stopping = tailer.intake.stop.is_cancelled();
        if !tailer.pass() {
            break;
        }
        tailer.settle()?;
        if stopping {
            break;
        }
        let stop = tailer.intake.stop.clone();
        let poll = tailer.config.poll;
        drop(runtime.block_on(async { timeout(poll, stop.cancelled()).await }));
    }
    tailer.finish()
}

// === impl Tailer ===

impl Tailer {
    /// Reads what is new in every spool. False: punt is at its end.
    fn pass(&mut self) -> bool {
        let names = match self.names() {
            Ok(names) => names,
            Err(error) => {
                if !std::mem::replace(&mut self.unreadable, true) {
                    warn!(event.action = "spool-unreadable", labels.source = self.intake.name, %error,
                          "spools cannot be listed, trying again");
                }
                return true;
            }
        };
        self.unreadable = false;
        for (index, name) in names.iter().enumerate() {
            // Judged before reading: what is complete now has its last byte already.
            let complete = name.is_complete(names.get(index + 1), &self.config.dir);
            match self.read(name, complete) {
                Ok(true) => {}
                Ok(false) => return false,
                // Gone or unreadable for now; it is looked at again with the next pass.
                Err(error) => tracing::debug!(segment = %name.key(), %error, "segment not read"),
            }
        }
        self.send()
    }

    /// All segments of all nodes, in the order in which they were written.
    fn names(&self) -> std::io::Result<Vec<Name>> {
        let mut names = Vec::new();
        let folders = match std::fs::read_dir(&self.config.dir) {
            Ok(folders) => folders,
            // Nobody has logged yet.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(names),
            Err(error) => return Err(error),
        };
        for folder in folders {
            let folder = folder?;
            let Some(node) = folder.file_name().to_str().map(ToOwned::to_owned) else {
                continue;
            };
            let Ok(files) = std::fs::read_dir(folder.path()) else {
                continue;
            };
            for file in files.flatten() {
                names.extend(file.file_name().to_str().and_then(|file| Name::of(&node, file)));
            }
        }
        names.sort();
        Ok(names)
    }

    fn read(&mut self, name: &Name, complete: bool) -> std::io::Result<bool> {
        if !self.segments.contains_key(name) {
            let from = self.checkpointed.get(&name.key()).copied().unwrap_or_default();
            let segment = Segment::open(&name.path(&self.config.dir), from, self.config.max_line_bytes)?;
            self.segments.insert(name.clone(), segment);
        }
        let Some(segment) = self.segments.get_mut(name) else {
            return Ok(true);
        };
        if segment.finished.is_some() {
            return Ok(true);
        }
        let meter = &self.intake.meter;
        let mut end = None;
        loop {
            let more = segment.read(&mut self.chunk)?;
            while let Some(line) = segment.lines.next_line() {
                json::push(
                    &mut self.batch,
                    meter,
                    &line,
                    &name.record_id(line.offset),
                    "spool",
                    false,
                );
                end = Some(line.end);
            }
            if !more && complete {
                if let Some(line) = segment.lines.rest() {
                    json::push(
                        &mut self.batch,
                        meter,
                        &line,
                        &name.record_id(line.offset),
                        "spool",
                        true,
                    );
                    end = Some(line.end);
                }
                segment.finished = Some(segment.lines.pushed());
            }
            if let Some(end) = end.take() {
                self.on_their_way.push_back((self.sequence, name.clone(), end));
            }
            if self.batch.is_full() {
                let acknowledge = Acknowledge::new(self.sequence, self.acknowledge.clone());
                self.sequence += 1;
                self.batch.acknowledge = Some(acknowledge);
                if self
                    .intake
                    .queue
                    .blocking_send(std::mem::take(&mut self.batch))
                    .is_err()
                {
                    return Ok(false);
                }
            }
            if !more {
                return Ok(true);
            }
        }
    }

    fn send(&mut self) -> bool {
        if self.batch.is_empty() {
            return true;
        }
        self.batch.acknowledge = Some(Acknowledge::new(self.sequence, self.acknowledge.clone()));
        self.sequence += 1;
        self.intake
            .queue
            .blocking_send(std::mem::take(&mut self.batch))
            .is_ok()
    }

    /// Takes note of what has become durable; deletes segments that are done with.
    fn settle(&mut self) -> anyhow::Result<()> {
        let durable = *self.durable.borrow_and_update();
        while let Some((_, name, offset)) = self
            .on_their_way
            .pop_front_if(|(number, _, _)| *number <= durable)
        {
            if let Some(segment) = self.segments.get_mut(&name) {
                segment.durable = offset;
            }
        }
        let dir = &self.config.dir;
        let mut failed = None;
        self.segments.retain(|name, segment| {
            if segment.finished.is_none_or(|end| segment.durable < end) {
                return true;
            }
            match std::fs::remove_file(name.path(dir)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    failed = Some((name.key(), error));
                    true
                }
                _ => false,
            }
        });
        if let Some((segment, error)) = failed {
            tracing::debug!(segment, %error, "segment not deleted, trying again");
        }
        if self.checkpointed_at.elapsed() >= CHECKPOINT_EVERY {
            self.write_checkpoint()?;
        }
        Ok(())
    }

    fn write_checkpoint(&mut self) -> anyhow::Result<()> {
        self.checkpointed_at = Instant::now();
        let mut offsets: Offsets = self
            .segments
            .iter()
            .map(|(name, segment)| (name.key(), segment.durable))
            .collect();
        offsets.retain(|_, offset| *offset > 0);
        if offsets != self.checkpointed {
            checkpoint::store(&self.checkpoint, &offsets)
                .with_context(|| format!("writing the checkpoint {}", self.checkpoint.display()))?;
            self.checkpointed = offsets;
        }
        Ok(())
    }

    /// Lets go of the queue, waits until what was sent is durable (or given up), and remembers it.
    fn finish(mut self) -> anyhow::Result<()> {
        let mut durable = self.durable.clone();
        let (nobody, _) = watch::channel(0);
        drop(std::mem::replace(&mut self.acknowledge, nobody));
        let (closed, _) = tokio::sync::mpsc::channel(1);
        drop(std::mem::replace(&mut self.intake.queue, closed));
        self.runtime
            .clone()
            .block_on(async { while durable.changed().await.is_ok() {} });
        self.settle()?;
        self.write_checkpoint()
    }
}

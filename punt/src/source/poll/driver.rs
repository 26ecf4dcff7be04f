//! The loop of a polled source, on a thread of its own.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::Handover;
use crate::checkpoint;
use crate::source::Intake;

/// How often the checkpoint is written.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(500);

/// A source that is looked at a few times a second.
pub(in crate::source) trait Polled: Sized {
    /// What an offset belongs to: a file, a segment.
    type Place: PartialEq;
    /// What is remembered from one start to the next.
    type Checkpoint: Serialize + DeserializeOwned + PartialEq + Default;

    /// Reads what is new and fills `handover`. False: punt is at its end.
    fn pass(&mut self, handover: &mut Handover<Self::Place>) -> anyhow::Result<bool>;

    /// Everything of this place before the offset is durable.
    fn durable(&mut self, place: Self::Place, offset: u64);

    /// Lets go of what is done with, after news of what is durable.
    fn tidy(&mut self);

    fn checkpoint(&self) -> Self::Checkpoint;

    /// Whether the checkpoint must be on disk before any event of this pass is anywhere.
    fn has_new_places(&mut self) -> bool {
        false
    }

    /// Looks for what is new, before it is read.
    fn look(&mut self) {}
}

/// A polled source that runs.
pub(in crate::source) struct Driver<S: Polled> {
    source: S,
    handover: Handover<S::Place>,
    runtime: Handle,
    path: PathBuf,
    written: S::Checkpoint,
    written_at: Instant,
}

// === impl Driver ===

impl<S: Polled> Driver<S> {
    /// Reads the checkpoint and makes the source from it; `None`: there is none yet.
    pub(in crate::source) fn new(
        intake: Intake,
        runtime: &Handle,
        source: impl FnOnce(Option<S::Checkpoint>, &Intake) -> anyhow::Result<S>,
    ) -> anyhow::Result<Self> {
        let path = intake.checkpoints.join(format!("{}.json", intake.name));
        let known =
            checkpoint::load(&path).with_context(|| format!("reading the checkpoint {}", path.display()))?;
        Ok(Self {
            source: source(known, &intake)?,
            handover: Handover::new(intake, runtime),
            runtime: runtime.clone(),
            path,
            written: S::Checkpoint::default(),
            written_at: Instant::now(),
        })
    }

    /// Runs until the stop signal; then reads once more what is there.
    pub(in crate::source) fn run(mut self, poll: Duration) -> anyhow::Result<()> {
        loop {
            let stop = self.handover.intake.stop.clone();
            let stopping = stop.is_cancelled();
            self.source.look();
            if self.source.has_new_places() {
                self.write()?;
            }
            if !self.source.pass(&mut self.handover)? || !self.handover.hand_on() {
                break;
            }
            self.settle();
            if self.written_at.elapsed() >= CHECKPOINT_EVERY {
                self.write()?;
            }
            if stopping {
                break;
            }
            drop(
                self.runtime
                    .block_on(async { timeout(poll, stop.cancelled()).await }),
            );
        }
        self.handover.close();
        self.settle();
        self.write()
    }

    fn settle(&mut self) {
        for (place, offset) in self.handover.settled() {
            self.source.durable(place, offset);
        }
        self.source.tidy();
    }

    fn write(&mut self) -> anyhow::Result<()> {
        self.written_at = Instant::now();
        let checkpoint = self.source.checkpoint();
        if checkpoint != self.written {
            checkpoint::store(&self.path, &checkpoint)
                .with_context(|| format!("writing the checkpoint {}", self.path.display()))?;
            self.written = checkpoint;
        }
        Ok(())
    }
}

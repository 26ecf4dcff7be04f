//! The thread that reads the journal, from a command that it starts (again) or from a file.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tracing::{info, warn};

use super::encode;
use super::export::Export;
use crate::checkpoint;
use crate::config::JournaldConfig;
use crate::source::Intake;
use crate::source::ids::Ids;
use crate::source::pipe::{Bytes, Pipe};
use crate::source::poll::Handover;

const CHUNK: usize = 256 << 10;

/// How often the checkpoint is written.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(500);

/// The pause before a command that has ended is started again.
const RESTART: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cursor {
    cursor: Option<String>,
}

struct Reader {
    config: JournaldConfig,
    handover: Handover<String>,
    runtime: Handle,
    ids: Ids,
    /// Of the last entry that was read.
    last: Option<String>,
    path: PathBuf,
    durable: Cursor,
    written: Cursor,
    written_at: Instant,
}

/// A running command; it does not outlive this.
struct Journalctl(Child);

// === impl Journalctl ===

impl Drop for Journalctl {
    fn drop(&mut self) {
        // It may be gone already, which is as good.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Runs on a thread of its own until the stop signal.
pub(in crate::source) fn run(config: JournaldConfig, intake: Intake, runtime: &Handle) -> anyhow::Result<()> {
    let path = intake.checkpoints.join(format!("{}.json", intake.name));
    let durable: Cursor = checkpoint::load(&path)
        .with_context(|| format!("reading the checkpoint {}", path.display()))?
        .unwrap_or_default();
    info!(
        event.action = "source-started",
        labels.source = intake.name,
        labels.cursor = durable.cursor.as_deref(),
        "reading the journal"
    );
    let mut reader = Reader {
        config,
        handover: Handover::new(intake, runtime),
        runtime: runtime.clone(),
        ids: Ids::new(),
        last: durable.cursor.clone(),
        path,
        written: durable.clone(),
        durable,
        written_at: Instant::now(),
    };
    let result = reader.read();
    reader.handover.close();
    reader.settle();
    reader.write()?;
    result
}

// === impl Reader ===

impl Reader {
    fn read(&mut self) -> anyhow::Result<()> {
        let stop = self.handover.intake.stop.clone();
        if let Some(path) = self.config.path.clone() {
            let file = File::open(&path).with_context(|| format!("opening {}", path.display()))?;
            return self.drain(&mut Pipe::new(file.into()), true).map(drop);
        }
        while !stop.is_cancelled() {
            let mut command = self.start()?;
            let output = command
                .0
                .stdout
                .take()
                .context("the command's output is a pipe")?;
            if !self.drain(&mut Pipe::new(output.into()), false)? {
                break;
            }
            drop(command);
            if !stop.is_cancelled() {
                warn!(
                    event.action = "journal-ended",
                    labels.source = self.handover.intake.name,
                    "the command that reads the journal has ended, starting it again"
                );
                drop(
                    self.runtime
                        .block_on(async { timeout(RESTART, stop.cancelled()).await }),
                );
            }
        }
        Ok(())
    }

    fn start(&self) -> anyhow::Result<Journalctl> {
        let (program, arguments) = self.config.command.split_first().context("command is empty")?;
        let mut command = Command::new(program);
        command.args(arguments);
        if let Some(cursor) = &self.last {
            command.arg(format!("--after-cursor={cursor}"));
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let child = command
            .spawn()
            .with_context(|| format!("starting {program:?}, which reads the journal"))?;
        Ok(Journalctl(child))
    }

    /// Reads to the end, or until the stop signal. `follow`: a file may get more. False: punt is at its end.
    fn drain(&mut self, pipe: &mut Pipe, follow: bool) -> anyhow::Result<bool> {
        let stop = self.handover.intake.stop.clone();
        let (mut export, mut chunk) = (Export::new(self.config.max_entry_bytes), vec![0; CHUNK]);
        loop {
            let bytes = pipe.read(&mut chunk, &stop).context("reading the journal")?;
            if let Bytes::Some(length) = bytes {
                export.push(&chunk[..length]);
                while let Some(entry) = export.next_entry() {
                    let fallback = self.ids.name(self.ids.next());
                    let (batch, meter) = (&mut self.handover.batch, &self.handover.intake.meter);
                    let cursor = encode::push(batch, meter, &entry, &fallback);
                    self.last = cursor.or(self.last.take());
                    if self.handover.batch.is_full() && !self.hand_on()? {
                        return Ok(false);
                    }
                }
                if !stop.is_cancelled() {
                    continue;
                }
            }
            if !self.hand_on()? {
                return Ok(false);
            }
            match bytes {
                _ if stop.is_cancelled() => return Ok(true),
                Bytes::End if follow => {
                    let poll = Duration::from_millis(100);
                    drop(
                        self.runtime
                            .block_on(async { timeout(poll, stop.cancelled()).await }),
                    );
                }
                Bytes::End => return Ok(true),
                _ => {}
            }
        }
    }

    fn hand_on(&mut self) -> anyhow::Result<bool> {
        if let Some(cursor) = self.last.clone().filter(|_| !self.handover.batch.is_empty()) {
            self.handover.reached(cursor, 0);
        }
        let open = self.handover.hand_on();
        self.settle();
        if self.written_at.elapsed() >= CHECKPOINT_EVERY {
            self.write()?;
        }
        Ok(open)
    }

    fn settle(&mut self) {
        if let Some((cursor, _)) = self.handover.settled().pop() {
            self.durable.cursor = Some(cursor);
        }
    }

    fn write(&mut self) -> anyhow::Result<()> {
        self.written_at = Instant::now();
        if self.durable != self.written {
            checkpoint::store(&self.path, &self.durable)
                .with_context(|| format!("writing the checkpoint {}", self.path.display()))?;
            self.written = self.durable.clone();
        }
        Ok(())
    }
}

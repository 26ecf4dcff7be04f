//! The spools of a folder, as they are polled.

use std::collections::BTreeMap;
use std::io;

use tokio::runtime::Handle;
use tracing::{debug, info, warn};

use super::segment::{Name, Segment};
use crate::config::SpoolConfig;
use crate::source::poll::{Driver, Handover, Polled};
use crate::source::{Intake, json};

const CHUNK: usize = 256 << 10;

/// Offsets by segment: everything before them is durable.
type Offsets = BTreeMap<String, u64>;

struct Tailer {
    config: SpoolConfig,
    name: String,
    /// What the last run knew.
    known: Offsets,
    segments: BTreeMap<Name, Segment>,
    chunk: Vec<u8>,
    unreadable: bool,
}

/// Runs on a thread of its own until the stop signal; then reads once more what is there.
pub(in crate::source) fn run(config: SpoolConfig, intake: Intake, runtime: &Handle) -> anyhow::Result<()> {
    let poll = config.poll;
    let driver = Driver::new(intake, runtime, |known, intake| {
        info!(event.action = "source-started", labels.source = intake.name, labels.dir = %config.dir.display(),
              "tailing spools");
        Ok(Tailer {
            config,
            name: intake.name.clone(),
            known: known.unwrap_or_default(),
            segments: BTreeMap::new(),
            chunk: vec![0; CHUNK],
            unreadable: false,
        })
    })?;
    driver.run(poll)
}

// === impl Tailer ===

impl Polled for Tailer {
    type Place = Name;
    type Checkpoint = Offsets;

    fn pass(&mut self, handover: &mut Handover<Name>) -> anyhow::Result<bool> {
        let names = match self.names() {
            Ok(names) => names,
            Err(error) => {
                if !std::mem::replace(&mut self.unreadable, true) {
                    warn!(event.action = "spool-unreadable", labels.source = self.name, %error,
                          "spools cannot be listed, trying again");
                }
                return Ok(true);
            }
        };
        self.unreadable = false;
        for (index, name) in names.iter().enumerate() {
            // Judged before reading: what is complete now has its last byte already.
            let complete = name.is_complete(names.get(index + 1), &self.config.dir);
            match self.read(name, complete, handover) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                // Gone or unreadable for now; it is looked at again with the next pass.
                Err(error) => debug!(segment = %name.key(), %error, "segment not read"),
            }
        }
        Ok(true)
    }

    fn durable(&mut self, name: Name, offset: u64) {
        if let Some(segment) = self.segments.get_mut(&name) {
            segment.durable = offset;
        }
    }

    /// Deletes segments that are done with.
    fn tidy(&mut self) {
        let dir = &self.config.dir;
        self.segments.retain(|name, segment| {
            if segment.finished.is_none_or(|end| segment.durable < end) {
                return true;
            }
            match std::fs::remove_file(name.path(dir)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    debug!(segment = name.key(), %error, "segment not deleted, trying again");
                    true
                }
                _ => false,
            }
        });
    }

    fn checkpoint(&self) -> Offsets {
        let offsets = self
            .segments
            .iter()
            .map(|(name, segment)| (name.key(), segment.durable));
        offsets.filter(|(_, offset)| *offset > 0).collect()
    }
}

impl Tailer {
    /// All segments of all nodes, in the order in which they were written.
    fn names(&self) -> io::Result<Vec<Name>> {
        let mut names = Vec::new();
        let folders = match std::fs::read_dir(&self.config.dir) {
            Ok(folders) => folders,
            // Nobody has logged yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(names),
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

    fn read(&mut self, name: &Name, complete: bool, handover: &mut Handover<Name>) -> io::Result<bool> {
        if !self.segments.contains_key(name) {
            let from = self.known.get(&name.key()).copied().unwrap_or_default();
            let segment = Segment::open(&name.path(&self.config.dir), from, self.config.max_line_bytes)?;
            self.segments.insert(name.clone(), segment);
        }
        let Some(segment) = self.segments.get_mut(name) else {
            return Ok(true);
        };
        if segment.finished.is_some() {
            return Ok(true);
        }
        loop {
            let more = segment.read(&mut self.chunk)?;
            let (batch, meter) = (&mut handover.batch, &handover.intake.meter);
            let mut end = None;
            while let Some(line) = segment.lines.next_line() {
                json::push(batch, meter, &line, &name.record_id(line.offset), "spool", false);
                end = Some(line.end);
            }
            if !more && complete {
                if let Some(line) = segment.lines.rest() {
                    json::push(batch, meter, &line, &name.record_id(line.offset), "spool", true);
                    end = Some(line.end);
                }
                segment.finished = Some(segment.lines.pushed());
            }
            if let Some(end) = end {
                handover.reached(name.clone(), end);
            }
            if !handover.hand_on_if_full() {
                return Ok(false);
            }
            if !more {
                return Ok(true);
            }
        }
    }
}

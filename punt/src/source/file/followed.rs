//! One file that is being tailed.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::mark::Mark;
use crate::config::{FileConfig, FileFormat};
use crate::event::{Batch, Document};
use crate::meter::{Count, Meter};
use crate::source::json;
use crate::source::lines::{Line, Lines};

/// A renamed file may still be written to until its writer reopens; after so long without, it is done with.
const QUIET: Duration = Duration::from_secs(10);

/// An open file and how far it is read.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) file: File,
    pub(super) mark: Mark,
    lines: Lines,
    /// No path of the source leads to it any more.
    pub(super) renamed: bool,
    grew: Instant,
    /// It is read to its end, for good.
    pub(super) finished: bool,
}

// === impl Followed ===

impl Followed {
    /// Reads on where the mark is.
    pub(super) fn open(mut file: File, mark: Mark, max_line_bytes: usize) -> io::Result<Self> {
        file.seek(SeekFrom::Start(mark.offset))?;
        Ok(Self {
            file,
            lines: Lines::new(mark.offset, max_line_bytes),
            mark,
            renamed: false,
            grew: Instant::now(),
            finished: false,
        })
    }

    /// Whether the file under our feet was truncated, and perhaps written again.
    pub(super) fn is_truncated(&self) -> io::Result<bool> {
        Ok(self.file.metadata()?.len() < self.lines.pushed() || !self.mark.is_of(&self.file)?)
    }

    /// Reads one more chunk; false when there is no more at the moment.
    pub(super) fn read(&mut self, chunk: &mut [u8]) -> io::Result<bool> {
        let length = self.file.read(chunk)?;
        if length > 0 {
            self.lines.push(&chunk[..length]);
            self.grew = Instant::now();
            self.mark.extend(&self.file)?;
        } else if self.renamed && self.grew.elapsed() >= QUIET {
            self.finished = true;
        }
        Ok(length > 0)
    }

    /// Adds the events of the whole lines, and of the rest as well if it is finished. Gives the offset behind.
    pub(super) fn take(&mut self, batch: &mut Batch, meter: &Meter, config: &FileConfig) -> Option<u64> {
        let mut end = None;
        while let Some(line) = self.lines.next_line() {
            push(batch, meter, config, &self.mark, &line, false);
            end = Some(line.end);
        }
        if self.finished
            && let Some(line) = self.lines.rest()
        {
            push(batch, meter, config, &self.mark, &line, true);
            end = Some(line.end);
        }
        end
    }

    /// Whether everything that was read is durable.
    pub(super) fn is_settled(&self) -> bool {
        self.mark.offset >= self.lines.pushed()
    }
}

fn push(batch: &mut Batch, meter: &Meter, config: &FileConfig, mark: &Mark, line: &Line<'_>, torn: bool) {
    let id = format!("file/{}/{}", mark.generation, line.offset);
    if config.format == FileFormat::Json {
        return json::push(batch, meter, line, &id, "file", torn);
    }
    if line.bytes.trim_ascii().is_empty() && line.cut == 0 {
        return;
    }
    meter.add(Count::Received, 1);
    meter.add(Count::ReceivedBytes, line.end - line.offset);
    meter.add(Count::Parsed, 1);
    meter.add(Count::Truncated, u64::from(line.cut > 0));
    let received = Timestamp::now();
    batch.push(
        received.as_millisecond(),
        |out| out.extend_from_slice(id.as_bytes()),
        |out| plain(out, received, config, &mark.path, line),
    );
}

fn plain(out: &mut Vec<u8>, received: Timestamp, config: &FileConfig, path: &Path, line: &Line<'_>) {
    let mut document = Document::at(out, received);
    document.text("message", &String::from_utf8_lossy(line.bytes));
    document.text("ecs.version", telemetry::record::ECS_VERSION);
    for (name, value) in &config.fields {
        document.named_text(name, value);
    }
    if !config.fields.contains_key("event.dataset") {
        document.text("event.dataset", "file");
    }
    document.text("log.file.path", &path.to_string_lossy());
    document.number("log.offset", line.offset);
    if line.cut > 0 {
        document.text("labels.truncated", "true");
    }
    document.end();
}

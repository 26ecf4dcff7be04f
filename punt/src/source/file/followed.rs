//! One file that is being read.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::time::{Duration, Instant};

use super::event;
use super::mark::{self, FINGERPRINT, Mark};
use super::multiline::{Open, Rule};
use super::reader::{self, Reader};
use crate::config::FileConfig;
use crate::event::Batch;
use crate::meter::Meter;
use crate::source::lines::Lines;

/// A renamed file may still be written to until its writer reopens; after so long without, it is done with.
const QUIET: Duration = Duration::from_secs(10);

/// An open file and how far it is read.
pub(super) struct Followed {
    reader: Reader,
    pub(super) mark: Mark,
    lines: Lines,
    open: Option<Open>,
    /// No path of the source leads to it any more.
    pub(super) renamed: bool,
    grew: Instant,
    /// It is read to its end, for good.
    pub(super) finished: bool,
}

// === impl Followed ===

impl Followed {
    /// Reads on where the mark is.
    pub(super) fn open(file: File, mark: Mark, max_line_bytes: usize) -> io::Result<Self> {
        let reader = match reader::is_gzip(&file)? {
            false => Reader::plain(file, mark.offset)?,
            true => {
                let mut reader = Reader::gzip(file)?;
                match reader::pass_over(&mut reader, &mark)? {
                    true => reader,
                    false => {
                        return Err(io::Error::new(
                            ErrorKind::InvalidData,
                            "it holds less than was read",
                        ));
                    }
                }
            }
        };
        Ok(Self {
            reader,
            lines: Lines::new(mark.offset, max_line_bytes),
            mark,
            open: None,
            renamed: false,
            grew: Instant::now(),
            finished: false,
        })
    }

    /// Whether the file under our feet was truncated, and perhaps written again.
    pub(super) fn is_truncated(&self) -> io::Result<bool> {
        match self.reader.growing() {
            None => Ok(false),
            Some(file) => Ok(file.metadata()?.len() < self.lines.pushed() || !self.mark.is_of(file)?),
        }
    }

    /// Takes more of the first bytes into the file's identity. True: there were more, and the checkpoint should
    /// know before an event of the file is anywhere.
    pub(super) fn extend(&mut self) -> io::Result<bool> {
        match self.reader.growing() {
            Some(file) => self.mark.extend(file),
            None => Ok(false),
        }
    }

    /// Reads one more chunk; false when there is no more at the moment.
    pub(super) fn read(&mut self, chunk: &mut [u8]) -> io::Result<bool> {
        let mut room = chunk.len();
        if !self.is_packed() && self.mark.fingerprint_bytes < FINGERPRINT {
            // No further than the file is known: what comes after it is read with the next pass.
            let known = self.mark.fingerprint_bytes as u64;
            room = room.min(usize::try_from(known.saturating_sub(self.lines.pushed())).unwrap_or(room));
        }
        let length = self.reader.read(&mut chunk[..room])?;
        if length > 0 {
            self.lines.push(&chunk[..length]);
            self.grew = Instant::now();
            return Ok(true);
        }
        self.finished |= self.is_packed() || (self.renamed && self.grew.elapsed() >= QUIET);
        Ok(false)
    }

    pub(super) fn is_packed(&self) -> bool {
        self.reader.growing().is_none()
    }

    /// The checksum of the last bytes before the offset: of what was read, or else of what is there now.
    pub(super) fn tail(&self, offset: u64) -> Option<u32> {
        match self.lines.before(offset, FINGERPRINT) {
            Some(bytes) => Some(crc32fast::hash(bytes)),
            None => mark::tail(self.reader.growing()?, offset),
        }
    }

    /// Adds the events of the whole lines, and of the rest as well if it is finished. Gives the offset behind.
    pub(super) fn take(
        &mut self,
        batch: &mut Batch,
        meter: &Meter,
        config: &FileConfig,
        rule: Option<&Rule>,
    ) -> Option<u64> {
        let mut end = None;
        let mark = &self.mark;
        while let Some(line) = self.lines.next_line() {
            match rule {
                None => {
                    event::push(batch, meter, config, mark, &line, false);
                    end = Some(line.end);
                }
                Some(rule) => {
                    if let Some(event) = rule.add(&mut self.open, &line) {
                        end = Some(event::push_lines(batch, meter, config, mark, &event));
                    }
                }
            }
        }
        if let Some(rule) = rule
            && let Some(event) = self.open.take_if(|open| self.finished || rule.is_over(open))
        {
            end = Some(event::push_lines(batch, meter, config, mark, &event));
        }
        if self.finished
            && let Some(line) = self.lines.rest()
        {
            event::push(batch, meter, config, mark, &line, true);
            end = Some(line.end);
        }
        end
    }

    /// Whether everything that was read is durable.
    pub(super) fn is_settled(&self) -> bool {
        self.mark.offset >= self.lines.pushed()
    }
}

//! Lines of a file into events.

use std::path::Path;

use super::mark::Mark;
use super::multiline::Open;
use crate::config::{FileConfig, FileFormat};
use crate::event::Batch;
use crate::meter::Meter;
use crate::source::lines::Line;
use crate::source::{json, plain};

/// Adds the event of this line. `torn`: it has no end, and never will.
pub(super) fn push(
    batch: &mut Batch,
    meter: &Meter,
    config: &FileConfig,
    mark: &Mark,
    line: &Line<'_>,
    torn: bool,
) {
    let id = format!("file/{}/{}", mark.generation, line.offset);
    if config.format == FileFormat::Json {
        return json::push(batch, meter, line, &id, "file", torn);
    }
    plain(batch, meter, config, &mark.path, line, &id);
}

/// Adds the event of several lines, and gives the offset behind it.
pub(super) fn push_lines(
    batch: &mut Batch,
    meter: &Meter,
    config: &FileConfig,
    mark: &Mark,
    event: &Open,
) -> u64 {
    let line = event.line();
    let id = match event.lines() {
        1 => format!("file/{}/{}", mark.generation, line.offset),
        // A line that came after the timeout is found to belong here when a later run reads this again.
        lines => format!("file/{}/{}+{lines}", mark.generation, line.offset),
    };
    plain(batch, meter, config, &mark.path, &line, &id);
    line.end
}

/// Adds the event that this line would be in a file of the source's first path.
pub(in crate::source) fn sample(batch: &mut Batch, meter: &Meter, config: &FileConfig, line: &Line<'_>) {
    let path = config.paths.first().map_or("sample", String::as_str);
    match config.format {
        FileFormat::Json => json::push(batch, meter, line, "sample", "file", false),
        FileFormat::Plain => plain(batch, meter, config, Path::new(path), line, "sample"),
    }
}

fn plain(batch: &mut Batch, meter: &Meter, config: &FileConfig, path: &Path, line: &Line<'_>, id: &str) {
    plain::push(batch, meter, line, id, "file", &config.fields, |document| {
        document.text("log.file.path", &path.to_string_lossy());
        document.number("log.offset", line.offset);
    });
}

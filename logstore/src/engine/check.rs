//! `logstored verify`: every file of a data folder against its checksum, changing nothing.

use std::path::Path;

use super::disk::DataFolder;
use super::{frame, verify};

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// Indices looked at.
    pub indices: usize,
    /// Segments looked at.
    pub segments: usize,
    /// Bytes that passed.
    pub bytes: u64,
    /// A sentence for each damage, with the file it is in.
    pub damaged: Vec<String>,
}

/// Verifies a data folder that no process uses.
///
/// # Errors
/// The folder is in use or cannot be read.
pub fn folder(data: &Path) -> anyhow::Result<Report> {
    anyhow::ensure!(
        data.join("indices").is_dir(),
        "{} is no data folder of logstored: it has no folder `indices`",
        data.display()
    );
    let _held = DataFolder::open(data)?;
    super::format::check(data).map_err(|error| anyhow::anyhow!(error.reason))?;
    let mut report = Report::default();
    for entry in std::fs::read_dir(data.join("indices"))? {
        index(&entry?.path(), &mut report);
    }
    for set_aside in std::fs::read_dir(data.join(super::damage::FOLDER))
        .into_iter()
        .flatten()
        .flatten()
    {
        report.damaged.push(format!(
            "{}: was set aside as damaged by an earlier start",
            set_aside.path().display()
        ));
    }
    Ok(report)
}

fn index(folder: &Path, report: &mut Report) {
    report.indices += 1;
    let meta = folder.join("meta.json");
    match std::fs::read(&meta).and_then(|bytes| verify::unsealed(&bytes).map(|content| content.len())) {
        Ok(length) => report.bytes += length as u64,
        Err(error) => report.damaged.push(format!("{}: {error}", meta.display())),
    }
    let tantivy = folder.join("tantivy");
    match verify::segments(&tantivy) {
        Err(error) => report.damaged.push(error.to_string()),
        Ok(segments) => {
            for segment in &segments {
                report.segments += 1;
                match verify::segment(&tantivy, segment) {
                    Ok(read) => report.bytes += read,
                    Err(bad) => report
                        .damaged
                        .push(format!("{} ({} documents)", bad.reason, segment.documents)),
                }
            }
        }
    }
    for entry in std::fs::read_dir(folder.join("wal"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let path = entry.path();
        let Ok(bytes) = std::fs::read(&path) else {
            report.damaged.push(format!("{}: cannot be read", path.display()));
            continue;
        };
        let mut rest = &bytes[..];
        while let frame::Read::Frame(_, length) = frame::read(rest) {
            report.bytes += length as u64;
            rest = &rest[length..];
        }
        if !rest.is_empty() {
            let offset = bytes.len() - rest.len();
            report.damaged.push(format!(
                "{} at {offset}: a record is torn or fails its checksum; a torn end after a crash is cut off at the next start",
                path.display()
            ));
        }
    }
}

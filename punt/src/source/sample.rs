//! What a source would make of some input, without its sockets and files: for the tests in a configuration.

use std::time::Duration;

use jiff::Timestamp;

use super::lines::Line;
use super::syslog::{Encoder, Tally};
use super::{file, json, stdin};
use crate::config::SourceConfig;
use crate::event::Batch;
use crate::meter::Meter;

/// A sample has the time that its author gave it, however long ago that was.
const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);

/// The sender of a sample.
const PEER: &str = "127.0.0.1";

/// Adds the event of one line, frame or record. Only what the source parses itself; not its framing.
pub(crate) fn sample(source: &SourceConfig, input: &[u8], batch: &mut Batch, meter: &Meter) {
    let line = Line {
        bytes: input,
        offset: 0,
        end: input.len() as u64 + 1,
        cut: 0,
    };
    match source {
        SourceConfig::Syslog(_) => {
            let encoder = Encoder::new(CENTURY);
            let mut tally = Tally::default();
            encoder.push(batch, &mut tally, input, false, Some(PEER), Timestamp::now());
        }
        SourceConfig::File(config) => file::sample(batch, meter, config, &line),
        SourceConfig::Spool(_) => json::push(batch, meter, &line, "sample", "spool", false),
        SourceConfig::Stdin(config) => stdin::sample(batch, meter, config, &line),
        // An entry of the journal has many lines; as a sample it is the record that it becomes.
        SourceConfig::Journald(_) => json::push(batch, meter, &line, "sample", "journald", false),
        SourceConfig::Http(_) => json::push(batch, meter, &line, "sample", "http", false),
    }
}

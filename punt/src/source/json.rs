//! A line that should be a log record, from a spool or a file, into an event. Whatever it is, it is kept.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::lines::Line;
use crate::event::{Batch, Record, pipeline_error, write_timestamp};
use crate::meter::{Count, Meter};

/// The longest `_id` that Elasticsearch takes.
const MAX_ID: usize = 512;

/// Adds the event of this line. `id` is the record id by place; a record that names itself goes before it.
/// `torn`: the line has no end, and never will.
pub(super) fn push(batch: &mut Batch, meter: &Meter, line: &Line<'_>, id: &str, dataset: &str, torn: bool) {
    let text = line.bytes.trim_ascii();
    if text.is_empty() && line.cut == 0 {
        return;
    }
    let received = Timestamp::now();
    meter.add(Count::Received, 1);
    meter.add(Count::ReceivedBytes, line.end - line.offset);
    meter.add(Count::Truncated, u64::from(line.cut > 0));
    let read = if line.cut > 0 {
        Err(format!(
            "the line is too long: {} of its bytes were cut off",
            line.cut
        ))
    } else {
        Record::read(text).and_then(|record| {
            let timestamp = record.timestamp()?;
            match record.is_empty() {
                true => Err("the record is empty".to_owned()),
                false => Ok((timestamp, record.own_id())),
            }
        })
    };
    match read {
        Ok((timestamp, own_id)) => {
            meter.add(Count::Parsed, 1);
            let own_id = own_id.map(bounded);
            let id = own_id.as_deref().unwrap_or(id);
            let index_time = timestamp.unwrap_or(received).as_millisecond();
            batch.push(
                index_time,
                |out| out.extend_from_slice(id.as_bytes()),
                |out| match timestamp {
                    Some(_) => out.extend_from_slice(text),
                    None => {
                        // The engine cannot place a record without a time.
                        out.extend_from_slice(b"{\"@timestamp\":\"");
                        write_timestamp(out, received);
                        out.extend_from_slice(b"\",");
                        out.extend_from_slice(&text[1..]);
                    }
                },
            );
        }
        Err(reason) => {
            meter.add(Count::Failed, 1);
            let torn = if torn { "the line was torn off: " } else { "" };
            let reason = format!("{torn}{reason}");
            batch.push(
                received.as_millisecond(),
                |out| out.extend_from_slice(id.as_bytes()),
                |out| pipeline_error(out, received, dataset, &reason, line.bytes),
            );
        }
    }
}

/// An id that is too long is replaced by its hash.
fn bounded(id: String) -> String {
    if id.len() <= MAX_ID {
        return id;
    }
    let hash = Sha256::digest(id.as_bytes());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

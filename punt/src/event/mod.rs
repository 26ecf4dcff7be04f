//! What flows through punt: events, in batches, as serialized documents.
//!
//! An event is never a JSON tree: a source writes its document once, into the arena of a [`Batch`], and the
//! bytes go from there into the buffers. What a stage needs to know about an event (its time, its id) stands
//! beside the document.

mod batch;
mod document;
mod pipeline_error;
mod record;

pub(crate) use batch::{Acknowledge, Batch, Event};
pub(crate) use document::{Document, write_number, write_timestamp};
pub(crate) use pipeline_error::pipeline_error;
pub(crate) use punt_json::write_text;
pub(crate) use record::Record;

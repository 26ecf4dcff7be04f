//! What is done to events on their way: fields parsed, changed, hidden; events dropped, sampled, throttled.
//!
//! A [`Chain`] is the list that a source or a route names. It opens each event as a [`Draft`], lets each transform
//! whose condition holds work on it, and writes the document once, at the end. A transform never fails an event away:
//! what it cannot do is counted, and the event is kept, dropped or put aside as its configuration says.

mod chain;
mod clock;
mod compile;
mod date;
mod dead_letter;
mod draft;
mod edit;
mod geoip;
mod limit;
mod parse;
mod redact;
mod template;
#[cfg(feature = "vrl")]
mod vrl;

pub(crate) use chain::{Chain, Made, Step, Work};
pub(crate) use compile::{compile, faults};
pub(crate) use dead_letter::DeadLetter;
pub(crate) use draft::Draft;
pub(crate) use template::Template;

use crate::meter::Count;

/// Something that is done to one event at a time, by any number of threads.
pub(crate) trait Transform: Send + Sync {
    /// Does it. After [`Outcome::Failed`] the draft must be as it was.
    fn apply(&self, draft: &mut Draft, scratch: &mut Scratch) -> Outcome;
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It goes on.
    Pass,
    /// It goes on as it was, or goes where failures go; this is why.
    Failed(String),
    /// It is dropped, and counted so.
    Drop(Count),
}

/// What transforms need while they work, kept from event to event.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// A text in work.
    pub(crate) text: String,
    /// When the batch came in.
    pub(crate) now: jiff::Timestamp,
    /// The same, for measuring.
    pub(crate) instant: std::time::Instant,
}

// === impl Scratch ===

impl Default for Scratch {
    fn default() -> Self {
        Self {
            text: String::new(),
            now: jiff::Timestamp::now(),
            instant: std::time::Instant::now(),
        }
    }
}

//! A chain of transforms over batches: what a source's stage and a route run.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use punt_lucene::Expression;
use tokio::sync::mpsc::{Receiver, Sender};
use tracing::{error, warn};

use super::clock::event_time_ms;
use super::dead_letter::DeadLetter;
use super::{Draft, Outcome, Scratch, Transform};
use crate::config::OnFailure;
use crate::event::{Batch, Event};
use crate::meter::{Count, Meter};

/// One configured transform. Sources and routes that name it share it, its state and its counters.
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) when: Expression,
    pub(crate) transform: Box<dyn Transform>,
    pub(crate) on_failure: OnFailure,
    /// Where failed events go with `on_failure = "dead_letter"`.
    pub(crate) dead_letter: Option<DeadLetter>,
    pub(crate) meter: Arc<Meter>,
}

/// Transforms in the order in which they are run.
#[derive(Clone)]
pub(crate) struct Chain(pub(crate) Vec<Arc<Step>>);

/// What a run over many events needs: made once, used for each.
#[derive(Default)]
pub(crate) struct Work {
    draft: Draft,
    scratch: Scratch,
    tallies: Vec<Tally>,
}

/// What was counted of one step: shared counters are touched once a batch, not once an event.
#[derive(Default)]
struct Tally {
    received: u64,
    emitted: u64,
    failed: u64,
    dropped: Vec<(Count, u64)>,
    /// Lines for the dead-letter file, and how many.
    dead: Vec<u8>,
    dead_events: u64,
}

/// What a chain made of an event.
pub(crate) enum Made {
    /// It goes on as it came.
    Same,
    /// It goes on as the work's document, with this index time.
    Changed(i64),
    /// It is dropped, and counted.
    Dropped,
}

// === impl Tally ===

impl Tally {
    fn drop(&mut self, count: Count) {
        match self.dropped.iter_mut().find(|(known, _)| *known == count) {
            Some((_, events)) => *events += 1,
            None => self.dropped.push((count, 1)),
        }
    }
}

// === impl Work ===

impl Work {
    /// Writes what [`Made::Changed`] is about.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        self.draft.write(out);
    }

    /// To be called before the events of a batch: rates are measured once a batch.
    pub(crate) fn begin(&mut self) {
        self.scratch.now = Timestamp::now();
        self.scratch.instant = Instant::now();
    }
}

// === impl Chain ===

impl Chain {
    /// Runs over one event. [`Chain::settle`] must follow before anybody hears of it.
    pub(crate) fn run(&self, event: Event<'_>, work: &mut Work) -> Made {
        work.tallies.resize_with(self.0.len(), Tally::default);
        if let Err(error) = work.draft.open(event.document) {
            // No source writes such a document; should one do, it is not this stage that loses it.
            if let Some(tally) = work.tallies.first_mut() {
                tally.received += 1;
                tally.failed += 1;
                tally.emitted += 1;
            }
            warn!(event.action = "document-unreadable", %error, "an event is no JSON object, and is passed on as it is");
            return Made::Same;
        }
        for (step, tally) in self.0.iter().zip(&mut work.tallies) {
            if !step.when.is_always() && !step.when.matches_members(work.draft.members()) {
                continue;
            }
            tally.received += 1;
            match step.transform.apply(&mut work.draft, &mut work.scratch) {
                Outcome::Pass => {}
                Outcome::Drop(count) => {
                    tally.drop(count);
                    return Made::Dropped;
                }
                Outcome::Failed(reason) => {
                    tally.failed += 1;
                    match step.on_failure {
                        OnFailure::Keep => step.mark(&mut work.draft, &reason),
                        OnFailure::Drop => {
                            tally.drop(Count::DroppedFailed);
                            return Made::Dropped;
                        }
                        OnFailure::DeadLetter => {
                            let mut document = Vec::new();
                            work.draft.write(&mut document);
                            DeadLetter::line(&mut tally.dead, &step.name, &reason, event.id, &document);
                            tally.dead_events += 1;
                            return Made::Dropped;
                        }
                    }
                }
            }
            tally.emitted += 1;
        }
        if !work.draft.is_edited() {
            return Made::Same;
        }
        let own = |draft: &Draft| draft.get("@timestamp").and_then(event_time_ms);
        let time = if work.draft.is_retimed() {
            own(&work.draft)
        } else {
            None
        };
        if work.draft.get("@timestamp").is_none() {
            // The engine cannot place an event without a time.
            let time = Timestamp::from_millisecond(event.index_time_ms).unwrap_or(work.scratch.now);
            work.draft.set_text("@timestamp", &format!("{time:.3}"));
        }
        Made::Changed(time.unwrap_or(event.index_time_ms))
    }

    /// Hands the counts of a batch over, and writes what is for the dead-letter files.
    pub(crate) fn settle(&self, work: &mut Work) {
        for (step, mut tally) in self.0.iter().zip(work.tallies.drain(..)) {
            step.meter.add(Count::Received, tally.received);
            step.meter.add(Count::Emitted, tally.emitted);
            step.meter.add(Count::Failed, tally.failed);
            if tally.dead_events > 0 {
                let written = step.dead_letter.as_ref().is_some_and(|file| {
                    file.append(&tally.dead).unwrap_or_else(|error| {
                        error!(event.action = "dead-letter-failed", labels.transform = step.name, %error,
                               "events that a transform failed on cannot be put aside, and are lost");
                        false
                    })
                });
                match written {
                    true => step.meter.add(Count::DeadLettered, tally.dead_events),
                    false => step.meter.add(Count::DroppedDeadLetterFull, tally.dead_events),
                }
            }
            for (count, events) in tally.dropped.drain(..) {
                step.meter.add(count, events);
            }
        }
    }

    /// Runs over a batch, whose acknowledgement goes with what is left of it.
    pub(crate) fn apply(&self, mut batch: Batch, work: &mut Work) -> Batch {
        work.begin();
        let mut made = batch.sibling();
        for event in batch.events() {
            let id = |out: &mut Vec<u8>| out.extend_from_slice(event.id);
            match self.run(event, work) {
                Made::Same => made.push(event.index_time_ms, id, |out| {
                    out.extend_from_slice(event.document)
                }),
                Made::Changed(time) => made.push(time, id, |out| work.write(out)),
                Made::Dropped => {}
            }
        }
        self.settle(work);
        made.acknowledge = batch.acknowledge.take();
        made
    }

    /// The stage between a source and the router, on a thread of its own: ends when the source has. What comes after
    /// the router has ended is counted as lost. `source`: the source's counters.
    pub(crate) fn stage(self, mut from: Receiver<Batch>, to: &Sender<Batch>, source: &Meter) {
        let mut work = Work::default();
        while let Some(batch) = from.blocking_recv() {
            let came = batch.len();
            let batch = self.apply(batch, &mut work);
            source.add(Count::Filtered, came.saturating_sub(batch.len()) as u64);
            if batch.is_empty() && batch.acknowledge.is_none() {
                continue;
            }
            if let Err(unsent) = to.blocking_send(batch) {
                source.add(Count::DroppedAtStop, unsent.0.len() as u64);
            }
        }
    }
}

// === impl Step ===

impl Step {
    /// Says on the event what failed.
    fn mark(&self, draft: &mut Draft, reason: &str) {
        if draft.get("error.message").is_none() {
            draft.set_text("error.message", &format!("transform {}: {reason}", self.name));
        }
        draft.set_text("labels.failed_transform", &self.name);
    }
}

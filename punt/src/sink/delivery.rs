//! One batch on its way: sent, judged, and sent again until no item is left.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use punt_elastic::{Rejection, Retry, Verdict};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::backoff::Backoff;
use super::dead_letter::DeadLetter;
use super::failure::Failure;
use super::pace::Pace;
use super::target::Target;
use crate::buffer::Payloads;
use crate::meter::{Count, Meter};

/// A request of fewer items is not split because it took too long.
const SMALL: usize = 200;

/// How often rejected events are spoken of.
const SAY_REJECTED_EVERY: Duration = Duration::from_secs(10);

/// The longest pause that the other side can ask for (`Retry-After`).
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// What all deliveries of a sink share.
#[derive(Debug)]
pub(crate) struct Delivery {
    sink: String,
    pub(super) target: Target,
    pub(super) meter: Arc<Meter>,
    pub(super) pace: Pace,
    retry_max: Duration,
    dead_letter: Mutex<DeadLetter>,
    /// The reason why the other side takes nothing at the moment: said once when it begins and once when it ends.
    trouble: Mutex<Option<String>>,
    /// When a rejection was last spoken of.
    said_rejected: Mutex<Option<Instant>>,
}

// === impl Delivery ===

impl Delivery {
    pub(crate) fn new(
        sink: &str,
        target: Target,
        meter: Arc<Meter>,
        pace: Pace,
        retry_max: Duration,
        dead_letter: DeadLetter,
    ) -> Self {
        Self {
            sink: sink.to_owned(),
            target,
            meter,
            pace,
            retry_max,
            dead_letter: Mutex::new(dead_letter),
            trouble: Mutex::default(),
            said_rejected: Mutex::default(),
        }
    }

    /// Delivers the pieces. When it returns, each item of them is with the other side, in the dead-letter file, or
    /// counted, or it is in one of the pieces that it gives back because of `handover`: those are for the sender
    /// that takes over. It can be dropped at any time: what was not acknowledged is still in the buffer.
    pub(crate) async fn deliver(
        &self,
        mut pieces: Vec<Payloads>,
        handover: &CancellationToken,
    ) -> Vec<Payloads> {
        // Pieces still to send; a request that is too large puts two smaller ones here.
        let mut backoff = Backoff::new(self.retry_max);
        while let Some(piece) = pieces.pop() {
            if piece.is_empty() {
                continue;
            }
            if handover.is_cancelled() {
                pieces.push(piece);
                return pieces;
            }
            self.meter.add(Count::Requests, 1);
            self.meter.add(Count::Sent, piece.len() as u64);
            let begun = Instant::now();
            let answer = tokio::select! {
                answer = self.target.send(&piece) => answer,
                // Whether it arrived is not known; sent again, it is stored once where ids count.
                () = handover.cancelled() => {
                    self.meter.add(Count::Retried, piece.len() as u64);
                    pieces.push(piece);
                    return pieces;
                }
            };
            match answer {
                Ok(verdicts) => {
                    self.end_trouble();
                    let again = self.judge(piece, verdicts, handover).await;
                    self.pace.observe(begun.elapsed(), !again.is_empty());
                    if again.is_empty() {
                        backoff = Backoff::new(self.retry_max);
                    } else {
                        self.meter.add(Count::Retried, again.len() as u64);
                        pieces.push(again);
                        pause_unless(handover, backoff.pause()).await;
                    }
                }
                Err(failure) => {
                    self.meter.add(Count::FailedRequests, 1);
                    self.pace.observe(begun.elapsed(), failure.is_overload());
                    if failure.retry == Retry::Smaller {
                        self.halve(piece, &failure, &mut pieces, handover).await;
                        continue;
                    }
                    self.begin_trouble(&failure);
                    let mut pause = backoff.pause();
                    if let Retry::After(after) = failure.retry {
                        pause = pause.max(after.min(RETRY_AFTER_MAX));
                    }
                    pause_unless(handover, pause).await;
                    self.meter.add(Count::Retried, piece.len() as u64);
                    if failure.timed_out && piece.len() > SMALL {
                        // Perhaps it is only too much for the time limit; then it would be so for ever.
                        let mut piece = piece;
                        let rest = piece.split_off(piece.len() / 2);
                        pieces.extend([rest, piece]);
                    } else {
                        pieces.push(piece);
                    }
                }
            }
        }
        pieces
    }

    /// Whether the other side takes nothing at the moment.
    pub(crate) fn is_in_trouble(&self) -> bool {
        self.trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    /// Counts and buries; gives the items to send again.
    async fn judge(&self, piece: Payloads, verdicts: Vec<Verdict>, handover: &CancellationToken) -> Payloads {
        let (mut again, mut rejected, mut stored, mut duplicates) = (Vec::new(), Vec::new(), 0, 0);
        let mut refused = Vec::new();
        for (number, verdict) in verdicts.into_iter().enumerate() {
            match verdict {
                Verdict::Stored => stored += 1,
                Verdict::Duplicate => duplicates += 1,
                Verdict::Retry(_) => again.push(number),
                Verdict::Rejected(rejection) => {
                    rejected.push((piece.payload(number), rejection));
                    refused.push(number);
                }
            }
        }
        self.meter.add(Count::Acknowledged, stored + duplicates);
        self.meter.add(Count::Duplicates, duplicates);
        if !self.bury(rejected, handover).await {
            again.append(&mut refused);
            again.sort_unstable();
        }
        piece.select(&again)
    }

    async fn halve(
        &self,
        mut piece: Payloads,
        failure: &Failure,
        pieces: &mut Vec<Payloads>,
        handover: &CancellationToken,
    ) {
        if piece.len() > 1 {
            let rest = piece.split_off(piece.len() / 2);
            self.meter.add(Count::Retried, (piece.len() + rest.len()) as u64);
            pieces.extend([rest, piece]);
            return;
        }
        let rejection = Rejection {
            status: failure.status,
            kind: "request_refused".to_owned(),
            reason: failure.reason.clone(),
        };
        if !self.bury(vec![(piece.payload(0), rejection)], handover).await {
            pieces.push(piece);
        }
    }

    /// Writes to the dead-letter file, for as long as it takes. False: given up because of `handover`.
    async fn bury(&self, rejected: Vec<(Bytes, Rejection)>, handover: &CancellationToken) -> bool {
        let Some((_, first)) = rejected.first() else {
            return true;
        };
        self.say_rejected(first);
        let mut backoff = Backoff::new(self.retry_max);
        loop {
            let result = tokio::task::block_in_place(|| {
                self.dead_letter
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .write(&rejected)
            });
            match result {
                Ok(written) => {
                    self.meter.add(Count::DeadLettered, written);
                    let lost = rejected.len() as u64 - written;
                    self.meter.add(Count::DroppedDeadLetterFull, lost);
                    if lost > 0 {
                        error!(
                            event.action = "events-lost",
                            labels.sink = self.sink,
                            events = lost,
                            "the dead-letter file is full"
                        );
                    }
                    return true;
                }
                Err(error) => {
                    error!(event.action = "dead-letter-failed", labels.sink = self.sink, %error,
                           "the dead-letter file cannot be written, trying again");
                    if handover.is_cancelled() {
                        return false;
                    }
                    pause_unless(handover, backoff.pause()).await;
                }
            }
        }
    }

    /// Now and then, not with every request: the counters have the numbers.
    fn say_rejected(&self, first: &Rejection) {
        let mut said = self.said_rejected.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_some_and(|said| said.elapsed() < SAY_REJECTED_EVERY) {
            return;
        }
        *said = Some(Instant::now());
        warn!(
            event.action = "events-rejected",
            labels.sink = self.sink,
            error.type = first.kind,
            error.message = first.reason,
            http.response.status_code = first.status,
            "events are refused, they go to the dead-letter file"
        );
    }

    fn begin_trouble(&self, failure: &Failure) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.is_none() {
            let message = match failure.denied {
                true => "we are not let in, events stay in the buffer until we are: check the sink's auth",
                false => "nothing is taken, events stay in the buffer",
            };
            warn!(
                event.action = "engine-lost",
                labels.sink = self.sink,
                error = %failure,
                "{message}"
            );
        }
        *trouble = Some(failure.reason.clone());
    }

    fn end_trouble(&self) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.take().is_some() {
            info!(
                event.action = "engine-found",
                labels.sink = self.sink,
                "events are taken again"
            );
        }
    }
}

/// Waits, and no longer than until the handover.
async fn pause_unless(handover: &CancellationToken, pause: Duration) {
    tokio::select! {
        () = handover.cancelled() => {}
        () = tokio::time::sleep(pause) => {}
    }
}

//! From the documents of one request into batches, and waiting until they are durable.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::refusal::Refusal;
use super::service::Service;
use crate::config::{ClientIndex, HttpIds};
use crate::event::{Acknowledge, Batch, Document, Record, pipeline_error, write_text, write_timestamp};
use crate::meter::Count;

/// The longest `_id` that Elasticsearch takes.
const MAX_ID: usize = 512;

/// In which batch of the request an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(u64);

/// Takes in the events of one request. What was handed on is acknowledged through a channel of the request's own.
pub(super) struct Ingest<'a> {
    service: &'a Service,
    batch: Batch,
    tally: Tally,
    /// The number of the batch that is being filled, from 1.
    sequence: u64,
    acknowledge: watch::Sender<u64>,
    durable: watch::Receiver<u64>,
    /// Until when the queue is waited for.
    deadline: Instant,
    /// The first batch that found no place in the queue: it and all after it are refused.
    refused_from: u64,
    received: Timestamp,
    last_id: Option<String>,
}

/// What became of the batches of a request.
pub(super) struct Outcome {
    durable: u64,
    refused_from: u64,
}

/// Counts of the batch that is being filled: only what is handed on was received.
#[derive(Default)]
struct Tally {
    bytes: u64,
    failed: u64,
    truncated: u64,
}

// === impl Outcome ===

impl Outcome {
    /// Whether the event at this place is durable.
    pub(super) fn of(&self, place: Place) -> Result<(), Refusal> {
        if place.0 >= self.refused_from {
            return Err(Refusal::busy(
                "the queue to the buffers is full or the source is over its rate, send it again later",
            ));
        }
        match place.0 <= self.durable {
            true => Ok(()),
            false => Err(Refusal::unavailable(
                "the event did not become durable, send it again",
            )),
        }
    }

    /// Whether all of the request is durable.
    pub(super) fn whole(&self, last: Place) -> Result<(), Refusal> {
        self.of(Place(1)).and_then(|()| self.of(last))
    }
}

// === impl Ingest ===

impl<'a> Ingest<'a> {
    pub(super) fn new(service: &'a Service) -> Self {
        let (acknowledge, durable) = watch::channel(0);
        Self {
            service,
            batch: Batch::default(),
            tally: Tally::default(),
            sequence: 1,
            acknowledge,
            durable,
            deadline: Instant::now() + service.config.queue_timeout,
            refused_from: u64::MAX,
            received: Timestamp::now(),
            last_id: None,
        }
    }

    /// Takes in a record: a JSON object, nested or flat, which is passed on as it is.
    pub(super) async fn record(
        &mut self,
        text: &[u8],
        id: Option<&str>,
        index: Option<&str>,
    ) -> Result<Place, Refusal> {
        let config = &self.service.config;
        let text = text.trim_ascii();
        if text.len() > config.max_event_bytes {
            return Err(Refusal::too_large(
                "the document",
                "max_event_bytes",
                config.max_event_bytes,
            ));
        }
        if let Some(id) = id.filter(|id| id.len() > MAX_ID) {
            return Err(Refusal::argument(format!(
                "id is too long, must be no longer than {MAX_ID} bytes but was: {}",
                id.len()
            )));
        }
        let record = Record::read(text).map_err(|reason| {
            Refusal::new(
                400,
                "mapper_parsing_exception",
                format!("failed to parse: {reason}"),
            )
        })?;
        let (ids, received) = (&self.service.ids, self.received);
        let id = match id {
            Some(id) => id.to_owned(),
            None => match record.own_id().filter(|id| id.len() <= MAX_ID) {
                Some(id) => id,
                None if config.ids == HttpIds::Content => hash(text),
                None => ids.name(ids.next()),
            },
        };
        let has_time = record.has_timestamp();
        let index_time = record.loose_timestamp().unwrap_or(self.received);
        let index = index.filter(|_| config.client_index == ClientIndex::Field);
        let push_id = |out: &mut Vec<u8>| out.extend_from_slice(id.as_bytes());
        self.batch.push(index_time.as_millisecond(), push_id, |out| {
            out.push(b'{');
            let mut comma = "";
            if !has_time {
                // The engine cannot place a record without a time.
                out.extend_from_slice(b"\"@timestamp\":\"");
                write_timestamp(out, received);
                out.push(b'"');
                comma = ",";
            }
            if let Some(index) = index
                && memchr::memmem::find(text, config.index_field.as_bytes()).is_none()
            {
                out.extend_from_slice(comma.as_bytes());
                write_text(out, &config.index_field);
                out.push(b':');
                write_text(out, index);
                comma = ",";
            }
            if !record.is_empty() {
                out.extend_from_slice(comma.as_bytes());
            }
            // Line ends are only between the values of a JSON text, and a document is one line.
            out.extend(text[1..].iter().map(|byte| match byte {
                b'\n' | b'\r' => b' ',
                other => *other,
            }));
        });
        self.last_id = Some(id);
        Ok(self.placed(text.len()).await)
    }

    /// Takes in what should have been a record, with the reason why it is none.
    pub(super) async fn broken(&mut self, text: &[u8], reason: &str) -> Place {
        self.tally.failed += 1;
        let (ids, received) = (&self.service.ids, self.received);
        self.batch.push(
            received.as_millisecond(),
            |out| ids.write(ids.next(), out),
            |out| pipeline_error(out, received, "http", reason, text),
        );
        self.placed(text.len()).await
    }

    /// Takes in a line of text.
    pub(super) async fn line(&mut self, text: &[u8]) -> Place {
        let max = self.service.config.max_event_bytes;
        let cut = text.len() > max;
        self.tally.truncated += u64::from(cut);
        let (ids, received) = (&self.service.ids, self.received);
        let content = self.service.config.ids == HttpIds::Content;
        let kept = &text[..text.len().min(max)];
        let push_id = |out: &mut Vec<u8>| match content {
            true => out.extend_from_slice(hash(text).as_bytes()),
            false => ids.write(ids.next(), out),
        };
        self.batch.push(received.as_millisecond(), push_id, |out| {
            let mut document = Document::at(out, received);
            document.text("message", &String::from_utf8_lossy(kept));
            document.text("ecs.version", telemetry::record::ECS_VERSION);
            document.text("event.dataset", "http");
            if cut {
                document.text("labels.truncated", "true");
            }
            document.end();
        });
        self.placed(text.len()).await
    }

    async fn placed(&mut self, bytes: usize) -> Place {
        self.tally.bytes += bytes as u64;
        let place = Place(self.sequence);
        if self.batch.is_full() {
            self.hand_on().await;
        }
        place
    }

    /// The id of the event that was taken in last.
    pub(super) fn last_id(&mut self) -> Option<String> {
        self.last_id.take()
    }

    /// Hands on what is left and waits until all is durable, or is given up, or it has taken too long.
    pub(super) async fn finish(mut self) -> Outcome {
        self.hand_on().await;
        let last = (self.sequence - 1).min(self.refused_from - 1);
        // Ours must not keep the channel open: it closes when the last batch was given up.
        drop(self.acknowledge);
        let waiting = self.durable.wait_for(|durable| *durable >= last);
        let patience = self.service.config.durable_timeout;
        drop(timeout(patience, waiting).await);
        let durable = *self.durable.borrow();
        Outcome {
            durable,
            refused_from: self.refused_from,
        }
    }

    async fn hand_on(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let mut batch = self.batch.take();
        let (events, tally) = (batch.len() as u64, std::mem::take(&mut self.tally));
        let number = self.sequence;
        self.sequence += 1;
        let meter = &self.service.intake.meter;
        let place = match self.refused_from {
            u64::MAX => self.service.intake.place(batch.len(), self.deadline).await,
            _ => None,
        };
        let Some(place) = place else {
            self.refused_from = self.refused_from.min(number);
            meter.add(Count::Refused, events);
            return;
        };
        // Before the events: what came in is never less than what went on.
        meter.add(Count::Received, events);
        meter.add(Count::ReceivedBytes, tally.bytes);
        meter.add(Count::Parsed, events - tally.failed);
        meter.add(Count::Failed, tally.failed);
        meter.add(Count::Truncated, tally.truncated);
        batch.acknowledge = Some(Acknowledge::new(number, self.acknowledge.clone()));
        place.send(batch);
    }
}

/// The first 160 bits of the text's SHA-256, in hexadecimal.
fn hash(text: &[u8]) -> String {
    let digest = Sha256::digest(text);
    digest[..20].iter().map(|byte| format!("{byte:02x}")).collect()
}

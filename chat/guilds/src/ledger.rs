//! The ledger of a guild: which event gets which number, what is being written, and what is a repeat.
//!
//! No IO. Its owner offers it messages, takes a batch when nothing is in flight, has data write the batch, and
//! settles it once it is durable. When the outcome of a batch turns out to be "not as I thought", the whole
//! ledger is abandoned, and another one loaded from what data has: a number that was given out once is never given
//! to something else by the same ledger.
//!
//! ```text
//! durable <- window: newest events      flight: being written      pending: waits for the next batch
//! 1 .................................. n | n+1 ............ n+f | n+f+1 ...
//! ```

use std::collections::VecDeque;

use chat_proto::discord::Message;
use chat_proto::service::data::{Change, StoredEvent};
use chat_proto::service::guilds::NewMessage;
use chat_proto::{ChannelId, Epoch, EventKind, EventNumber, GuildId, MessageId};

use crate::compose::{self, Draft};
use crate::repeats::{Known, LATE_MS, Repeats, SKEW_MS};
use crate::window::{Sight, Window, weight};

/// Events that may wait for the next batch; a full queue refuses, and the sender tries again.
const PENDING: usize = 1024;

/// Events of one batch.
const BATCH: usize = 256;

/// Payload of one batch: with its rows well below what a frame may carry.
const BATCH_BYTES: usize = 1 << 20;

/// Those who wait for the same message.
const WAITERS: usize = 32;

/// The ledger; `W` is whoever waits for an event to become durable.
#[derive(Debug)]
pub(crate) struct Ledger<W> {
    guild: GuildId,
    epoch: Epoch,
    durable: EventNumber,
    window: Window,
    repeats: Repeats,
    flight: VecDeque<Entry<W>>,
    pending: VecDeque<Entry<W>>,
}

/// An event that is not durable yet, or has just become so.
#[derive(Debug)]
pub(crate) struct Entry<W> {
    pub(crate) stored: StoredEvent,
    /// Who waits for it, and whether they asked for something that had been asked before.
    pub(crate) waiters: Vec<(W, bool)>,
}

/// What became of an offered message.
#[derive(Debug)]
pub(crate) enum Offer<W> {
    /// It will be in a batch, or is in one already.
    Queued,
    /// It is durable already. The message is there when the window still has it.
    Repeated {
        /// Who waits.
        waiter: W,
        /// Its channel.
        channel: ChannelId,
        /// The id of the first one.
        message: MessageId,
        /// Its event.
        number: EventNumber,
        /// As it is now.
        found: Option<Box<Message>>,
    },
    /// It is too old to know: look at data, then offer it again as new or answer what was found.
    LookUp(NewMessage, W),
    /// Too much waits.
    Full(W),
}

impl<W> Ledger<W> {
    /// The ledger of a guild as data has it; `recent` are its newest events.
    pub(crate) fn load(
        guild: GuildId,
        epoch: Epoch,
        last: EventNumber,
        recent: Vec<StoredEvent>,
        now_ms: u64,
    ) -> Self {
        let mut ledger = Self {
            guild,
            epoch,
            durable: last,
            window: Window::default(),
            repeats: Repeats::default(),
            flight: VecDeque::new(),
            pending: VecDeque::new(),
        };
        let complete = match recent.first() {
            Some(first) => first.event.number == Some(EventNumber(1)),
            None => last == EventNumber(0),
        };
        if !complete {
            // Whatever is not here was written before the first that is, and before now: so was its id made.
            let first = recent.iter().find_map(created);
            let first_ms = first.map_or(now_ms, |message| message.id.unix_ms());
            let before_ms = (first_ms + LATE_MS).min(now_ms + SKEW_MS);
            ledger.repeats.forget_until(before_ms);
        }
        for stored in recent {
            if let Some(message) = created(&stored) {
                // When it was written is not known; its id says when it was sent.
                let at_ms = message.id.unix_ms().min(now_ms);
                ledger.remember(message, at_ms);
            }
            ledger.window.push(stored);
        }
        ledger
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The same owner, in a later generation.
    pub(crate) fn set_epoch(&mut self, epoch: Epoch) {
        self.epoch = epoch;
    }

    /// The newest durable number.
    pub(crate) fn durable(&self) -> EventNumber {
        self.durable
    }

    /// The newest durable events.
    pub(crate) fn window(&self) -> &Window {
        &self.window
    }

    /// Forgets what is too old to be repeated.
    pub(crate) fn sweep(&mut self, now_ms: u64) {
        self.repeats.sweep(now_ms);
    }

    /// Whether everything is durable.
    pub(crate) fn idle(&self) -> bool {
        self.flight.is_empty() && self.pending.is_empty()
    }

    /// How much waits or is being written.
    pub(crate) fn depth(&self) -> usize {
        self.flight.len() + self.pending.len()
    }

    /// A message to be sent. `looked_up`: data was asked, and does not have it.
    pub(crate) fn offer(&mut self, new: NewMessage, waiter: W, looked_up: bool, now_ms: u64) -> Offer<W> {
        let nonce = new.nonce.as_deref().filter(|_| new.enforce_nonce);
        let nonce = nonce.map(|nonce| (new.author.id, nonce));
        match self.repeats.find(new.id, nonce, now_ms) {
            Known::Yes(seen) if seen.number > self.durable => {
                let Some(entry) = self.undurable(seen.number) else {
                    return Offer::Full(waiter);
                };
                if entry.waiters.len() >= WAITERS {
                    return Offer::Full(waiter);
                }
                entry.waiters.push((waiter, true));
                Offer::Queued
            }
            Known::Yes(seen) => Offer::Repeated {
                waiter,
                channel: seen.channel,
                message: seen.message,
                number: seen.number,
                found: match self.window.sight(seen.message) {
                    Sight::Message(message) => Some(Box::new(message.clone())),
                    Sight::Deleted | Sight::Nothing => None,
                },
            },
            Known::Perhaps if !looked_up => Offer::LookUp(new, waiter),
            Known::Perhaps | Known::No => {
                if self.pending.len() >= PENDING {
                    return Offer::Full(waiter);
                }
                let message = compose::message(self.guild, new, self.next());
                self.remember(&message, now_ms);
                self.push(compose::message_create(message), waiter);
                Offer::Queued
            }
        }
    }

    /// Another event; the waiter comes back when too much waits.
    pub(crate) fn enter(&mut self, draft: Draft, waiter: W) -> Result<(), W> {
        if self.pending.len() >= PENDING {
            return Err(waiter);
        }
        self.push(draft, waiter);
        Ok(())
    }

    /// The next batch, when nothing is in flight and something waits.
    pub(crate) fn begin(&mut self) -> Option<Vec<StoredEvent>> {
        if !self.flight.is_empty() {
            return None;
        }
        let mut bytes = 0;
        while let Some(entry) = self.pending.front()
            && self.flight.len() < BATCH
        {
            bytes += weight(&entry.stored);
            if bytes > BATCH_BYTES && !self.flight.is_empty() {
                break;
            }
            self.flight.extend(self.pending.pop_front());
        }
        let batch: Vec<StoredEvent> = self.flight.iter().map(|entry| entry.stored.clone()).collect();
        (!batch.is_empty()).then_some(batch)
    }

    /// What was in flight is durable now, in order.
    pub(crate) fn settle(&mut self) -> VecDeque<Entry<W>> {
        let settled = std::mem::take(&mut self.flight);
        for entry in &settled {
            self.durable = entry.stored.event.number.unwrap_or(self.durable);
            self.window.push(entry.stored.clone());
        }
        settled
    }

    /// Everybody who waits.
    pub(crate) fn abandon(&mut self) -> impl Iterator<Item = W> {
        let entries = std::mem::take(&mut self.flight)
            .into_iter()
            .chain(std::mem::take(&mut self.pending));
        entries.flat_map(|entry| entry.waiters).map(|(waiter, _)| waiter)
    }

    fn next(&self) -> EventNumber {
        EventNumber(self.durable.0 + self.depth() as u64 + 1)
    }

    fn push(&mut self, draft: Draft, waiter: W) {
        let stored = draft.at(self.guild, Some(self.next()), self.epoch);
        self.pending.push_back(Entry {
            stored,
            waiters: vec![(waiter, false)],
        });
    }

    fn undurable(&mut self, number: EventNumber) -> Option<&mut Entry<W>> {
        let place = usize::try_from(number.0 - self.durable.0 - 1).ok()?;
        match place.checked_sub(self.flight.len()) {
            None => self.flight.get_mut(place),
            Some(place) => self.pending.get_mut(place),
        }
    }

    fn remember(&mut self, message: &Message, at_ms: u64) {
        let nonce = message.nonce.as_deref().map(|nonce| (message.author.id, nonce));
        self.repeats
            .remember(message.id, message.channel, message.number, nonce, at_ms);
    }
}

/// The message that an event created.
fn created(stored: &StoredEvent) -> Option<&Message> {
    match &stored.change {
        Change::PutMessage(message) if stored.event.kind == EventKind::MessageCreate => Some(message),
        _ => None,
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;

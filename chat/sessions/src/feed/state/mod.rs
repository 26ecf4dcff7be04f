//! The state machine of a feed: which numbers a node has of one guild, and which of its sessions have them too.
//!
//! One rule carries everything: **only the number after the last one is taken**, by the feed and by each session.
//! A number that is known is dropped; one that comes too early is kept until those before it have come. So it does
//! not matter which owner, link, reply or page an event comes from, nor how often. What is missing is asked for:
//! [`Feed::wants`] says what the driver ([`super::driver`]) should be doing, from the state alone, so that no lost
//! answer can be forgotten.
//!
//! Sessions that have not got all that the feed has are **behind**; they get it from the window, or from pages
//! read from the owner when the window does not reach back to them.

mod answers;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use chat_proto::{EventKind, EventNumber, GuildEvent, GuildId, NodeName, SessionId, UserId};

use crate::cell::Cell;
use crate::dispatch::removed_user;
use crate::limits::{EARLY_EVENTS, WINDOW_BYTES, WINDOW_EVENTS};
use crate::session::{Offer, Position};
use crate::wire::Wire;

/// A connection to an owner, by its number in this process.
pub(crate) type LinkId = u64;

/// See the module.
#[derive(Debug)]
pub(crate) struct Feed<W> {
    guild: GuildId,
    subscription: Subscription,
    /// The last number taken; `None` before the first subscription was answered.
    last: Option<EventNumber>,
    /// The highest number that is known to exist.
    target: EventNumber,
    /// The last events taken, contiguous, ending at `last`.
    window: VecDeque<Heard>,
    window_bytes: usize,
    /// Events after a gap.
    early: BTreeMap<EventNumber, Heard>,
    followers: HashMap<SessionId, Arc<Cell<W>>>,
    behind: HashSet<SessionId>,
    /// Sessions that wait for GUILD_CREATE; true when the snapshot under way is for them.
    awaiting: HashMap<SessionId, bool>,
    /// Sessions that left by an event of the guild: their guilds are read again.
    left: Vec<Arc<Cell<W>>>,
}

#[derive(Debug, PartialEq, Eq)]
enum Subscription {
    /// Not subscribed.
    None,
    /// Asked for. `broken`: links that died or spoke of moving meanwhile; `again`: ask again in any case.
    Asked { broken: Vec<LinkId>, again: bool },
    /// Subscribed over this link.
    On { link: LinkId, node: NodeName },
}

/// An event with what is read from it once for all sessions.
#[derive(Debug, Clone)]
struct Heard {
    event: GuildEvent,
    removed: Option<UserId>,
}

/// What a feed needs now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Wants {
    /// A subscription, with the events after this number.
    pub(crate) subscribe: Option<Option<EventNumber>>,
    /// A snapshot of the guild.
    pub(crate) snapshot: bool,
    /// A page of events after this number.
    pub(crate) read: Option<EventNumber>,
}

// === impl Heard ===

impl Heard {
    fn new(event: GuildEvent) -> Self {
        let removed = match event.kind {
            EventKind::GuildMemberRemove => removed_user(&event.payload.full),
            _ => None,
        };
        Self { event, removed }
    }

    fn bytes(&self) -> usize {
        let payload = &self.event.payload;
        payload.full.len() + payload.without_content.as_ref().map_or(0, bytes::Bytes::len)
    }
}

// === impl Feed ===

impl<W: Wire> Feed<W> {
    /// The feed of a guild, without sessions.
    pub(crate) fn new(guild: GuildId) -> Self {
        Self {
            guild,
            subscription: Subscription::None,
            last: None,
            target: EventNumber(0),
            window: VecDeque::new(),
            window_bytes: 0,
            early: BTreeMap::new(),
            followers: HashMap::new(),
            behind: HashSet::new(),
            awaiting: HashMap::new(),
            left: Vec::new(),
        }
    }

    /// What the driver should be doing. What is under way already needs no second asking.
    pub(crate) fn wants(&self) -> Wants {
        if self.followers.is_empty() {
            return Wants::default();
        }
        Wants {
            subscribe: (self.subscription == Subscription::None).then(|| self.since()),
            snapshot: !self.awaiting.is_empty(),
            read: self.read_after(),
        }
    }

    /// Whether no session follows.
    pub(crate) fn is_empty(&self) -> bool {
        self.followers.is_empty()
    }

    // --- sessions ---

    /// A session follows the guild, or may be behind after a hand-over that failed.
    pub(crate) fn join(&mut self, cell: Arc<Cell<W>>) {
        let id = cell.id().clone();
        self.followers.insert(id.clone(), cell);
        self.behind.remove(&id);
        self.awaiting.remove(&id);
        self.place(&id);
    }

    /// A session no longer follows.
    pub(crate) fn leave(&mut self, cell: &Arc<Cell<W>>) {
        let same = self
            .followers
            .get(cell.id())
            .is_some_and(|there| Arc::ptr_eq(there, cell));
        if same {
            self.forget(&cell.id().clone());
        }
    }

    /// Sessions that left by an event of the guild since the last call.
    pub(crate) fn take_left(&mut self) -> Vec<Arc<Cell<W>>> {
        std::mem::take(&mut self.left)
    }

    // --- pushes ---

    /// An event arrived, over whichever link.
    pub(crate) fn heard(&mut self, event: GuildEvent) {
        let Some(number) = event.number else {
            self.fan_out(&Heard::new(event));
            return;
        };
        self.target = self.target.max(number);
        let Some(last) = self.last else {
            self.keep_early(number, event);
            return;
        };
        if number <= last {
            return;
        }
        if number == last.next() {
            self.take(Heard::new(event));
            self.take_early();
            return;
        }
        self.keep_early(number, event);
        // Something is missing: one path for every cause.
        match &mut self.subscription {
            Subscription::On { .. } => self.subscription = Subscription::None,
            Subscription::Asked { again, .. } => *again = true,
            Subscription::None => {}
        }
    }

    /// Pushes were dropped before they reached the feed, or nothing was heard for long: subscribe again.
    pub(crate) fn doubt(&mut self) {
        match &mut self.subscription {
            Subscription::On { .. } => self.subscription = Subscription::None,
            Subscription::Asked { again, .. } => *again = true,
            Subscription::None => {}
        }
    }

    /// A link died, or its node said that the guild moved.
    pub(crate) fn broken(&mut self, link: LinkId) {
        match &mut self.subscription {
            Subscription::On { link: on, .. } if *on == link => self.subscription = Subscription::None,
            Subscription::Asked { broken, .. } => broken.push(link),
            _ => {}
        }
    }

    /// The ring names `owner`.
    pub(crate) fn owner(&mut self, owner: Option<&NodeName>) {
        if let Subscription::On { node, .. } = &self.subscription
            && owner.is_some_and(|owner| owner != node)
        {
            self.subscription = Subscription::None;
        }
    }

    // --- inside ---

    /// Where the subscription should start: at what the feed has; a new feed at what its sessions have.
    fn since(&self) -> Option<EventNumber> {
        self.last.or_else(|| {
            let positions = self.followers.values();
            let cursors =
                positions.filter_map(|cell| match cell.with(|session| session.position(self.guild)) {
                    Position::At(at) => Some(at),
                    _ => None,
                });
            cursors.max()
        })
    }

    fn read_after(&self) -> Option<EventNumber> {
        let last = self.last?;
        // A subscription under way will bring what the feed lacks.
        let own =
            (last < self.target && matches!(self.subscription, Subscription::On { .. })).then_some(last);
        let behind = self.behind.iter().filter_map(|id| self.cursor(id)).min();
        match (own, behind) {
            (Some(own), Some(behind)) => Some(own.min(behind)),
            (own, behind) => own.or(behind),
        }
    }

    fn cursor(&self, id: &SessionId) -> Option<EventNumber> {
        let cell = self.followers.get(id)?;
        match cell.with(|session| session.position(self.guild)) {
            Position::At(at) => Some(at),
            _ => None,
        }
    }

    /// Puts a follower where its session says it is.
    fn place(&mut self, id: &SessionId) {
        let Some(cell) = self.followers.get(id) else {
            return;
        };
        match cell.with(|session| session.position(self.guild)) {
            Position::Absent => drop(self.forget(id)),
            Position::Awaited => {
                self.awaiting.entry(id.clone()).or_insert(false);
            }
            // It joins again when its hand-over fails.
            Position::Frozen => {
                self.behind.remove(id);
            }
            Position::At(at) => {
                if self.last.is_some_and(|last| at < last) {
                    self.behind.insert(id.clone());
                    self.catch_up(id);
                } else {
                    self.behind.remove(id);
                }
            }
        }
    }

    /// Gives a session that is behind what the window has for it.
    fn catch_up(&mut self, id: &SessionId) {
        let Some(at) = self.cursor(id) else {
            self.behind.remove(id);
            return;
        };
        let first = self.window.front().and_then(|heard| heard.event.number);
        let reaches = first.is_some_and(|first| first <= at.next());
        if reaches {
            let skip =
                self.window.len() - usize::try_from(self.last.map_or(0, |last| last.0 - at.0)).unwrap_or(0);
            let missing: Vec<Heard> = self.window.iter().skip(skip).cloned().collect();
            for heard in missing {
                self.offer(id, &heard);
            }
        }
        if self.cursor(id) >= self.last {
            self.behind.remove(id);
        }
    }

    fn settle(&mut self) {
        let behind: Vec<SessionId> = self.behind.iter().cloned().collect();
        for id in behind {
            self.place(&id);
        }
    }

    fn take(&mut self, heard: Heard) {
        self.last = heard.event.number;
        metrics::counter!("feed_events_total").increment(1);
        self.fan_out(&heard);
        self.window_bytes += heard.bytes();
        self.window.push_back(heard);
        while self.window.len() > WINDOW_EVENTS || self.window_bytes > WINDOW_BYTES {
            let Some(oldest) = self.window.pop_front() else {
                break;
            };
            self.window_bytes -= oldest.bytes();
        }
    }

    fn take_early(&mut self) {
        while let (Some(last), Some(entry)) = (self.last, self.early.first_entry()) {
            if *entry.key() > last.next() {
                break;
            }
            let heard = entry.remove();
            if heard.event.number > Some(last) {
                self.take(heard);
            }
        }
    }

    fn keep_early(&mut self, number: EventNumber, event: GuildEvent) {
        self.early.insert(number, Heard::new(event));
        if self.early.len() > EARLY_EVENTS {
            self.early.pop_last();
        }
    }

    fn fan_out(&mut self, heard: &Heard) {
        let mut odd: Vec<(SessionId, Offer)> = Vec::new();
        for (id, cell) in &self.followers {
            match cell.with(|session| session.offer(&heard.event, heard.removed)) {
                offer @ (Offer::Gap | Offer::Left) => odd.push((id.clone(), offer)),
                Offer::Taken | Offer::Known | Offer::Deaf => {}
            }
        }
        for (id, offer) in odd {
            self.after_offer(&id, offer);
        }
    }

    fn offer(&mut self, id: &SessionId, heard: &Heard) {
        let Some(cell) = self.followers.get(id) else {
            return;
        };
        let offer = cell.with(|session| session.offer(&heard.event, heard.removed));
        self.after_offer(id, offer);
    }

    fn after_offer(&mut self, id: &SessionId, offer: Offer) {
        match offer {
            Offer::Gap => {
                self.behind.insert(id.clone());
            }
            Offer::Left => {
                if let Some(cell) = self.forget(id) {
                    self.left.push(cell);
                }
            }
            Offer::Taken | Offer::Known | Offer::Deaf => {}
        }
    }

    /// Events up to `to` are gone for good. Sessions that lack some of them cannot be made whole: they are ended,
    /// and their clients start over.
    fn hole(&mut self, to: EventNumber) {
        for (id, cell) in self.followers.clone() {
            if self.cursor(&id).is_some_and(|at| at < to) {
                cell.with(|session| session.end("events of a guild are gone that it had not seen"));
                self.forget(&id);
                metrics::counter!("sessions_shed_total", "reason" => "events-gone").increment(1);
            }
        }
        if self.last.is_some_and(|last| last < to) {
            self.last = Some(to);
            self.window.clear();
            self.window_bytes = 0;
        }
    }

    fn forget(&mut self, id: &SessionId) -> Option<Arc<Cell<W>>> {
        self.behind.remove(id);
        self.awaiting.remove(id);
        self.followers.remove(id)
    }
}

//! A session: what a client's connection is, apart from its socket. A state machine without IO.
//!
//! It gives every event of its guilds its place in the outbox exactly once and in order, whatever the feeds offer
//! it: each guild's **cursor** is the number of the last event it took, and only the next one is taken. A gateway
//! that is attached gets the frames as pushes; one that has no room makes the session **lag** until
//! [`Session::flush`] is called again. A session that is being handed over is **frozen**: it takes nothing, and
//! the node that gets it goes on from the cursors.
//!
//! Not here: who offers events ([`crate::feed`]), where sessions are kept ([`crate::registry`]).

use std::collections::HashMap;
use std::time::Instant;

use bytes::Bytes;
use chat_proto::service::sessions::{Frame, Push, SessionState, Start};
use chat_proto::{EventKind, EventNumber, GuildEvent, GuildId, Intents, NodeName, UserId};

use crate::dispatch;
use crate::outbox::Outbox;
use crate::wire::{Refused, Wire};

/// See the module.
#[derive(Debug)]
pub(crate) struct Session<W> {
    start: Start,
    outbox: Outbox,
    guilds: HashMap<GuildId, Standing>,
    attached: Option<Attached<W>>,
    /// Since when no gateway is attached.
    detached_at: Instant,
    phase: Phase,
    /// Handed over to this node, and no gateway has attached here yet: a newer hand-over may replace it.
    provisional: bool,
    /// The last words to the gateway, pushed before any frame that is left.
    farewell: Option<Push>,
    /// Grows with each change that presence must know.
    revision: u64,
}

#[derive(Debug)]
struct Attached<W> {
    wire: W,
    /// The `seq` of the last frame pushed.
    sent: u64,
    /// Since when the gateway has had no room.
    full_since: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Its GUILD_CREATE is still to come.
    Awaited,
    /// The number of the last event taken.
    At(EventNumber),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Live,
    Frozen,
    Over,
}

/// What came of offering an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer {
    /// Taken (or passed over, because its intents do not ask for it).
    Taken,
    /// It had it already.
    Known,
    /// Events before it are missing.
    Gap,
    /// It takes nothing now: it waits for GUILD_CREATE, or it is frozen, over, or not in the guild.
    Deaf,
    /// It was the event that its own user left the guild: it has left.
    Left,
}

/// Where a session is in a guild.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    /// It does not follow the guild (any more).
    Absent,
    /// It waits for GUILD_CREATE.
    Awaited,
    /// The last event taken.
    At(EventNumber),
    /// It is being handed over.
    Frozen,
}

/// How a flush ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flush {
    /// Nothing is left to push.
    Done,
    /// There is more, and there may be room.
    More,
    /// There is more, but the gateway had no room.
    Full,
}

/// The outbox does not reach back to the `seq` that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutOfReach;

// === impl Session ===

impl<W: Wire> Session<W> {
    /// A new session with its READY. `guilds`: those of its shard; each one is awaited.
    pub(crate) fn begin(start: Start, guilds: &[GuildId], now: Instant) -> Self {
        let ready = dispatch::ready(&start, guilds);
        let mut session = Self::bare(start, Outbox::starting_after(0), now);
        session
            .guilds
            .extend(guilds.iter().map(|guild| (*guild, Standing::Awaited)));
        session.emit("READY", ready, None);
        session
    }

    /// A session made again from what its gateway knows: `seq` goes on after `seq`, each guild after its cursor.
    /// It follows no other guild yet: [`Session::reconcile`] it with those that its user is in.
    pub(crate) fn rebuild(start: Start, seq: u64, cursors: &[(GuildId, EventNumber)], now: Instant) -> Self {
        let mut session = Self::bare(start, Outbox::starting_after(seq), now);
        session
            .guilds
            .extend(cursors.iter().map(|(guild, at)| (*guild, Standing::At(*at))));
        session
    }

    /// A session that a peer handed over.
    pub(crate) fn restore(state: SessionState, now: Instant) -> Self {
        let outbox = Outbox::restored(state.seq, state.outbox);
        let mut session = Self::bare(state.start, outbox, now);
        session.guilds.extend(
            state
                .cursors
                .into_iter()
                .map(|(guild, at)| (guild, Standing::At(at))),
        );
        session.provisional = true;
        session
    }

    fn bare(start: Start, outbox: Outbox, now: Instant) -> Self {
        Self {
            start,
            outbox,
            guilds: HashMap::new(),
            attached: None,
            detached_at: now,
            phase: Phase::Live,
            provisional: false,
            farewell: None,
            revision: 1,
        }
    }

    // --- what it is ---

    /// What made it, with its present status.
    pub(crate) fn start(&self) -> &Start {
        &self.start
    }

    /// How many frames it keeps.
    pub(crate) fn outbox_len(&self) -> usize {
        self.outbox.len()
    }

    /// The text of those frames, in bytes.
    pub(crate) fn outbox_bytes(&self) -> usize {
        self.outbox.bytes()
    }

    /// The guilds it follows or is about to.
    pub(crate) fn guilds(&self) -> impl Iterator<Item = GuildId> + '_ {
        self.guilds.keys().copied()
    }

    /// Where it is in `guild`.
    pub(crate) fn position(&self, guild: GuildId) -> Position {
        match (self.phase, self.guilds.get(&guild)) {
            (Phase::Over, _) | (_, None) => Position::Absent,
            (Phase::Frozen, Some(_)) => Position::Frozen,
            (Phase::Live, Some(Standing::Awaited)) => Position::Awaited,
            (Phase::Live, Some(Standing::At(at))) => Position::At(*at),
        }
    }

    /// The gateway connection it is attached to.
    pub(crate) fn wire(&self) -> Option<&W> {
        self.attached.as_ref().map(|attached| &attached.wire)
    }

    /// Since when it is without a gateway.
    pub(crate) fn detached_since(&self) -> Option<Instant> {
        self.attached.is_none().then_some(self.detached_at)
    }

    /// Whether it is being handed over.
    pub(crate) fn is_frozen(&self) -> bool {
        self.phase == Phase::Frozen
    }

    /// Whether it is over.
    pub(crate) fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Whether a newer hand-over may take its place.
    pub(crate) fn is_provisional(&self) -> bool {
        self.provisional
    }

    /// Grows with each change of status or guilds.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    // --- guilds and events ---

    /// Follows a guild from its GUILD_CREATE on. False when it follows it already.
    pub(crate) fn await_guild(&mut self, guild: GuildId) -> bool {
        if self.phase != Phase::Live || self.guilds.contains_key(&guild) {
            return false;
        }
        self.guilds.insert(guild, Standing::Awaited);
        self.revision += 1;
        true
    }

    /// GUILD_CREATE: from now on it takes the events after `number`. False when it was not awaited.
    pub(crate) fn create_guild(&mut self, guild: GuildId, number: EventNumber, body: Bytes) -> bool {
        if self.position(guild) != Position::Awaited {
            return false;
        }
        self.guilds.insert(guild, Standing::At(number));
        if self.start.intents.contains(Intents::GUILDS) {
            self.emit("GUILD_CREATE", body, Some((guild, number)));
        }
        true
    }

    /// The user is no longer in the guild. False when it was not followed.
    pub(crate) fn leave_guild(&mut self, guild: GuildId) -> bool {
        if self.phase != Phase::Live {
            return false;
        }
        // A client that never saw the guild come up saw it in READY all the same.
        if self.guilds.remove(&guild).is_none() {
            return false;
        }
        self.revision += 1;
        if self.start.intents.contains(Intents::GUILDS) {
            self.emit("GUILD_DELETE", dispatch::guild_delete(guild), None);
        }
        true
    }

    /// Makes its guilds those of `guilds`. Returns what it awaits and what it left.
    pub(crate) fn reconcile(&mut self, guilds: &[GuildId]) -> (Vec<GuildId>, Vec<GuildId>) {
        let gone: Vec<GuildId> = self.guilds().filter(|guild| !guilds.contains(guild)).collect();
        let left = gone.into_iter().filter(|guild| self.leave_guild(*guild));
        let left = left.collect();
        let new = guilds.iter().copied();
        let new = new.filter(|guild| self.await_guild(*guild)).collect();
        (new, left)
    }

    /// An event of a guild. `removed`: the user that a GUILD_MEMBER_REMOVE is about.
    pub(crate) fn offer(&mut self, event: &GuildEvent, removed: Option<UserId>) -> Offer {
        if self.phase != Phase::Live {
            return Offer::Deaf;
        }
        let Some(Standing::At(at)) = self.guilds.get_mut(&event.guild) else {
            return Offer::Deaf;
        };
        if let Some(number) = event.number {
            if number <= *at {
                return Offer::Known;
            }
            if number != at.next() {
                return Offer::Gap;
            }
            *at = number;
        }
        if event.kind == EventKind::GuildMemberRemove && removed == Some(self.start.user.id) {
            self.leave_guild(event.guild);
            return Offer::Left;
        }
        if self.start.intents.contains(event.kind.intent()) {
            let user = &self.start.user;
            let body = event
                .payload
                .for_session(user.id, user.bot, self.start.intents)
                .clone();
            let cursor = event.number.map(|number| (event.guild, number));
            self.emit(event.kind.name(), body, cursor);
        }
        Offer::Taken
    }

    fn emit(&mut self, t: &str, d: Bytes, cursor: Option<(GuildId, EventNumber)>) {
        let seq = self.outbox.newest() + 1;
        let t = t.to_owned();
        self.outbox.push(Frame { seq, t, d, cursor });
        // A lagging session is the pump's: frames stay in order.
        if self
            .attached
            .as_ref()
            .is_some_and(|attached| attached.sent + 1 == seq)
        {
            self.flush(1);
        }
    }

    // --- its gateway ---

    /// Attaches a gateway that has everything up to `seq`; frames after it follow with [`Session::flush`].
    /// Returns the connection that it was attached to before.
    pub(crate) fn attach(&mut self, wire: W, seq: u64) -> Result<Option<W>, OutOfReach> {
        if !self.outbox.reaches(seq) {
            return Err(OutOfReach);
        }
        self.provisional = false;
        let before = self.attached.replace(Attached {
            wire,
            sent: seq,
            full_since: None,
        });
        Ok(before.map(|attached| attached.wire))
    }

    /// Like [`Session::attach`], for a client that is back on another socket: RESUMED follows the frames.
    pub(crate) fn resume(&mut self, wire: W, seq: u64) -> Result<Option<W>, OutOfReach> {
        let before = self.attach(wire, seq)?;
        self.emit("RESUMED", dispatch::resumed(), None);
        Ok(before)
    }

    /// Whether a gateway that has written `seq` and `cursors` can go on from this outbox as if it had never been
    /// away: no frame after `seq` is one that it has, and none before it is one that it lacks.
    pub(crate) fn continues(&self, seq: u64, cursors: &[(GuildId, EventNumber)]) -> bool {
        if self.phase != Phase::Live || !self.outbox.reaches(seq) {
            return false;
        }
        let known: HashMap<GuildId, EventNumber> = cursors.iter().copied().collect();
        let written = |guild| known.get(&guild).copied();
        let has = |guild, number| written(guild).is_some_and(|at| at >= number);
        let taken = cursors
            .iter()
            .all(|(guild, at)| matches!(self.position(*guild), Position::At(own) if own >= *at));
        taken
            && self.outbox.dropped().all(|(guild, number)| has(guild, number))
            && self.outbox.iter().all(|frame| match frame.cursor {
                None => true,
                Some((guild, number)) if frame.seq <= seq => has(guild, number),
                Some((guild, number)) => !has(guild, number),
            })
    }

    /// The gateway is gone; frames stay in the outbox.
    pub(crate) fn detach(&mut self, now: Instant) {
        if self.attached.take().is_some() {
            self.detached_at = now;
        }
    }

    /// Pushes at most `limit` frames that the gateway has not got yet.
    pub(crate) fn flush(&mut self, limit: usize) -> Flush {
        let Some(attached) = &mut self.attached else {
            self.farewell = None;
            return Flush::Done;
        };
        if let Some(last) = &self.farewell {
            match attached.wire.push(last) {
                Err(Refused::Full) => return Flush::Full,
                Ok(()) | Err(Refused::Lost) => {
                    self.farewell = None;
                    self.attached = None;
                    return Flush::Done;
                }
            }
        }
        if self.phase != Phase::Live {
            return Flush::Done;
        }
        for _ in 0..limit {
            if attached.sent == self.outbox.newest() {
                return Flush::Done;
            }
            let Some(frame) = self.outbox.get(attached.sent + 1) else {
                // The outbox dropped a frame that was never pushed: this gateway can only start over.
                self.end("the gateway was too slow: its frames are gone");
                return Flush::Full;
            };
            let push = Push::Frame {
                session: self.start.session.clone(),
                frame: frame.clone(),
            };
            match attached.wire.push(&push) {
                Ok(()) => {
                    attached.sent += 1;
                    attached.full_since = None;
                }
                Err(Refused::Full) => {
                    attached.full_since.get_or_insert_with(Instant::now);
                    return Flush::Full;
                }
                Err(Refused::Lost) => {
                    self.detach(Instant::now());
                    return Flush::Done;
                }
            }
        }
        if self.lags() { Flush::More } else { Flush::Done }
    }

    /// Whether something is to be flushed.
    pub(crate) fn lags(&self) -> bool {
        let Some(attached) = &self.attached else {
            return false;
        };
        self.farewell.is_some() || (self.phase == Phase::Live && attached.sent != self.outbox.newest())
    }

    /// Since when its gateway has had no room for it.
    pub(crate) fn full_since(&self) -> Option<Instant> {
        self.attached.as_ref()?.full_since
    }

    // --- presence, hand-over, end ---

    /// The client's own status.
    pub(crate) fn set_status(&mut self, status: String) {
        if self.start.status != status {
            self.start.status = status;
            self.revision += 1;
        }
    }

    /// Takes its state to hand it over. From now on it is silent. `None` when it is frozen or over already.
    pub(crate) fn freeze(&mut self) -> Option<SessionState> {
        if self.phase != Phase::Live {
            return None;
        }
        self.phase = Phase::Frozen;
        let cursors = self.guilds.iter().filter_map(|(guild, standing)| match standing {
            Standing::At(at) => Some((*guild, *at)),
            Standing::Awaited => None,
        });
        Some(SessionState {
            start: self.start.clone(),
            seq: self.outbox.newest(),
            outbox: self.outbox.iter().cloned().collect(),
            cursors: cursors.collect(),
            gateway: self.wire().map(|wire| wire.node().clone()),
        })
    }

    /// The hand-over failed: it goes on here. Its feeds must be told that it may be behind.
    pub(crate) fn thaw(&mut self) {
        if self.phase == Phase::Frozen {
            self.phase = Phase::Live;
        }
    }

    /// The hand-over succeeded: tells the gateway where to attach, and is over here.
    pub(crate) fn moved(&mut self, to: NodeName) {
        let session = self.start.session.clone();
        self.finish(Some(Push::Moved { session, to }));
    }

    /// Ends it, and tells the gateway.
    pub(crate) fn end(&mut self, reason: &str) {
        let session = self.start.session.clone();
        let reason = reason.to_owned();
        self.finish(Some(Push::Ended { session, reason }));
    }

    /// Ends it without a word: the client knows.
    pub(crate) fn close(&mut self) {
        self.finish(None);
    }

    fn finish(&mut self, farewell: Option<Push>) {
        if self.phase == Phase::Over {
            return;
        }
        self.phase = Phase::Over;
        self.farewell = farewell.filter(|_| self.attached.is_some());
        if self.farewell.is_none() {
            self.attached = None;
        } else {
            self.flush(0);
        }
    }
}

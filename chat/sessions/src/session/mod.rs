//! A session: what a client's connection is, apart from its socket. A state machine without IO.
//!
//! It gives every event of its guilds its place in the outbox exactly once and in order, whatever the feeds offer
//! it: each guild's **cursor** is the number of the last event it took, and only the next one is taken. A gateway
//! that is attached gets the frames as pushes; one that has no room makes the session **lag** until
//! [`Session::flush`] is called again. A session that is being handed over is **frozen**: it takes nothing, and
//! the node that gets it goes on from the cursors.
//!
//! Not here: who offers events ([`crate::feed`]), where sessions are kept ([`crate::registry`]).

mod attachment;
mod guilds;
mod life;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use chat_proto::service::sessions::{Push, SessionState, Start};
use chat_proto::{EventNumber, GuildId};

use crate::dispatch;
use crate::outbox::Outbox;
use crate::wire::Wire;

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
    /// Guilds whose cursor the gateway may not know, because no frame carried it.
    untold: HashSet<GuildId>,
    /// Whether the gateway is to be told of them as soon as it has all frames.
    telling: bool,
    /// Frames given out since the last [`Session::take_given`].
    given: u64,
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
            untold: HashSet::new(),
            telling: false,
            given: 0,
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

    /// How many frames it gave out since the last call.
    pub(crate) fn take_given(&mut self) -> u64 {
        std::mem::take(&mut self.given)
    }

    /// Grows with each change of status or guilds.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }
}

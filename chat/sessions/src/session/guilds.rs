//! A session's guilds: which it follows, where it is in each, and what it takes of their events.

use bytes::Bytes;
use chat_proto::{EventKind, EventNumber, GuildEvent, GuildId, Intents, UserId};

use super::{Offer, Phase, Position, Session, Standing};
use crate::dispatch;
use crate::wire::Wire;

impl<W: Wire> Session<W> {
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
        } else {
            // Without this a rebuilt session would start over in the guild, after whatever happened meanwhile.
            self.untold.insert(guild);
            self.tell_cursors();
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
        self.untold.remove(&guild);
        self.telling &= !self.untold.is_empty();
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
        } else if event.number.is_some() {
            // An older cursor costs a rebuilt session only reading again: this may wait for the next sweep.
            self.untold.insert(event.guild);
        }
        Offer::Taken
    }
}

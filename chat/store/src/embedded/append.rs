//! Appending events with the rows that they describe.

use chat_proto::service::Refusal;
use chat_proto::service::data::{Change, ChannelRecord, StoredEvent, User};
use chat_proto::{Epoch, EventNumber, GuildId, UserId};
use redb::ReadableTable as _;

use super::tables::{Head, Writing, encode};
use super::write::invalid;
use super::{Failure, read};
use crate::{Written, bucket};

impl Writing<'_> {
    pub(super) fn append(
        &mut self,
        guild: GuildId,
        epoch: Epoch,
        events: &[StoredEvent],
    ) -> Result<Result<Written, Refusal>, Failure> {
        let Some(head) = read::head(&self.heads, guild)? else {
            return Ok(Err(Refusal::not_found("Guild")));
        };
        if let Err(refusal) = self.check_append(guild, epoch, events, &head)? {
            return Ok(Err(refusal));
        }
        let mut last = head.last;
        for stored in events {
            let Some(number) = stored.event.number.filter(|number| *number > head.last) else {
                continue;
            };
            let row = encode("guild_events", stored)?;
            self.events
                .insert(read::event_key(guild, number), row.as_slice())?;
            self.change(guild, &stored.change)?;
            last = number;
        }
        if last > head.last {
            self.put_head(guild, &Head { last, ..head })?;
            self.prune(guild, head.last, last)?;
        }
        Ok(Ok(Written::Appended { last }))
    }

    /// Everything that can be wrong with an append, before any row of it is written.
    fn check_append(
        &self,
        guild: GuildId,
        epoch: Epoch,
        events: &[StoredEvent],
        head: &Head,
    ) -> Result<Result<(), Refusal>, Failure> {
        if epoch < head.epoch {
            return Ok(Err(Refusal::Fenced { highest: head.epoch }));
        }
        if epoch > head.epoch {
            return Ok(Err(invalid(format!(
                "guild {guild} was not claimed with epoch {epoch}: its epoch is {}",
                head.epoch
            ))));
        }
        let mut expected: Option<EventNumber> = None;
        for stored in events {
            let Some(number) = stored.event.number.filter(|number| number.0 > 0) else {
                return Ok(Err(invalid("an event to append has no number")));
            };
            if stored.event.guild != guild {
                return Ok(Err(invalid(format!(
                    "event {number} is of guild {}, not of {guild}",
                    stored.event.guild
                ))));
            }
            // The first one may repeat what is there; whatever follows must follow.
            let follows = match expected {
                Some(expected) => number == expected,
                None => number <= head.last.next(),
            };
            if !follows {
                return Ok(Err(invalid(format!(
                    "event {number} leaves a hole: the newest one of guild {guild} is {}",
                    head.last
                ))));
            }
            expected = Some(number.next());
            if number <= head.last && read::event(&self.events, guild, number)?.as_ref() != Some(stored) {
                return Ok(Err(invalid(format!(
                    "event {number} of guild {guild} is there already, and another one"
                ))));
            }
            if number > head.last
                && let Change::PutChannel(channel) = &stored.change
                && let Some(owner) = self.channel_guilds.get(channel.id.0)?
                && owner.value() != guild.0
            {
                return Ok(Err(invalid(format!(
                    "channel {} belongs to another guild",
                    channel.id
                ))));
            }
        }
        Ok(Ok(()))
    }

    fn change(&mut self, guild: GuildId, change: &Change) -> Result<(), Failure> {
        match change {
            Change::None => {}
            Change::PutMessage(message) => {
                let key = read::message_key(message.channel, message.id);
                self.messages
                    .insert(key, encode("messages", message)?.as_slice())?;
            }
            Change::DeleteMessage { channel, message } => {
                self.messages.remove(read::message_key(*channel, *message))?;
            }
            Change::PutChannel(channel) => self.put_channel(guild, channel)?,
            Change::PutMember { user } => self.put_member(guild, user)?,
            Change::DeleteMember { user } => self.delete_member(guild, *user)?,
        }
        Ok(())
    }

    pub(super) fn put_channel(&mut self, guild: GuildId, channel: &ChannelRecord) -> Result<(), Failure> {
        let row = encode("channels", channel)?;
        self.channels.insert((guild.0, channel.id.0), row.as_slice())?;
        self.channel_guilds.insert(channel.id.0, guild.0)?;
        Ok(())
    }

    pub(super) fn put_member(&mut self, guild: GuildId, user: &User) -> Result<(), Failure> {
        let row = encode("members", user)?;
        self.members.insert((guild.0, user.id.0), row.as_slice())?;
        self.user_guilds.insert((user.id.0, guild.0), ())?;
        Ok(())
    }

    fn delete_member(&mut self, guild: GuildId, user: UserId) -> Result<(), Failure> {
        self.members.remove((guild.0, user.0))?;
        self.user_guilds.remove((user.0, guild.0))?;
        Ok(())
    }

    /// Drops whole buckets of events, and only when a new bucket begins: on Cassandra a dropped partition is one
    /// tombstone.
    fn prune(&mut self, guild: GuildId, before: EventNumber, last: EventNumber) -> Result<(), Failure> {
        let oldest = bucket::oldest_kept(last);
        if oldest > bucket::oldest_kept(before) {
            self.events
                .retain_in((guild.0, 0, 0)..(guild.0, oldest, 0), |_, _| false)?;
        }
        Ok(())
    }
}

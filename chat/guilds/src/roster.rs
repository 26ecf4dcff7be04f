//! Channels and members of a guild as they are durable, and who may do what.

use std::collections::BTreeMap;

use chat_proto::discord::Message;
use chat_proto::service::Refusal;
use chat_proto::service::data::{Change, ChannelRecord, GuildRecord, User};
use chat_proto::service::guilds::NewMessage;
use chat_proto::{ChannelId, GuildId, UserId};

/// Channels of a guild: Discord's bound.
const CHANNELS: usize = 500;

/// Members of a guild: its record travels in one frame.
const MEMBERS: usize = 50_000;

/// Text of a message in bytes. What clients may send is the api's rule; these protect the batch.
const CONTENT_BYTES: usize = 32 << 10;

/// Any other text in bytes: a name, a topic, a nonce.
const TEXT_BYTES: usize = 4 << 10;

/// The roster.
#[derive(Debug)]
pub(crate) struct Roster {
    guild: GuildId,
    name: String,
    owner: UserId,
    channels: BTreeMap<ChannelId, ChannelRecord>,
    members: BTreeMap<UserId, User>,
}

impl Roster {
    pub(crate) fn new(record: GuildRecord) -> Self {
        Self {
            guild: record.id,
            name: record.name,
            owner: record.owner,
            channels: record
                .channels
                .into_iter()
                .map(|channel| (channel.id, channel))
                .collect(),
            members: record.members.into_iter().map(|user| (user.id, user)).collect(),
        }
    }

    pub(crate) fn record(&self) -> GuildRecord {
        GuildRecord {
            id: self.guild,
            name: self.name.clone(),
            owner: self.owner,
            channels: self.channels.values().cloned().collect(),
            members: self.members.values().cloned().collect(),
        }
    }

    pub(crate) fn member(&self, user: UserId) -> Option<&User> {
        self.members.get(&user)
    }

    pub(crate) fn has_channel(&self, channel: ChannelId) -> bool {
        self.channels.contains_key(&channel)
    }

    /// Follows an event that has become durable.
    pub(crate) fn apply(&mut self, change: &Change) {
        match change {
            Change::None | Change::PutMessage(_) | Change::DeleteMessage { .. } => {}
            Change::PutChannel(channel) => {
                self.channels.insert(channel.id, channel.clone());
            }
            Change::PutMember { user } => {
                self.members.insert(user.id, user.clone());
            }
            Change::DeleteMember { user } => {
                self.members.remove(user);
            }
        }
    }

    pub(crate) fn may_send(&self, new: &NewMessage) -> Result<(), Refusal> {
        self.may_write(new.author.id, new.channel)?;
        fits("content", &new.content, CONTENT_BYTES)?;
        fits("name", &new.author.name, TEXT_BYTES)?;
        fits("nonce", new.nonce.as_deref().unwrap_or(""), TEXT_BYTES)
    }

    pub(crate) fn may_write(&self, user: UserId, channel: ChannelId) -> Result<(), Refusal> {
        if !self.has_channel(channel) {
            return Err(Refusal::not_found("Channel"));
        }
        self.must_be_member(user)
    }

    pub(crate) fn may_edit(&self, by: UserId, message: &Message, content: &str) -> Result<(), Refusal> {
        self.must_be_member(by)?;
        if message.author.id != by {
            return Err(forbidden("only its author may edit a message"));
        }
        fits("content", content, CONTENT_BYTES)
    }

    pub(crate) fn may_delete(&self, by: UserId, message: &Message) -> Result<(), Refusal> {
        self.must_be_member(by)?;
        if message.author.id != by && self.owner != by {
            return Err(forbidden(
                "only its author or the guild's owner may delete a message",
            ));
        }
        Ok(())
    }

    pub(crate) fn may_create_channel(&self, by: UserId, channel: &ChannelRecord) -> Result<(), Refusal> {
        if by != self.owner {
            return Err(forbidden("only the guild's owner may create a channel"));
        }
        if self.channels.len() >= CHANNELS {
            return Err(invalid(format!("a guild has at most {CHANNELS} channels")));
        }
        fits("name", &channel.name, TEXT_BYTES)?;
        fits("topic", channel.topic.as_deref().unwrap_or(""), TEXT_BYTES)
    }

    /// `by` is `None` for the operator.
    pub(crate) fn may_add_member(&self, by: Option<UserId>, user: &User) -> Result<(), Refusal> {
        if by.is_some_and(|by| by != self.owner && by != user.id) {
            return Err(forbidden("only the guild's owner may add somebody else"));
        }
        if self.members.len() >= MEMBERS {
            return Err(invalid(format!("a guild has at most {MEMBERS} members")));
        }
        fits("name", &user.name, TEXT_BYTES)
    }

    pub(crate) fn may_remove_member(&self, by: Option<UserId>, user: UserId) -> Result<(), Refusal> {
        if user == self.owner {
            return Err(invalid("the guild's owner cannot leave it"));
        }
        if by.is_some_and(|by| by != self.owner && by != user) {
            return Err(forbidden("only the guild's owner may remove somebody else"));
        }
        Ok(())
    }

    fn must_be_member(&self, user: UserId) -> Result<(), Refusal> {
        if self.members.contains_key(&user) {
            Ok(())
        } else {
            Err(forbidden("not a member of the guild"))
        }
    }
}

fn fits(what: &str, text: &str, limit: usize) -> Result<(), Refusal> {
    if text.len() > limit {
        return Err(invalid(format!(
            "{what} has at most {limit} bytes, not {}",
            text.len()
        )));
    }
    Ok(())
}

fn forbidden(reason: &str) -> Refusal {
    Refusal::Forbidden {
        reason: reason.to_owned(),
    }
}

fn invalid(reason: impl Into<String>) -> Refusal {
    Refusal::Invalid {
        reason: reason.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: u64) -> User {
        User {
            id: UserId(id),
            name: id.to_string(),
            bot: false,
        }
    }

    fn roster() -> Roster {
        Roster::new(GuildRecord {
            id: GuildId(1),
            name: "g".into(),
            owner: UserId(1),
            channels: vec![],
            members: vec![user(1), user(2)],
        })
    }

    #[test]
    fn members_come_and_go_with_their_events() {
        let mut roster = roster();
        roster.apply(&Change::PutMember { user: user(3) });
        assert_eq!(roster.member(UserId(3)), Some(&user(3)));
        roster.apply(&Change::DeleteMember { user: UserId(3) });
        assert_eq!(roster.record().members, [user(1), user(2)]);
    }

    #[test]
    fn only_the_owner_or_the_one_concerned_changes_membership_and_the_owner_stays() {
        let roster = roster();
        assert!(roster.may_add_member(Some(UserId(2)), &user(3)).is_err());
        assert!(roster.may_add_member(Some(UserId(3)), &user(3)).is_ok());
        assert!(roster.may_add_member(None, &user(3)).is_ok());
        assert!(roster.may_remove_member(Some(UserId(1)), UserId(2)).is_ok());
        assert!(roster.may_remove_member(Some(UserId(3)), UserId(2)).is_err());
        assert!(roster.may_remove_member(None, UserId(1)).is_err());
    }

    #[test]
    fn who_is_no_member_may_not_write() {
        let mut roster = roster();
        roster.apply(&Change::PutChannel(ChannelRecord {
            id: ChannelId(5),
            name: "c".into(),
            position: 0,
            topic: None,
        }));
        assert!(roster.may_write(UserId(2), ChannelId(5)).is_ok());
        assert!(matches!(
            roster.may_write(UserId(9), ChannelId(5)),
            Err(Refusal::Forbidden { .. })
        ));
        assert_eq!(
            roster.may_write(UserId(2), ChannelId(6)),
            Err(Refusal::not_found("Channel"))
        );
    }
}

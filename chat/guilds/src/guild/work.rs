//! The one thing at a time that a guild waits for: a batch being written, a message being read for an edit, a claim
//! being confirmed.

use std::pin::Pin;

use chat_proto::discord::Message;
use chat_proto::service::Refusal;
use chat_proto::service::data::{Change, StoredEvent};
use chat_proto::service::guilds::Ask;
use chat_proto::service::presence::News;
use chat_proto::{ChannelId, EventKind, MessageId};

use super::asks::{count_send, full};
use super::{Guild, Job};
use crate::compose;
use crate::journal::Claimed;
use crate::mail::{Parting, Waiter};
use crate::window::Sight;

/// What a guild waits for.
pub(super) type Work = Pin<Box<dyn Future<Output = Done> + Send>>;

/// What has come of it.
#[derive(Debug)]
pub(super) enum Done {
    /// The batch in flight.
    Written(Result<(), Parting>),
    /// The message that is to be edited or deleted.
    Found(Ask, Waiter, Result<Option<Box<Message>>, Refusal>),
    /// The claim in a later generation.
    Confirmed(Result<Claimed, Refusal>),
}

impl Guild {
    /// Begins what is next, when there is something.
    pub(super) fn next_work(&mut self) -> Option<Work> {
        if !self.ledger.idle() {
            return self.begin();
        }
        while let Some(job) = self.jobs.pop_front() {
            match job {
                Job::Send(new, waiter) => self.send(new, waiter),
                // It must not be checked before what was sent ahead of it is durable.
                job if !self.ledger.idle() => {
                    self.jobs.push_front(job);
                    break;
                }
                Job::Change(ask, waiter) => {
                    if let Some(reading) = self.change(ask, waiter) {
                        return Some(reading);
                    }
                    if self.changing {
                        break;
                    }
                }
                Job::Confirm => {
                    let journal = self.journal.clone();
                    return Some(Box::pin(async move { Done::Confirmed(journal.claim(0).await) }));
                }
            }
        }
        self.begin()
    }

    fn begin(&mut self) -> Option<Work> {
        let batch: Vec<StoredEvent> = self.ledger.begin()?;
        let (journal, epoch) = (self.journal.clone(), self.ledger.epoch());
        Some(Box::pin(async move {
            Done::Written(journal.append(epoch, batch).await)
        }))
    }

    /// Goes on with what was waited for.
    pub(super) fn work_done(&mut self, done: Done) -> Result<(), Parting> {
        match done {
            Done::Written(written) => {
                written?;
                self.settle();
            }
            Done::Found(ask, waiter, Ok(Some(message))) => self.change_message(ask, waiter, *message),
            Done::Found(_, waiter, Ok(None)) => waiter.refuse(Refusal::not_found("Message")),
            Done::Found(_, waiter, Err(refusal)) => waiter.refuse(refusal),
            Done::Confirmed(Ok(claimed)) if claimed.last == self.ledger.durable() => {
                self.ledger.set_epoch(claimed.epoch);
            }
            // Somebody else has written in a generation that went by unseen.
            Done::Confirmed(Ok(_) | Err(Refusal::Fenced { .. })) => return Err(Parting::Fenced),
            Done::Confirmed(Err(Refusal::NotOwner { generation })) => return Err(Parting::Moved(generation)),
            Done::Confirmed(Err(_)) => return Err(Parting::Astray),
        }
        Ok(())
    }

    /// The batch is durable: follow it, publish it in order, then answer.
    fn settle(&mut self) {
        let settled = self.ledger.settle();
        // A change is the last that was entered: when nothing waits, it is durable.
        self.changing &= !self.ledger.idle();
        for entry in &settled {
            self.roster.apply(&entry.stored.change);
            self.fanout.publish(entry.stored.event.clone());
            match &entry.stored.change {
                Change::PutMember { user } => self.tell(user.id, News::GuildJoined { guild: self.id }),
                Change::DeleteMember { user } => {
                    self.presences.remove(user);
                    self.tell(*user, News::GuildLeft { guild: self.id });
                }
                _ => {}
            }
        }
        for entry in settled {
            let number = entry.stored.event.number.unwrap_or_default();
            for (waiter, repeated) in entry.waiters {
                match &entry.stored.change {
                    Change::PutMessage(message) => {
                        if repeated {
                            metrics::counter!("message_dedupe_total").increment(1);
                        } else if entry.stored.event.kind == EventKind::MessageCreate {
                            count_send("ok");
                        }
                        waiter.message(message.clone(), number, repeated);
                    }
                    _ => waiter.done(),
                }
            }
        }
    }

    /// Carries out an edit, a delete or a change of the roster. The ledger is idle.
    fn change(&mut self, ask: Ask, waiter: Waiter) -> Option<Work> {
        let draft = match ask {
            Ask::EditMessage { channel, message, .. } | Ask::DeleteMessage { channel, message, .. } => {
                return self.find(ask, waiter, channel, message);
            }
            Ask::CreateChannel { channel, .. } if self.roster.has_channel(channel.id) => {
                waiter.done();
                return None;
            }
            Ask::CreateChannel { by, channel } => self
                .roster
                .may_create_channel(by, &channel)
                .map(|()| compose::channel_create(self.id, channel)),
            Ask::AddMember { user, .. } if self.roster.member(user.id).is_some() => {
                // Whoever asks again may ask because the notice was lost.
                self.tell(user.id, News::GuildJoined { guild: self.id });
                waiter.done();
                return None;
            }
            Ask::AddMember { by, user } => self
                .roster
                .may_add_member(by, &user)
                .map(|()| compose::member_add(self.id, user)),
            Ask::RemoveMember { by, user } => match self.roster.member(user) {
                None => {
                    self.tell(user, News::GuildLeft { guild: self.id });
                    waiter.done();
                    return None;
                }
                Some(member) => self
                    .roster
                    .may_remove_member(by, user)
                    .map(|()| compose::member_remove(self.id, member)),
            },
            _ => Err(Refusal::internal("this is no change")),
        };
        self.enter(draft, waiter);
        None
    }

    /// Finds the message that is to be changed: in the window, or at data.
    fn find(&mut self, ask: Ask, waiter: Waiter, channel: ChannelId, message: MessageId) -> Option<Work> {
        match self.ledger.window().sight(message) {
            Sight::Message(found) if found.channel == channel => {
                let found = found.clone();
                self.change_message(ask, waiter, found);
                None
            }
            Sight::Message(_) | Sight::Deleted => {
                waiter.refuse(Refusal::not_found("Message"));
                None
            }
            // Another guild's channel is not read.
            Sight::Nothing if !self.roster.has_channel(channel) => {
                waiter.refuse(Refusal::not_found("Channel"));
                None
            }
            Sight::Nothing => {
                let journal = self.journal.clone();
                Some(Box::pin(async move {
                    let found = journal.message(channel, message).await;
                    Done::Found(ask, waiter, found)
                }))
            }
        }
    }

    fn change_message(&mut self, ask: Ask, waiter: Waiter, mut message: Message) {
        let draft = match ask {
            Ask::EditMessage {
                by,
                content,
                edited_ms,
                ..
            } => self.roster.may_edit(by, &message, &content).map(|()| {
                message.content = content;
                message.edited_ms = Some(edited_ms);
                compose::message_update(message)
            }),
            Ask::DeleteMessage { by, .. } => self
                .roster
                .may_delete(by, &message)
                .map(|()| compose::message_delete(self.id, message.channel, message.id)),
            _ => Err(Refusal::internal("this changes no message")),
        };
        self.enter(draft, waiter);
    }

    fn enter(&mut self, draft: Result<compose::Draft, Refusal>, waiter: Waiter) {
        match draft {
            Ok(draft) => match self.ledger.enter(draft, waiter) {
                Ok(()) => self.changing = true,
                Err(waiter) => waiter.refuse(full()),
            },
            Err(refusal) => waiter.refuse(refusal),
        }
    }
}

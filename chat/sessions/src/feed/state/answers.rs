//! What a feed does with the answers of a guild's owner: subscriptions, pages, snapshots.

use chat_proto::service::data::GuildRecord;
use chat_proto::{EventNumber, GuildEvent, NodeName, SessionId, UserId};

use super::{Feed, Heard, LinkId, Subscription};
use crate::dispatch::Portrait;
use crate::wire::Wire;

impl<W: Wire> Feed<W> {
    /// The driver asks for a subscription.
    pub(crate) fn subscribing(&mut self) {
        self.subscription = Subscription::Asked {
            broken: Vec::new(),
            again: false,
        };
    }

    /// It was answered.
    pub(crate) fn subscribed(
        &mut self,
        link: LinkId,
        node: NodeName,
        since: Option<EventNumber>,
        events: Vec<GuildEvent>,
        last: EventNumber,
    ) {
        let asked = std::mem::replace(&mut self.subscription, Subscription::None);
        let sound = match asked {
            Subscription::Asked { broken, again } => !again && !broken.contains(&link),
            _ => false,
        };
        if sound {
            self.subscription = Subscription::On { link, node };
        }
        self.target = self.target.max(last);
        if self.last.is_none() {
            self.last = Some(since.unwrap_or(last));
            let all: Vec<SessionId> = self.followers.keys().cloned().collect();
            for id in all {
                self.place(&id);
            }
        }
        self.page(since.unwrap_or(last), events);
    }

    /// It failed.
    pub(crate) fn not_subscribed(&mut self) {
        self.subscription = Subscription::None;
    }

    /// Events after `after`, read from the owner.
    pub(crate) fn page(&mut self, after: EventNumber, events: Vec<GuildEvent>) {
        if let Some(first) = events.first().and_then(|event| event.number)
            && first > after.next()
        {
            self.hole(EventNumber(first.0 - 1));
        }
        for event in events {
            let Some(number) = event.number else { continue };
            let heard = Heard::new(event);
            let behind: Vec<SessionId> = self.behind.iter().cloned().collect();
            for id in behind {
                self.offer(&id, &heard);
            }
            self.target = self.target.max(number);
            if self.last.is_some_and(|last| number == last.next()) {
                self.take(heard);
            }
        }
        self.take_early();
        self.settle();
    }

    /// The owner says what the highest number is.
    pub(crate) fn exists(&mut self, last: EventNumber) {
        self.target = self.target.max(last);
    }

    /// The driver asks for a snapshot: it is for those that wait now.
    pub(crate) fn picturing(&mut self) {
        for asked in self.awaiting.values_mut() {
            *asked = true;
        }
    }

    /// It came: the guild at number `last`. Sessions whose user is no member leave.
    pub(crate) fn pictured(
        &mut self,
        guild: GuildRecord,
        presences: Vec<(UserId, String)>,
        last: EventNumber,
    ) {
        let mut portrait = Portrait::new(guild, presences);
        self.target = self.target.max(last);
        let asked: Vec<SessionId> = self
            .awaiting
            .iter()
            .filter(|(_, asked)| **asked)
            .map(|(id, _)| id.clone())
            .collect();
        for id in asked {
            let Some(cell) = self.followers.get(&id).cloned() else {
                continue;
            };
            self.awaiting.remove(&id);
            if portrait.has_member(cell.user()) {
                let guild = self.guild;
                cell.with(|session| {
                    let body = portrait.guild_create(session.start().user.id, session.start().intents);
                    session.create_guild(guild, last, body)
                });
            } else {
                cell.with(|session| session.leave_guild(self.guild));
            }
            self.place(&id);
        }
    }

    /// It failed.
    pub(crate) fn not_pictured(&mut self) {
        for asked in self.awaiting.values_mut() {
            *asked = false;
        }
    }
}

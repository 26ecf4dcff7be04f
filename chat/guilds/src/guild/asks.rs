//! What is asked of a guild: answered at once, or queued for the ledger.

use chat_node::Caller;
use chat_proto::discord::Message;
use chat_proto::service::guilds::{Ask, Guilds, NewMessage, Reply};
use chat_proto::service::presence::{self, News, Presence};
use chat_proto::service::{Refusal, Service as _};
use chat_proto::{EventNumber, UserId};

use super::{Guild, Job, unix_ms};
use crate::compose::{self, Draft};
use crate::journal::PAGE;
use crate::ledger::Offer;
use crate::mail::{Mail, Waiter};

/// Jobs that may wait.
const JOBS: usize = 1024;

/// Look-ups at a time.
const LOOKUPS: usize = 256;

/// What a read beside the loop has found.
#[derive(Debug)]
pub(super) enum LookedUp {
    /// Whether a message that is too old to be remembered is there.
    Old(NewMessage, Waiter, Result<Option<Box<Message>>, Refusal>),
    /// The message that a repeated send is answered with.
    Repeat(Waiter, EventNumber, Result<Option<Box<Message>>, Refusal>),
    /// Answered already.
    Answered,
    /// Who was online when the guild was loaded.
    Presences(Vec<(UserId, String)>),
}

impl Guild {
    pub(super) fn open(&mut self, letter: Mail) {
        match letter {
            Mail::Ask { ask, from, waiter } => self.asked(ask, &from, waiter),
            Mail::Gone { connection } => self.fanout.remove(connection),
        }
    }

    fn asked(&mut self, ask: Ask, from: &Caller<Guilds>, waiter: Waiter) {
        match ask {
            Ask::Create(record) => {
                for member in &record.members {
                    self.tell(member.id, News::GuildJoined { guild: self.id });
                }
                waiter.done();
            }
            Ask::Adopt { .. } => waiter.done(),
            Ask::Subscribe { since } => {
                // Before `last` is computed: nothing falls between, and what comes twice has the same number.
                self.fanout.add(from);
                self.subscribe(since, waiter);
            }
            Ask::Unsubscribe => {
                self.fanout.remove(from.id());
                waiter.done();
            }
            Ask::ReadEvents { after, limit } => self.read_events(after, limit, waiter),
            Ask::Snapshot => waiter.answer(Ok(Reply::Snapshot {
                guild: self.roster.record(),
                last: self.ledger.durable(),
                presences: self
                    .presences
                    .iter()
                    .map(|(user, status)| (*user, status.clone()))
                    .collect(),
            })),
            Ask::Typing { user, channel } => match self.roster.may_write(user, channel) {
                Ok(()) => {
                    if let Some(member) = self.roster.member(user) {
                        self.pass(compose::typing(self.id, channel, member, unix_ms() / 1000));
                    }
                    waiter.done();
                }
                Err(refusal) => waiter.refuse(refusal),
            },
            Ask::PresenceChanged { user, status } => {
                self.presence_changed(user, status);
                waiter.done();
            }
            Ask::Send(new) if self.jobs.is_empty() && !self.changing => self.send(new, waiter),
            Ask::Send(new) => self.queue(Job::Send(new, waiter)),
            change @ (Ask::EditMessage { .. }
            | Ask::DeleteMessage { .. }
            | Ask::CreateChannel { .. }
            | Ask::AddMember { .. }
            | Ask::RemoveMember { .. }) => self.queue(Job::Change(change, waiter)),
        }
    }

    fn queue(&mut self, job: Job) {
        if self.jobs.len() < JOBS {
            self.jobs.push_back(job);
        } else if let Job::Send(_, waiter) | Job::Change(_, waiter) = job {
            waiter.refuse(full());
        }
    }

    /// Offers a message to the ledger.
    pub(super) fn send(&mut self, new: NewMessage, waiter: Waiter) {
        self.offer(new, waiter, false);
    }

    fn offer(&mut self, new: NewMessage, waiter: Waiter, looked_up: bool) {
        if let Err(refusal) = self.roster.may_send(&new) {
            count_send("refused");
            return waiter.refuse(refusal);
        }
        match self.ledger.offer(new, waiter, looked_up, unix_ms()) {
            Offer::Queued => {}
            Offer::Repeated {
                waiter,
                number,
                found: Some(message),
                ..
            } => {
                metrics::counter!("message_dedupe_total").increment(1);
                waiter.message(message, number, true);
            }
            Offer::Repeated {
                waiter,
                channel,
                message,
                number,
                found: None,
            } => {
                let journal = self.journal.clone();
                self.look_up(waiter, |waiter| async move {
                    LookedUp::Repeat(waiter, number, journal.message(channel, message).await)
                });
            }
            Offer::LookUp(new, waiter) => {
                let journal = self.journal.clone();
                self.look_up(waiter, |waiter| async move {
                    let found = journal.message(new.channel, new.id).await;
                    LookedUp::Old(new, waiter, found)
                });
            }
            Offer::Full(waiter) => {
                count_send("unavailable");
                waiter.refuse(full());
            }
        }
    }

    pub(super) fn looked_up(&mut self, looked_up: LookedUp) {
        match looked_up {
            LookedUp::Old(new, waiter, Ok(None)) => self.offer(new, waiter, true),
            LookedUp::Old(_, waiter, Ok(Some(message))) => {
                metrics::counter!("message_dedupe_total").increment(1);
                let number = message.number;
                waiter.message(message, number, true);
            }
            LookedUp::Repeat(waiter, number, Ok(Some(message))) => {
                metrics::counter!("message_dedupe_total").increment(1);
                waiter.message(message, number, true);
            }
            LookedUp::Repeat(waiter, _, Ok(None)) => waiter.refuse(Refusal::not_found("Message")),
            LookedUp::Old(_, waiter, Err(refusal)) | LookedUp::Repeat(waiter, _, Err(refusal)) => {
                waiter.refuse(refusal);
            }
            LookedUp::Answered => {}
            LookedUp::Presences(statuses) => {
                for (user, status) in statuses {
                    if status != "offline" && self.roster.member(user).is_some() {
                        // What came in meanwhile is newer.
                        self.presences.entry(user).or_insert(status);
                    }
                }
            }
        }
    }

    /// Asks presence, beside the loop, who of the members is online: whoever held the guild before took that along.
    pub(super) fn read_presences(&mut self) {
        let node = self.registry.node().clone();
        let members = self.roster.record().members;
        self.lookups.spawn(async move {
            let view = node.view();
            let mut of_owner = std::collections::BTreeMap::<_, Vec<UserId>>::new();
            for member in members {
                if let Some(owner) = view.owner(Presence::CLUSTER, &member.id.to_string()) {
                    of_owner.entry(owner.node.clone()).or_default().push(member.id);
                }
            }
            let mut statuses = Vec::new();
            for (owner, users) in of_owner {
                let request = presence::Request {
                    generation: view.generation(),
                    ask: presence::Ask::Read { users },
                };
                // Presence is soft: who is missed here is seen with their next change.
                if let Ok(presence::Reply::Statuses(found)) = node.call::<Presence>(&owner, &request).await {
                    statuses.extend(found);
                }
            }
            LookedUp::Presences(statuses)
        });
    }

    fn look_up<F>(&mut self, waiter: Waiter, read: impl FnOnce(Waiter) -> F)
    where
        F: Future<Output = LookedUp> + Send + 'static,
    {
        if self.lookups.len() < LOOKUPS {
            self.lookups.spawn(read(waiter));
        } else {
            waiter.refuse(full());
        }
    }

    fn subscribe(&mut self, since: Option<EventNumber>, waiter: Waiter) {
        let (epoch, last) = (self.ledger.epoch(), self.ledger.durable());
        let since = since.unwrap_or(last);
        if let Some(events) = self.ledger.window().after(since, last) {
            return waiter.answer(Ok(Reply::Subscribed { epoch, last, events }));
        }
        let journal = self.journal.clone();
        self.look_up(waiter, |waiter| async move {
            let read = journal.events(since, PAGE).await;
            waiter.answer(read.map(|(events, _)| Reply::Subscribed {
                epoch,
                last,
                events: events.into_iter().map(|stored| stored.event).collect(),
            }));
            LookedUp::Answered
        });
    }

    fn read_events(&mut self, after: EventNumber, limit: u32, waiter: Waiter) {
        let last = self.ledger.durable();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        if let Some(mut events) = self.ledger.window().after(after, last) {
            events.truncate(limit);
            return waiter.answer(Ok(Reply::Events { events, last }));
        }
        let journal = self.journal.clone();
        self.look_up(waiter, |waiter| async move {
            let read = journal.events(after, limit).await;
            waiter.answer(read.map(|(events, last)| Reply::Events {
                events: events.into_iter().map(|stored| stored.event).collect(),
                last,
            }));
            LookedUp::Answered
        });
    }

    fn presence_changed(&mut self, user: UserId, status: String) {
        if self.roster.member(user).is_none() {
            return;
        }
        let draft = compose::presence(self.id, user, &status);
        let before = if status == "offline" {
            self.presences.remove(&user)
        } else {
            self.presences.insert(user, status.clone())
        };
        if before.as_deref().unwrap_or("offline") != status {
            self.pass(draft);
        }
    }

    /// Publishes an event that is not stored.
    fn pass(&mut self, draft: Draft) {
        let event = draft.at(self.id, None, self.ledger.epoch()).event;
        self.fanout.publish(event);
    }

    pub(super) fn tell(&self, user: UserId, news: News) {
        self.registry.notices().tell(user, news);
    }
}

pub(super) fn full() -> Refusal {
    Refusal::unavailable("too much waits for this guild")
}

pub(super) fn count_send(result: &'static str) {
    metrics::counter!("message_send_total", "result" => result).increment(1);
}

//! A client of the guilds cluster: sends as the api does, subscribes as a sessions node does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chat_node::{CallError, Link, Node, Receive, Shell};
use chat_proto::service::data::{ChannelRecord, GuildRecord, User};
use chat_proto::service::guilds::{Ask, Guilds, NewMessage, Push, Reply, Request};
use chat_proto::{ChannelId, EventNumber, GuildEvent, GuildId, MessageId, UserId};
use tokio::sync::Notify;

/// The client. Its one user owns every guild it makes; guild, channel and owner have the same number.
pub(crate) struct Client {
    pub(crate) node: Node,
    seen: Arc<Seen>,
    _shell: Shell,
}

/// What a sessions node keeps for each guild: the events in order, none twice.
#[derive(Default)]
struct Seen {
    guilds: Mutex<HashMap<GuildId, Stream>>,
    lost: Notify,
}

#[derive(Default)]
struct Stream {
    events: Vec<GuildEvent>,
    passing: Vec<GuildEvent>,
    /// Events that came before the reply that leads up to them.
    early: Vec<GuildEvent>,
    link: Option<Link>,
}

pub(crate) fn user(id: u64) -> User {
    User {
        id: UserId(id),
        name: format!("user-{id}"),
        bot: false,
    }
}

pub(crate) fn channel(id: u64) -> ChannelRecord {
    ChannelRecord {
        id: ChannelId(id),
        name: "general".into(),
        position: 0,
        topic: None,
    }
}

pub(crate) fn guild(id: u64) -> GuildRecord {
    GuildRecord {
        id: GuildId(id),
        name: "a guild".into(),
        owner: UserId(id),
        channels: vec![channel(id)],
        members: vec![user(id)],
    }
}

pub(crate) fn message(guild: u64, id: u64, content: &str) -> NewMessage {
    NewMessage {
        id: MessageId(id),
        channel: ChannelId(guild),
        author: user(guild),
        content: content.into(),
        nonce: None,
        enforce_nonce: false,
        tts: false,
        reply_to: None,
    }
}

impl Client {
    pub(super) fn new(shell: Shell) -> Self {
        let node = shell.node.clone();
        let seen = Arc::new(Seen::default());
        node.peers().receive::<Guilds, _>(seen.clone());
        node.set_ready();
        Self {
            node,
            seen,
            _shell: shell,
        }
    }

    /// Asks the owner, for as long as the api would.
    pub(crate) async fn ask(&self, guild: u64, ask: Ask) -> Result<Reply, CallError> {
        self.node
            .call_owner::<Guilds>(&guild.to_string(), Duration::from_secs(10), |view| Request {
                guild: GuildId(guild),
                generation: view.generation(),
                ask: ask.clone(),
            })
            .await
    }

    pub(crate) async fn create(&self, id: u64) {
        let created = self.ask(id, Ask::Create(guild(id))).await;
        assert!(matches!(created, Ok(Reply::Done)), "{created:?}");
    }

    /// Sends a message until it is stored; returns its number and whether it had been stored before.
    pub(crate) async fn send(&self, guild: u64, content: &str) -> (MessageId, u64) {
        let new = message(guild, self.node.snowflakes().next(), content);
        let id = new.id;
        match self.ask(guild, Ask::Send(new)).await {
            Ok(Reply::Message { message, number, .. }) => {
                assert_eq!((message.id, message.number), (id, number));
                (id, number.0)
            }
            other => unreachable!("a send is answered with its message: {other:?}"),
        }
    }

    /// Subscribes and stays subscribed, as a sessions node does: again from the last number after every loss.
    pub(crate) async fn follow(&self, guild: u64) {
        while !self.subscribe(guild).await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// One attempt.
    async fn subscribe(&self, guild: u64) -> bool {
        let view = self.node.view();
        let Some(owner) = view.owner(chat_proto::Cluster::Guilds, &guild.to_string()) else {
            return false;
        };
        let since = self.last(guild);
        let request = Request {
            guild: GuildId(guild),
            generation: view.generation(),
            ask: Ask::Subscribe {
                since: Some(EventNumber(since)),
            },
        };
        match self.node.call_on::<Guilds>(&owner.node, &request).await {
            Ok((link, Reply::Subscribed { events, .. })) => {
                self.seen.with(GuildId(guild), |stream| {
                    stream.link = Some(link);
                    for event in events {
                        stream.take(event);
                    }
                });
                true
            }
            _ => false,
        }
    }

    /// Subscribes again whatever has lost its subscription, until `done`.
    pub(crate) async fn keep_following(&self, mut done: impl FnMut(&Self) -> bool) {
        super::until("the subscriber has seen everything", async || {
            let lost: Vec<u64> = {
                let guilds = self.seen.guilds.lock().expect("no test panics in there");
                let lost = guilds.iter().filter(|(_, stream)| stream.link.is_none());
                lost.map(|(guild, _)| guild.0).collect()
            };
            for guild in lost {
                self.subscribe(guild).await;
            }
            done(self)
        })
        .await;
    }

    /// The last number seen.
    pub(crate) fn last(&self, guild: u64) -> u64 {
        self.seen.with(GuildId(guild), |stream| stream.last().0)
    }

    /// The ids of the messages seen, in order.
    pub(crate) fn payloads(&self, guild: u64) -> Vec<GuildEvent> {
        self.seen.with(GuildId(guild), |stream| stream.events.clone())
    }

    /// The unnumbered events seen.
    pub(crate) fn passing(&self, guild: u64) -> Vec<GuildEvent> {
        self.seen.with(GuildId(guild), |stream| stream.passing.clone())
    }
}

impl Seen {
    fn with<T>(&self, guild: GuildId, look: impl FnOnce(&mut Stream) -> T) -> T {
        let mut guilds = self.guilds.lock().expect("no test panics in there");
        look(guilds.entry(guild).or_default())
    }
}

impl Stream {
    fn last(&self) -> EventNumber {
        self.events
            .last()
            .and_then(|event| event.number)
            .unwrap_or_default()
    }

    /// Takes an event that is next; keeps one that is early; drops one that is known.
    fn take(&mut self, event: GuildEvent) {
        let Some(number) = event.number else {
            self.passing.push(event);
            return;
        };
        if number == self.last().next() {
            self.events.push(event);
            while let Some(place) = self
                .early
                .iter()
                .position(|early| early.number == Some(self.last().next()))
            {
                let next = self.early.swap_remove(place);
                self.events.push(next);
            }
        } else if number > self.last() {
            self.early.push(event);
        }
    }
}

impl Receive<Guilds> for Seen {
    async fn push(&self, link: &Link, push: Push) {
        match push {
            Push::Event(event) => self.with(event.guild, |stream| stream.take(event)),
            Push::Moved { guild } => self.with(guild, |stream| {
                if stream.link.as_ref() == Some(link) {
                    stream.link = None;
                }
            }),
        }
        self.lost.notify_waiters();
    }

    async fn lost(&self, link: &Link) {
        let mut guilds = self.guilds.lock().expect("no test panics in there");
        for stream in guilds.values_mut() {
            stream.link.take_if(|held| held == link);
        }
    }
}

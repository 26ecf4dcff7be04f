//! A gateway as the sessions cluster sees it, with clients that check all that they get; and the api's way to
//! guilds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use chat_node::{CallError, Link, Node, Receive, Shell};
use chat_proto::service::Refusal;
use chat_proto::service::data::{ChannelRecord, GuildRecord, User};
use chat_proto::service::guilds::{self, Guilds, NewMessage};
use chat_proto::service::sessions::{Ask, Frame, Push, Reply, Request, Sessions, Start};
use chat_proto::{ChannelId, Cluster, EventNumber, GuildId, Intents, MessageId, SessionId, UserId};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// The gateway. Its clients are never closed: it attaches and rebuilds for as long as it takes.
pub(crate) struct Gateway {
    pub(crate) node: Node,
    clients: Mutex<HashMap<SessionId, Client>>,
    lost: Notify,
    tasks: Mutex<JoinSet<()>>,
    shell: Mutex<Option<Shell>>,
}

/// One socket, and what was written to it.
#[derive(Clone)]
struct Client {
    start: Start,
    frames: Vec<Frame>,
    seq: u64,
    cursors: HashMap<GuildId, EventNumber>,
    link: Option<Link>,
    /// The socket is closed: the session waits for a resume.
    away: bool,
    /// The client is resuming: nobody else attaches it.
    resuming: bool,
    /// What arrives meanwhile: it counts from the reply on.
    waiting: Vec<Frame>,
    rebuilt: u32,
    moved: u32,
}

pub(crate) fn user(id: u64) -> User {
    User {
        id: UserId(id),
        name: format!("user-{id}"),
        bot: false,
    }
}

impl Gateway {
    pub(super) fn start(shell: Shell) -> Arc<Self> {
        let node = shell.node.clone();
        let gateway = Arc::new(Self {
            node: node.clone(),
            clients: Mutex::default(),
            lost: Notify::new(),
            tasks: Mutex::default(),
            shell: Mutex::new(Some(shell)),
        });
        node.peers().receive::<Sessions, _>(gateway.clone());
        node.set_ready();
        let keeper = gateway.clone();
        gateway
            .tasks
            .lock()
            .expect("no test panics in there")
            .spawn(async move { keeper.keep().await });
        gateway
    }

    // --- the api's part ---

    /// A guild whose channel has its number, with these members.
    pub(crate) async fn create_guild(&self, id: u64, members: &[u64]) {
        let record = GuildRecord {
            id: GuildId(id),
            name: "a guild".into(),
            owner: UserId(members[0]),
            channels: vec![ChannelRecord {
                id: ChannelId(id),
                name: "general".into(),
                position: 0,
                topic: None,
            }],
            members: vec![user(members[0])],
        };
        self.ask_guild(id, guilds::Ask::Create(record))
            .await
            .expect("it is made");
        for member in &members[1..] {
            self.add_member(id, *member).await;
        }
    }

    pub(crate) async fn add_member(&self, guild: u64, member: u64) {
        let user = user(member);
        let added = self
            .ask_guild(guild, guilds::Ask::AddMember { by: None, user })
            .await;
        added.expect("a member is added");
    }

    pub(crate) async fn remove_member(&self, guild: u64, member: u64) {
        let user = UserId(member);
        let removed = self
            .ask_guild(guild, guilds::Ask::RemoveMember { by: None, user })
            .await;
        removed.expect("a member is removed");
    }

    /// Sends a message until it is acknowledged; returns its number.
    pub(crate) async fn send(&self, guild: u64, author: u64) -> u64 {
        let message = NewMessage {
            id: MessageId(self.node.snowflakes().next()),
            channel: ChannelId(guild),
            author: user(author),
            content: "hello".into(),
            nonce: None,
            enforce_nonce: false,
            tts: false,
            reply_to: None,
        };
        match self.ask_guild(guild, guilds::Ask::Send(message)).await {
            Ok(guilds::Reply::Message { number, .. }) => number.0,
            other => unreachable!("a send is answered with its message: {other:?}"),
        }
    }

    async fn ask_guild(&self, guild: u64, ask: guilds::Ask) -> Result<guilds::Reply, CallError> {
        let limit = Duration::from_secs(20);
        self.node
            .call_owner::<Guilds>(&guild.to_string(), limit, |view| guilds::Request {
                guild: GuildId(guild),
                generation: view.generation(),
                ask: ask.clone(),
            })
            .await
    }

    // --- clients ---

    /// A client identifies.
    pub(crate) async fn identify(&self, session: &str, id: u64, intents: Intents) {
        let start = Start {
            session: SessionId::from(session),
            user: user(id),
            intents,
            shard: (0, 1),
            status: "online".into(),
            resume_gateway_url: "ws://127.0.0.1:8080".into(),
        };
        let client = Client {
            start: start.clone(),
            frames: Vec::new(),
            seq: 0,
            cursors: HashMap::new(),
            link: None,
            away: false,
            resuming: false,
            waiting: Vec::new(),
            rebuilt: 0,
            moved: 0,
        };
        self.clients().insert(start.session.clone(), client);
        let (link, _) = self
            .ask(&start.session, Ask::Start(start.clone()))
            .await
            .expect("it starts");
        self.with(session, |client| client.link = Some(link));
    }

    /// A client's socket breaks.
    pub(crate) async fn close(&self, session: &str, end: bool) {
        let id = SessionId::from(session);
        self.with(session, |client| (client.away, client.link) = (true, None));
        self.ask(
            &id,
            Ask::Detach {
                session: id.clone(),
                end,
            },
        )
        .await
        .expect("it is detached");
    }

    /// The client of another gateway, which has died with all that it knew, connects to this one.
    pub(crate) fn inherit(&self, dead: &Self, session: &str) {
        let mut client = dead.with(session, |client| client.clone());
        client.cursors.clear();
        (client.away, client.link) = (true, None);
        self.clients().insert(SessionId::from(session), client);
    }

    /// It comes back and resumes from `seq` (`None`: from what it has).
    pub(crate) async fn resume(&self, session: &str, id: u64, seq: Option<u64>) -> Result<(), CallError> {
        let own = self.with(session, |client| {
            (client.away, client.resuming) = (false, true);
            client.seq
        });
        let ask = Ask::Resume {
            session: SessionId::from(session),
            user: UserId(id),
            seq: seq.unwrap_or(own),
        };
        let asked = self.ask(&SessionId::from(session), ask).await;
        if asked.is_err() {
            self.with(session, |client| (client.resuming, client.away) = (false, true));
        }
        let (link, reply) = asked?;
        let Reply::Resumed { cursors, .. } = reply else {
            unreachable!("a resume says where the client is: {reply:?}")
        };
        self.with(session, |client| {
            client.cursors = cursors.into_iter().collect();
            client.link = Some(link);
            client.resuming = false;
            for frame in std::mem::take(&mut client.waiting) {
                client.take(frame);
            }
        });
        Ok(())
    }

    pub(crate) async fn set_presence(&self, session: &str, status: &str) {
        let ask = Ask::SetPresence {
            session: SessionId::from(session),
            status: status.into(),
        };
        self.ask(&SessionId::from(session), ask).await.expect("it is set");
    }

    /// The names of the frames that were written.
    pub(crate) fn names(&self, session: &str) -> Vec<String> {
        self.with(session, |client| {
            client.frames.iter().map(|frame| frame.t.clone()).collect()
        })
    }

    /// The bodies of the frames of that name.
    pub(crate) fn bodies(&self, session: &str, name: &str) -> Vec<serde_json::Value> {
        let frames = self.with(session, |client| client.frames.clone());
        let named = frames.iter().filter(|frame| frame.t == name);
        named
            .map(|frame| serde_json::from_slice(&frame.d).expect("a body is JSON"))
            .collect()
    }

    /// The number up to which a client has a guild.
    pub(crate) fn cursor(&self, session: &str, guild: u64) -> Option<u64> {
        self.with(session, |client| {
            client.cursors.get(&GuildId(guild)).map(|at| at.0)
        })
    }

    /// How often sessions were rebuilt, and how often they moved.
    pub(crate) fn upheavals(&self) -> (u32, u32) {
        let clients = self.clients();
        let (rebuilt, moved) = (
            clients.values().map(|client| client.rebuilt),
            clients.values().map(|client| client.moved),
        );
        (rebuilt.sum(), moved.sum())
    }

    fn with<T>(&self, session: &str, act: impl FnOnce(&mut Client) -> T) -> T {
        act(self
            .clients()
            .get_mut(&SessionId::from(session))
            .expect("the client is there"))
    }

    fn clients(&self) -> MutexGuard<'_, HashMap<SessionId, Client>> {
        self.clients.lock().expect("no test panics in there")
    }

    /// Asks the session's owner until it answers, or refuses for good.
    async fn ask(&self, id: &SessionId, ask: Ask) -> Result<(Link, Reply), CallError> {
        loop {
            let view = self.node.view();
            let generation = view.generation();
            let request = Request {
                generation,
                ask: ask.clone(),
            };
            let asked = match view.owner(Cluster::Sessions, id.as_str()) {
                Some(owner) => self.node.call_on::<Sessions>(&owner.node, &request).await,
                None => Err(CallError::NoOwner(Cluster::Sessions)),
            };
            match asked {
                Ok(answer) => return Ok(answer),
                Err(error) if error.retry() => tokio::time::sleep(Duration::from_millis(10)).await,
                Err(error) => return Err(error),
            }
        }
    }

    /// Attaches what has lost its link.
    async fn keep(&self) {
        loop {
            let lost: Vec<Client> = {
                let clients = self.clients();
                let lost = clients
                    .values()
                    .filter(|client| client.link.is_none() && !client.away && !client.resuming);
                lost.filter(|client| client.seq > 0).cloned().collect()
            };
            for client in lost {
                let session = client.start.session.clone();
                let attach = Ask::Attach {
                    session: session.clone(),
                    seq: client.seq,
                };
                let link = match self.ask(&session, attach).await {
                    Err(CallError::Refused(Refusal::NotFound { .. })) => {
                        self.with(session.as_str(), |client| client.rebuilt += 1);
                        let cursors = client.cursors.into_iter().collect();
                        let (start, seq) = (client.start, client.seq);
                        self.ask(&session, Ask::Rebuild { start, seq, cursors }).await
                    }
                    attached => attached,
                };
                let (link, _) = link.expect("a session is attached or rebuilt");
                self.with(session.as_str(), |client| client.link = Some(link));
            }
            // What is lost while others are attached is found at the next turn.
            drop(tokio::time::timeout(Duration::from_millis(20), self.lost.notified()).await);
        }
    }

    pub(crate) async fn stop(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock().expect("no test panics in there"));
        tasks.shutdown().await;
        let shell = self.shell.lock().expect("no test panics in there").take();
        shell.expect("it is stopped once").finish().await;
    }
}

impl Receive<Sessions> for Gateway {
    async fn push(&self, _link: &Link, push: Push) {
        match push {
            Push::Frame { session, frame } => {
                let mut clients = self.clients();
                let Some(client) = clients.get_mut(&session) else {
                    return;
                };
                if client.away {
                    return;
                }
                if client.resuming {
                    client.waiting.push(frame);
                } else {
                    client.take(frame);
                }
            }
            Push::Moved { session, .. } => {
                self.with(session.as_str(), |client| {
                    client.moved += 1;
                    client.link = None;
                });
                self.lost.notify_one();
            }
            Push::Cursors {
                session,
                seq,
                cursors,
            } => self.with(session.as_str(), |client| {
                // While it resumes, the frames before them wait.
                if client.away || client.resuming || seq > client.seq {
                    return;
                }
                for (guild, number) in cursors {
                    let at = client.cursors.entry(guild).or_default();
                    *at = number.max(*at);
                }
            }),
            Push::Ended { session, reason } => unreachable!("{session} ended: {reason}"),
        }
    }

    async fn lost(&self, link: &Link) {
        for client in self.clients().values_mut() {
            client.link.take_if(|held| held == link);
        }
        self.lost.notify_one();
    }
}

impl Client {
    fn take(&mut self, frame: Frame) {
        if frame.seq <= self.seq {
            return;
        }
        assert_eq!(
            frame.seq,
            self.seq + 1,
            "s has no gaps: {:?}",
            self.frames.iter().map(|f| (&f.t, f.seq)).collect::<Vec<_>>()
        );
        self.seq = frame.seq;
        if let Some((guild, number)) = frame.cursor {
            let before = self.cursors.insert(guild, number);
            if frame.t == "GUILD_CREATE" {
                assert_eq!(before, None, "a guild comes up once");
            } else {
                // Numbers that the intents leave out are missing; what is there comes in order and once.
                assert!(
                    before.is_some_and(|before| before < number),
                    "{before:?} then {number}"
                );
            }
        }
        if frame.t == "GUILD_DELETE" {
            let body: serde_json::Value = serde_json::from_slice(&frame.d).expect("a body is JSON");
            let guild = body["id"].as_str().and_then(|id| id.parse().ok());
            self.cursors.remove(&guild.expect("it names its guild"));
        }
        self.frames.push(frame);
    }
}

//! A small chat stack that follows the protocol, for as long as it is not told to break it: control plane, REST and
//! gateway on one port. Everything is in memory and under one lock, so its order is beyond doubt.

mod gateway;
mod rest;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// The start of a gateway's request line; everything else on the port is REST.
const GATEWAY_REQUEST: &[u8] = b"GET /?";

/// A running stack; it ends when dropped.
pub(crate) struct Stack {
    pub(crate) address: SocketAddr,
    shared: Shared,
    _stop: DropGuard,
}

pub(crate) type Shared = Arc<Mutex<State>>;

/// What to do wrong, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The dispatch of this number (over all sessions) is not made.
    Drop(usize),
    /// It is made twice.
    Repeat(usize),
    /// It is made after the next one to the same session.
    Swap(usize),
    /// The message of this number also goes to everybody who is not in its guild.
    Misroute(usize),
    /// Before the message of this number is published, all connections break.
    Break(usize),
    /// All sessions are asked to reconnect.
    Reconnect(usize),
    /// All connections break, and all sessions are forgotten.
    Forget(usize),
    /// The send of this number is refused with this status.
    Refuse(usize, u16),
    /// It is stored and published, and then answered with 500.
    LoseAnswer(usize),
    /// The same, and its nonce is forgotten.
    LoseAnswerAndNonce(usize),
    /// Heartbeats are due each 100 ms (and else each 30 s).
    Hasty,
    /// No heartbeat is answered.
    Deaf,
    /// Nobody may identify.
    Unwelcome,
}

/// Everything that there is.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) faults: Vec<Fault>,
    pub(crate) published: usize,
    pub(crate) heartbeats: usize,
    next_id: u64,
    users: HashMap<String, u64>,
    guilds: BTreeMap<u64, Guild>,
    sessions: BTreeMap<String, Session>,
    sends: usize,
    dispatches: usize,
}

#[derive(Default)]
struct Guild {
    channel: u64,
    members: HashSet<u64>,
    messages: BTreeMap<u64, Value>,
    nonces: HashMap<String, Value>,
}

struct Session {
    user: u64,
    s: u64,
    sent: Vec<(u64, String)>,
    held: Option<(String, Value)>,
    connection: Option<mpsc::Sender<Out>>,
}

/// What goes to a connection.
enum Out {
    Text(String),
    Break,
}

impl Stack {
    pub(crate) async fn start(faults: &[Fault]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Shared::new(Mutex::new(State {
            faults: faults.into(),
            ..State::default()
        }));
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        tasks.spawn(stop.clone().run_until_cancelled_owned(accept(
            listener,
            Arc::clone(&shared),
            stop.clone(),
            tasks.clone(),
        )));
        Self {
            address,
            shared,
            _stop: stop.drop_guard(),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap()
    }
}

async fn accept(listener: TcpListener, shared: Shared, stop: CancellationToken, tasks: TaskTracker) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let serving = serve(stream, Arc::clone(&shared), listener.local_addr().unwrap());
        tasks.spawn(stop.clone().run_until_cancelled_owned(serving));
    }
}

async fn serve(stream: TcpStream, shared: Shared, address: SocketAddr) {
    let mut start = [0; GATEWAY_REQUEST.len()];
    while stream.peek(&mut start).await.unwrap_or(start.len()) < start.len() {
        tokio::task::yield_now().await;
    }
    if start == GATEWAY_REQUEST {
        gateway::serve(stream, shared, address).await;
    } else {
        let service = TowerToHyperService::new(rest::router(shared));
        let serving =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        let _gone = serving.await;
    }
}

impl State {
    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id << 22
    }

    fn hit(&self, wanted: Fault) -> bool {
        self.faults.contains(&wanted)
    }

    /// Stores a message and dispatches it to all members' sessions.
    fn publish(&mut self, guild: u64, author: u64, content: &str, nonce: &str) -> Value {
        let number = self.published;
        self.published += 1;
        self.trouble(number);
        let id = self.id();
        let guild_of = self.guilds.get_mut(&guild).unwrap();
        let message = json!({
            "id": id.to_string(), "channel_id": guild_of.channel.to_string(), "guild_id": guild.to_string(),
            "author": { "id": author.to_string() }, "content": content, "nonce": nonce, "type": 0,
        });
        guild_of.messages.insert(id, message.clone());
        guild_of.nonces.insert(nonce.to_owned(), message.clone());
        let members = guild_of.members.clone();
        let everybody = self.hit(Fault::Misroute(number));
        let sessions = &mut self.sessions;
        for session in sessions
            .values_mut()
            .filter(|session| everybody || members.contains(&session.user))
        {
            let number = self.dispatches;
            self.dispatches += 1;
            let is = |fault| self.faults.contains(&fault);
            if is(Fault::Swap(number)) {
                session.held = Some(("MESSAGE_CREATE".to_owned(), message.clone()));
                continue;
            }
            if !is(Fault::Drop(number)) {
                session.dispatch("MESSAGE_CREATE", &message);
            }
            if is(Fault::Repeat(number)) {
                session.dispatch("MESSAGE_CREATE", &message);
            }
            if let Some((name, data)) = session.held.take() {
                session.dispatch(&name, &data);
            }
        }
        message
    }

    /// What happens to all connections before the message of this number.
    fn trouble(&mut self, number: usize) {
        let asked = self.hit(Fault::Reconnect(number));
        let forgotten = self.hit(Fault::Forget(number));
        if !asked && !forgotten && !self.hit(Fault::Break(number)) {
            return;
        }
        for session in self.sessions.values_mut() {
            let Some(connection) = session.connection.take() else {
                continue;
            };
            let out = if asked {
                Out::Text(json!({ "op": 7, "d": null }).to_string())
            } else {
                Out::Break
            };
            let _gone = connection.try_send(out);
        }
        if forgotten {
            self.sessions.clear();
        }
    }
}

impl Session {
    fn dispatch(&mut self, name: &str, data: &Value) {
        self.s += 1;
        let text = json!({ "op": 0, "t": name, "s": self.s, "d": data }).to_string();
        self.sent.push((self.s, text.clone()));
        if let Some(connection) = &self.connection {
            let _gone = connection.try_send(Out::Text(text));
        }
    }
}

//! A simulated stack around the real [`Feed`] and [`Session`]: two sessions nodes, owners of two guilds, gateways.
//!
//! Whatever happens in whatever order (pushes late, twice, out of order or never; links lost; answers late; nodes
//! killed; sessions handed over, with success or without; gateways without room, gone, and back), each client gets
//! each event that its intents ask for exactly once and in order, and in the end all of them.

mod client;
mod step;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use chat_proto::service::data::{GuildRecord, User};
use chat_proto::service::sessions::Start;
use chat_proto::{
    Epoch, EventKind, EventNumber, GuildEvent, GuildId, Intents, NodeName, Payload, SessionId, UserId,
};
use proptest::prelude::*;

use client::{Client, Line};
use step::{Step, step};

use crate::cell::{Cell, Pump};
use crate::feed::state::Feed;
use crate::limits::FLUSH_FRAMES;
use crate::session::{OutOfReach, Session};

const GUILDS: usize = 2;
const CLIENTS: usize = 3;
const NODES: usize = 2;

/// What a page of the simulated owner holds: small, so that catching up takes several.
const PAGE: usize = 3;

type Held = Arc<Cell<Line>>;

/// A call to an owner, answered and on its way back.
enum Answer {
    Subscribed {
        link: u64,
        since: Option<EventNumber>,
        events: Vec<GuildEvent>,
        last: EventNumber,
    },
    Page {
        after: EventNumber,
        events: Vec<GuildEvent>,
        last: EventNumber,
    },
    Picture {
        last: EventNumber,
    },
}

struct SimNode {
    feeds: Vec<Feed<Line>>,
    pump: Arc<Pump<Line>>,
    cells: HashMap<SessionId, Held>,
    answers: Vec<(usize, Answer)>,
    /// Kinds of calls under way: guild, and whether it is a read or a snapshot.
    reading: HashSet<usize>,
    picturing: HashSet<usize>,
    pushes: Vec<(usize, GuildEvent)>,
    /// The links on which the owner of a guild would push.
    links: Vec<HashSet<u64>>,
}

impl SimNode {
    fn new() -> Self {
        Self {
            feeds: (0..GUILDS).map(|guild| Feed::new(guild_id(guild))).collect(),
            pump: Pump::new(|_| {}),
            cells: HashMap::new(),
            answers: Vec::new(),
            reading: HashSet::new(),
            picturing: HashSet::new(),
            pushes: Vec::new(),
            links: vec![HashSet::new(); GUILDS],
        }
    }

    fn put(&mut self, session: Session<Line>) {
        let cell = Cell::new(session, self.pump.clone());
        if let Some(before) = self.cells.insert(cell.id().clone(), cell.clone()) {
            before.with(Session::close);
            self.feeds.iter_mut().for_each(|feed| feed.leave(&before));
        }
        cell.with(|session| session.flush(FLUSH_FRAMES));
        self.join(&cell);
    }

    fn join(&mut self, cell: &Held) {
        let followed: Vec<GuildId> = cell.with(|session| session.guilds().collect());
        for (guild, feed) in self.feeds.iter_mut().enumerate() {
            if followed.contains(&guild_id(guild)) {
                feed.join(cell.clone());
            }
        }
    }

    /// The sweep's part.
    fn tell(&self) {
        for cell in self.cells.values() {
            cell.with(Session::tell_cursors);
        }
    }

    fn take_out(&mut self, cell: &Held) {
        self.cells.remove(cell.id());
        self.feeds.iter_mut().for_each(|feed| feed.leave(cell));
    }
}

struct Sim {
    logs: Vec<Vec<GuildEvent>>,
    nodes: Vec<SimNode>,
    clients: Vec<Client>,
    next_link: u64,
}

fn guild_id(guild: usize) -> GuildId {
    GuildId(guild as u64 + 1)
}

fn user(client: usize) -> User {
    User {
        id: UserId(client as u64 + 1),
        name: format!("user-{client}"),
        bot: false,
    }
}

/// One client wants everything, one does not want every event, one does not even hear of guilds.
fn intents(client: usize) -> Intents {
    match client {
        0 => Intents::ALL,
        1 => Intents(Intents::GUILDS.0 | Intents::GUILD_MESSAGES.0),
        _ => Intents::GUILD_MESSAGES,
    }
}

fn node_name(node: usize) -> NodeName {
    NodeName::from(format!("sessions-{node}"))
}

fn all_guilds() -> Vec<GuildId> {
    (0..GUILDS).map(guild_id).collect()
}

impl Sim {
    fn new() -> Self {
        let clients = (0..CLIENTS).map(|client| Client {
            start: Start {
                session: SessionId::from(format!("session-{client}")),
                user: user(client),
                intents: intents(client),
                shard: (0, 1),
                status: "online".to_owned(),
                resume_gateway_url: "ws://127.0.0.1".to_owned(),
            },
            node: 0,
            queue: Arc::default(),
            seq: 0,
            cursors: HashMap::new(),
            floors: HashMap::new(),
            events: HashMap::new(),
            ready: false,
        });
        Self {
            logs: vec![Vec::new(); GUILDS],
            nodes: (0..NODES).map(|_| SimNode::new()).collect(),
            clients: clients.collect(),
            next_link: 1,
        }
    }

    fn last(&self, guild: usize) -> EventNumber {
        EventNumber(self.logs[guild].len() as u64)
    }

    fn after(&self, guild: usize, after: EventNumber) -> Vec<GuildEvent> {
        let skip = after.0 as usize;
        self.logs[guild].iter().skip(skip).take(PAGE).cloned().collect()
    }

    fn publish(&mut self, guild: usize, kind: EventKind) {
        let event = GuildEvent {
            guild: guild_id(guild),
            number: Some(self.last(guild).next()),
            epoch: Epoch(1),
            kind,
            payload: Payload {
                full: Bytes::from_static(b"{}"),
                without_content: None,
                author: None,
            },
        };
        self.logs[guild].push(event.clone());
        for node in &mut self.nodes {
            for _ in &node.links[guild] {
                node.pushes.push((guild, event.clone()));
            }
        }
    }

    /// The driver's part: begins the calls that the feed wants. The owner answers at once, the answer travels.
    fn call(&mut self, at: usize, guild: usize) {
        let wants = self.nodes[at].feeds[guild].wants();
        let last = self.last(guild);
        if let Some(since) = wants.subscribe {
            let link = self.next_link;
            self.next_link += 1;
            let events = since.map_or_else(Vec::new, |since| self.after(guild, since));
            let node = &mut self.nodes[at];
            node.feeds[guild].subscribing();
            // One owner more may still be pushing: the one before.
            node.links[guild].retain(|other| other + 4 > link);
            node.links[guild].insert(link);
            let answer = Answer::Subscribed {
                link,
                since,
                events,
                last,
            };
            node.answers.push((guild, answer));
        }
        if wants.snapshot && self.nodes[at].picturing.insert(guild) {
            let node = &mut self.nodes[at];
            node.feeds[guild].picturing();
            node.answers.push((guild, Answer::Picture { last }));
        }
        if let Some(after) = wants.read
            && self.nodes[at].reading.insert(guild)
        {
            let events = self.after(guild, after);
            self.nodes[at]
                .answers
                .push((guild, Answer::Page { after, events, last }));
        }
    }

    fn answer(&mut self, at: usize, which: usize, fails: bool) {
        let node = &mut self.nodes[at];
        if node.answers.is_empty() {
            return;
        }
        let (guild, answer) = node.answers.swap_remove(which % node.answers.len());
        let feed = &mut node.feeds[guild];
        match answer {
            Answer::Subscribed { .. } if fails => feed.not_subscribed(),
            Answer::Subscribed {
                link,
                since,
                events,
                last,
            } => {
                feed.subscribed(link, NodeName::from("guilds-0"), since, events, last);
            }
            Answer::Page { after, events, last } => {
                node.reading.remove(&guild);
                if !fails {
                    feed.exists(last);
                    feed.page(after, events);
                }
            }
            Answer::Picture { last } => {
                node.picturing.remove(&guild);
                if fails {
                    feed.not_pictured();
                } else {
                    let record = GuildRecord {
                        id: guild_id(guild),
                        name: "guild".to_owned(),
                        owner: UserId(1),
                        channels: Vec::new(),
                        members: (0..CLIENTS).map(user).collect(),
                    };
                    feed.pictured(record, Vec::new(), last);
                }
            }
        }
    }

    fn deliver(&mut self, at: usize, which: usize, twice: bool) {
        let node = &mut self.nodes[at];
        if node.pushes.is_empty() {
            return;
        }
        let (guild, event) = node.pushes.remove(which % node.pushes.len());
        node.feeds[guild].heard(event.clone());
        if twice {
            node.feeds[guild].heard(event);
        }
    }

    fn held(&self, client: usize) -> Option<Held> {
        let client = &self.clients[client];
        self.nodes[client.node].cells.get(&client.start.session).cloned()
    }

    fn start(&mut self, client: usize, node: usize) {
        let client = &mut self.clients[client];
        if client.ready {
            return;
        }
        (client.ready, client.node) = (true, node);
        let mut session = Session::begin(client.start.clone(), &all_guilds(), Instant::now());
        session.attach(client.line(), 0).unwrap();
        self.nodes[node].put(session);
    }

    /// The socket's client is back, or its gateway attaches again: what was on the way to it is lost.
    fn resume(&mut self, client: usize, on_new_socket: bool) {
        let Some(cell) = self.held(client) else { return };
        let client = &mut self.clients[client];
        let seq = client.seq;
        let line = client.line();
        let attached: Result<_, OutOfReach> = cell.with(|session| {
            if on_new_socket {
                // Another gateway knows only what it is told.
                client.cursors.clear();
                for (guild, at) in session.cursors_at(seq) {
                    client.learn(guild, at);
                }
            }
            let before = match on_new_socket {
                true => session.resume(line, seq),
                false => session.attach(line, seq),
            };
            session.flush(FLUSH_FRAMES);
            before
        });
        attached.expect("an outbox this small reaches back to the beginning");
    }

    /// The gateway makes the session again, from what it knows.
    fn rebuild(&mut self, at: usize, node: usize) {
        let client = &mut self.clients[at];
        if !client.ready {
            return;
        }
        client.node = node;
        if client.seq == 0 {
            client.ready = false;
            // It has seen nothing: this is another session, whatever was known of the one before.
            client.cursors.clear();
            client.floors.clear();
            return self.start(at, node);
        }
        let cursors: Vec<_> = client.cursors.iter().map(|(guild, at)| (*guild, *at)).collect();
        let there = self.nodes[node].cells.get(&client.start.session);
        if there.is_some_and(|cell| cell.with(|session| session.continues(client.seq, &cursors))) {
            return self.resume(at, false);
        }
        let mut session = Session::rebuild(client.start.clone(), client.seq, &cursors, Instant::now());
        session.reconcile(&all_guilds());
        session.attach(client.line(), client.seq).unwrap();
        self.nodes[node].put(session);
    }

    fn hand_over(&mut self, client: usize, works: bool) {
        let Some(cell) = self.held(client) else { return };
        let (from, to) = (self.clients[client].node, 1 - self.clients[client].node);
        let Some(state) = cell.with(|session| session.freeze()) else {
            return;
        };
        // What is published while it is frozen must not be lost either way.
        self.publish(0, EventKind::MessageCreate);
        self.deliver(from, usize::MAX, false);
        if works {
            let mut session = Session::restore(state, Instant::now());
            session.reconcile(&all_guilds());
            self.nodes[to].put(session);
            cell.with(|session| session.moved(node_name(to)));
            self.nodes[from].take_out(&cell);
        } else {
            cell.with(Session::thaw);
            self.nodes[from].join(&cell);
        }
    }

    fn kill(&mut self, node: usize) {
        self.nodes[node] = SimNode::new();
        for client in 0..CLIENTS {
            if self.clients[client].node == node {
                self.rebuild(client, 1 - node);
            }
        }
    }

    fn read(&mut self, client: usize) -> bool {
        let had = !self.clients[client].queue.lock().unwrap().pushes.is_empty();
        if let Some(to) = self.clients[client].read() {
            let node = (0..NODES).find(|node| node_name(*node) == to).unwrap();
            self.clients[client].node = node;
            match self.held(client) {
                Some(_) => self.resume(client, false),
                // It died there before the gateway could attach.
                None => self.rebuild(client, node),
            }
        }
        had
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Publish { guild, kind } => self.publish(guild, kind),
            Step::Deliver { node, which, twice } => self.deliver(node, which, twice),
            Step::LosePush { node, which } => {
                let node = &mut self.nodes[node];
                if !node.pushes.is_empty() {
                    let (guild, _) = node.pushes.remove(which % node.pushes.len());
                    // A push is lost with its link, or because the mailbox was full.
                    node.feeds[guild].doubt();
                }
            }
            Step::LoseLinks { node, guild } => {
                let node = &mut self.nodes[node];
                for link in std::mem::take(&mut node.links[guild]) {
                    node.feeds[guild].broken(link);
                }
            }
            Step::Doubt { node, guild } => self.nodes[node].feeds[guild].doubt(),
            Step::Call { node, guild } => self.call(node, guild),
            Step::Answer { node, which, fails } => self.answer(node, which, fails),
            Step::Read { client, pushes } => {
                for _ in 0..pushes {
                    self.read(client);
                }
            }
            Step::Room { client, room } => self.clients[client].queue.lock().unwrap().room = room,
            Step::Flush { node } => {
                self.nodes[node].pump.turn();
            }
            Step::Tell { node } => self.nodes[node].tell(),
            Step::Start { client, node } => self.start(client, node),
            Step::Resume { client } => self.resume(client, true),
            Step::Rebuild { client } => {
                let node = self.clients[client].node;
                self.rebuild(client, node);
            }
            Step::HandOver { client, works } => self.hand_over(client, works),
            Step::Kill { node } => self.kill(node),
        }
    }

    /// Lets everything that is under way come to its end. Returns whether it does.
    fn comes_to_rest(&mut self) -> bool {
        for client in &self.clients {
            client.queue.lock().unwrap().room = 1_000;
        }
        for _ in 0..2_000 {
            let mut busy = false;
            for node in 0..NODES {
                for guild in 0..GUILDS {
                    self.call(node, guild);
                }
                busy |= !self.nodes[node].answers.is_empty() || !self.nodes[node].pushes.is_empty();
                for _ in 0..16 {
                    self.answer(node, 0, false);
                    self.deliver(node, 0, false);
                }
                self.nodes[node].tell();
                busy |= self.nodes[node].pump.depth() > 0;
                self.nodes[node].pump.turn();
            }
            for client in 0..CLIENTS {
                busy |= self.read(client);
            }
            if !busy {
                return true;
            }
        }
        false
    }
}

proptest! {
    #[test]
    fn each_client_gets_each_event_once_and_in_order_whatever_happens(
        steps in prop::collection::vec(step(), 0..150),
    ) {
        let mut sim = Sim::new();
        for client in &sim.clients {
            client.queue.lock().unwrap().room = 4;
        }
        for step in steps {
            sim.apply(step);
        }
        prop_assert!(sim.comes_to_rest(), "the calls have an end");
        for (index, client) in sim.clients.iter().enumerate().filter(|(_, client)| client.ready) {
            for guild in 0..GUILDS {
                let cursor = client.cursors.get(&guild_id(guild)).copied();
                prop_assert_eq!(cursor, Some(sim.last(guild)), "client {} has all of guild {}", index, guild);
                let floor = client.floors[&guild_id(guild)];
                let meant = sim.logs[guild]
                    .iter()
                    .filter(|event| client.start.intents.contains(event.kind.intent()));
                let meant: Vec<EventNumber> = meant
                    .filter_map(|event| event.number)
                    .filter(|number| *number > floor)
                    .collect();
                let got = client.events.get(&guild_id(guild)).cloned().unwrap_or_default();
                prop_assert_eq!(got, meant, "client {} got what is for it in guild {}", index, guild);
            }
        }
    }
}

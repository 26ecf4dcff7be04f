//! The clusters behind the gateway, in one process, as far as a socket can tell the difference.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use chat_node::{CallError, Link, Receive};
use chat_proto::service::Refusal;
use chat_proto::service::data::{GuildRecord, User};
use chat_proto::service::sessions::{Ask, Frame, Push, Reply, Start};
use chat_proto::{EventNumber, GuildId, NodeName, SessionId, UserId};
use serde_json::json;

use crate::backend::{Backend, Snapshot};
use crate::sockets::Sockets;

pub(super) const GUILD: GuildId = GuildId(7);

/// One sessions node at a time, and a guild whose events are numbered from 1.
#[derive(Clone)]
pub(super) struct Cluster {
    sockets: Arc<Sockets>,
    state: Arc<Mutex<State>>,
}

struct State {
    link: Link,
    alive: bool,
    last_event: u64,
    sessions: HashMap<SessionId, Session>,
    /// What was asked, by name.
    asked: Vec<&'static str>,
    /// The end of the last session that was detached.
    detached: Option<bool>,
    /// How many of the next frames are lost on the way.
    lose: usize,
    /// Sessions do not hear of guilds.
    without_guilds: bool,
    /// Events that are for no session.
    passed_over: HashSet<u64>,
}

struct Session {
    start: Start,
    seq: u64,
    outbox: Vec<Frame>,
}

type Pushes = Vec<Push>;

impl Cluster {
    pub(super) fn new(sockets: Arc<Sockets>) -> Self {
        let state = State {
            link: Link {
                node: "sessions-0".into(),
                id: 1,
            },
            alive: true,
            last_event: 0,
            sessions: HashMap::new(),
            asked: Vec::new(),
            detached: None,
            lose: 0,
            without_guilds: false,
            passed_over: HashSet::new(),
        };
        Self {
            sockets,
            state: Arc::new(Mutex::new(state)),
        }
    }

    pub(super) fn asked(&self) -> Vec<&'static str> {
        self.state.lock().unwrap().asked.clone()
    }

    pub(super) fn detached(&self) -> Option<bool> {
        self.state.lock().unwrap().detached
    }

    /// The next `count` frames are pushed, but never arrive.
    pub(super) fn lose(&self, count: usize) {
        self.state.lock().unwrap().lose = count;
    }

    /// From now on sessions do not hear of guilds: theirs come up silently.
    pub(super) fn without_guilds(&self) {
        self.state.lock().unwrap().without_guilds = true;
    }

    /// Something happens in the guild that the sessions' intents leave out: their gateway is told where they are.
    pub(super) async fn pass_over(&self) {
        let (link, pushes) = {
            let mut state = self.state.lock().unwrap();
            state.last_event += 1;
            let number = state.last_event;
            state.passed_over.insert(number);
            let sessions = state.sessions.iter();
            let pushes = sessions
                .map(|(id, session)| session.cursors(id, number))
                .collect();
            (state.link.clone(), pushes)
        };
        self.push(&link, pushes).await;
    }

    /// Something happens in the guild.
    pub(super) async fn event(&self) -> u64 {
        let (link, pushes, number) = {
            let mut state = self.state.lock().unwrap();
            state.last_event += 1;
            let number = state.last_event;
            let mut pushes = Pushes::new();
            let mut lose = state.lose;
            for (id, session) in &mut state.sessions {
                let frame = session.emit("MESSAGE_CREATE", json!({"event": number}), Some(number));
                if lose > 0 {
                    lose -= 1;
                } else {
                    pushes.push(Push::Frame {
                        session: id.clone(),
                        frame,
                    });
                }
            }
            state.lose = lose;
            (state.link.clone(), pushes, number)
        };
        self.push(&link, pushes).await;
        number
    }

    /// The sessions node dies, and with it all sessions; the guild lives on.
    pub(super) async fn kill(&self) {
        let link = {
            let mut state = self.state.lock().unwrap();
            state.alive = false;
            state.sessions.clear();
            state.link.clone()
        };
        self.sockets.lost(&link).await;
    }

    /// There is a sessions node again.
    pub(super) fn revive(&self) {
        let mut state = self.state.lock().unwrap();
        state.alive = true;
        state.link = Link {
            node: "sessions-1".into(),
            id: state.link.id + 1,
        };
    }

    /// The node hands its sessions to another one. A frame of before comes late.
    pub(super) async fn hand_over(&self) {
        let (old, pushes) = {
            let mut state = self.state.lock().unwrap();
            let old = state.link.clone();
            let to = NodeName::from(format!("sessions-{}", old.id + 1));
            state.link = Link {
                node: to.clone(),
                id: old.id + 1,
            };
            let mut pushes = Pushes::new();
            for (id, session) in &state.sessions {
                pushes.push(Push::Moved {
                    session: id.clone(),
                    to: to.clone(),
                });
                pushes.extend(session.outbox.last().map(|frame| Push::Frame {
                    session: id.clone(),
                    frame: Frame {
                        seq: frame.seq + 1,
                        ..frame.clone()
                    },
                }));
            }
            (old, pushes)
        };
        self.push(&old, pushes).await;
    }

    /// All sessions are over.
    pub(super) async fn end_sessions(&self) {
        let (link, pushes) = {
            let mut state = self.state.lock().unwrap();
            let over = std::mem::take(&mut state.sessions);
            let ended = |session| Push::Ended {
                session,
                reason: "a test".to_owned(),
            };
            (state.link.clone(), over.into_keys().map(ended).collect())
        };
        self.push(&link, pushes).await;
    }

    async fn push(&self, link: &Link, pushes: Pushes) {
        for push in pushes {
            self.sockets.push(link, push).await;
        }
    }
}

impl Session {
    fn cursors(&self, id: &SessionId, number: u64) -> Push {
        Push::Cursors {
            session: id.clone(),
            seq: self.seq,
            cursors: vec![(GUILD, EventNumber(number))],
        }
    }

    fn emit(&mut self, t: &str, d: serde_json::Value, number: Option<u64>) -> Frame {
        self.seq += 1;
        let frame = Frame {
            seq: self.seq,
            t: t.to_owned(),
            d: Bytes::from(d.to_string()),
            cursor: number.map(|number| (GUILD, EventNumber(number))),
        };
        self.outbox.push(frame.clone());
        frame
    }
}

impl State {
    fn ask(&mut self, at: Option<&NodeName>, ask: Ask) -> Result<(Reply, Pushes), CallError> {
        let unreachable = |node: &NodeName| CallError::Unreachable {
            node: node.clone(),
            reason: "a test".to_owned(),
        };
        if !self.alive {
            return Err(unreachable(&self.link.node));
        }
        if let Some(at) = at.filter(|at| **at != self.link.node) {
            return Err(unreachable(at));
        }
        let after = |id: &SessionId, session: &Session, seq: u64| -> Pushes {
            let frames = session.outbox.iter().filter(|frame| frame.seq > seq).cloned();
            frames
                .map(|frame| Push::Frame {
                    session: id.clone(),
                    frame,
                })
                .collect()
        };
        let not_found = || CallError::Refused(Refusal::not_found("Session"));
        let (name, reply, pushes) = match ask {
            Ask::Start(start) => {
                let id = start.session.clone();
                let mut session = Session {
                    start,
                    seq: 0,
                    outbox: Vec::new(),
                };
                session.emit("READY", json!({"v": 10, "session_id": id}), None);
                let mut pushes = Vec::new();
                if self.without_guilds {
                    pushes.push(session.cursors(&id, self.last_event));
                } else {
                    session.emit("GUILD_CREATE", json!({"id": GUILD}), Some(self.last_event));
                }
                pushes.splice(0..0, after(&id, &session, 0));
                self.sessions.insert(id, session);
                ("start", Reply::Done, pushes)
            }
            Ask::Attach { session: id, seq } => {
                let session = self.sessions.get(&id).ok_or_else(not_found)?;
                ("attach", Reply::Done, after(&id, session, seq))
            }
            Ask::Rebuild { start, seq, cursors } => {
                let id = start.session.clone();
                let mut session = Session {
                    start,
                    seq,
                    outbox: Vec::new(),
                };
                let known = cursors
                    .iter()
                    .find(|(guild, _)| *guild == GUILD)
                    .expect("the guild was seen")
                    .1
                    .0;
                let passed_over = &self.passed_over;
                for number in (known + 1..=self.last_event).filter(|number| !passed_over.contains(number)) {
                    session.emit("MESSAGE_CREATE", json!({"event": number}), Some(number));
                }
                let pushes = after(&id, &session, seq);
                self.sessions.insert(id, session);
                ("rebuild", Reply::Done, pushes)
            }
            Ask::Resume {
                session: id,
                seq,
                user,
            } => {
                let session = self.sessions.get_mut(&id).ok_or_else(not_found)?;
                assert_eq!(session.start.user.id, user);
                session.emit("RESUMED", json!({}), None);
                let seen = session.outbox.iter().filter(|frame| frame.seq <= seq);
                let cursors = seen.filter_map(|frame| frame.cursor).last().into_iter().collect();
                let reply = Reply::Resumed {
                    start: session.start.clone(),
                    cursors,
                };
                ("resume", reply, after(&id, session, seq))
            }
            Ask::Detach { end, .. } => {
                self.detached = Some(end);
                ("detach", Reply::Done, Pushes::new())
            }
            Ask::SetPresence { .. } => ("presence", Reply::Done, Pushes::new()),
            Ask::HandOff { .. } => panic!("not from a gateway"),
        };
        self.asked.push(name);
        Ok((reply, pushes))
    }
}

impl Backend for Cluster {
    async fn authenticate(&self, token: &str) -> Result<User, CallError> {
        if token != "right" {
            return Err(Refusal::not_found("User").into());
        }
        Ok(User {
            id: UserId(1),
            name: "demo".to_owned(),
            bot: true,
        })
    }

    async fn ask(
        &self,
        _session: &SessionId,
        at: Option<&NodeName>,
        ask: Ask,
    ) -> Result<(Link, Reply), CallError> {
        let (link, (reply, pushes)) = {
            let mut state = self.state.lock().unwrap();
            (state.link.clone(), state.ask(at, ask)?)
        };
        // The first frames come before the answer.
        self.push(&link, pushes).await;
        Ok((link, reply))
    }

    async fn snapshot(&self, guild: GuildId) -> Result<Snapshot, CallError> {
        let member = self.authenticate("right").await?;
        let guild = GuildRecord {
            id: guild,
            name: "g".to_owned(),
            owner: member.id,
            channels: Vec::new(),
            members: vec![member],
        };
        Ok((guild, Vec::new()))
    }

    async fn pause(&self, limit: Duration) {
        tokio::time::sleep(limit.min(Duration::from_millis(5))).await;
    }
}

//! A simulated client with its gateway: it checks all that it gets.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use chat_proto::service::sessions::{Push, Start};
use chat_proto::{EventNumber, GuildId, Intents, NodeName};

use crate::wire::{Refused, Wire};

/// A gateway's connection: a queue with a bound that the simulation changes.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) pushes: VecDeque<Push>,
    pub(super) room: usize,
    pub(super) gone: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) node: NodeName,
    pub(super) queue: Arc<Mutex<Queue>>,
}

impl Wire for Line {
    fn node(&self) -> &NodeName {
        &self.node
    }

    fn close(&self, _reason: &str) {
        self.queue.lock().unwrap().gone = true;
    }

    fn push(&self, push: &Push) -> Result<(), Refused> {
        let mut queue = self.queue.lock().unwrap();
        if queue.gone {
            return Err(Refused::Lost);
        }
        if queue.pushes.len() >= queue.room {
            return Err(Refused::Full);
        }
        queue.pushes.push_back(push.clone());
        Ok(())
    }
}

/// A client behind its gateway, with what the gateway keeps of it.
pub(super) struct Client {
    pub(super) start: Start,
    /// Where the gateway believes the session to be.
    pub(super) node: usize,
    pub(super) queue: Arc<Mutex<Queue>>,
    pub(super) seq: u64,
    pub(super) cursors: HashMap<GuildId, EventNumber>,
    /// Where its gateway first knew it to be in each guild: from there on nothing may be missing.
    pub(super) floors: HashMap<GuildId, EventNumber>,
    /// The events it got.
    pub(super) events: HashMap<GuildId, Vec<EventNumber>>,
    pub(super) ready: bool,
}

impl Client {
    pub(super) fn line(&mut self) -> Line {
        self.queue.lock().unwrap().gone = true;
        let room = self.queue.lock().unwrap().room;
        self.queue = Arc::new(Mutex::new(Queue {
            room,
            ..Queue::default()
        }));
        Line {
            node: NodeName::from("gateway-0"),
            queue: self.queue.clone(),
        }
    }

    /// The gateway learns where the session is.
    pub(super) fn learn(&mut self, guild: GuildId, number: EventNumber) {
        self.floors.entry(guild).or_insert(number);
        let cursor = self.cursors.entry(guild).or_default();
        *cursor = number.max(*cursor);
    }

    /// The gateway writes what was pushed to the client, and keeps the cursors.
    pub(super) fn read(&mut self) -> Option<NodeName> {
        let push = self.queue.lock().unwrap().pushes.pop_front()?;
        match push {
            Push::Moved { to, .. } => return Some(to),
            Push::Ended { reason, .. } => panic!("the session ended: {reason}"),
            Push::Cursors { seq, cursors, .. } => {
                assert_eq!(seq, self.seq, "cursors come after the frames before them");
                for (guild, number) in cursors {
                    self.learn(guild, number);
                }
            }
            Push::Frame { frame, .. } => {
                assert_eq!(frame.seq, self.seq + 1, "s has no gaps and nothing comes twice");
                self.seq = frame.seq;
                if let Some((guild, number)) = frame.cursor {
                    let before = self.cursors.get(&guild).copied();
                    if frame.t == "GUILD_CREATE" {
                        assert_eq!(before, None, "a guild comes up once");
                        self.learn(guild, number);
                    } else {
                        assert!(before < Some(number), "in order and once");
                        let silently = !self.start.intents.contains(Intents::GUILDS);
                        assert!(before.is_some() || silently, "a guild comes up first");
                        self.learn(guild, EventNumber(number.0 - 1));
                        self.learn(guild, number);
                        self.events.entry(guild).or_default().push(number);
                    }
                }
            }
        }
        None
    }
}

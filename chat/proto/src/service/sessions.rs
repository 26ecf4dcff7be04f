//! sessions: what a client's session is, apart from its socket: intents, `s`, the outbox.
//!
//! A session lives on the node that the sessions ring names for its id. The gateway attaches to it over its one
//! connection to that node, and gets its frames as pushes.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Service;
use super::data::User;
use crate::{Cluster, EventNumber, Generation, GuildId, Intents, NodeName, SessionId};

/// The sessions service.
#[derive(Debug)]
pub struct Sessions;

impl Service for Sessions {
    const CLUSTER: Cluster = Cluster::Sessions;
    type Request = Request;
    type Reply = Reply;
    type Push = Push;
}

/// A request about one session, or a hand-over of several.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// The caller's membership generation.
    pub generation: Generation,
    /// What is asked.
    pub ask: Ask,
}

/// What a sessions node can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Ask {
    /// A new session (from Identify). Frames follow as pushes, READY first.
    Start(Start),
    /// The client is back on another socket (Resume): replays frames after `seq`, then RESUMED.
    /// `Refusal::NotFound` when there is no such session or its outbox no longer reaches back to `seq`.
    Resume {
        /// The session.
        session: SessionId,
        /// Whose token the client showed: it must be the session's user.
        user: crate::UserId,
        /// The last `s` the client has.
        seq: u64,
    },
    /// The same socket at another sessions node, after [`Push::Moved`]: replays frames after `seq`, no RESUMED.
    Attach {
        /// The session.
        session: SessionId,
        /// The last `s` the gateway has written to the socket.
        seq: u64,
    },
    /// The same socket, but the sessions node died with the session: make it again from what the gateway knows.
    /// The client notices nothing.
    Rebuild {
        /// What Start carried.
        start: Start,
        /// The last `s` the gateway has written to the socket.
        seq: u64,
        /// The last event of each guild that the gateway has written to the socket, or was told of by
        /// [`Push::Cursors`].
        cursors: Vec<(GuildId, EventNumber)>,
    },
    /// The socket is gone. `end`: the client closed with 1000 or 1001, so the session is over; otherwise it waits
    /// to be resumed.
    Detach {
        /// The session.
        session: SessionId,
        /// Whether it is over.
        end: bool,
    },
    /// The client sent op 3.
    SetPresence {
        /// The session.
        session: SessionId,
        /// `online`, `idle`, `dnd`, `invisible`.
        status: String,
    },
    /// A peer hands its sessions over (drain, or the ring moved them).
    HandOff {
        /// The sessions.
        sessions: Vec<SessionState>,
    },
}

/// What makes a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// Its id, chosen by the gateway.
    pub session: SessionId,
    /// Whose it is.
    pub user: User,
    /// What it wants.
    pub intents: Intents,
    /// Shard id and number of shards.
    pub shard: (u32, u32),
    /// Its first status.
    pub status: String,
    /// What READY says as `resume_gateway_url`.
    pub resume_gateway_url: String,
}

/// A session on its way from one node to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionState {
    /// What made it.
    pub start: Start,
    /// The last `s` given out.
    pub seq: u64,
    /// The frames a client may still ask for, oldest first.
    pub outbox: Vec<Frame>,
    /// The last event seen of each guild.
    pub cursors: Vec<(GuildId, EventNumber)>,
    /// The gateway node it is attached to, if any.
    pub gateway: Option<NodeName>,
}

/// What a sessions node answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Reply {
    /// Done; frames follow as pushes.
    Done,
    /// To `Resume`: done as well, and what the gateway needs for a `Rebuild`, should this node die in turn.
    Resumed {
        /// What made the session, with its present status.
        start: Start,
        /// The last event of each guild at the `seq` that the client named: not those of frames replayed now.
        cursors: Vec<(GuildId, EventNumber)>,
    },
}

/// One dispatch of a session, ready to be written: the gateway adds only the envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Its place in the session.
    pub seq: u64,
    /// The dispatch name.
    pub t: String,
    /// The JSON text of `d`.
    pub d: Bytes,
    /// Which durable event it is, or which a `GUILD_CREATE` stands at: the gateway keeps these cursors, and those of
    /// [`Push::Cursors`].
    pub cursor: Option<(GuildId, EventNumber)>,
}

/// What a sessions node pushes to a gateway node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Push {
    /// A dispatch.
    Frame {
        /// The session.
        session: SessionId,
        /// The frame.
        frame: Frame,
    },
    /// The session now lives on another node: attach there.
    Moved {
        /// The session.
        session: SessionId,
        /// Where to.
        to: NodeName,
    },
    /// The session is over (its user was removed, or it overflowed): the client gets Invalid Session.
    Ended {
        /// The session.
        session: SessionId,
        /// Why, for the log.
        reason: String,
    },
    /// Where the session is in guilds whose events gave it no frame (a guild that came up silently, events that its
    /// intents leave out): a `Rebuild` goes on from there. Pushed in the order of the frames.
    Cursors {
        /// The session.
        session: SessionId,
        /// The last frame that was pushed before: the cursors count for a gateway that has written it.
        seq: u64,
        /// The last event of each of these guilds that the session took.
        cursors: Vec<(GuildId, EventNumber)>,
    },
}

impl Push {
    /// The session that it is about.
    pub fn session(&self) -> &SessionId {
        match self {
            Self::Frame { session, .. }
            | Self::Moved { session, .. }
            | Self::Ended { session, .. }
            | Self::Cursors { session, .. } => session,
        }
    }
}

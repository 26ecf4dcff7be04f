//! presence: which users are online, in which sessions, on which sessions nodes; and the way to a user's sessions.
//!
//! A user lives on the node that the presence ring names for its id. The state is soft: sessions nodes register
//! again whenever the ring moves a user or a connection is lost, so presence can never hold up a message.

use serde::{Deserialize, Serialize};

use super::Service;
use crate::{Cluster, Generation, GuildId, NodeName, SessionId, UserId};

/// The presence service.
#[derive(Debug)]
pub struct Presence;

impl Service for Presence {
    const CLUSTER: Cluster = Cluster::Presence;
    type Request = Request;
    type Reply = Reply;
    type Push = Push;
}

/// A request about users of this node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// The caller's membership generation.
    pub generation: Generation,
    /// What is asked.
    pub ask: Ask,
}

/// What presence can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Ask {
    /// Sessions that are up, from the sessions node that has them. Repeating it is a no-op.
    Register {
        /// The sessions node.
        node: NodeName,
        /// Its sessions of users that live here.
        sessions: Vec<Registration>,
    },
    /// A session that is over.
    Unregister {
        /// Whose.
        user: UserId,
        /// Which.
        session: SessionId,
    },
    /// Tell all sessions of a user something (from guilds).
    Notify {
        /// The user.
        user: UserId,
        /// What.
        news: News,
    },
    /// The status of users.
    Read {
        /// Which.
        users: Vec<UserId>,
    },
    /// A peer hands users over (drain, or the ring moved them).
    HandOff {
        /// Their sessions, with the sessions node of each.
        sessions: Vec<(NodeName, Registration)>,
    },
}

/// A session that is up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Whose.
    pub user: UserId,
    /// Which.
    pub session: SessionId,
    /// `online`, `idle`, `dnd`, `invisible`.
    pub status: String,
    /// Where a change of presence is told.
    pub guilds: Vec<GuildId>,
}

/// What happened to a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum News {
    /// The user is now a member of a guild.
    GuildJoined {
        /// Which.
        guild: GuildId,
    },
    /// The user is no longer a member of a guild.
    GuildLeft {
        /// Which.
        guild: GuildId,
    },
}

/// What presence answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Reply {
    /// Done.
    Done,
    /// To `Read`: users that are not offline.
    Statuses(Vec<(UserId, String)>),
}

/// What presence pushes to a sessions node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Push {
    /// Something happened to the user of a session.
    News {
        /// The session.
        session: SessionId,
        /// What.
        news: News,
    },
}

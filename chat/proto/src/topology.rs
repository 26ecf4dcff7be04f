//! Clusters, nodes and the membership that the control plane issues.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Generation, Incarnation, NodeName};

/// A chat service, by its name in design section 4. The order is the order of starting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cluster {
    /// Data services: the only ones that open the store.
    Data,
    /// Owners of guilds.
    Guilds,
    /// Who is online, and where.
    Presence,
    /// Gateway sessions: intents, `s`, outbox.
    Sessions,
    /// WebSockets.
    Gateway,
    /// REST.
    Api,
    /// The reverse proxy in front of api and gateway.
    Edge,
}

/// What a member of a cluster is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemberState {
    /// Registered, not serving yet: in no ring.
    Starting,
    /// In the ring. It stays there while its lease lasts, also when it just crashed.
    Ready,
    /// Told to hand over what it holds: in no ring, still answering.
    Draining,
}

/// A node that holds a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its name.
    pub node: NodeName,
    /// Its cluster.
    pub cluster: Cluster,
    /// Which life of it.
    pub incarnation: Incarnation,
    /// What it is doing.
    pub state: MemberState,
    /// Where it serves: Loqui for data, guilds, presence and sessions; HTTP for gateway, api and edge.
    pub address: SocketAddr,
    /// Its admin port.
    pub admin: SocketAddr,
}

/// Who is in which cluster, as of one generation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Membership {
    /// Grows with each change of a node, its incarnation or its state.
    pub generation: Generation,
    /// All members, sorted by node name.
    pub members: Vec<Member>,
}

impl Cluster {
    /// Every cluster, in start order.
    pub const ALL: [Self; 7] = [
        Self::Data,
        Self::Guilds,
        Self::Presence,
        Self::Sessions,
        Self::Gateway,
        Self::Api,
        Self::Edge,
    ];

    /// The cluster's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Guilds => "guilds",
            Self::Presence => "presence",
            Self::Sessions => "sessions",
            Self::Gateway => "gateway",
            Self::Api => "api",
            Self::Edge => "edge",
        }
    }
}

impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Cluster {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|cluster| cluster.name() == text)
            .ok_or_else(|| {
                let names = Self::ALL.map(Self::name).join(", ");
                format!("there is no cluster '{text}'; there are {names}")
            })
    }
}

impl Membership {
    /// The members of one cluster.
    pub fn of(&self, cluster: Cluster) -> impl Iterator<Item = &Member> {
        self.members
            .iter()
            .filter(move |member| member.cluster == cluster)
    }

    /// The members of one cluster that are in its ring.
    pub fn ready(&self, cluster: Cluster) -> impl Iterator<Item = &Member> {
        self.of(cluster)
            .filter(|member| member.state == MemberState::Ready)
    }

    /// The member called `node`.
    pub fn member(&self, node: &NodeName) -> Option<&Member> {
        self.members.iter().find(|member| member.node == *node)
    }
}

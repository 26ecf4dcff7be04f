//! Leases: how a node says that it lives, and learns who else does.

use std::net::SocketAddr;

use chat_proto::{Cluster, Generation, Incarnation, Member, Membership, NodeName};
use serde::{Deserialize, Serialize};

/// A node's heartbeat. It is also its long poll for the membership.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LeaseRequest {
    /// The node as it sees itself.
    pub member: Member,
    /// The generation it has: the answer waits until there is a newer one, or for `wait_ms`.
    pub known: Generation,
    /// How long the answer may wait, in milliseconds.
    pub wait_ms: u64,
    /// The node ends in order: remove it from the membership now.
    #[serde(default)]
    pub leave: bool,
}

/// The answer to a heartbeat.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LeaseGrant {
    /// The newest membership.
    pub membership: Membership,
    /// For how long the lease holds from now on, in milliseconds.
    pub ttl_ms: u64,
}

/// `DATA/run/nodes/NODE.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunFile {
    /// The node.
    pub node: NodeName,
    /// Its cluster.
    pub cluster: Cluster,
    /// Its process id.
    pub pid: u32,
    /// Which life of it.
    pub incarnation: Incarnation,
    /// Where it serves.
    pub address: SocketAddr,
    /// Its admin port.
    pub admin: SocketAddr,
    /// The token that its admin port wants.
    pub token: String,
}

//! What a node is told when it starts.

use std::net::SocketAddr;
use std::path::PathBuf;

use chat_proto::{Cluster, NodeName};

/// Everything that `chatd` is told about one node.
#[derive(Debug, Clone)]
pub struct NodeOptions {
    /// Its cluster.
    pub cluster: Cluster,
    /// Its name: `guilds-0`.
    pub node: NodeName,
    /// The stack's data folder.
    pub data: PathBuf,
    /// The control plane: `http://127.0.0.1:7070`.
    pub control: String,
    /// The stack's fabric token: what nodes show each other.
    pub token: String,
    /// Where to serve, when no socket called `main` is inherited.
    pub listen: SocketAddr,
    /// Where the admin port is, when no socket called `admin` is inherited.
    pub admin: SocketAddr,
    /// The URL under which clients reach the edge: `ws://127.0.0.1:8080`.
    pub public_url: String,
}

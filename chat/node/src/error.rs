//! Why a call to another node failed, and whether it may be tried again.

use chat_proto::service::Refusal;
use chat_proto::{Cluster, CodecError, NodeName};

/// A failed call.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The ring of the cluster is empty.
    #[error("no {0} node is in the ring")]
    NoOwner(Cluster),
    /// The membership has no such node.
    #[error("no node {0} in the membership")]
    UnknownNode(NodeName),
    /// The connection could not be made or broke: the request may or may not have been carried out.
    #[error("cannot reach {node}: {reason}")]
    Unreachable {
        /// Which node.
        node: NodeName,
        /// What happened.
        reason: String,
    },
    /// No answer in time: the request may or may not have been carried out.
    #[error("no answer from {node} within {millis} ms")]
    Timeout {
        /// Which node.
        node: NodeName,
        /// How long was waited.
        millis: u128,
    },
    /// The service said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// One of the two does not speak our vocabulary.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

impl CallError {
    /// Whether the same request may succeed when sent again. It must be one that is safe to repeat.
    pub fn retry(&self) -> bool {
        match self {
            Self::NoOwner(_) | Self::UnknownNode(_) | Self::Unreachable { .. } | Self::Timeout { .. } => true,
            Self::Refused(refusal) => refusal.retry(),
            Self::Codec(_) => false,
        }
    }

    /// The refusal to pass on to one's own caller.
    pub fn into_refusal(self) -> Refusal {
        match self {
            Self::Refused(refusal) => refusal,
            Self::Codec(error) => Refusal::internal(error),
            other => Refusal::unavailable(other.to_string()),
        }
    }
}

//! The messages between clusters. Each module is one service: its requests, replies and pushes.
//!
//! A request is answered by `Result<Reply, Refusal>`, both encoded in the RESPONSE frame; a Loqui ERROR frame
//! means that the service could not even read the request. Pushes have no answer.

pub mod data;
pub mod guilds;
pub mod presence;
pub mod sessions;

use serde::{Deserialize, Serialize};

use crate::{Epoch, Generation};

/// Why a service did not do what it was asked. What may be tried again says so ([`Refusal::retry`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// The ring of `generation` names another node; look again.
    #[error("not the owner at generation {}", generation.0)]
    NotOwner {
        /// The generation in which the answering node looked.
        generation: Generation,
    },
    /// A newer owner has claimed the guild; this one must let go of it.
    #[error("fenced: epoch {} has been claimed", highest.0)]
    Fenced {
        /// The highest epoch that data has seen.
        highest: Epoch,
    },
    /// Draining, starting or overloaded: the same request may succeed a little later, here or elsewhere.
    #[error("unavailable: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },
    /// There is no such guild, channel, message, user or session.
    #[error("unknown {what}")]
    NotFound {
        /// What there is none of, as Discord names it: `Guild`, `Channel`, `Message`, `User`, `Session`.
        what: String,
    },
    /// The caller may not do that.
    #[error("missing access: {reason}")]
    Forbidden {
        /// Why.
        reason: String,
    },
    /// The request makes no sense and will never succeed.
    #[error("invalid: {reason}")]
    Invalid {
        /// Why.
        reason: String,
    },
    /// Something broke inside.
    #[error("internal error: {reason}")]
    Internal {
        /// What.
        reason: String,
    },
}

impl Refusal {
    /// Whether the same request may succeed when it is sent again (after looking at the ring again).
    pub fn retry(&self) -> bool {
        matches!(
            self,
            Self::NotOwner { .. } | Self::Unavailable { .. } | Self::Fenced { .. }
        )
    }

    /// An [`Refusal::Unavailable`].
    pub fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable {
            reason: reason.into(),
        }
    }

    /// A [`Refusal::NotFound`].
    pub fn not_found(what: &str) -> Self {
        Self::NotFound {
            what: what.to_owned(),
        }
    }

    /// An [`Refusal::Internal`].
    pub fn internal(reason: impl std::fmt::Display) -> Self {
        Self::Internal {
            reason: reason.to_string(),
        }
    }
}

/// A service's vocabulary: ties the three message types to the cluster that speaks them.
pub trait Service {
    /// The cluster that answers.
    const CLUSTER: crate::Cluster;
    /// What it can be asked.
    type Request: Serialize + serde::de::DeserializeOwned + Send + Sync + std::fmt::Debug + 'static;
    /// What it answers.
    type Reply: Serialize + serde::de::DeserializeOwned + Send + std::fmt::Debug + 'static;
    /// What it pushes to its clients unasked.
    type Push: Serialize + serde::de::DeserializeOwned + Send + std::fmt::Debug + 'static;
}

/// A push of a service that pushes nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum NoPush {}

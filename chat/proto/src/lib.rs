//! What the chat clusters say to each other and to clients: ids, durable events, service messages, gateway shapes.
//!
//! No IO, no sockets, no tokio. Service messages travel as MessagePack in Loqui frames (encoding `msgpack`,
//! [`encode`] and [`decode`]); what a client sees is JSON in Discord's API v10 shapes ([`discord`]).

pub mod discord;
mod event;
mod ids;
mod intents;
pub mod service;
mod topology;

pub use event::{EventKind, GuildEvent, Payload};
pub use ids::{
    ChannelId, DISCORD_EPOCH_MS, Epoch, EventNumber, Generation, GuildId, Incarnation, MessageId, NodeName,
    SessionId, Snowflakes, UserId,
};
pub use intents::Intents;
pub use topology::{Cluster, Member, MemberState, Membership};

/// Why a payload could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {what}: {reason}")]
pub struct CodecError {
    action: &'static str,
    what: &'static str,
    reason: String,
}

/// Writes a service message as MessagePack (structs as maps, so that a field can be added).
pub fn encode<T: serde::Serialize>(message: &T) -> Result<bytes::Bytes, CodecError> {
    rmp_serde::to_vec_named(message)
        .map(bytes::Bytes::from)
        .map_err(|error| CodecError {
            action: "encode",
            what: std::any::type_name::<T>(),
            reason: error.to_string(),
        })
}

/// Reads a service message.
pub fn decode<T: serde::de::DeserializeOwned>(payload: &[u8]) -> Result<T, CodecError> {
    rmp_serde::from_slice(payload).map_err(|error| CodecError {
        action: "decode",
        what: std::any::type_name::<T>(),
        reason: error.to_string(),
    })
}

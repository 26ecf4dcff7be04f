//! What a node's admin port speaks, and how a node keeps its lease: types and client.
//!
//! ```text
//! node -> control   POST /v1/lease            LeaseRequest -> LeaseGrant (long poll: answers when the membership
//!                                             changed, or after `wait_ms`)
//! control -> node   GET  /admin/health        NodeHealth
//!                   POST /admin/drain         DrainRequest -> NodeHealth
//!                   POST /admin/undrain       -> NodeHealth
//! anyone            GET  /livez /readyz /metrics   (no token, loopback)
//! ```
//!
//! All but the last line need `Authorization: Bearer TOKEN` (the fabric token of the stack). A node writes a
//! [`RunFile`] to `DATA/run/nodes/NODE.json` (mode 0600), which is what `ops --direct` reads.

mod client;
mod health;
mod lease;

pub use client::{AdminClient, AdminError};
pub use health::{Check, Drain, DrainRequest, NodeHealth, NodeState, RedSnapshot};
pub use lease::{LeaseGrant, LeaseRequest, RunFile};

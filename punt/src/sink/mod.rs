//! Where events go: each sink reads its own buffer.

pub(crate) mod elasticsearch;

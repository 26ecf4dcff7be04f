//! The one client of the Elasticsearch API: bulk, search, templates, health.
//!
//! It speaks what Elasticsearch 7 and later, OpenSearch, and the embedded store have in common. Not here:
//! batching, back-off and buffers (the sink's business), and what a document means.
//!
//! A bulk request is judged item by item ([`Verdict`]): "the request succeeded" says nothing about a document.
//! An [`Error`] answers itself whether trying again can help ([`Error::retry`]).

mod bulk;
mod cluster;
mod connection;
mod error;
mod search;

pub use bulk::{Rejection, Verdict};
pub use cluster::{Health, Info, Version};
pub use connection::Elastic;
pub use error::{Error, Retry};
pub use search::{Hit, Hits};

//! The one client of the Elasticsearch API: bulk, search, templates, indices, health.
//!
//! It speaks to Elasticsearch from 5.6, OpenSearch, and the embedded store; what differs between them is in
//! [`Dialect`]. Below it, [`Transport`] is HTTP with authentication, TLS and compression, for whoever posts to
//! something else. Not here: batching, back-off and buffers (the sink's business), and what a document means.
//!
//! A bulk request is judged item by item ([`Verdict`]): "the request succeeded" says nothing about a document.
//! An [`Error`] answers itself whether trying again can help ([`Error::retry`]).

mod address;
mod bulk;
mod cluster;
mod connection;
mod dialect;
mod error;
mod indices;
mod options;
mod search;
mod tls;
mod transport;

pub use bulk::{Rejection, Verdict};
pub use cluster::{Health, Info, Version};
pub use connection::Elastic;
pub use dialect::{Dialect, Lifecycle};
pub use error::{Error, Retry};
pub use indices::IndexSize;
pub use options::{Auth, Compression, Options, Tls};
pub use search::{Hit, Hits};
pub use transport::{JSON, NDJSON, Transport};

/// The HTTP method of [`Transport::send`].
pub use hyper::Method;

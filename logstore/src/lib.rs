//! The log store: tantivy behind the Elasticsearch REST API.
//!
//! From the outside in:
//! - [`server`], [`flags`], [`http`]: the process and its endpoints.
//! - [`present`]: what it claims to be, and how answers are written.
//! - [`search`], [`aggs`], [`query`]: what is asked, lowered to tantivy for each index.
//! - [`engine`]: indices on disk, write-ahead logs, templates. Knows no version and no HTTP.
//! - [`ingest`]: what pipelines do to documents before they are indexed.
//! - [`hidden`]: the small document store of hidden indices.
//! - [`mapping`], [`document`], [`analysis`], [`date`]: field types, documents, text, dates.
//! - [`machine`]: figures of the machine.
//! - [`security`], [`tls`]: who asks and what they may do; encryption on the wire.
//! - [`limits`], [`error`]: every bound, every refusal.
//!
//! Not here: shipping (that is punt), and any knowledge of what the logs are about.

pub mod aggs;
pub mod analysis;
pub mod date;
pub mod document;
pub mod engine;
pub mod error;
pub mod flags;
pub mod hidden;
pub mod http;
pub mod ingest;
pub mod limits;
pub mod machine;
pub mod mapping;
pub mod present;
pub mod query;
pub mod search;
pub mod security;
pub mod server;
pub mod tls;

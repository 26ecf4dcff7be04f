//! The store through its public face: a real process, real HTTP.
//!
//! One binary for all of them, since linking tantivy is what these tests cost most.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which fail by panicking"
)]

mod admin_alias;
mod admin_hidden;
mod admin_ingest;
mod admin_security;
mod admin_stream;
mod agg_buckets;
mod agg_metrics;
mod agg_model;
mod aggregations;
mod document_conditions;
mod documents;
mod durability;
mod field_types;
mod indices;
mod process;
mod queries;
mod queries_in_full;
mod recovery;
mod search_endpoints;
mod search_highlight;
mod search_limits;
mod search_paging;
mod server;
mod snapshots;
mod types_text;
mod unsigned_numbers;

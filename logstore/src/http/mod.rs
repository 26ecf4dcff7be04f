//! The REST API. One file for each family of endpoints; [`router`] is the list of all of them.
//!
//! A handler reads the request, does its work where blocking is allowed, and returns a [`reply::Reply`] or an
//! [`ApiError`](crate::error::ApiError). What all answers share (the product header, `pretty`, `filter_path`)
//! is in [`reply`].

pub mod admin;
pub mod alias;
pub mod analyze;
pub mod app;
pub mod body;
pub mod bulk;
pub mod by_query;
pub mod call;
pub mod cat;
pub mod cluster;
pub mod data_stream;
pub mod document;
pub mod explain;
pub mod field_caps;
pub mod field_stats;
pub mod front;
pub mod hidden;
pub mod index;
pub mod license;
pub mod lookup;
pub mod msearch;
pub mod nodes;
pub mod params;
pub mod pipeline;
pub mod point;
pub mod reply;
pub mod router;
pub mod scroll;
pub mod search;
pub mod search_shards;
pub mod security;
pub mod snapshot;
pub mod stats;
pub mod tasks;
pub mod template;
pub mod terms_enum;
pub mod yaml;

pub use app::App;
pub use router::router;

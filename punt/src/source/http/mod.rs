//! The `http` source: Elasticsearch's `_bulk`, so that other shippers can point at punt, and NDJSON, JSON and
//! plain lines under paths of one's own.
//!
//! Invariants:
//! - An event is answered with success only after it is durable in the buffer of every sink that it goes to. An
//!   event that is not, is answered with a status that makes its sender send it again (429, 503).
//! - An `_id` that the client gives is kept, so a bulk that is sent again is stored once.
//! - What is refused is counted as refused, never as received: its sender still has it.
//!
//! Not here: an engine. Templates, policies and pipelines that a client installs are acknowledged and passed
//! over, since punt's sinks install their own; there is nothing to search.

mod answer;
mod auth;
mod body;
mod bulk;
mod documents;
mod facade;
mod ingest;
mod refusal;
mod server;
mod service;

pub(super) use server::Http;

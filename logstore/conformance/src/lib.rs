//! Holds the store against what others say Elasticsearch's API is: OpenSearch's own REST suite, run against any URL.
//!
//! The suite (Maven artifact `org.opensearch:rest-api-spec`, Apache-2.0) has one JSON file for each API and YAML files of tests: steps that call
//! an API and assertions on the answer. [`Suite`] reads them, [`run`] runs one test, [`Exclusions`] names the tests that are left out, each with
//! a reason. [`Requests`] are our own: sent to the store and to a real engine, whose answers must be equal. What the suite asserts about the store it must assert about OpenSearch too: run it against a real one first.

mod assertion;
mod client;
mod compare;
mod exclusions;
mod path;
mod records;
mod run;
mod spec;
mod stash;
mod step;
mod suite;
mod yaml;

pub use client::Client;
pub use compare::{Difference, Requests};
pub use exclusions::Exclusions;
pub use run::{Outcome, run};
pub use spec::Specification;
pub use suite::{Suite, Test};

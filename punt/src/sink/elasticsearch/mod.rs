//! The `elasticsearch` target: Elasticsearch from 5.6, OpenSearch, the embedded store, or another punt.

mod policy;
mod retention;
mod target;
mod template;

pub(crate) use target::ElasticsearchTarget;

//! The engine: indices on disk, their write-ahead logs, and the store that owns them.
//!
//! Knows documents, mappings and tantivy; knows nothing of HTTP, of query languages or of Elasticsearch's
//! answers beyond the names of its errors.

pub mod commit;
pub mod disk;
pub mod existing;
pub mod frame;
pub mod ids;
pub mod index;
pub mod limit;
pub mod op;
pub mod refresher;
pub mod resolve;
pub mod schema;
pub mod settings;
pub mod store;
pub mod template;
pub mod tokenizer;
pub mod update;
pub mod versions;
pub mod wal;
pub mod write;

//! The engine: indices on disk, their write-ahead logs, and the store that owns them.
//!
//! Knows documents, mappings and tantivy; knows nothing of HTTP, of query languages or of Elasticsearch's
//! answers beyond the names of its errors.

pub mod activity;
pub mod alias;
pub mod block;
pub mod check;
pub mod commit;
pub mod copy;
pub mod damage;
pub mod data_stream;
pub mod disk;
pub mod entry;
pub mod existing;
pub mod format;
pub mod frame;
pub mod health;
pub mod ids;
pub mod index;
pub mod lifecycle;
pub mod limit;
pub mod name;
pub mod op;
pub mod refresher;
pub mod resolve;
pub mod retention;
pub mod schema;
pub mod settings;
pub mod snapshot;
pub mod space;
pub mod state;
pub mod store;
pub mod template;
pub mod tokenizer;
pub mod update;
pub mod verify;
pub mod versions;
pub mod wal;
pub mod write;

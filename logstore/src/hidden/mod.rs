//! Hidden indices (`.kibana_1`, `.tasks`, any name with a leading dot): where programs keep their own
//! settings. A few thousand small documents that change, are read back at once and are looked for by nested
//! queries; so they live in a key-value store (redb) beside tantivy, wholly in memory for reading.
//!
//! - [`store`]: the file, the indices in it, durable writes.
//! - [`index`]: one index: its documents, settings and mappings.
//! - [`mapping`]: mappings kept word for word, strictness, the types of fields.
//! - [`matching`]: whether a document matches a query, without any index.
//! - [`search`], [`aggs`]: searches and the few aggregations that such programs ask for.
//!
//! A write is visible at once, so `refresh` in all its forms holds.

pub mod aggs;
pub mod index;
pub mod mapping;
pub mod matching;
pub mod search;
pub mod store;

pub use index::{Document, HiddenIndex, Write};
pub use store::HiddenStore;

//! The tantivy schema, the same for every index, so that a mapping can grow without touching tantivy.
//!
//! | field | holds | for |
//! |---|---|---|
//! | `_id` | the id, raw | delete-term, `ids`, get |
//! | `_seq_no`, `_version` | columns | order, optimistic concurrency |
//! | `_source` | the bytes as sent | hits |
//! | `@timestamp` | column of milliseconds | ranges, histograms; its minimum and maximum prune segments |
//! | `keyword` | JSON, raw terms and columns | exact strings, booleans, addresses |
//! | `number` | JSON, columns only | numbers and dates |
//! | `text` | JSON, analysed terms with positions | full text |
//!
//! Dotted paths are expanded (`log.level` is stored as two segments), so a path names its column.

use std::sync::LazyLock;

use tantivy::schema::{
    Field, IndexRecordOption, JsonObjectOptions, NumericOptions, STORED, Schema, TextFieldIndexing,
    TextOptions,
};

use tantivy::store::{Compressor, ZstdCompressor};

use super::tokenizer;

/// Handles of the fixed fields.
#[derive(Debug, Clone, Copy)]
pub struct Fields {
    /// `_id`.
    pub id: Field,
    /// `_seq_no`.
    pub seq_no: Field,
    /// `_version`.
    pub version: Field,
    /// `_source`.
    pub source: Field,
    /// `@timestamp`.
    pub timestamp: Field,
    /// The family of exact strings.
    pub keyword: Field,
    /// The family of numbers.
    pub number: Field,
    /// The family of analysed text.
    pub text: Field,
}

static FIXED: LazyLock<(Schema, Fields)> = LazyLock::new(build);

/// The size of the blocks that stored documents are compressed in: larger ones compress better, and a hit has to
/// decompress a whole one.
const BLOCK: usize = 64 << 10;

/// How documents are stored.
pub fn storage() -> tantivy::IndexSettings {
    tantivy::IndexSettings {
        docstore_compression: Compressor::Zstd(ZstdCompressor {
            compression_level: Some(3),
        }),
        docstore_blocksize: BLOCK,
        ..tantivy::IndexSettings::default()
    }
}

/// The schema.
pub fn schema() -> Schema {
    FIXED.0.clone()
}

/// Its handles.
pub fn fields() -> Fields {
    FIXED.1
}

fn build() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let raw = TextFieldIndexing::default()
        .set_tokenizer("raw")
        .set_fieldnorms(false)
        .set_index_option(IndexRecordOption::Basic);
    let column = || NumericOptions::default().set_fast();
    let fields = Fields {
        id: schema.add_text_field(
            "_id",
            TextOptions::default()
                .set_indexing_options(raw.clone())
                .set_stored(),
        ),
        seq_no: schema.add_u64_field("_seq_no", column()),
        version: schema.add_u64_field("_version", column()),
        source: schema.add_bytes_field("_source", STORED),
        timestamp: schema.add_i64_field("@timestamp", column()),
        keyword: schema.add_json_field(
            "keyword",
            JsonObjectOptions::default()
                .set_indexing_options(raw)
                .set_fast("raw")
                .set_expand_dots_enabled(),
        ),
        number: schema.add_json_field(
            "number",
            JsonObjectOptions::default()
                .set_fast("raw")
                .set_expand_dots_enabled(),
        ),
        text: schema.add_json_field(
            "text",
            JsonObjectOptions::default()
                .set_indexing_options(
                    TextFieldIndexing::default()
                        .set_tokenizer(tokenizer::STANDARD)
                        .set_index_option(IndexRecordOption::WithFreqsAndPositions),
                )
                .set_expand_dots_enabled(),
        ),
    };
    (schema.build(), fields)
}

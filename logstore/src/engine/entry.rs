//! An index of either kind, for what does not care which: one of logs (tantivy), or a hidden one (documents).

use std::sync::Arc;

use serde_json::{Map, Value};

use super::block::Doing;
use super::index::Index;
use super::settings::CLOSED;
use crate::date::Millis;
use crate::error::ApiResult;
use crate::hidden::HiddenIndex;
use crate::mapping;

/// An index of either kind.
#[derive(Debug, Clone)]
pub enum Entry {
    /// Logs, in tantivy.
    Log(Arc<Index>),
    /// Settings of programs, in the small document store.
    Hidden(Arc<HiddenIndex>),
}

// === impl Entry ===

impl Entry {
    /// How well it is.
    pub fn status(&self) -> super::health::Status {
        match self {
            Self::Log(index) => index.status(),
            Self::Hidden(_) => super::health::Status::Green,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Log(index) => &index.name,
            Self::Hidden(index) => &index.name,
        }
    }

    /// Its identity.
    pub fn uuid(&self) -> String {
        match self {
            Self::Log(index) => index.uuid.clone(),
            Self::Hidden(index) => index.read().meta.uuid.clone(),
        }
    }

    /// When it was made.
    pub fn created(&self) -> Millis {
        match self {
            Self::Log(index) => index.created,
            Self::Hidden(index) => index.read().meta.created,
        }
    }

    /// One setting as text, by its full flat name.
    pub fn setting(&self, name: &str) -> Option<String> {
        match self {
            Self::Log(index) => index.setting(name),
            Self::Hidden(index) => index.setting(name),
        }
    }

    /// A number that its settings declare, such as that of its shards. It is what clients read back; each index is
    /// one shard without copies all the same.
    pub fn declared(&self, name: &str, default: u64) -> u64 {
        self.setting(name)
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    }

    /// The shards that its settings declare, and those with their copies.
    pub fn declared_shards(&self) -> (u64, u64) {
        let shards = self.declared("index.number_of_shards", 1);
        (
            shards,
            shards * (1 + self.declared("index.number_of_replicas", 0)),
        )
    }

    /// Whether wildcards do not see it.
    pub fn is_hidden(&self) -> bool {
        self.name().starts_with('.') || self.setting("index.hidden").as_deref() == Some("true")
    }

    /// Whether it is kept, but neither read nor written.
    pub fn is_closed(&self) -> bool {
        self.setting(CLOSED).as_deref() == Some("true")
    }

    /// Documents that searches see.
    pub fn doc_count(&self) -> u64 {
        match self {
            Self::Log(index) => index.doc_count(),
            Self::Hidden(index) => index.doc_count(),
        }
    }

    /// Documents that are deleted but not merged away.
    pub fn deleted_count(&self) -> u64 {
        match self {
            Self::Log(index) => index
                .searcher()
                .segment_readers()
                .iter()
                .map(|segment| u64::from(segment.num_deleted_docs()))
                .sum(),
            Self::Hidden(_) => 0,
        }
    }

    /// Bytes on disk; of a hidden index, those of its documents.
    pub fn size_bytes(&self) -> u64 {
        match self {
            Self::Log(index) => index.size_bytes(),
            Self::Hidden(index) => index
                .read()
                .documents
                .values()
                .map(|document| document.source.to_string().len() as u64)
                .sum(),
        }
    }

    /// What `GET _settings` shows, flat.
    pub fn settings_json(&self) -> Map<String, Value> {
        match self {
            Self::Log(index) => index.settings_json(),
            Self::Hidden(index) => index.settings_json(),
        }
    }

    /// What `GET _mapping` shows. `typed`: below the name of a document type, as Elasticsearch 5 does.
    pub fn mapping_json(&self, typed: bool, default_type: &str) -> Value {
        match self {
            Self::Log(index) => {
                let body = mapping::json::to_json(&index.mapping());
                if typed {
                    Map::from_iter([(default_type.to_owned(), body)]).into()
                } else {
                    body
                }
            }
            Self::Hidden(index) => index.read().meta.mappings.to_json(typed, default_type),
        }
    }

    /// Refuses what a setting of the index forbids.
    pub fn check_block(&self, doing: Doing) -> ApiResult<()> {
        match self {
            Self::Log(index) => index.check_block(doing),
            Self::Hidden(index) => index.check_block(doing),
        }
    }
}

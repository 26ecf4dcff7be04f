//! What the store knows beside its indices: aliases, data streams, pipelines, policies, cluster settings.
//! One small file, replaced as a whole, so that a request that changes several of them changes all or none.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::alias::Aliases;
use super::data_stream::DataStream;
use super::disk;
use crate::error::{ApiError, ApiResult};

/// The name of the file in the data folder.
pub const FILE: &str = "state.json";

/// The store's own state.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct State {
    /// Aliases of indices.
    pub aliases: Aliases,
    /// Data streams by name.
    pub data_streams: BTreeMap<String, DataStream>,
    /// Ingest pipelines by id, as they were put.
    pub pipelines: BTreeMap<String, Value>,
    /// Life-cycle policies by name, as they were put. They are kept for the shippers that ask for them and
    /// never run: retention is a flag of the store.
    pub policies: BTreeMap<String, Value>,
    /// Snapshot repositories by name, as they were put.
    #[serde(default)]
    pub repositories: BTreeMap<String, Value>,
    /// Persistent cluster settings, flat, as they were put. They change nothing here.
    pub settings: Map<String, Value>,
    /// Transient cluster settings, which win over the persistent ones.
    #[serde(default)]
    pub transient: Map<String, Value>,
}

// === impl State ===

impl State {
    /// Reads the file of a data folder; none is the empty state.
    pub fn read(folder: &Path) -> ApiResult<Self> {
        match std::fs::read(folder.join(FILE)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                ApiError::internal(format!(
                    "cannot read {}: {error}; it was written by another version of the store, or damaged",
                    folder.join(FILE).display()
                ))
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// Replaces the file.
    pub fn write(&self, folder: &Path) -> ApiResult<()> {
        let bytes = serde_json::to_vec_pretty(self).expect("the state is plain JSON");
        Ok(disk::replace(&folder.join(FILE), &bytes)?)
    }

    /// Forgets an index that is gone.
    pub fn forget_index(&mut self, index: &str) {
        self.aliases.forget_index(index);
        for stream in self.data_streams.values_mut() {
            stream.indices.retain(|name| name != index);
        }
    }
}

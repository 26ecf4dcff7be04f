//! What is asked of an engine as a whole: who it is, how it is.

use hyper::Method;
use serde::Deserialize;

use crate::{Elastic, Error};

/// Who answers: `GET /`.
#[derive(Debug, Clone, Deserialize)]
pub struct Info {
    /// The node's name.
    #[serde(default)]
    pub name: String,
    /// The cluster's name.
    #[serde(default)]
    pub cluster_name: String,
    /// What it is.
    pub version: Version,
}

/// The engine's version.
#[derive(Debug, Clone, Deserialize)]
pub struct Version {
    /// Such as `7.17.0`.
    pub number: String,
    /// `opensearch` for OpenSearch; absent for Elasticsearch.
    pub distribution: Option<String>,
}

/// How the engine is: `GET /_cluster/health`.
#[derive(Debug, Clone, Deserialize)]
pub struct Health {
    /// The cluster's name.
    #[serde(default)]
    pub cluster_name: String,
    /// `green`, `yellow` or `red`.
    pub status: String,
    /// Nodes that are part of it.
    #[serde(default)]
    pub number_of_nodes: u64,
    /// Shards without a node.
    #[serde(default)]
    pub unassigned_shards: u64,
}

// === impl Elastic ===

impl Elastic {
    /// Who answers.
    pub async fn info(&self) -> Result<Info, Error> {
        self.json(Method::GET, "", None).await
    }

    /// How the engine is.
    pub async fn health(&self) -> Result<Health, Error> {
        self.json(Method::GET, "_cluster/health", None).await
    }
}

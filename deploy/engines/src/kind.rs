//! Which engines there are.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// An engine, in the version that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// OpenSearch 3.0.0.
    OpenSearch3,
    /// Elasticsearch 7.10.2, the last under the Apache licence.
    Elasticsearch7,
    /// Elasticsearch 5.6.16, the store behind Kibana 5.
    Elasticsearch5,
    /// Cassandra 5.0.2.
    Cassandra5,
    /// FerretDB 1.24.2 over SQLite: MongoDB's wire protocol.
    FerretDb1,
    /// Kibana 5.1.1, in front of an Elasticsearch 5 (or of what presents itself as one).
    Kibana5,
}

// === impl Kind ===

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::OpenSearch3,
        Self::Elasticsearch7,
        Self::Elasticsearch5,
        Self::Cassandra5,
        Self::FerretDb1,
        Self::Kibana5,
    ];

    /// The name on the command line and of the folder in the cache.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenSearch3 => "opensearch-3",
            Self::Elasticsearch7 => "elasticsearch-7",
            Self::Elasticsearch5 => "elasticsearch-5",
            Self::Cassandra5 => "cassandra-5",
            Self::FerretDb1 => "ferretdb-1",
            Self::Kibana5 => "kibana-5",
        }
    }

    /// Name and exact version: a new version is installed beside the old one.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::OpenSearch3 => "opensearch-3.0.0.0",
            Self::Elasticsearch7 => "elasticsearch-7.10.2.0",
            Self::Elasticsearch5 => "elasticsearch-5.6.16.0",
            Self::Cassandra5 => "cassandra-5.0.2",
            Self::FerretDb1 => "ferretdb-1.24.2",
            Self::Kibana5 => "kibana-5.1.1",
        }
    }

    /// Where it may listen: the runners of the search engines refuse ports beyond 9299.
    pub(crate) fn ports(self) -> RangeInclusive<u16> {
        if self.is_search() {
            9202..=9299
        } else {
            20_000..=32_000
        }
    }

    /// Whether it speaks the Elasticsearch REST API.
    pub fn is_search(self) -> bool {
        matches!(
            self,
            Self::OpenSearch3 | Self::Elasticsearch7 | Self::Elasticsearch5
        )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(Self::name).join(", ");
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| format!("no engine is called {text:?}; known: {}", known()))
    }
}

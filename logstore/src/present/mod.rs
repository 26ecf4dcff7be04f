//! What a listener claims to be, and the shapes of its answers.
//!
//! The core knows no version. What differs between versions (the root answer, how totals and types are
//! written, which headers are sent) is decided here and in [`crate::http::front`], which brings the paths of
//! older versions into today's form.

pub mod error;
pub mod legacy;
pub mod root;
pub mod search;
pub mod write;

/// The version that a listener presents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Presented {
    /// Elasticsearch 5.6: document types, totals as numbers.
    V5_6,
    /// Elasticsearch 7.10, the last one that OpenSearch Dashboards 1 and 2 know.
    V7_10,
    /// Elasticsearch 7.17.
    #[default]
    V7_17,
    /// Elasticsearch 8: no document types.
    V8,
    /// OpenSearch 3.
    OpenSearch3,
}

/// Every version by its name.
const KNOWN: &[(&str, Presented)] = &[
    ("5.6", Presented::V5_6),
    ("7.10", Presented::V7_10),
    ("7.17", Presented::V7_17),
    ("8", Presented::V8),
    ("opensearch-3", Presented::OpenSearch3),
];

impl std::str::FromStr for Presented {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        KNOWN
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, presented)| *presented)
            .ok_or_else(|| {
                let names: Vec<&str> = KNOWN.iter().map(|(name, _)| *name).collect();
                format!("cannot present [{text}]; known versions: {}", names.join(", "))
            })
    }
}

impl std::fmt::Display for Presented {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = KNOWN
            .iter()
            .find(|(_, known)| known == self)
            .map_or("?", |(name, _)| name);
        f.write_str(name)
    }
}

impl Presented {
    /// The version number of the root answer.
    pub fn number(self) -> &'static str {
        match self {
            Self::V5_6 => "5.6.16",
            Self::V7_10 => "7.10.2",
            Self::V7_17 => "7.17.28",
            Self::V8 => "8.17.4",
            Self::OpenSearch3 => "3.0.0",
        }
    }

    /// The `_type` of documents, where the version still has types.
    pub fn doc_type(self) -> Option<&'static str> {
        match self {
            Self::V5_6 => Some(legacy::DOC_TYPE_5),
            Self::V7_10 | Self::V7_17 => Some("_doc"),
            Self::V8 | Self::OpenSearch3 => None,
        }
    }

    /// The name under which typed answers show what has no type of its own.
    pub fn default_type(self) -> &'static str {
        self.doc_type().unwrap_or("_doc")
    }

    /// Whether paths, mappings and documents have types of the client's choice.
    pub fn has_types(self) -> bool {
        self == Self::V5_6
    }

    /// Whether `hits.total` is a number.
    pub fn total_is_number(self) -> bool {
        self == Self::V5_6
    }

    /// Whether answers carry `X-Elastic-Product`, as those of Elasticsearch do from 7.14 on.
    pub fn has_product_header(self) -> bool {
        matches!(self, Self::V7_17 | Self::V8)
    }

    /// The major version that vendor media types speak of.
    pub fn compatible_with(self) -> Option<u8> {
        (self == Self::V8).then_some(8)
    }
}

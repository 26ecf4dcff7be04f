//! What a listener claims to be, and the shapes of its answers.
//!
//! The core knows no version. What differs between versions (the root answer, how totals and types are written)
//! is decided here, so that 5.6, 7.10, 8 and OpenSearch can be added beside 7.17 without touching the core.

pub mod error;
pub mod root;
pub mod search;
pub mod write;

/// The version that a listener presents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Presented {
    /// Elasticsearch 7.17.
    #[default]
    V7_17,
}

impl std::str::FromStr for Presented {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "7.17" => Ok(Self::V7_17),
            other => Err(format!("cannot present [{other}] yet; known versions: 7.17")),
        }
    }
}

impl Presented {
    /// The version number of the root answer.
    pub fn number(self) -> &'static str {
        match self {
            Self::V7_17 => "7.17.28",
        }
    }

    /// The `_type` of documents, where the version still has types.
    pub fn doc_type(self) -> Option<&'static str> {
        match self {
            Self::V7_17 => Some("_doc"),
        }
    }
}

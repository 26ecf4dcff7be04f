//! One mapped object, and what becomes of fields in it that nobody mapped.

/// What to do with a field that the mapping does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dynamic {
    /// Learn it.
    #[default]
    True,
    /// Learn it; it is shown under the name that it was put with. A runtime field is read from the document in
    /// Elasticsearch; here it is indexed like any other, which answers the same.
    Runtime,
    /// Keep it in `_source` alone.
    False,
    /// Refuse the document.
    Strict,
    /// OpenSearch's: learn it where a dynamic template says how, otherwise refuse the document.
    StrictAllowTemplates,
    /// OpenSearch's: learn it where a dynamic template says how, otherwise keep it in `_source` alone.
    FalseAllowTemplates,
}

impl Dynamic {
    /// As mappings write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::Runtime => "runtime",
            Self::False => "false",
            Self::Strict => "strict",
            Self::StrictAllowTemplates => "strict_allow_templates",
            Self::FalseAllowTemplates => "false_allow_templates",
        }
    }
}

/// An object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Object {
    /// What to do with unknown fields in it; `None`: as its parent does.
    pub dynamic: Option<Dynamic>,
    /// Whether each object of an array stands for itself. Its fields are indexed with their document; a `nested`
    /// query finds candidates by them, and decides by `_source`.
    pub nested: bool,
}

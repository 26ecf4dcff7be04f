//! What an engine of a version understands: types, templates, data streams, lifecycle policies.
//!
//! | engine | types | templates | data streams | lifecycle |
//! |---|---|---|---|---|
//! | Elasticsearch 5 | `doc` in every action | legacy, `template` | no | no |
//! | Elasticsearch 6 | `_doc` in every action | legacy, `index_patterns` | no | no |
//! | Elasticsearch 7.0 to 7.7 | none | legacy | no | ILM |
//! | Elasticsearch 7.8 and later | none | composable | from 7.9 | ILM |
//! | OpenSearch | none | composable | yes | ISM |

use crate::Info;

/// What the engine that answers understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// Whether it is OpenSearch.
    pub opensearch: bool,
    /// The first number of its version.
    pub major: u32,
    /// The second.
    pub minor: u32,
}

/// The engine's own way to delete old indices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifecycle {
    /// Index lifecycle management (Elasticsearch).
    Ilm,
    /// Index state management (OpenSearch).
    Ism,
}

// === impl Dialect ===

impl Dialect {
    /// What is assumed of an engine that does not say what it is: no types, composable templates.
    pub const MODERN: Self = Self {
        opensearch: false,
        major: 8,
        minor: 0,
    };

    /// The `_type` that every action needs.
    pub fn action_type(self) -> Option<&'static str> {
        match self.major {
            _ if self.opensearch => None,
            // A name that begins with `_` is refused there.
            ..=5 => Some("doc"),
            6 => Some("_doc"),
            _ => None,
        }
    }

    /// Whether it has `_index_template`.
    pub fn composable_templates(self) -> bool {
        self.opensearch || (self.major, self.minor) >= (7, 8)
    }

    /// Whether it has data streams.
    pub fn data_streams(self) -> bool {
        self.opensearch || (self.major, self.minor) >= (7, 9)
    }

    /// Its lifecycle management.
    pub fn lifecycle(self) -> Option<Lifecycle> {
        match self {
            Self { opensearch: true, .. } => Some(Lifecycle::Ism),
            Self { major: 7.., .. } => Some(Lifecycle::Ilm),
            _ => None,
        }
    }
}

impl From<&Info> for Dialect {
    fn from(info: &Info) -> Self {
        let version = &info.version;
        let opensearch = version.distribution.as_deref() == Some("opensearch");
        let mut numbers = version.number.split(['.', '-']).map(|number| number.parse().ok());
        let mut number = || numbers.next().flatten();
        match (number(), number()) {
            (Some(major), minor) => Self {
                opensearch,
                major,
                minor: minor.unwrap_or_default(),
            },
            _ => Self {
                opensearch,
                ..Self::MODERN
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Version;

    fn dialect(number: &str, distribution: Option<&str>) -> Dialect {
        Dialect::from(&Info {
            name: String::new(),
            cluster_name: String::new(),
            version: Version {
                number: number.to_owned(),
                distribution: distribution.map(str::to_owned),
            },
        })
    }

    #[test]
    fn each_version_is_spoken_to_in_its_own_way() {
        for (number, distribution, kind, composable, lifecycle) in [
            ("5.6.16", None, Some("doc"), false, None),
            ("6.8.23", None, Some("_doc"), false, None),
            ("7.2.0", None, None, false, Some(Lifecycle::Ilm)),
            ("7.10.2", None, None, true, Some(Lifecycle::Ilm)),
            ("9.1.0-SNAPSHOT", None, None, true, Some(Lifecycle::Ilm)),
            ("1.3.0", Some("opensearch"), None, true, Some(Lifecycle::Ism)),
            ("3.0.0", Some("opensearch"), None, true, Some(Lifecycle::Ism)),
            ("unknown", None, None, true, Some(Lifecycle::Ilm)),
        ] {
            let dialect = dialect(number, distribution);
            assert_eq!(dialect.action_type(), kind, "{number}");
            assert_eq!(dialect.composable_templates(), composable, "{number}");
            assert_eq!(dialect.lifecycle(), lifecycle, "{number}");
        }
    }
}

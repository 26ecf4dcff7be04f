//! What a request needs and what roles grant, in Elasticsearch's words for both.

use axum::http::Method;
use serde_json::Value;

use crate::mapping::pattern;
use crate::query::dsl;

/// What a request needs, of its indices or of the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privilege {
    /// Reading documents.
    Read,
    /// Writing documents.
    Write,
    /// Reading what indices are.
    ViewMetadata,
    /// Making, changing and removing indices.
    Manage,
    /// Reading what the cluster is.
    Monitor,
    /// Changing templates, pipelines, settings.
    ManageCluster,
    /// Users, roles, keys of others.
    ManageSecurity,
    /// To be known.
    Nothing,
}

/// What a role grants on indices of some names.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
struct OnIndices {
    names: Vec<String>,
    privileges: Vec<String>,
}

/// What somebody may do: of one role, or of several together.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Grants {
    cluster: Vec<String>,
    indices: Vec<OnIndices>,
    /// Another grant that must hold as well: an API key may do no more than its owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    within: Option<Box<Grants>>,
}

// === impl Privilege ===

impl Privilege {
    /// Whether it is about indices.
    pub fn is_of_indices(self) -> bool {
        matches!(self, Self::Read | Self::Write | Self::ViewMetadata | Self::Manage)
    }

    /// The word for it in errors.
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::ViewMetadata => "view_index_metadata",
            Self::Manage => "manage",
            Self::Monitor => "monitor",
            Self::ManageCluster => "manage",
            Self::ManageSecurity => "manage_security",
            Self::Nothing => "none",
        }
    }

    /// What a request needs, by its method and path.
    pub fn of(method: &Method, path: &str) -> Self {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let reads = matches!(*method, Method::GET | Method::HEAD);
        let verb = parts.iter().find(|part| part.starts_with('_')).copied();
        match verb {
            None if parts.len() <= 1 && parts[0].is_empty() => Self::Nothing,
            None if parts == ["metrics"] => Self::Monitor,
            // `/{index}`, and documents under types of old.
            None if parts.len() == 1 => {
                if reads {
                    Self::ViewMetadata
                } else {
                    Self::Manage
                }
            }
            None => {
                if reads {
                    Self::Read
                } else {
                    Self::Write
                }
            }
            Some(verb) => Self::of_verb(verb, reads, &parts),
        }
    }

    fn of_verb(verb: &str, reads: bool, parts: &[&str]) -> Self {
        match verb {
            "_bulk" | "_create" | "_update" | "_delete_by_query" | "_update_by_query" | "_reindex" => {
                Self::Write
            }
            "_doc" | "_source" => {
                if reads {
                    Self::Read
                } else {
                    Self::Write
                }
            }
            "_search" | "_msearch" | "_count" | "_mget" | "_field_stats" | "_async_search" | "_pit"
            | "_validate" | "_explain" | "_termvectors" | "_terms_enum" | "_search_shards" | "_rank_eval" => {
                Self::Read
            }
            "_field_caps" | "_resolve" | "_stats" | "_segments" | "_recovery" => Self::ViewMetadata,
            "_mapping" | "_mappings" | "_settings" | "_alias" | "_aliases" | "_data_stream" => {
                if reads {
                    Self::ViewMetadata
                } else {
                    Self::Manage
                }
            }
            // A refresh goes with writing, as Elasticsearch's `maintenance` does in practice.
            "_refresh" => Self::Write,
            "_analyze" | "_tasks" | "_license" | "_xpack" | "_remote" | "_nodes" | "_scripts" => {
                if reads || verb == "_analyze" {
                    Self::Monitor
                } else {
                    Self::ManageCluster
                }
            }
            "_cat" => match parts.get(1).copied().unwrap_or_default() {
                "indices" | "shards" | "segments" | "aliases" | "count" | "recovery" => Self::ViewMetadata,
                _ => Self::Monitor,
            },
            "_cluster"
            | "_ingest"
            | "_template"
            | "_index_template"
            | "_component_template"
            | "_ilm"
            | "_slm"
            | "_snapshot" => {
                if reads {
                    Self::Monitor
                } else {
                    Self::ManageCluster
                }
            }
            "_security" => match parts.get(1).copied().unwrap_or_default() {
                "_authenticate" => Self::Nothing,
                // One's own keys; those of others are asked about by the handler.
                "api_key" => Self::Nothing,
                _ => Self::ManageSecurity,
            },
            _ if parts[0].starts_with('_') => {
                if reads {
                    Self::Monitor
                } else {
                    Self::ManageCluster
                }
            }
            _ => {
                if reads {
                    Self::ViewMetadata
                } else {
                    Self::Manage
                }
            }
        }
    }
}

// === impl Grants ===

impl Grants {
    /// Everything.
    pub fn everything() -> Self {
        Self {
            cluster: vec!["all".to_owned()],
            indices: vec![OnIndices {
                names: vec!["*".to_owned()],
                privileges: vec!["all".to_owned()],
            }],
            within: None,
        }
    }

    /// Reads a role: `{"cluster": […], "indices": [{"names": …, "privileges": …}]}`.
    pub fn parse(body: &Value) -> Self {
        let list =
            |value: Option<&Value>| -> Vec<String> { dsl::list(value).iter().map(dsl::text).collect() };
        let indices = dsl::list(body.get("indices").or_else(|| body.get("index")));
        Self {
            cluster: list(body.get("cluster")),
            indices: indices
                .iter()
                .map(|entry| OnIndices {
                    names: list(entry.get("names")),
                    privileges: list(entry.get("privileges")),
                })
                .collect(),
            within: None,
        }
    }

    /// Takes on what another role grants.
    pub fn join(&mut self, other: Self) {
        self.cluster.extend(other.cluster);
        self.indices.extend(other.indices);
    }

    /// The same, but no more than another.
    #[must_use]
    pub fn within(self, other: Self) -> Self {
        Self {
            within: Some(Box::new(other)),
            ..self
        }
    }

    /// Whether something may be done in the cluster.
    pub fn cluster(&self, need: Privilege) -> bool {
        let granted = need == Privilege::Nothing
            || self.cluster.iter().any(|word| match need {
                Privilege::Monitor => {
                    matches!(word.as_str(), "all" | "manage" | "monitor" | "manage_security")
                }
                Privilege::ManageCluster => {
                    matches!(
                        word.as_str(),
                        "all"
                            | "manage"
                            | "manage_index_templates"
                            | "manage_pipeline"
                            | "manage_ilm"
                            | "manage_ingest_pipelines"
                    )
                }
                Privilege::ManageSecurity => matches!(word.as_str(), "all" | "manage_security"),
                _ => word == "all",
            });
        granted && self.within.as_ref().is_none_or(|outer| outer.cluster(need))
    }

    /// Whether something may be done with an index, alias or data stream of a name.
    pub fn index(&self, name: &str, need: Privilege) -> bool {
        // A backing index belongs to its stream, whose name it has.
        let stream = name
            .strip_prefix(".ds-")
            .and_then(|rest| rest.rsplitn(3, '-').nth(2))
            .unwrap_or(name);
        let granted = self.indices.iter().any(|entry| {
            let named = entry
                .names
                .iter()
                .any(|wanted| pattern::matches(wanted, name) || pattern::matches(wanted, stream));
            named && entry.privileges.iter().any(|word| grants(word, need))
        });
        granted && self.within.as_ref().is_none_or(|outer| outer.index(name, need))
    }
}

/// Whether a privilege of Elasticsearch's name grants what is needed.
fn grants(word: &str, need: Privilege) -> bool {
    match word {
        "all" => true,
        "read" | "read_cross_cluster" => matches!(need, Privilege::Read | Privilege::ViewMetadata),
        "write" => need == Privilege::Write,
        "index" | "create" | "create_doc" | "auto_configure" => need == Privilege::Write,
        "delete" => need == Privilege::Write,
        "view_index_metadata" | "monitor" => need == Privilege::ViewMetadata,
        "manage" | "maintenance" | "delete_index" | "create_index" => {
            matches!(need, Privilege::Manage | Privilege::ViewMetadata)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_request_needs_what_its_path_does() {
        let needs = |method: Method, path| Privilege::of(&method, path);
        assert_eq!(needs(Method::GET, "/"), Privilege::Nothing);
        assert_eq!(needs(Method::POST, "/logs/_search"), Privilege::Read);
        assert_eq!(needs(Method::POST, "/_bulk"), Privilege::Write);
        assert_eq!(needs(Method::PUT, "/logs/_doc/1"), Privilege::Write);
        assert_eq!(needs(Method::GET, "/logs/_doc/1"), Privilege::Read);
        assert_eq!(needs(Method::DELETE, "/logs"), Privilege::Manage);
        assert_eq!(needs(Method::GET, "/logs/_mapping"), Privilege::ViewMetadata);
        assert_eq!(needs(Method::POST, "/logs/_close"), Privilege::Manage);
        assert_eq!(needs(Method::PUT, "/_index_template/x"), Privilege::ManageCluster);
        assert_eq!(needs(Method::GET, "/_cluster/health"), Privilege::Monitor);
        assert_eq!(needs(Method::PUT, "/_security/user/x"), Privilege::ManageSecurity);
    }

    #[test]
    fn a_key_may_do_no_more_than_its_owner() {
        let reads = Grants::parse(&json!({"indices": [{"names": ["logs-*"], "privileges": ["read"]}]}));
        let all =
            Grants::parse(&json!({"cluster": ["all"], "indices": [{"names": "*", "privileges": "all"}]}));
        assert!(reads.index("logs-1", Privilege::Read));
        assert!(reads.index(".ds-logs-app-2026.11.24-000001", Privilege::Read));
        assert!(!reads.index("logs-1", Privilege::Write));
        assert!(!reads.index("other", Privilege::Read));
        let key = all.within(reads);
        assert!(key.index("logs-1", Privilege::Read));
        assert!(!key.index("other", Privilege::Read));
        assert!(!key.cluster(Privilege::Monitor));
    }
}

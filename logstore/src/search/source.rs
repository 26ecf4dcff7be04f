//! Which part of `_source` is returned.

use serde_json::{Map, Value};

use crate::error::ApiResult;
use crate::mapping::{Mapping, pattern};
use crate::query::dsl::{list, text};

/// A `_source` filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceFilter {
    /// As it was sent.
    All,
    /// Nothing.
    Nothing,
    /// Some fields.
    Some {
        /// Patterns of what is kept; empty: everything.
        includes: Vec<String>,
        /// Patterns of what is dropped.
        excludes: Vec<String>,
    },
}

// === impl SourceFilter ===

impl SourceFilter {
    /// Reads `_source` of a body.
    pub fn parse(value: &Value) -> ApiResult<Self> {
        let names = |value: Option<&Value>| list(value).iter().map(text).collect::<Vec<_>>();
        Ok(match value {
            Value::Bool(false) => Self::Nothing,
            Value::Bool(true) | Value::Null => Self::All,
            Value::Object(spec) => Self::new(
                names(spec.get("includes").or_else(|| spec.get("include"))),
                names(spec.get("excludes").or_else(|| spec.get("exclude"))),
            ),
            listed => Self::new(names(Some(listed)), Vec::new()),
        })
    }

    /// A filter by patterns.
    pub fn new(includes: Vec<String>, excludes: Vec<String>) -> Self {
        if includes.iter().all(|p| p == "*") && excludes.is_empty() {
            return Self::All;
        }
        Self::Some { includes, excludes }
    }

    /// The same within what a mapping keeps of documents (`_source` with `enabled`, `includes`, `excludes`).
    #[must_use]
    pub fn within(&self, mapping: &Mapping) -> Self {
        let Some(kept) = mapping.rest.get("_source") else {
            return self.clone();
        };
        if kept
            .get("enabled")
            .is_some_and(|value| value == false || value == "false")
        {
            return Self::Nothing;
        }
        let names = |key: &str| list(kept.get(key)).iter().map(text).collect::<Vec<_>>();
        match self {
            Self::Nothing => Self::Nothing,
            Self::All => Self::new(names("includes"), names("excludes")),
            Self::Some { includes, excludes } => Self::Some {
                includes: if includes.is_empty() {
                    names("includes")
                } else {
                    includes.clone()
                },
                excludes: excludes.iter().cloned().chain(names("excludes")).collect(),
            },
        }
    }

    /// The part of a document that passes.
    pub fn apply(&self, source: &Value) -> Value {
        match self {
            Self::All => source.clone(),
            Self::Nothing => Value::Null,
            Self::Some { includes, excludes } => {
                filter(source, "", includes, excludes).unwrap_or_else(|| Value::Object(Map::new()))
            }
        }
    }
}

/// Whether a pattern names the path itself or an object around it.
fn covers(pattern: &str, path: &str) -> bool {
    pattern::matches(pattern, path) || pattern::matches(&format!("{pattern}.*"), path)
}

fn filter(value: &Value, path: &str, includes: &[String], excludes: &[String]) -> Option<Value> {
    match value {
        Value::Object(map) => {
            let mut kept = Map::new();
            for (key, child) in map {
                let child_path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                if excludes.iter().any(|pattern| covers(pattern, &child_path)) {
                    continue;
                }
                if let Some(child) = filter(child, &child_path, includes, excludes) {
                    kept.insert(key.clone(), child);
                }
            }
            (!kept.is_empty()).then(|| kept.into())
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            let kept: Vec<Value> = items
                .iter()
                .filter_map(|item| filter(item, path, includes, excludes))
                .collect();
            (!kept.is_empty()).then(|| kept.into())
        }
        leaf => (includes.is_empty() || includes.iter().any(|pattern| covers(pattern, path)))
            .then(|| leaf.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn includes_and_excludes_see_dotted_and_nested_paths_alike() {
        let source =
            json!({"log.level": "info", "log": {"logger": "x"}, "message": "m", "labels": {"a": 1, "b": 2}});
        let only = |includes: &[&str], excludes: &[&str]| {
            let own = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
            SourceFilter::new(own(includes), own(excludes)).apply(&source)
        };
        assert_eq!(
            only(&["log.*"], &[]),
            json!({"log.level": "info", "log": {"logger": "x"}})
        );
        assert_eq!(only(&["labels"], &["labels.b"]), json!({"labels": {"a": 1}}));
        assert_eq!(only(&["nothing"], &[]), json!({}));
    }
}

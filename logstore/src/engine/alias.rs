//! Aliases: other names for one or several indices, some with a filter, one of them the one to write to.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::name;
use crate::error::{ApiError, ApiResult};
use crate::query::dsl;

/// What an alias says of one of its indices.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alias {
    /// A query that everything read through the alias must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Value>,
    /// Whether writes to the alias go to this index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_write_index: Option<bool>,
    /// Whether wildcards do not see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_hidden: Option<bool>,
    /// Kept and shown; there is one shard, so it changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index_routing: Option<String>,
    /// Kept and shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search_routing: Option<String>,
}

/// All aliases: alias, then index.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Aliases {
    by_alias: BTreeMap<String, BTreeMap<String, Alias>>,
}

// === impl Alias ===

impl Alias {
    /// Reads what a request says of an alias. A filter that cannot be understood is refused.
    pub fn parse(spec: &Value) -> ApiResult<Self> {
        let text = |key: &str| spec.get(key).map(dsl::text);
        let flag = |key: &str| spec.get(key).and_then(Value::as_bool);
        let filter = spec.get("filter").filter(|filter| !filter.is_null()).cloned();
        if let Some(filter) = &filter {
            dsl::parse(filter)?;
        }
        Ok(Self {
            filter,
            is_write_index: flag("is_write_index"),
            is_hidden: flag("is_hidden"),
            index_routing: text("index_routing").or_else(|| text("routing")),
            search_routing: text("search_routing").or_else(|| text("routing")),
        })
    }

    /// As `_alias` shows it.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_else(|_| json!({}))
    }
}

// === impl Aliases ===

impl Aliases {
    /// Whether there is an alias of this name.
    pub fn contains(&self, alias: &str) -> bool {
        self.by_alias.contains_key(alias)
    }

    /// The indices of an alias.
    pub fn indices(&self, alias: &str) -> Option<&BTreeMap<String, Alias>> {
        self.by_alias.get(alias)
    }

    /// Every alias with its indices.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &BTreeMap<String, Alias>)> {
        self.by_alias.iter()
    }

    /// The aliases of an index.
    pub fn of_index<'a>(&'a self, index: &'a str) -> impl Iterator<Item = (&'a String, &'a Alias)> {
        self.by_alias
            .iter()
            .filter_map(move |(alias, indices)| indices.get(index).map(|spec| (alias, spec)))
    }

    /// The `aliases` object of an index.
    pub fn json_of(&self, index: &str) -> Value {
        self.of_index(index)
            .map(|(alias, spec)| (alias.clone(), spec.to_json()))
            .collect::<Map<_, _>>()
            .into()
    }

    /// Adds an index to an alias. At most one index of an alias is its write index.
    pub fn add(&mut self, alias: &str, index: &str, spec: Alias) -> ApiResult<()> {
        name::check_alias(alias)?;
        let indices = self.by_alias.entry(alias.to_owned()).or_default();
        indices.insert(index.to_owned(), spec);
        let writers: Vec<&str> = indices
            .iter()
            .filter(|(_, spec)| spec.is_write_index == Some(true))
            .map(|(index, _)| index.as_str())
            .collect();
        if writers.len() > 1 {
            return Err(ApiError::new(
                400,
                "illegal_state_exception",
                format!(
                    "alias [{alias}] has more than one write index [{}]",
                    writers.join(",")
                ),
            ));
        }
        Ok(())
    }

    /// Takes an index from an alias, and says whether it was there.
    pub fn remove(&mut self, alias: &str, index: &str) -> bool {
        let Some(indices) = self.by_alias.get_mut(alias) else {
            return false;
        };
        let had = indices.remove(index).is_some();
        if indices.is_empty() {
            self.by_alias.remove(alias);
        }
        had
    }

    /// Takes an index from all aliases.
    pub fn forget_index(&mut self, index: &str) {
        for indices in self.by_alias.values_mut() {
            indices.remove(index);
        }
        self.by_alias.retain(|_, indices| !indices.is_empty());
    }

    /// The index that writes to an alias go to.
    pub fn write_index(&self, alias: &str) -> Option<ApiResult<&str>> {
        let indices = self.by_alias.get(alias)?;
        let marked = indices.iter().find(|(_, spec)| spec.is_write_index == Some(true));
        let only = || {
            indices
                .iter()
                .next()
                .filter(|(_, spec)| indices.len() == 1 && spec.is_write_index != Some(false))
        };
        Some(match marked.or_else(only) {
            Some((index, _)) => Ok(index),
            None => Err(ApiError::argument(format!(
                "no write index is defined for alias [{alias}]. The write index may be explicitly disabled using is_write_index=false or the alias points to multiple indices without one being designated as a write index"
            ))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_go_to_the_only_index_or_to_the_marked_one() {
        let mut aliases = Aliases::default();
        aliases.add("a", "i1", Alias::default()).unwrap();
        assert_eq!(aliases.write_index("a").unwrap().unwrap(), "i1");
        aliases.add("a", "i2", Alias::default()).unwrap();
        assert!(aliases.write_index("a").unwrap().is_err(), "two, none marked");
        let writer = Alias::parse(&json!({"is_write_index": true})).unwrap();
        aliases.add("a", "i2", writer.clone()).unwrap();
        assert_eq!(aliases.write_index("a").unwrap().unwrap(), "i2");
        assert!(aliases.add("a", "i1", writer).is_err(), "two marked");
        aliases.forget_index("i1");
        aliases.forget_index("i2");
        assert!(!aliases.contains("a"));
    }
}

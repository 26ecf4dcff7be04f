//! Index names and expressions: `logs-*,-logs-old,_all`.

use std::sync::Arc;

use super::index::Index;
use super::store::Store;
use crate::error::{ApiError, ApiResult};
use crate::mapping::pattern;

/// What to do about names that match nothing.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// A missing name is skipped.
    pub ignore_unavailable: bool,
    /// A wildcard (or everything together) may match nothing.
    pub allow_no_indices: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ignore_unavailable: false,
            allow_no_indices: true,
        }
    }
}

/// Refuses names that Elasticsearch refuses.
pub fn check_name(name: &str) -> ApiResult<()> {
    let refuse = |reason: &str| {
        Err(ApiError::new(
            400,
            "invalid_index_name_exception",
            format!("Invalid index name [{name}], {reason}"),
        )
        .with("index_uuid", "_na_")
        .with("index", name))
    };
    if name.is_empty() {
        return refuse("must not be empty");
    }
    if name == "." || name == ".." {
        return refuse("must not be '.' or '..'");
    }
    if name.chars().any(char::is_uppercase) {
        return refuse("must be lowercase");
    }
    if name.starts_with(['_', '-', '+']) {
        return refuse("must not start with '_', '-', or '+'");
    }
    if name
        .chars()
        .any(|c| c.is_control() || r#" "*\<|,>/?#:"#.contains(c))
    {
        return refuse(r#"must not contain the following characters [ , ", *, \, <, |, ,, >, /, ?, #, :]"#);
    }
    if name.len() > 240 {
        return refuse("index name is too long");
    }
    Ok(())
}

impl Store {
    /// The indices that an expression names, sorted by name.
    pub fn resolve(&self, expression: &str, options: Options) -> ApiResult<Vec<Arc<Index>>> {
        let all = self.list();
        let mut found: Vec<Arc<Index>> = Vec::new();
        let mut had_wildcard = false;
        for part in expression
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            if let Some(excluded) = part
                .strip_prefix('-')
                .filter(|_| had_wildcard || part.contains('*'))
            {
                found.retain(|index| !pattern::matches(excluded, &index.name));
                continue;
            }
            let wildcard = if part == "_all" { "*" } else { part };
            if !wildcard.contains('*') {
                match all.iter().find(|index| index.name == part) {
                    Some(index) => found.push(Arc::clone(index)),
                    None if options.ignore_unavailable => {}
                    None => return Err(ApiError::index_not_found(part)),
                }
                continue;
            }
            had_wildcard = true;
            let before = found.len();
            // Names that start with a dot are hidden from wildcards that do not.
            let hidden_too = wildcard.starts_with('.');
            found.extend(
                all.iter()
                    .filter(|index| hidden_too || !index.name.starts_with('.'))
                    .filter(|index| pattern::matches(wildcard, &index.name))
                    .cloned(),
            );
            if found.len() == before && !options.allow_no_indices {
                return Err(ApiError::index_not_found(part));
            }
        }
        if expression.trim().is_empty() {
            found = all
                .into_iter()
                .filter(|index| !index.name.starts_with('.'))
                .collect();
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found.dedup_by(|a, b| a.name == b.name);
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_refused_as_elasticsearch_refuses_them() {
        for bad in [
            "", ".", "..", "Logs", "_x", "-x", "a b", "a/b", "a*", "a,b", "a#b", "a:b",
        ] {
            assert_eq!(
                check_name(bad).unwrap_err().kind,
                "invalid_index_name_exception",
                "{bad}"
            );
        }
        for good in ["logs-2026.11.24", ".kibana_1", "guildwatch-2026.11.24", "日本"] {
            check_name(good).unwrap();
        }
    }
}

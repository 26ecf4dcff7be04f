//! Expressions that name indices: `logs-*,-logs-old,<app-{now/d}>,an-alias,_all`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::entry::Entry;
use super::index::Index;
use super::name;
use super::state::State;
use super::store::Store;
use crate::date;
use crate::error::{ApiError, ApiResult};
use crate::mapping::pattern;
use crate::query::ast::{Bool, Query};
use crate::query::dsl;
use crate::security::scope;

/// What to do about names that match nothing, and what wildcards see.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a parameter of the API")]
pub struct Options {
    /// A missing or closed name is skipped.
    pub ignore_unavailable: bool,
    /// A wildcard (or everything together) may match nothing.
    pub allow_no_indices: bool,
    /// Wildcards see open indices.
    pub open: bool,
    /// Wildcards see closed indices, and naming one is no error.
    pub closed: bool,
    /// Wildcards see hidden indices.
    pub hidden: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ignore_unavailable: false,
            allow_no_indices: true,
            open: true,
            closed: false,
            hidden: false,
        }
    }
}

impl Options {
    /// For what is asked of an index as such: closed ones count, too.
    pub fn of_metadata() -> Self {
        Self {
            closed: true,
            ..Self::default()
        }
    }
}

/// The error for reading or writing an index that is closed.
pub fn closed(index: &str) -> ApiError {
    ApiError::new(400, "index_closed_exception", "closed").with("index", index)
}

impl Store {
    /// The indices of logs that an expression names, sorted by name.
    pub fn resolve(&self, expression: &str, options: Options) -> ApiResult<Vec<Arc<Index>>> {
        let mut found = Vec::new();
        for entry in self.resolve_all(expression, options)? {
            match entry {
                Entry::Log(index) => found.push(index),
                Entry::Hidden(index) if name::split(expression).contains(&index.name.as_str()) => {
                    return Err(ApiError::argument(format!(
                        "hidden index [{}] cannot be searched together with indices of logs; ask for it alone",
                        index.name
                    )));
                }
                // Reached by a wildcard that asked for hidden ones, too.
                Entry::Hidden(_) => {}
            }
        }
        Ok(found)
    }

    /// The indices of both kinds that an expression names, sorted by name.
    pub fn resolve_all(&self, expression: &str, options: Options) -> ApiResult<Vec<Entry>> {
        let state = self.state();
        let all: BTreeMap<String, Entry> = self
            .list_all()
            .into_iter()
            .filter(|entry| seen(&state, entry.name()))
            .map(|entry| (entry.name().to_owned(), entry))
            .collect();
        let mut found: BTreeSet<&str> = BTreeSet::new();
        let mut had_wildcard = false;
        let now = date::now();
        let parts = name::split(expression);
        let everything = ["_all"];
        let parts: &[&str] = if parts.is_empty() { &everything } else { &parts };
        for part in parts {
            let part = name::resolve_dates(part, now)?;
            if let Some(excluded) = part
                .strip_prefix('-')
                .filter(|excluded| had_wildcard || excluded.contains('*'))
            {
                let of_names = members(&state, excluded);
                found.retain(|index| !pattern::matches(excluded, index) && !of_names.contains(*index));
                continue;
            }
            let wildcard = if part == "_all" { "*" } else { part.as_str() };
            if !wildcard.contains('*') {
                self.one_name(&state, &all, wildcard, options, &mut found)?;
                continue;
            }
            had_wildcard = true;
            let before = found.len();
            let of_names = members(&state, wildcard);
            let by_dot = wildcard.starts_with('.');
            for (index, entry) in &all {
                let by_own_name = pattern::matches(wildcard, index)
                    && scope::sees(index)
                    && (options.hidden || by_dot || !entry.is_hidden());
                let wanted = if entry.is_closed() {
                    options.closed
                } else {
                    options.open
                };
                if wanted && (by_own_name || of_names.contains(index.as_str())) {
                    found.insert(index);
                }
            }
            if found.len() == before && !options.allow_no_indices {
                return Err(ApiError::index_not_found(&part));
            }
        }
        if found.is_empty() && !options.allow_no_indices {
            return Err(ApiError::index_not_found(expression));
        }
        Ok(found
            .into_iter()
            .filter_map(|index| all.get(index).cloned())
            .collect())
    }

    fn one_name<'a>(
        &self,
        state: &State,
        all: &'a BTreeMap<String, Entry>,
        name: &str,
        options: Options,
        found: &mut BTreeSet<&'a str>,
    ) -> ApiResult<()> {
        let targets: Vec<&str> = if !scope::sees(name) {
            // As if it were not there: who may not see it learns nothing of it.
            Vec::new()
        } else if all.contains_key(name) {
            vec![name]
        } else if let Some(indices) = state.aliases.indices(name) {
            indices.keys().map(String::as_str).collect()
        } else if let Some(stream) = state.data_streams.get(name) {
            stream.indices.iter().map(String::as_str).collect()
        } else if options.ignore_unavailable {
            return Ok(());
        } else {
            if name.starts_with('_') {
                super::name::check(name)?;
            }
            return Err(ApiError::index_not_found(name));
        };
        if targets.is_empty() && !options.ignore_unavailable && !scope::sees(name) {
            return Err(ApiError::index_not_found(name));
        }
        for target in targets {
            let Some((index, entry)) = all.get_key_value(target) else {
                continue;
            };
            if entry.is_closed() && !options.closed {
                if options.ignore_unavailable {
                    continue;
                }
                return Err(closed(index));
            }
            found.insert(index);
        }
        Ok(())
    }

    /// Whether everything that an expression names is hidden, so that the small document store answers.
    pub fn names_hidden(&self, expression: &str) -> bool {
        let parts = name::split(expression);
        if parts.is_empty() {
            return false;
        }
        let options = Options {
            ignore_unavailable: true,
            closed: true,
            ..Options::default()
        };
        match self.resolve_all(expression, options) {
            Ok(found) if found.is_empty() => parts.iter().all(|part| name::is_hidden(part)),
            Ok(found) => found.iter().all(|entry| matches!(entry, Entry::Hidden(_))),
            Err(_) => false,
        }
    }

    /// Refuses what would look past the filter of an alias.
    pub fn refuse_filtered(&self, expression: &str, what: &str) -> ApiResult<()> {
        match self.alias_filter(expression)? {
            None => Ok(()),
            Some(_) => Err(ApiError::argument(format!(
                "[{what}] is not supported on an alias with a filter: [{expression}]"
            ))),
        }
    }

    /// What the filters of the aliases in an expression let through; `None`: everything.
    pub fn alias_filter(&self, expression: &str) -> ApiResult<Option<Query>> {
        let state = self.state();
        let parts = name::split(expression);
        // Nothing is filtered unless an alias with a filter is named.
        let filtered = parts.iter().any(|part| {
            state.aliases.iter().any(|(alias, indices)| {
                pattern::matches(part, alias) && indices.values().any(|spec| spec.filter.is_some())
            })
        });
        if !filtered {
            return Ok(None);
        }
        let mut filters: BTreeMap<String, Vec<Option<Value>>> = BTreeMap::new();
        for entry in self.resolve_all(
            expression,
            Options {
                ignore_unavailable: true,
                ..Options::default()
            },
        )? {
            let of_index = filters.entry(entry.name().to_owned()).or_default();
            for part in &parts {
                if scope::sees(entry.name()) && (pattern::matches(part, entry.name()) || *part == "_all") {
                    of_index.push(None);
                }
                for (alias, indices) in state.aliases.iter() {
                    if pattern::matches(part, alias)
                        && scope::sees(alias)
                        && let Some(spec) = indices.get(entry.name())
                    {
                        of_index.push(spec.filter.clone());
                    }
                }
            }
        }
        let mut should = Vec::new();
        for (index, of_index) in filters {
            let name = Query::Term {
                field: "_index".into(),
                value: index.into(),
                ignore_case: false,
            };
            if of_index.iter().any(Option::is_none) {
                should.push(name);
                continue;
            }
            let any = of_index
                .iter()
                .flatten()
                .map(dsl::parse)
                .collect::<ApiResult<Vec<_>>>()?;
            should.push(Query::bool(Bool {
                filter: vec![
                    name,
                    Query::bool(Bool {
                        should: any,
                        ..Bool::default()
                    }),
                ],
                ..Bool::default()
            }));
        }
        Ok(Some(Query::bool(Bool {
            should,
            ..Bool::default()
        })))
    }
}

/// Whether whoever asks may see an index, by its own name or that of an alias or stream it belongs to.
fn seen(state: &State, index: &str) -> bool {
    scope::sees(index)
        || state.aliases.of_index(index).any(|(alias, _)| scope::sees(alias))
        || state
            .data_streams
            .iter()
            .any(|(stream, spec)| spec.indices.iter().any(|name| name == index) && scope::sees(stream))
}

/// The indices behind the aliases and data streams that a wildcard matches.
fn members<'s>(state: &'s State, wildcard: &str) -> BTreeSet<&'s str> {
    let by_dot = wildcard.starts_with('.');
    let mut found = BTreeSet::new();
    for (alias, indices) in state.aliases.iter() {
        let hidden = alias.starts_with('.') || indices.values().any(|spec| spec.is_hidden == Some(true));
        if pattern::matches(wildcard, alias) && (by_dot || !hidden) && scope::sees(alias) {
            found.extend(indices.keys().map(String::as_str));
        }
    }
    for (stream, spec) in &state.data_streams {
        let hidden = spec.hidden || stream.starts_with('.');
        if pattern::matches(wildcard, stream) && (by_dot || !hidden) && scope::sees(stream) {
            found.extend(spec.indices.iter().map(String::as_str));
        }
    }
    found
}

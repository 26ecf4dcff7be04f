//! Aliases: `_aliases`, `_alias` and `{index}/_alias/{alias}` with all their verbs.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::reply::Reply;
use crate::engine::alias::{Alias, Aliases};
use crate::engine::entry::Entry;
use crate::engine::resolve::Options;
use crate::error::{ApiError, ApiResult};
use crate::mapping::pattern;
use crate::query::dsl;
use crate::security::scope;

/// One action of `_aliases`, with its names resolved.
enum Action {
    Add(Vec<String>, Vec<String>, Alias),
    Remove(Vec<String>, Vec<String>, Option<bool>),
    RemoveIndex(Vec<Entry>),
}

/// `POST _aliases`: all actions or none.
pub fn actions(call: &Call) -> ApiResult<Reply> {
    let listed = call
        .required_body()?
        .get("actions")
        .and_then(Value::as_array)
        .ok_or_else(|| ApiError::argument("No action specified"))?;
    if listed.is_empty() {
        return Err(ApiError::validation("Must specify at least one alias action"));
    }
    let mut actions = Vec::with_capacity(listed.len());
    for action in listed {
        let (verb, spec) = action
            .as_object()
            .filter(|action| action.len() == 1)
            .and_then(|action| action.iter().next())
            .ok_or_else(|| ApiError::parsing("[aliases] an action must have one verb"))?;
        actions.push(read(call, verb, spec)?);
    }
    let mut gone = Vec::new();
    call.store().change_state(|state| {
        for action in &actions {
            match action {
                Action::Add(indices, aliases, spec) => add(&mut state.aliases, call, indices, aliases, spec)?,
                Action::Remove(indices, aliases, must_exist) => {
                    let removed = remove(&mut state.aliases, indices, aliases);
                    if removed == 0 && *must_exist != Some(false) {
                        return Err(missing(aliases));
                    }
                }
                // An alias of this name may be added by a later action: it is free from here on.
                Action::RemoveIndex(entries) => {
                    for entry in entries {
                        state.aliases.forget_index(entry.name());
                        gone.push(entry.clone());
                    }
                }
            }
        }
        Ok(())
    })?;
    for entry in &gone {
        call.store().delete_entry(entry)?;
    }
    Ok(Reply::acknowledged())
}

fn read(call: &Call, verb: &str, spec: &Value) -> ApiResult<Action> {
    let names = |one: &str, many: &str| -> Vec<String> {
        let listed = dsl::list(spec.get(one).or_else(|| spec.get(many)));
        listed
            .iter()
            .map(dsl::text)
            .flat_map(|text| {
                text.split(',')
                    .map(|name| name.trim().to_owned())
                    .collect::<Vec<_>>()
            })
            .filter(|name| !name.is_empty())
            .collect()
    };
    let (indices, aliases) = (names("index", "indices"), names("alias", "aliases"));
    for key in ["indices", "aliases"] {
        if spec
            .get(key)
            .is_some_and(|names| names.as_array().is_some_and(Vec::is_empty))
        {
            return Err(ApiError::argument(format!("[{key}] can't be empty")));
        }
    }
    if indices.is_empty() {
        return Err(ApiError::argument("One of [index] or [indices] is required"));
    }
    let options = Options {
        allow_no_indices: false,
        closed: true,
        hidden: true,
        ..Options::default()
    };
    let entries = call.store().resolve_all(&indices.join(","), options)?;
    let indices: Vec<String> = entries.iter().map(|entry| entry.name().to_owned()).collect();
    if verb != "remove_index" && aliases.is_empty() {
        return Err(ApiError::argument("One of [alias] or [aliases] is required"));
    }
    Ok(match verb {
        "add" => Action::Add(indices, aliases, Alias::parse(spec)?),
        "remove" => Action::Remove(indices, aliases, spec.get("must_exist").and_then(Value::as_bool)),
        "remove_index" => Action::RemoveIndex(entries),
        other => return Err(ApiError::parsing(format!("[aliases] unknown field [{other}]"))),
    })
}

fn add(
    into: &mut Aliases,
    call: &Call,
    indices: &[String],
    aliases: &[String],
    spec: &Alias,
) -> ApiResult<()> {
    for alias in aliases {
        // An index that goes in the same request makes room for an alias of its name.
        if call.store().entry(alias).is_some()
            && !indices.contains(alias)
            && !call.body.to_string().contains("remove_index")
        {
            return Err(ApiError::new(
                400,
                "invalid_alias_name_exception",
                format!(
                    "Invalid alias name [{alias}]: an index or data stream exists with the same name as the alias"
                ),
            ));
        }
        for index in indices {
            into.add(alias, index, spec.clone())?;
        }
    }
    Ok(())
}

fn remove(from: &mut Aliases, indices: &[String], aliases: &[String]) -> usize {
    let mut removed = 0;
    for wanted in aliases {
        let wanted = if wanted == "_all" { "*" } else { wanted };
        let known: Vec<String> = from
            .iter()
            .map(|(alias, _)| alias.clone())
            .filter(|alias| pattern::matches(wanted, alias))
            .collect();
        for alias in known {
            removed += indices.iter().filter(|index| from.remove(&alias, index)).count();
        }
    }
    removed
}

fn missing(aliases: &[String]) -> ApiError {
    let names = aliases.join(",");
    ApiError::new(
        404,
        "aliases_not_found_exception",
        format!("aliases [{names}] missing"),
    )
    .with("resource.type", "aliases")
    .with("resource.id", names)
}

/// Keys of the body of an alias.
const PUT_KEYS: &[&str] = &[
    "index",
    "alias",
    "filter",
    "routing",
    "index_routing",
    "index-routing",
    "indexRouting",
    "search_routing",
    "search-routing",
    "searchRouting",
    "is_write_index",
    "is_hidden",
];

/// `PUT {index}/_alias/{alias}`, also with the names in the body.
pub fn put(call: &Call) -> ApiResult<Reply> {
    if let Some(unknown) = call
        .body
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
        .find(|key| !PUT_KEYS.contains(&key.as_str()))
    {
        return Err(ApiError::argument(format!("unknown field [{unknown}]")));
    }
    // What the body says wins over the path.
    let text = |key: &str| {
        call.body
            .get(key)
            .map(dsl::text)
            .or_else(|| Some(call.name(key).to_owned()))
            .filter(|name| !name.is_empty())
    };
    let (index, alias) = (text("index"), text("alias"));
    let (Some(index), Some(alias)) = (index, alias) else {
        return Err(ApiError::validation("index and alias are required"));
    };
    let spec = Alias::parse(&call.body)?;
    let options = Options {
        allow_no_indices: false,
        closed: true,
        ..Options::default()
    };
    let indices: Vec<String> = call
        .store()
        .resolve_all(&index, options)?
        .iter()
        .map(|entry| entry.name().to_owned())
        .collect();
    let aliases: Vec<String> = alias.split(',').map(ToOwned::to_owned).collect();
    call.store()
        .change_state(|state| add(&mut state.aliases, call, &indices, &aliases, &spec))?;
    Ok(Reply::acknowledged())
}

/// `DELETE {index}/_alias/{alias}`.
pub fn delete(call: &Call) -> ApiResult<Reply> {
    let indices: Vec<String> = call
        .entries_of_metadata()?
        .iter()
        .map(|entry| entry.name().to_owned())
        .collect();
    let aliases: Vec<String> = call.name("alias").split(',').map(ToOwned::to_owned).collect();
    let removed = call
        .store()
        .change_state(|state| Ok(remove(&mut state.aliases, &indices, &aliases)))?;
    if removed == 0 {
        return Err(missing(&aliases));
    }
    Ok(Reply::acknowledged())
}

/// `GET _alias`, `GET {index}/_alias`, `GET _alias/{alias}`, `GET {index}/_alias/{alias}`; `HEAD`, too.
pub fn get(call: &Call) -> ApiResult<Reply> {
    let state = call.store().state();
    let wanted = call.name("alias");
    let every = matches!(wanted, "" | "_all" | "*");
    let open_only = call
        .params
        .get("expand_wildcards")
        .is_some_and(|words| !words.split(',').any(|word| matches!(word, "closed" | "all")));
    let entries = if call.name("index").is_empty() {
        call.store()
            .list_all()
            .into_iter()
            .filter(|entry| !open_only || !entry.is_closed())
            .filter(|entry| {
                scope::sees(entry.name())
                    || state
                        .aliases
                        .of_index(entry.name())
                        .any(|(alias, _)| scope::sees(alias))
            })
            .collect()
    } else {
        call.entries_of_metadata()?
    };
    let fits = |alias: &str| {
        if !scope::sees(alias) {
            return false;
        }
        let (mut fits, mut had_wildcard) = (every, false);
        for name in wanted.split(',').filter(|_| !every) {
            had_wildcard |= name.contains('*');
            match name.strip_prefix('-').filter(|_| had_wildcard) {
                Some(excluded) if pattern::matches(excluded, alias) => fits = false,
                Some(_) => {}
                None => fits |= pattern::matches(name, alias) || name == "_all",
            }
        }
        fits
    };
    let mut shown = Map::new();
    for entry in &entries {
        let aliases: Map<String, Value> = state
            .aliases
            .of_index(entry.name())
            .filter(|(alias, _)| fits(alias))
            .map(|(alias, spec)| (alias.clone(), spec.to_json()))
            .collect();
        // Asked for an alias, indices without it are left out; asked for an index, it is shown with none.
        if !aliases.is_empty() || (wanted.is_empty() && !hidden_by_default(call, entry)) {
            shown.insert(entry.name().to_owned(), json!({ "aliases": aliases }));
        }
    }
    let mut lost: Vec<&str> = named(wanted)
        .filter(|name| {
            !every
                && !state
                    .aliases
                    .indices(name)
                    .is_some_and(|indices| entries.iter().any(|entry| indices.contains_key(entry.name())))
        })
        .collect();
    lost.sort_unstable();
    if lost.is_empty() {
        return Ok(Reply::json(&shown.into()));
    }
    let mut answer = Map::new();
    let word = if lost.len() == 1 { "alias" } else { "aliases" };
    answer.insert(
        "error".into(),
        format!("{word} [{}] missing", lost.join(",")).into(),
    );
    answer.insert("status".into(), 404.into());
    answer.extend(shown);
    Ok(Reply::status(404, &answer.into()))
}

/// The names of an expression that must be there: no wildcards, and what has a minus before it only as long as
/// there was no wildcard that it could take something from.
fn named(expression: &str) -> impl Iterator<Item = &str> {
    let mut had_wildcard = false;
    expression.split(',').filter(move |name| {
        if name.contains('*') {
            had_wildcard = true;
            return false;
        }
        !name.is_empty() && *name != "_all" && !(name.starts_with('-') && had_wildcard)
    })
}

fn hidden_by_default(call: &Call, entry: &Entry) -> bool {
    call.name("index").is_empty()
        && entry.is_hidden()
        && !call
            .params
            .get("expand_wildcards")
            .is_some_and(|words| words.contains("all") || words.contains("hidden"))
}

//! How indices and data streams come to be, change their state and go: from templates, by a write, by a
//! rollover, as a copy of another.

use std::sync::{Arc, PoisonError};

use serde_json::{Map, Value, json};
use tracing::info;

use super::alias::Alias;
use super::block::Doing;
use super::data_stream::{DataStream, backing_name};
use super::entry::Entry;
use super::index::Index;
use super::name;
use super::resolve::closed;
use super::settings::{CLOSED, Settings};
use super::store::Store;
use crate::date;
use crate::error::{ApiError, ApiResult};
use crate::hidden::mapping::Mappings;
use crate::mapping::{Mapping, json as mapping_json};
use crate::security::{Privilege, scope};

/// Settings that are fixed when an index is made.
const STATIC: &[&str] = &[
    "index.number_of_shards",
    "index.codec",
    "index.routing_partition_size",
    "index.sort.field",
    "index.sort.order",
];

/// The mapping key by which a backing index is known.
const TIMESTAMP: &str = "@timestamp";

/// What a rollover came to.
#[derive(Debug)]
pub struct RolledOver {
    /// The index that was written to before.
    pub old: String,
    /// The index that is written to now.
    pub new: String,
}

impl Store {
    /// The index of logs that a write to a name goes to, made from the templates if there is none.
    pub fn get_or_create(&self, name: &str) -> ApiResult<Arc<Index>> {
        match self.write_entry(name, None)? {
            Entry::Log(index) => Ok(index),
            Entry::Hidden(index) => Err(ApiError::argument(format!(
                "[{}] is a hidden index, which this request cannot write to",
                index.name
            ))),
        }
    }

    /// The index of either kind that a write to a name goes to, made from the templates if there is none.
    /// `creates`: whether the write has `op_type` create, which data streams insist on; `None`: not known here.
    pub fn write_entry(&self, name: &str, creates: Option<bool>) -> ApiResult<Entry> {
        let name = name::resolve_dates(name, date::now())?;
        scope::check(&name, Privilege::Write)?;
        loop {
            if let Some(entry) = self.entry(&name) {
                return if entry.is_closed() {
                    Err(closed(&name))
                } else {
                    Ok(entry)
                };
            }
            let state = self.state();
            if let Some(index) = state.aliases.write_index(&name) {
                let index = index?;
                let entry = self
                    .entry(index)
                    .ok_or_else(|| ApiError::index_not_found(index))?;
                return if entry.is_closed() {
                    Err(closed(index))
                } else {
                    Ok(entry)
                };
            }
            if let Some(stream) = state.data_streams.get(&name) {
                if creates == Some(false) {
                    return Err(ApiError::argument(
                        "only write ops with an op_type of create are allowed in data streams",
                    ));
                }
                let index = stream.write_index().unwrap_or_default();
                return self.entry(index).ok_or_else(|| ApiError::index_not_found(index));
            }
            // Another request may make it meanwhile: then it is there when looked for again.
            let made = if self.templates().data_stream_of(&name).is_some() {
                self.create_data_stream(&name)
            } else {
                self.create(&name, &Value::Null).map(|_| ())
            };
            match made {
                Err(error) if error.kind == "resource_already_exists_exception" => {}
                other => other?,
            }
        }
    }

    /// Makes an index from the templates and a body of `settings`, `mappings` and `aliases`.
    pub fn create(&self, name: &str, body: &Value) -> ApiResult<Entry> {
        let name = name::resolve_dates(name, date::now())?;
        name::check(&name)?;
        if self.templates().data_stream_of(&name).is_some() {
            return Err(ApiError::argument(format!(
                "cannot create index with name [{name}], because it matches with template [{}] that creates data streams only, use create data stream api instead",
                self.templates().data_stream_of(&name).unwrap_or_default()
            )));
        }
        let template = self.templates().resolve(&name)?;
        self.make(&name, &template.parts, body)
    }

    /// Makes an index from parts of templates and a body.
    fn make(&self, name: &str, parts: &[Map<String, Value>], body: &Value) -> ApiResult<Entry> {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_free(name)?;
        let own = body.as_object().cloned().unwrap_or_default();
        let all = || parts.iter().chain(std::iter::once(&own));
        let mut settings = Settings::default();
        let mut aliases = Map::new();
        for part in all() {
            if let Some(body) = part.get("settings") {
                settings.merge(body)?;
            }
            if let Some(Value::Object(body)) = part.get("aliases") {
                aliases.extend(body.clone());
            }
        }
        let specs: Vec<(String, Alias)> = aliases
            .iter()
            .map(|(alias, spec)| Ok((alias.replace("{index}", name), Alias::parse(spec)?)))
            .collect::<ApiResult<_>>()?;
        let entry = if name::is_hidden(name) {
            let mut mappings = Mappings::default();
            for body in all().filter_map(|part| part.get("mappings")) {
                mappings.merge(body)?;
            }
            Entry::Hidden(self.hidden.create(name, settings, mappings)?)
        } else {
            let mut mapping = Mapping::default();
            for body in all().filter_map(|part| part.get("mappings")) {
                // What comes later is what holds: of templates by their order, and of the request over them all.
                mapping_json::forget(&mut mapping, body);
                mapping_json::merge(&mut mapping, body)?;
            }
            Entry::Log(self.make_log(name, settings, &mapping)?)
        };
        if !specs.is_empty() {
            self.change_state(|state| {
                specs
                    .into_iter()
                    .try_for_each(|(alias, spec)| state.aliases.add(&alias, name, spec))
            })?;
        }
        info!(
            event.action = "index-created",
            labels.index = name,
            "index created"
        );
        Ok(entry)
    }

    fn make_log(&self, name: &str, settings: Settings, mapping: &Mapping) -> ApiResult<Arc<Index>> {
        let aside = self.path().join("trash").join(super::op::new_id().as_ref());
        let index = Index::create(
            &self.index_folder(name),
            &aside,
            name,
            Arc::clone(&self.limits),
            Arc::clone(&self.space),
            settings,
            mapping,
        )?;
        let index = Arc::new(index);
        self.indices
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.to_owned(), Arc::clone(&index));
        Ok(index)
    }

    /// Refuses a name that an index, an alias or a data stream has.
    pub fn check_free(&self, name: &str) -> ApiResult<()> {
        let taken = |reason: String| {
            ApiError::new(400, "invalid_index_name_exception", reason)
                .with("index_uuid", "_na_")
                .with("index", name)
        };
        if let Some(entry) = self.entry(name) {
            let uuid = entry.uuid();
            return Err(ApiError::new(
                400,
                "resource_already_exists_exception",
                format!("index [{name}/{uuid}] already exists"),
            )
            .with("index_uuid", uuid)
            .with("index", name));
        }
        let state = self.state();
        if state.aliases.contains(name) {
            return Err(taken(format!(
                "Invalid index name [{name}], already exists as alias"
            )));
        }
        if state.data_streams.contains_key(name) {
            return Err(ApiError::new(
                400,
                "resource_already_exists_exception",
                format!("data_stream [{name}] already exists"),
            ));
        }
        Ok(())
    }

    /// Removes an index of either kind.
    pub fn delete_entry(&self, entry: &Entry) -> ApiResult<()> {
        let state = self.state();
        if let Some((stream, _)) = state
            .data_streams
            .iter()
            .find(|(_, stream)| stream.write_index() == Some(entry.name()))
        {
            return Err(ApiError::argument(format!(
                "index [{}] is the write index for data stream [{stream}] and cannot be deleted",
                entry.name()
            )));
        }
        self.remove(entry)
    }

    fn remove(&self, entry: &Entry) -> ApiResult<()> {
        match entry {
            Entry::Log(index) => self.delete(index),
            Entry::Hidden(index) => {
                entry.check_block(Doing::Removing)?;
                self.hidden.delete(index)?;
                self.change_state(|state| {
                    state.forget_index(&index.name);
                    Ok(())
                })
            }
        }
    }

    /// Merges mappings into an index of either kind.
    pub fn put_mapping(&self, entry: &Entry, doc_type: Option<&str>, body: &Value) -> ApiResult<()> {
        entry.check_block(Doing::Changing)?;
        match entry {
            Entry::Log(index) => index.put_mapping(body),
            Entry::Hidden(index) => self.hidden.change(index, |meta| match doc_type {
                // `{"config": {"properties": …}}` or the inside of it.
                Some(doc_type) => {
                    let inner = body.get(doc_type).unwrap_or(body);
                    meta.mappings
                        .merge_type(if doc_type == "_doc" { "" } else { doc_type }, inner)
                }
                None => meta.mappings.merge(body),
            }),
        }
    }

    /// Merges settings into an index of either kind. Those that are fixed at its making are refused.
    pub fn put_settings(&self, entry: &Entry, body: &Value, keep_existing: bool) -> ApiResult<()> {
        let mut asked = Settings::default();
        asked.merge(body)?;
        let fixed: Vec<&str> = STATIC
            .iter()
            .copied()
            .filter(|key| asked.get(key).is_some())
            .collect();
        if !fixed.is_empty() && !entry.is_closed() {
            return Err(ApiError::argument(format!(
                "Can't update non dynamic settings [[{}]] for open indices [[{}/{}]]",
                fixed.join(", "),
                entry.name(),
                entry.uuid()
            )));
        }
        let unblocks = asked
            .flat()
            .keys()
            .chain(super::settings::flat_keys(body).iter())
            .all(|key| key.starts_with("index.blocks."));
        if !unblocks {
            entry.check_block(Doing::Changing)?;
        }
        let body = if keep_existing {
            let known = entry.settings_json();
            asked
                .flat()
                .iter()
                .filter(|(key, _)| !known.contains_key(*key))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect::<Map<_, _>>()
                .into()
        } else {
            body.clone()
        };
        self.set(entry, &body)
    }

    /// Merges settings without any check.
    pub fn set(&self, entry: &Entry, body: &Value) -> ApiResult<()> {
        match entry {
            Entry::Log(index) => index.put_settings(body),
            Entry::Hidden(index) => self.hidden.change(index, |meta| meta.settings.merge(body)),
        }
    }

    /// Closes or opens an index.
    pub fn set_closed(&self, entry: &Entry, closes: bool) -> ApiResult<()> {
        if closes && let Entry::Log(index) = entry {
            index.refresh()?;
        }
        let value = if closes { json!("true") } else { Value::Null };
        self.set(entry, &json!({ CLOSED: value }))
    }

    /// Makes a data stream from the template that its name matches.
    pub fn create_data_stream(&self, stream: &str) -> ApiResult<()> {
        name::check(stream)?;
        let templates = self.templates();
        let template = templates.data_stream_of(stream).ok_or_else(|| {
            ApiError::argument(format!(
                "no matching index template found for data stream [{stream}]"
            ))
        })?;
        self.check_free(stream)?;
        let hidden = templates.is_hidden_stream(&template);
        let first = self.make_backing(stream, 1)?;
        self.change_state(|state| {
            state.data_streams.insert(
                stream.to_owned(),
                DataStream {
                    indices: vec![first],
                    generation: 1,
                    template,
                    hidden,
                },
            );
            Ok(())
        })?;
        info!(
            event.action = "data-stream-created",
            labels.index = stream,
            "data stream created"
        );
        Ok(())
    }

    /// Makes a backing index and returns its name. Its mapping has a date `@timestamp` and is marked.
    fn make_backing(&self, stream: &str, generation: u64) -> ApiResult<String> {
        let index = backing_name(stream, generation, date::now());
        let mut template = self.templates().resolve(stream)?;
        let timestamp =
            json!({"properties": {TIMESTAMP: {"type": "date"}}, "_data_stream_timestamp": {"enabled": true}});
        let first = Map::from_iter([
            ("mappings".to_owned(), timestamp),
            ("settings".to_owned(), json!({"index.hidden": "true"})),
        ]);
        template.parts.insert(0, first);
        // A template may give the timestamp a format of its own, but not another type.
        for part in &template.parts {
            let declared = part
                .get("mappings")
                .and_then(|mappings| mappings.pointer("/properties/@timestamp/type"));
            if declared.is_some_and(|kind| kind != "date" && kind != "date_nanos") {
                return Err(ApiError::argument(
                    "data stream timestamp field [@timestamp] is not of type [date or date_nanos]",
                ));
            }
            if declared.is_some_and(|kind| kind == "date_nanos") {
                template.parts[0].insert(
                    "mappings".to_owned(),
                    json!({"properties": {TIMESTAMP: {"type": "date_nanos"}}, "_data_stream_timestamp": {"enabled": true}}),
                );
                break;
            }
        }
        // Aliases of a template for a stream are those of the stream, which has none here.
        for part in &mut template.parts {
            part.remove("aliases");
        }
        self.make(&index, &template.parts, &Value::Null)?;
        Ok(index)
    }

    /// Removes a data stream with its backing indices.
    pub fn delete_data_stream(&self, stream: &str) -> ApiResult<()> {
        let removed = self.change_state(|state| Ok(state.data_streams.remove(stream)))?;
        for index in removed.into_iter().flat_map(|stream| stream.indices) {
            if let Some(entry) = self.entry(&index) {
                self.remove(&entry)?;
            }
        }
        Ok(())
    }

    /// What a rollover of an alias or data stream would write to next, without doing it.
    pub fn next_index(&self, target: &str, asked: Option<&str>) -> ApiResult<RolledOver> {
        let state = self.state();
        if let Some(stream) = state.data_streams.get(target) {
            if asked.is_some() {
                return Err(ApiError::argument(
                    "new index name may not be specified when rolling over a data stream",
                ));
            }
            return Ok(RolledOver {
                old: stream.write_index().unwrap_or_default().to_owned(),
                new: backing_name(target, stream.generation + 1, date::now()),
            });
        }
        let old = match state.aliases.write_index(target) {
            Some(index) => index.map_err(|_| {
                ApiError::argument(format!(
                    "rollover target [{target}] does not point to a write index"
                ))
            })?,
            None => {
                let what = if self.entry(target).is_some() {
                    "is a concrete index, it must be an alias or data stream"
                } else {
                    "does not exist"
                };
                return Err(ApiError::argument(format!(
                    "rollover target is a [concrete index] but one of [alias,data_stream] was expected: [{target}] {what}"
                )));
            }
        };
        let new = match asked {
            Some(name) => name::resolve_dates(name, date::now())?,
            None => next_name(old)?,
        };
        Ok(RolledOver {
            old: old.to_owned(),
            new,
        })
    }

    /// Rolls an alias or data stream over to a new index, made with a body.
    pub fn rollover(&self, target: &str, asked: Option<&str>, body: &Value) -> ApiResult<RolledOver> {
        let next = self.next_index(target, asked)?;
        if self.state().data_streams.contains_key(target) {
            let generation = self
                .state()
                .data_streams
                .get(target)
                .map_or(1, |stream| stream.generation + 1);
            let new = self.make_backing(target, generation)?;
            self.change_state(|state| {
                if let Some(stream) = state.data_streams.get_mut(target) {
                    stream.indices.push(new.clone());
                    stream.generation = generation;
                }
                Ok(())
            })?;
            return Ok(RolledOver { old: next.old, new });
        }
        self.create(&next.new, body)?;
        self.change_state(|state| {
            let was = state
                .aliases
                .indices(target)
                .and_then(|indices| indices.get(&next.old))
                .cloned()
                .unwrap_or_default();
            let explicit = was.is_write_index == Some(true);
            if explicit {
                let old = Alias {
                    is_write_index: Some(false),
                    ..was.clone()
                };
                state.aliases.add(target, &next.old, old)?;
            } else {
                state.aliases.remove(target, &next.old);
            }
            let new = Alias {
                is_write_index: explicit.then_some(true),
                ..was
            };
            state.aliases.add(target, &next.new, new)
        })?;
        Ok(next)
    }

    /// A copy of an index of logs under another name, with changed settings.
    pub fn clone_index(&self, source: &Index, target: &str, body: &Value) -> ApiResult<Entry> {
        let mut asked = Settings::default();
        asked.merge(body.get("settings").unwrap_or(&Value::Null))?;
        let shards = |settings: &Settings| settings.get("index.number_of_shards");
        let had = shards(&source.settings()).unwrap_or_else(|| "1".to_owned());
        if shards(&asked).is_some_and(|wanted| wanted != had) {
            return Err(ApiError::argument(format!(
                "cannot clone index [{}] of [{had}] shards into one of another number of shards",
                source.name
            )));
        }
        let taken_back = super::settings::flat_keys(body.get("settings").unwrap_or(&Value::Null));
        for block in ["index.blocks.read_only", "index.blocks.metadata"] {
            if asked.get(block).as_deref() == Some("true") {
                return Err(ApiError::validation(format!(
                    "target index [{target}] will be blocked by [{block}=true], this will disable metadata writes and cause the shards to be unassigned"
                )));
            }
            if source.setting(block).as_deref() == Some("true") && !taken_back.iter().any(|key| key == block)
            {
                return Err(ApiError::argument(format!(
                    "target index [{target}] will be blocked by [{block}=true] which is copied from the source index [{}], this will disable metadata writes and cause the shards to be unassigned",
                    source.name
                )));
            }
        }
        if source.setting("index.blocks.write").as_deref() != Some("true")
            && source.setting("index.blocks.read_only").as_deref() != Some("true")
        {
            return Err(ApiError::new(
                400,
                "illegal_state_exception",
                format!(
                    "index {} must be read-only to resize index. use \"index.blocks.write=true\"",
                    source.name
                ),
            ));
        }
        source.refresh()?;
        let mut settings: Map<String, Value> = source.settings().flat().clone();
        // A block would keep the copy out; it is put when the documents are there.
        let mut blocks = settings.clone();
        blocks.retain(|key, _| key.starts_with("index.blocks.") && !taken_back.contains(key));
        settings.retain(|key, _| !key.starts_with("index.blocks."));
        let part = Map::from_iter([
            ("settings".to_owned(), settings.into()),
            ("mappings".to_owned(), mapping_json::to_json(&source.mapping())),
        ]);
        name::check(target)?;
        let entry = self.make(target, &[part], body)?;
        if let Entry::Log(index) = &entry {
            super::copy::all(source, index)?;
        }
        if !blocks.is_empty() {
            self.set(&entry, &blocks.into())?;
        }
        Ok(entry)
    }
}

/// `logs-000001` becomes `logs-000002`; a name that does not end in a number cannot be rolled over by itself.
fn next_name(old: &str) -> ApiResult<String> {
    let (stem, digits) = old
        .rsplit_once('-')
        .filter(|(_, digits)| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
        .ok_or_else(|| {
            ApiError::argument(format!("index name [{old}] does not match pattern '^.*-\\d+$'"))
        })?;
    let number: u64 = digits
        .parse()
        .map_err(|_| ApiError::argument(format!("index name [{old}] ends in a number that is too large")))?;
    Ok(format!("{stem}-{:06}", number + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_index_has_the_next_number() {
        assert_eq!(next_name("logs-000001").unwrap(), "logs-000002");
        assert_eq!(next_name("logs-9").unwrap(), "logs-000010");
        assert!(next_name("logs").is_err());
    }
}

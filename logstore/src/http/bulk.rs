//! `_bulk`: many writes in one request, each with its own result.
//!
//! The body is cut into lines without copying; documents are slices of it until tantivy has stored them.
//! Writes to one index are applied together, so that they cost one lock and one log append; all indices are
//! synced before the answer.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::app::App;
use super::body;
use super::document::SOURCE_PARAMS;
use super::lookup::{after_update, source_filter};
use super::params::{Params, Refresh, given};
use super::reply::Reply;
use crate::engine::entry::Entry;
use crate::engine::index::Index;
use crate::engine::op::{Done, Given, Outcome};
use crate::engine::store::Store;
use crate::engine::update::Update;
use crate::engine::wal::Position;
use crate::engine::write::Request;
use crate::error::{ApiError, ApiResult};
use crate::hidden::{HiddenIndex, Write};
use crate::ingest::{self, OfIndex, Ready};
use crate::present::legacy;
use crate::present::write::{self, Item};
use crate::search::source::SourceFilter;

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action<'a> {
    #[serde(borrow)]
    Index(Meta<'a>),
    #[serde(borrow)]
    Create(Meta<'a>),
    #[serde(borrow)]
    Update(Meta<'a>),
    #[serde(borrow)]
    Delete(Meta<'a>),
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(rename = "_index", borrow, default)]
    index: Option<Cow<'a, str>>,
    #[serde(rename = "_type", borrow, default)]
    doc_type: Option<Cow<'a, str>>,
    /// A string, but some clients send numbers.
    #[serde(rename = "_id", borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(default)]
    if_seq_no: Option<u64>,
    #[serde(default)]
    if_primary_term: Option<u64>,
    #[serde(default)]
    version: Option<u64>,
    #[serde(borrow, default)]
    version_type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    op_type: Option<Cow<'a, str>>,
    /// What of the document the item of an update shows.
    #[serde(rename = "_source", borrow, default)]
    source: Option<&'a RawValue>,
    #[serde(default)]
    retry_on_conflict: Option<usize>,
    #[serde(default)]
    require_alias: Option<bool>,
    #[serde(borrow, default)]
    pipeline: Option<Cow<'a, str>>,
}

/// One action of the body.
struct Line {
    verb: &'static str,
    index: String,
    doc_type: Option<String>,
    /// `None`: as the request says.
    require_alias: Option<bool>,
    pipeline: Option<String>,
    id: Option<String>,
    source: Option<Bytes>,
    if_seq_no: Option<u64>,
    if_primary_term: Option<u64>,
    version: Option<Given>,
    retries: usize,
    /// What of the document an update's item shows; `None`: nothing, unless the update itself says so.
    shown: Option<SourceFilter>,
    /// What the item shows, once the update is made.
    get: Option<Value>,
}

/// `POST _bulk`.
pub async fn bulk(
    State(app): State<Arc<App>>,
    Query(params): Query<Params>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Reply> {
    run(app, None, params, headers, body).await
}

/// `POST {index}/_bulk`.
pub async fn bulk_into(
    State(app): State<Arc<App>>,
    Path(index): Path<String>,
    Query(params): Query<Params>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Reply> {
    run(app, Some(index), params, headers, body).await
}

async fn run(
    app: Arc<App>,
    index: Option<String>,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Reply> {
    let started = Instant::now();
    let _permit = app.bulk_permit()?;
    let limit = app.store.limits.max_content_length;
    let packed = body::is_gzip(&headers)?;
    // Reserved before the bytes are in memory, as far as the client says how many there are.
    let announced = body::announced(&headers).filter(|length| *length <= limit);
    let _reserved = announced.map(|length| app.bulk_bytes(length)).transpose()?;
    let bytes = body::read(&headers, body, limit).await?;
    let _reserved_late = announced
        .is_none()
        .then(|| app.bulk_bytes(bytes.len()))
        .transpose()?;
    let refresh = Refresh::of(&params)?;
    let shown = SOURCE_PARAMS
        .iter()
        .any(|name| params.contains_key(*name))
        .then(|| source_filter(&params));
    let everywhere = params.get("require_alias").map(|value| value != "false");
    let items = app
        .blocking(move |store| {
            let bytes = if packed {
                body::gunzip(&bytes, limit)?
            } else {
                bytes
            };
            let mut lines = parse(&bytes, index.as_deref())?;
            for line in &mut lines {
                if line.pipeline.is_none() {
                    line.pipeline = params.get("pipeline").cloned();
                }
                line.require_alias = line.require_alias.or(everywhere);
                if line.verb == "update" {
                    line.shown = line.shown.take().or_else(|| shown.clone());
                }
            }
            apply(store, lines, refresh != Refresh::No)
        })
        .await?;
    metrics::histogram!("logstore_bulk_seconds").record(started.elapsed().as_secs_f64());
    let took = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Reply::raw(
        200,
        write::bulk(app.presented, took, &items, refresh.is_forced()),
    ))
}

/// Cuts a body into actions. A malformed action line fails the whole request, as in Elasticsearch.
fn parse(body: &Bytes, default_index: Option<&str>) -> ApiResult<Vec<Line>> {
    if body.is_empty() {
        return Err(ApiError::parsing("request body is required"));
    }
    if body.last() != Some(&b'\n') {
        return Err(ApiError::argument(
            "The bulk request must be terminated by a newline [\\n]",
        ));
    }
    let mut lines = Vec::with_capacity(body.len() / 512 + 1);
    let mut number = 0;
    let mut at = 0;
    let mut next = || -> Option<(usize, std::ops::Range<usize>)> {
        let end = at + memchr::memchr(b'\n', body.get(at..)?)?;
        let mut range = at..end;
        if range.end > range.start && body[range.end - 1] == b'\r' {
            range.end -= 1;
        }
        at = end + 1;
        number += 1;
        Some((number, range))
    };
    while let Some((number, range)) = next() {
        let text = &body[range];
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let action: Action<'_> =
            serde_json::from_slice(text).map_err(|error| malformed(number, text, &error))?;
        let (verb, meta) = match action {
            Action::Index(meta) if meta.op_type.as_deref() == Some("create") => ("create", meta),
            Action::Index(meta) => ("index", meta),
            Action::Create(meta) => ("create", meta),
            Action::Update(meta) => ("update", meta),
            Action::Delete(meta) => ("delete", meta),
        };
        let index = match meta.index.as_deref().or(default_index) {
            Some(index) => index.to_owned(),
            None => return Err(ApiError::validation("index is missing")),
        };
        let source = if verb == "delete" {
            None
        } else {
            let (_, range) = next().ok_or_else(|| {
                ApiError::argument(format!(
                    "Malformed action/metadata line [{number}], the document after it is missing"
                ))
            })?;
            Some(body.slice(range))
        };
        lines.push(Line {
            verb,
            index,
            doc_type: meta.doc_type.map(Cow::into_owned),
            require_alias: meta.require_alias,
            pipeline: meta.pipeline.map(Cow::into_owned),
            id: meta.id.map(|raw| id_text(raw.get())),
            source,
            if_seq_no: meta.if_seq_no,
            if_primary_term: meta.if_primary_term,
            version: given(meta.version, meta.version_type.as_deref())?,
            retries: meta.retry_on_conflict.unwrap_or(0),
            shown: match meta.source {
                Some(raw) => Some(SourceFilter::parse(&body::json(raw.get().as_bytes())?)?),
                None => None,
            },
            get: None,
        });
    }
    if lines.is_empty() {
        return Err(ApiError::validation("no requests added"));
    }
    Ok(lines)
}

/// What is wrong with an action line, in Elasticsearch's words as far as it has any.
fn malformed(number: usize, text: &[u8], error: &serde_json::Error) -> ApiError {
    let empty = matches!(serde_json::from_slice::<Value>(text), Ok(Value::Object(map)) if map.is_empty());
    let reason = if empty {
        format!("Malformed action/metadata line [{number}], expected FIELD_NAME but found [END_OBJECT]")
    } else {
        format!("Malformed action/metadata line [{number}]: {error}")
    };
    ApiError::argument(reason)
}

fn id_text(raw: &str) -> String {
    match raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) {
        Some(plain) if !plain.contains('\\') => plain.to_owned(),
        Some(_) => serde_json::from_str(raw).unwrap_or_else(|_| raw.to_owned()),
        None => raw.to_owned(),
    }
}

/// Applies actions and returns an item for each, once all are durable.
fn apply(store: &Store, lines: Vec<Line>, refresh: bool) -> ApiResult<Vec<Item>> {
    let mut groups: Vec<(String, Vec<(usize, Line)>)> = Vec::new();
    let mut group_of: HashMap<String, usize> = HashMap::new();
    let count = lines.len();
    let mut items: Vec<Option<Item>> = (0..count).map(|_| None).collect();
    let mut pipelines: HashMap<String, OfIndex> = HashMap::new();
    for (place, mut line) in lines.into_iter().enumerate() {
        if let Err(done) = through_pipelines(store, &mut line, &mut pipelines) {
            let index = line.index.clone();
            items[place] = Some(item(&line, &index, done));
            continue;
        }
        match group_of.get(line.index.as_str()) {
            Some(group) => groups[*group].1.push((place, line)),
            None => {
                group_of.insert(line.index.clone(), groups.len());
                groups.push((line.index.clone(), vec![(place, line)]));
            }
        }
    }
    for (name, lines) in groups {
        apply_group(store, &name, lines, refresh, &mut items)?;
    }
    items
        .into_iter()
        .map(|item| item.ok_or_else(|| ApiError::internal("an action came to nothing")))
        .collect()
}

/// Sends the document of an action through its pipelines. What it comes to when it goes no further is the error.
fn through_pipelines(
    store: &Store,
    line: &mut Line,
    known: &mut HashMap<String, OfIndex>,
) -> Result<(), ApiResult<Outcome>> {
    let (Some(source), "index" | "create") = (&line.source, line.verb) else {
        return Ok(());
    };
    if !known.contains_key(&line.index) {
        known.insert(line.index.clone(), OfIndex::of(store, &line.index));
    }
    let of_index = &known[&line.index];
    if line.pipeline.is_none() && of_index.is_none() {
        return Ok(());
    }
    let ready = Ready {
        index: line.index.clone(),
        id: line.id.clone(),
        source: source.clone(),
    };
    match ingest::prepare(store, of_index, line.pipeline.as_deref(), ready) {
        Ok(Some(ready)) => {
            line.index = ready.index;
            line.id = ready.id;
            line.source = Some(ready.source);
            Ok(())
        }
        Ok(None) => Err(Ok(dropped(line.id.as_deref()))),
        Err(error) => Err(Err(error)),
    }
}

/// The outcome of a document that a pipeline dropped.
pub(super) fn dropped(id: Option<&str>) -> Outcome {
    Outcome {
        id: id.unwrap_or_default().into(),
        version: 0,
        seq_no: 0,
        done: Done::Noop,
    }
}

/// Applies the actions on one index, and syncs it.
fn apply_group(
    store: &Store,
    name: &str,
    lines: Vec<(usize, Line)>,
    refresh: bool,
    items: &mut [Option<Item>],
) -> ApiResult<()> {
    // What an action is refused for before its index is looked at.
    let state = store.state();
    let is_alias = state.aliases.contains(name);
    // Also one that this write will make.
    let is_stream = state.data_streams.contains_key(name)
        || (!is_alias && store.entry(name).is_none() && store.templates().data_stream_of(name).is_some());
    let (refused, lines): (Vec<_>, Vec<_>) = lines.into_iter().partition(|(_, line)| {
        is_stream && line.verb == "index" || line.require_alias == Some(true) && !is_alias
    });
    for (place, line) in refused {
        let error = if line.require_alias == Some(true) && !is_alias {
            ApiError::index_not_found(name)
                .because(format!("no such index [{name}] and [require_alias] request flag is [true] and [{name}] is not an alias"))
        } else {
            ApiError::argument("only write ops with an op_type of create are allowed in data streams")
        };
        items[place] = Some(item(&line, name, Err(error)));
    }
    if lines.is_empty() {
        return Ok(());
    }
    let only_deletes = lines.iter().all(|(_, line)| line.verb == "delete");
    let entry = if only_deletes && !is_alias && !is_stream && store.entry(name).is_none() {
        Err(ApiError::index_not_found(name))
    } else {
        store.write_entry(name, None)
    };
    let index = match entry {
        Ok(Entry::Log(index)) => index,
        Ok(Entry::Hidden(index)) => return apply_hidden(store, &index, lines, items),
        Err(error) => {
            for (place, line) in lines {
                items[place] = Some(item(&line, name, Err(error.clone())));
            }
            return Ok(());
        }
    };
    let mut done: Vec<(usize, Line, ApiResult<Outcome>)> = Vec::with_capacity(lines.len());
    let mut position = Position::default();
    let mut batch: Vec<(usize, Line)> = Vec::new();
    for (place, mut line) in lines {
        if line.verb == "update" {
            // An update reads what was written before it.
            position = position.max(write_batch(&index, std::mem::take(&mut batch), &mut done));
            let result = update(&index, &mut line).map(|(outcome, at)| {
                position = position.max(at);
                outcome
            });
            done.push((place, line, result));
        } else {
            batch.push((place, line));
        }
    }
    position = position.max(write_batch(&index, batch, &mut done));
    let synced = if position == Position::default() {
        Ok(())
    } else {
        index.sync(position)
    };
    for (place, line, result) in done {
        let result = match (&synced, result) {
            (Err(error), Ok(_)) => Err(error.clone()),
            (_, result) => result,
        };
        items[place] = Some(item(&line, &index.name, result));
    }
    if refresh {
        index.refresh()?;
    }
    Ok(())
}

/// Applies the actions on a hidden index, one after another: they are few.
fn apply_hidden(
    store: &Store,
    index: &HiddenIndex,
    lines: Vec<(usize, Line)>,
    items: &mut [Option<Item>],
) -> ApiResult<()> {
    for (place, line) in lines {
        // `_doc` and the type that Elasticsearch 5 shows for documents without one are no type of their own.
        let doc_type = line
            .doc_type
            .clone()
            .filter(|name| name != "_doc" && name != legacy::DOC_TYPE_5)
            .unwrap_or_default();
        let write = || -> ApiResult<Outcome> {
            let body = body::json(line.source.as_deref().unwrap_or_default())?;
            if line.verb == "update" {
                let id = line
                    .id
                    .as_deref()
                    .ok_or_else(|| ApiError::validation("id is missing"))?;
                let update = Update {
                    if_seq_no: line.if_seq_no,
                    retries: line.retries,
                    ..Update::parse(&body)?
                };
                return Ok(store.hidden.update(index, &doc_type, id, &update)?.0);
            }
            let write = Write {
                doc_type: doc_type.clone(),
                id: line.id.clone(),
                source: (line.verb != "delete").then_some(body),
                create: line.verb == "create",
                if_seq_no: line.if_seq_no,
            };
            store
                .hidden
                .apply(index, vec![write])?
                .pop()
                .ok_or_else(|| ApiError::internal("a write came to nothing"))?
        };
        let result = write();
        items[place] = Some(item(&line, &index.name, result));
    }
    Ok(())
}

fn write_batch(
    index: &Index,
    lines: Vec<(usize, Line)>,
    done: &mut Vec<(usize, Line, ApiResult<Outcome>)>,
) -> Position {
    if lines.is_empty() {
        return Position::default();
    }
    let requests: Vec<Request> = lines
        .iter()
        .map(|(_, line)| Request {
            id: line.id.clone(),
            source: line.source.clone(),
            create: line.verb == "create",
            if_seq_no: line.if_seq_no,
            if_primary_term: line.if_primary_term,
            version: line.version,
        })
        .collect();
    match index.apply(index.prepare(&requests)) {
        Ok((outcomes, position)) => {
            done.extend(
                lines
                    .into_iter()
                    .zip(outcomes)
                    .map(|((place, line), outcome)| (place, line, outcome)),
            );
            position
        }
        Err(error) => {
            done.extend(
                lines
                    .into_iter()
                    .map(|(place, line)| (place, line, Err(error.clone()))),
            );
            Position::default()
        }
    }
}

fn update(index: &Index, line: &mut Line) -> ApiResult<(Outcome, Position)> {
    let id = line
        .id
        .as_deref()
        .ok_or_else(|| ApiError::validation("id is missing"))?;
    let body = body::json(line.source.as_deref().unwrap_or_default())?;
    let parsed = Update::parse(&body)?;
    let update = Update {
        if_seq_no: line.if_seq_no.or(parsed.if_seq_no),
        if_primary_term: line.if_primary_term.or(parsed.if_primary_term),
        retries: line.retries,
        ..parsed
    };
    let updated = index.update(id, &update)?;
    if let Some(filter) = update.source.as_ref().or(line.shown.as_ref())
        && *filter != SourceFilter::Nothing
    {
        line.get = Some(after_update(updated.outcome.seq_no, &updated.source, filter)?);
    }
    Ok((updated.outcome, updated.position))
}

fn item(line: &Line, index: &str, result: ApiResult<Outcome>) -> Item {
    Item {
        verb: line.verb,
        index: index.to_owned(),
        doc_type: line.doc_type.clone(),
        id: line.id.clone(),
        result,
        get: line.get.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(body: &'static str, index: Option<&str>) -> ApiResult<Vec<Line>> {
        parse(&Bytes::from_static(body.as_bytes()), index)
    }

    #[test]
    fn actions_and_documents_are_paired() {
        let body = "{\"index\":{\"_index\":\"a\",\"_id\":1}}\n{\"x\":1}\r\n\n{\"delete\":{\"_index\":\"a\",\"_id\":\"q\\\"\"}}\n{\"create\":{}}\n{}\n";
        let lines = lines(body, Some("d")).unwrap();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0].id.as_deref(), Some("1"));
        assert_eq!(lines[0].source.as_deref(), Some(&b"{\"x\":1}"[..]));
        assert_eq!(lines[1].id.as_deref(), Some("q\""));
        assert_eq!((lines[2].verb, lines[2].index.as_str()), ("create", "d"));
    }

    #[test]
    fn a_malformed_action_line_fails_the_request_and_is_numbered() {
        let error = lines("{\"index\":{\"_index\":\"a\"}}\n{}\n{\"nope\":{}}\n", None)
            .err()
            .unwrap();
        assert!(error.reason.contains("line [3]"), "{error}");
        assert!(
            lines("{\"index\":{\"_index\":\"a\"}}\n{}", None).is_err(),
            "the last newline is missing"
        );
        assert!(lines("{\"index\":{}}\n{}\n", None).is_err(), "no index");
        assert!(
            lines("{\"index\":{\"_index\":\"a\"}}\n", None).is_err(),
            "no document"
        );
    }
}

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
use serde_json::value::RawValue;

use super::app::App;
use super::body;
use super::params::Params;
use super::reply::Reply;
use crate::engine::index::Index;
use crate::engine::op::Outcome;
use crate::engine::store::Store;
use crate::engine::update::Update;
use crate::engine::wal::Position;
use crate::engine::write::Request;
use crate::error::{ApiError, ApiResult};
use crate::present::write::{self, Item};

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
    /// A string, but some clients send numbers.
    #[serde(rename = "_id", borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(default)]
    if_seq_no: Option<u64>,
    #[serde(default)]
    retry_on_conflict: Option<usize>,
}

/// One action of the body.
struct Line {
    verb: &'static str,
    index: String,
    id: Option<String>,
    source: Option<Bytes>,
    if_seq_no: Option<u64>,
    retries: usize,
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
    let refresh = params.get("refresh").is_some_and(|value| value != "false");
    let items = app
        .blocking(move |store| {
            let bytes = if packed {
                body::gunzip(&bytes, limit)?
            } else {
                bytes
            };
            let lines = parse(&bytes, index.as_deref())?;
            apply(store, lines, refresh)
        })
        .await?;
    metrics::histogram!("logstore_bulk_seconds").record(started.elapsed().as_secs_f64());
    let took = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Reply::raw(200, write::bulk(app.presented, took, &items, refresh)))
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
        let action: Action<'_> = serde_json::from_slice(text).map_err(|error| {
            ApiError::argument(format!("Malformed action/metadata line [{number}]: {error}"))
        })?;
        let (verb, meta) = match action {
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
            id: meta.id.map(|raw| id_text(raw.get())),
            source,
            if_seq_no: meta.if_seq_no,
            retries: meta.retry_on_conflict.unwrap_or(0),
        });
    }
    if lines.is_empty() {
        return Err(ApiError::validation("no requests added"));
    }
    Ok(lines)
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
    for (place, line) in lines.into_iter().enumerate() {
        match group_of.get(line.index.as_str()) {
            Some(group) => groups[*group].1.push((place, line)),
            None => {
                group_of.insert(line.index.clone(), groups.len());
                groups.push((line.index.clone(), vec![(place, line)]));
            }
        }
    }
    let mut items: Vec<Option<Item>> = (0..count).map(|_| None).collect();
    for (name, lines) in groups {
        apply_group(store, &name, lines, refresh, &mut items)?;
    }
    items
        .into_iter()
        .map(|item| item.ok_or_else(|| ApiError::internal("an action came to nothing")))
        .collect()
}

/// Applies the actions on one index, and syncs it.
fn apply_group(
    store: &Store,
    name: &str,
    lines: Vec<(usize, Line)>,
    refresh: bool,
    items: &mut [Option<Item>],
) -> ApiResult<()> {
    let only_deletes = lines.iter().all(|(_, line)| line.verb == "delete");
    let index = if only_deletes {
        store.get(name).ok_or_else(|| ApiError::index_not_found(name))
    } else {
        store.get_or_create(name)
    };
    let index = match index {
        Ok(index) => index,
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
    for (place, line) in lines {
        if line.verb == "update" {
            // An update reads what was written before it.
            position = position.max(write_batch(&index, std::mem::take(&mut batch), &mut done));
            let result = update(&index, &line).map(|(outcome, at)| {
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

fn update(index: &Index, line: &Line) -> ApiResult<(Outcome, Position)> {
    let id = line
        .id
        .as_deref()
        .ok_or_else(|| ApiError::validation("id is missing"))?;
    let body = body::json(line.source.as_deref().unwrap_or_default())?;
    let update = Update {
        if_seq_no: line.if_seq_no,
        retries: line.retries,
        ..Update::parse(&body)?
    };
    index.update(id, &update)
}

fn item(line: &Line, index: &str, result: ApiResult<Outcome>) -> Item {
    Item {
        verb: line.verb,
        index: index.to_owned(),
        id: line.id.clone(),
        result,
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

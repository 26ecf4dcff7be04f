//! `_delete_by_query`, `_update_by_query` and `_reindex`: what a search finds is deleted, written anew or
//! copied. They are done when the answer goes out; `wait_for_completion=false` answers with a task that is
//! complete already.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use serde_json::{Value, json};

use super::call::Call;
use super::reply::Reply;
use crate::engine::block::Doing;
use crate::engine::copy::{self, Row};
use crate::engine::entry::Entry;
use crate::engine::index::Index;
use crate::engine::op::Done;
use crate::engine::store::Store;
use crate::engine::wal::Position;
use crate::engine::write::Request;
use crate::error::{ApiError, ApiResult};
use crate::hidden::Write;
use crate::query::ast::Query;
use crate::query::dsl;
use crate::search::source::SourceFilter;

/// The answer.
pub fn summary(
    started: Instant,
    total: usize,
    deleted: usize,
    updated: usize,
    created: usize,
    conflicts: Vec<Value>,
) -> Value {
    json!({
        "took": u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "timed_out": false,
        "total": total,
        "updated": updated,
        "created": created,
        "deleted": deleted,
        "batches": total.div_ceil(copy::BATCH),
        "version_conflicts": conflicts.len(),
        "noops": 0,
        "retries": {"bulk": 0, "search": 0},
        "throttled_millis": 0,
        "requests_per_second": -1.0,
        "throttled_until_millis": 0,
        "failures": conflicts,
    })
}

/// What came of a run.
#[derive(Debug, Default)]
struct Tally {
    total: usize,
    deleted: usize,
    updated: usize,
    created: usize,
    conflicts: Vec<Value>,
}

impl Tally {
    fn answer(self, call: &Call, started: Instant, proceeds: bool) -> Reply {
        let failed = !self.conflicts.is_empty() && !proceeds;
        let conflicts = self.conflicts.len();
        let mut body = summary(
            started,
            self.total,
            self.deleted,
            self.updated,
            self.created,
            self.conflicts,
        );
        if proceeds {
            // Counted, but not a failure.
            body["failures"] = json!([]);
            body["version_conflicts"] = conflicts.into();
        }
        if call
            .params
            .get("wait_for_completion")
            .is_some_and(|wait| wait == "false")
        {
            let task = call.app.tasks.complete(&body);
            return Reply::json(&json!({ "task": task }));
        }
        Reply::status(if failed { 409 } else { 200 }, &body)
    }
}

fn most(call: &Call) -> ApiResult<usize> {
    let asked = call
        .body
        .get("max_docs")
        .or_else(|| call.body.get("size"))
        .and_then(Value::as_u64)
        .and_then(|most| usize::try_from(most).ok());
    Ok(super::params::number::<usize>(&call.params, "max_docs")?
        .or(asked)
        .unwrap_or(usize::MAX))
}

fn query(call: &Call) -> ApiResult<Query> {
    if let Some(query) = super::search::url_query(&call.params)? {
        return Ok(query);
    }
    match call.body.get("query") {
        Some(query) => dsl::parse(query),
        None => Ok(Query::All),
    }
}

fn proceeds(call: &Call) -> bool {
    let in_body = call
        .body
        .get("conflicts")
        .is_some_and(|conflicts| conflicts == "proceed");
    in_body
        || call
            .params
            .get("conflicts")
            .is_some_and(|conflicts| conflicts == "proceed")
}

/// `{index}/_delete_by_query`.
pub fn delete(call: &Call) -> ApiResult<Reply> {
    if call.body.get("query").is_none() && !call.params.contains_key("q") {
        return Err(ApiError::validation("query is missing"));
    }
    each_index(call, |_| Ok(None))
}

/// `{index}/_update_by_query`, without a script: documents are written anew, so that fields mapped meanwhile
/// are indexed, or go through a pipeline.
pub fn update(call: &Call) -> ApiResult<Reply> {
    if call.body.get("script").is_some_and(|script| !script.is_null()) {
        return Err(ApiError::argument(
            "[script] in an update by query is not supported by this store; a [pipeline] is",
        ));
    }
    let pipeline = call.params.get("pipeline").cloned();
    each_index(call, |row| match &pipeline {
        Some(pipeline) => crate::ingest::through(call.store(), pipeline, row),
        None => Ok(Some(row.source.clone())),
    })
}

/// Writes what `change` makes of each matching document; nothing deletes it.
fn each_index(call: &Call, change: impl Fn(&Row) -> ApiResult<Option<Bytes>>) -> ApiResult<Reply> {
    let started = Instant::now();
    let (query, most, proceeds) = (query(call)?, most(call)?, proceeds(call));
    let query = match call.store().alias_filter(call.name("index"))? {
        Some(filter) => query.and_filter(filter),
        None => query,
    };
    let mut tally = Tally::default();
    for entry in call.entries()? {
        let Entry::Log(index) = entry else { continue };
        index.check_block(Doing::Writing)?;
        let mut position = Position::default();
        let left = most.saturating_sub(tally.total);
        copy::each_batch(&index, &query, left, |rows| {
            let mut requests = Vec::with_capacity(rows.len());
            for row in &rows {
                requests.push(Request {
                    id: Some(row.id.clone()),
                    source: change(row)?,
                    if_seq_no: Some(row.seq_no),
                    ..Request::default()
                });
            }
            tally.total += rows.len();
            position = position.max(write(&index, &requests, &mut tally)?);
            Ok(proceeds || tally.conflicts.is_empty())
        })?;
        finish(&index, position, call.flag("refresh"))?;
    }
    Ok(tally.answer(call, started, proceeds))
}

fn write(index: &Index, requests: &[Request], tally: &mut Tally) -> ApiResult<Position> {
    let (outcomes, position) = index.apply(index.prepare(requests))?;
    for (request, outcome) in requests.iter().zip(outcomes) {
        match outcome {
            Ok(outcome) => match outcome.done {
                Done::Created => tally.created += 1,
                Done::Updated | Done::Noop => tally.updated += 1,
                Done::Deleted => tally.deleted += 1,
                Done::NotFound => {}
            },
            Err(error) if error.status == 409 => tally.conflicts.push(json!({
                "index": index.name,
                "id": request.id,
                "cause": crate::present::error::cause(&error),
                "status": error.status,
            })),
            Err(error) => return Err(error),
        }
    }
    Ok(position)
}

fn finish(index: &Index, position: Position, refresh: bool) -> ApiResult<()> {
    if position != Position::default() {
        index.sync(position)?;
    }
    if refresh {
        index.refresh()?;
    }
    Ok(())
}

/// `_reindex` within the store.
pub fn reindex(call: &Call) -> ApiResult<Reply> {
    let started = Instant::now();
    let body = call.required_body()?;
    let (source, dest) = match (body.get("source"), body.get("dest")) {
        (Some(source), Some(dest)) => (source, dest),
        _ => return Err(ApiError::validation("source and dest are required")),
    };
    if source.get("remote").is_some() {
        return Err(ApiError::argument(
            "[remote] in a reindex is not supported by this store; use a snapshot or a client",
        ));
    }
    if body.get("script").is_some_and(|script| !script.is_null()) {
        return Err(ApiError::argument(
            "[script] in a reindex is not supported by this store; a [pipeline] in [dest] is",
        ));
    }
    let names: Vec<String> = dsl::list(source.get("index")).iter().map(dsl::text).collect();
    let target = dest
        .get("index")
        .map(dsl::text)
        .ok_or_else(|| ApiError::validation("index is missing"))?;
    if names.is_empty() {
        return Err(ApiError::validation("index is missing"));
    }
    let expression = names.join(",");
    let entries = call
        .store()
        .resolve_all(&expression, crate::engine::resolve::Options::default())?;
    if entries.iter().any(|entry| entry.name() == target) {
        return Err(ApiError::validation(format!(
            "reindex cannot write into an index its reading from [{target}]"
        )));
    }
    let job = Reindex {
        creates: dest.get("op_type").is_some_and(|op| op == "create"),
        pipeline: dest.get("pipeline").map(dsl::text),
        filter: source
            .get("_source")
            .map(SourceFilter::parse)
            .transpose()?
            .unwrap_or(SourceFilter::All),
        query: source.get("query").cloned(),
        proceeds: proceeds(call),
        most: most(call)?,
        target,
    };
    let mut tally = Tally::default();
    for entry in &entries {
        match entry {
            Entry::Log(index) => job.copy_log(call.store(), index, &mut tally)?,
            Entry::Hidden(index) => {
                let asked = crate::hidden::search::Asked::default();
                for (_, document) in
                    crate::hidden::search::select(&[Arc::clone(index)], job.query.as_ref(), &asked)?
                {
                    job.write(
                        call.store(),
                        vec![(document.id.clone(), document.source.to_string().into())],
                        &mut tally,
                    )?;
                }
            }
        }
    }
    if call.flag("refresh")
        && let Some(index) = call.store().get(&job.target)
    {
        index.refresh()?;
    }
    Ok(tally.answer(call, started, job.proceeds))
}

/// A reindex, read.
struct Reindex {
    creates: bool,
    pipeline: Option<String>,
    filter: SourceFilter,
    query: Option<Value>,
    proceeds: bool,
    most: usize,
    target: String,
}

impl Reindex {
    fn copy_log(&self, store: &Store, index: &Arc<Index>, tally: &mut Tally) -> ApiResult<()> {
        index.check_block(Doing::Reading)?;
        let query = match &self.query {
            Some(query) => dsl::parse(query)?,
            None => Query::All,
        };
        copy::each_batch(index, &query, self.most.saturating_sub(tally.total), |rows| {
            let mut documents = Vec::with_capacity(rows.len());
            for row in rows {
                let mut source = row.source.clone();
                if self.filter != SourceFilter::All {
                    let tree: Value = serde_json::from_slice(&source).map_err(|error| {
                        ApiError::internal(format!("stored document [{}] cannot be read: {error}", row.id))
                    })?;
                    source = self.filter.apply(&tree).to_string().into();
                }
                if let Some(pipeline) = &self.pipeline {
                    match crate::ingest::through(
                        store,
                        pipeline,
                        &Row {
                            source,
                            ..row.clone()
                        },
                    )? {
                        Some(changed) => source = changed,
                        None => continue,
                    }
                }
                documents.push((row.id, source));
            }
            self.write(store, documents, tally)?;
            Ok(self.proceeds || tally.conflicts.is_empty())
        })
    }

    fn write(&self, store: &Store, documents: Vec<(String, Bytes)>, tally: &mut Tally) -> ApiResult<()> {
        tally.total += documents.len();
        match store.write_entry(&self.target, Some(self.creates))? {
            Entry::Log(into) => {
                let requests: Vec<Request> = documents
                    .into_iter()
                    .map(|(id, source)| Request {
                        id: Some(id),
                        source: Some(source),
                        create: self.creates,
                        ..Request::default()
                    })
                    .collect();
                let position = write(&into, &requests, tally)?;
                finish(&into, position, false)
            }
            Entry::Hidden(into) => {
                let writes = documents
                    .into_iter()
                    .map(|(id, source)| {
                        Ok(Write {
                            doc_type: String::new(),
                            id: Some(id),
                            source: Some(super::body::json(&source)?),
                            create: self.creates,
                            if_seq_no: None,
                        })
                    })
                    .collect::<ApiResult<Vec<_>>>()?;
                for outcome in store.hidden.apply(&into, writes)? {
                    match outcome {
                        Ok(outcome) if outcome.done == Done::Created => tally.created += 1,
                        Ok(_) => tally.updated += 1,
                        Err(error) if error.status == 409 => tally.conflicts.push(json!({
                            "index": into.name,
                            "cause": crate::present::error::cause(&error),
                            "status": error.status,
                        })),
                        Err(error) => return Err(error),
                    }
                }
                Ok(())
            }
        }
    }
}

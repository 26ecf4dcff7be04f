//! `_msearch`: several searches in one request, each with an answer or an error of its own.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use serde_json::Value;

use super::app::App;
use super::body;
use super::hidden;
use super::params::{Params, index_options};
use super::reply::Reply;
use super::search::{self, Searching};
use crate::engine::resolve::Options;
use crate::error::{ApiError, ApiResult};
use crate::present;
use crate::present::search::Envelope;
use crate::query::dsl;

/// Most searches of one multi-search.
const MAX_SEARCHES: usize = 1_000;

/// `_msearch`, with or without an index.
pub async fn multi_search(
    State(app): State<Arc<App>>,
    path: Option<Path<String>>,
    Query(params): Query<Params>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Reply> {
    let limit = app.store.limits.max_content_length;
    let packed = body::is_gzip(&headers)?;
    let bytes = body::read(&headers, body, limit).await?;
    let _permit = app.search_permit().await?;
    let searching = Searching::of(&app);
    app.blocking(move |store| {
        let bytes = if packed {
            body::gunzip(&bytes, limit)?
        } else {
            bytes
        };
        let started = std::time::Instant::now();
        // Of the parameters of a search these hold for all of them.
        let shared: Params = params
            .iter()
            .filter(|(name, _)| ["rest_total_hits_as_int", "typed_keys"].contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let envelope = Envelope {
            totals_as_int: present::search::totals_as_int(&params),
            status: Some(200),
            ..Envelope::default()
        };
        let default_index = path.as_ref().map_or("", |Path(index)| index.as_str());
        let searches = pairs(&bytes)?;
        // What cannot be answered at all fails the whole request before any search is run.
        if envelope.totals_as_int {
            for (_, body) in &searches {
                if body
                    .get("track_total_hits")
                    .is_some_and(|track| track.as_i64() != Some(-1))
                {
                    search::parse(body, &shared)?;
                }
            }
        }
        let mut responses = Vec::with_capacity(searches.len());
        for (header, body) in &searches {
            let one = || -> ApiResult<String> {
                let named = match header.get("index") {
                    Some(Value::Array(list)) => list.iter().map(dsl::text).collect::<Vec<_>>().join(","),
                    Some(Value::String(one)) => one.clone(),
                    _ => default_index.to_owned(),
                };
                if store.names_hidden(&named) {
                    let doc_type = header.get("type").map(dsl::text);
                    let mut answer = hidden::search_in(
                        store,
                        searching.presented,
                        &named,
                        &params,
                        doc_type.as_deref(),
                        body,
                    )?;
                    answer["status"] = 200.into();
                    return Ok(answer.to_string());
                }
                let request = search::parse(body, &shared)?;
                let expression = match header.get("index") {
                    None | Some(Value::Null) if request.point.is_some() => String::new(),
                    _ => named,
                };
                let options = header_options(header, &params);
                searching.run(store, &expression, options, request, envelope.clone())
            };
            // One search that fails does not fail the others.
            responses.push(one().unwrap_or_else(|error| present::error::body(&error).to_string()));
        }
        let took = started.elapsed().as_millis();
        Ok(Reply::raw(
            200,
            format!("{{\"took\":{took},\"responses\":[{}]}}", responses.join(",")),
        ))
    })
    .await
}

/// What a header says of names that match nothing; it wins over the parameters.
fn header_options(header: &Value, params: &Params) -> Options {
    let mut params = params.clone();
    for name in ["ignore_unavailable", "allow_no_indices", "expand_wildcards"] {
        let value = match header.get(name) {
            None | Some(Value::Null) => continue,
            Some(Value::Array(words)) => words.iter().map(dsl::text).collect::<Vec<_>>().join(","),
            Some(one) => dsl::text(one),
        };
        params.insert(name.to_owned(), value);
    }
    index_options(&params)
}

/// The header and body lines of a multi-search.
fn pairs(bytes: &[u8]) -> ApiResult<Vec<(Value, Value)>> {
    let blank = |line: &[u8]| line.iter().all(u8::is_ascii_whitespace);
    let mut lines = bytes.split(|b| *b == b'\n').peekable();
    let mut pairs = Vec::new();
    while let Some(header) = lines.next() {
        // An empty header line is allowed: everything by default. Two empty lines are nothing.
        if blank(header) && lines.peek().is_none_or(|line| blank(line)) {
            continue;
        }
        let body = lines
            .next()
            .ok_or_else(|| ApiError::argument("The msearch request must be terminated by a newline [\\n]"))?;
        pairs.push((body::json(header)?, body::json(body)?));
        if pairs.len() > MAX_SEARCHES {
            return Err(ApiError::argument(format!(
                "more than [{MAX_SEARCHES}] searches in one request"
            )));
        }
    }
    if pairs.is_empty() {
        return Err(ApiError::validation("no requests added"));
    }
    Ok(pairs)
}

//! `_search`, `_msearch`, `_count`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::app::App;
use super::body;
use super::document::source_filter;
use super::params::{Params, index_options, number};
use super::reply::Reply;
use crate::engine::resolve::Options;
use crate::engine::store::Store;
use crate::error::{ApiError, ApiResult};
use crate::present::{self, Presented};
use crate::query::ast::{Operator, Query as Tree};
use crate::query::dsl;
use crate::query::lucene::{self, Flavor};
use crate::search::request::Track;
use crate::search::source::SourceFilter;
use crate::search::{SearchRequest, execute, sort};

/// Most searches of one multi-search.
const MAX_SEARCHES: usize = 1_000;

/// `_search`, with or without an index.
pub async fn search(
    State(app): State<Arc<App>>,
    path: Option<Path<String>>,
    Query(params): Query<Params>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Reply> {
    let body = body::read_json(&headers, body, app.store.limits.max_content_length).await?;
    if params.contains_key("scroll") {
        return Err(ApiError::argument(
            "[scroll] is not supported by this store, use search_after",
        ));
    }
    let _permit = app.search_permit().await?;
    let presented = app.presented;
    app.blocking(move |store| {
        let mut request = SearchRequest::parse(&body)?;
        from_url(&mut request, &params)?;
        let totals_as_int = present::search::totals_as_int(&params);
        if totals_as_int && !body.get("track_total_hits").is_some_and(Value::is_boolean) {
            request.track = Track::Exact;
        }
        let expression = path.as_ref().map_or("", |Path(index)| index.as_str());
        run(
            store,
            presented,
            expression,
            index_options(&params),
            &request,
            totals_as_int,
            None,
        )
        .map(|text| Reply::raw(200, text))
    })
    .await
}

fn run(
    store: &Store,
    presented: Presented,
    expression: &str,
    options: Options,
    request: &SearchRequest,
    totals_as_int: bool,
    status: Option<u16>,
) -> ApiResult<String> {
    let started = std::time::Instant::now();
    let indices = store.resolve(expression, options)?;
    let outcome = execute(&indices, request, &store.limits)?;
    metrics::histogram!("logstore_search_seconds").record(started.elapsed().as_secs_f64());
    present::search::search(presented, request, &outcome, totals_as_int, status)
}

/// What the parameters of the URL say, which win over the body.
fn from_url(request: &mut SearchRequest, params: &Params) -> ApiResult<()> {
    if let Some(query) = url_query(params)? {
        request.query = query;
    }
    if let Some(size) = number(params, "size")? {
        request.size = size;
    }
    if let Some(from) = number(params, "from")? {
        request.from = from;
    }
    if let Some(text) = params.get("sort") {
        let keys: Vec<Value> = text.split(',').map(Value::from).collect();
        request.sort = sort::parse(&keys.into())?;
    }
    match params.get("track_total_hits").map(String::as_str) {
        None => {}
        Some("true" | "") => request.track = Track::Exact,
        Some("false") => request.track = Track::Off,
        Some(_) => request.track = Track::UpTo(number(params, "track_total_hits")?.unwrap_or(10_000)),
    }
    request.typed_keys = params.get("typed_keys").is_some_and(|value| value != "false");
    let filter = source_filter(params);
    if filter != SourceFilter::All {
        request.source = filter;
    }
    Ok(())
}

/// `q=`, in Lucene's syntax.
fn url_query(params: &Params) -> ApiResult<Option<Tree>> {
    let Some(text) = params.get("q") else {
        return Ok(None);
    };
    let field = params.get("df").map_or("*", String::as_str);
    let operator = match params.get("default_operator") {
        Some(operator) if operator.eq_ignore_ascii_case("and") => Operator::And,
        _ => Operator::Or,
    };
    lucene::parse(text, &[(field.to_owned(), 1.0)], operator, Flavor::Full).map(Some)
}

/// `_count`, with or without an index.
pub async fn count(
    State(app): State<Arc<App>>,
    path: Option<Path<String>>,
    Query(params): Query<Params>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Reply> {
    let body = body::read_json(&headers, body, app.store.limits.max_content_length).await?;
    let _permit = app.search_permit().await?;
    app.blocking(move |store| {
        let query = match (url_query(&params)?, body.get("query")) {
            (Some(query), _) => query,
            (None, Some(query)) => dsl::parse(query)?,
            (None, None) => match body.as_object().and_then(|body| body.keys().next()) {
                Some(key) => return Err(ApiError::parsing(format!("request does not support [{key}]"))),
                None => Tree::All,
            },
        };
        let indices = store.resolve(
            path.as_ref().map_or("", |Path(index)| index.as_str()),
            index_options(&params),
        )?;
        let count = execute::count(&indices, &query)?;
        Ok(Reply::json(
            &json!({"count": count, "_shards": present::search::shards(indices.len())}),
        ))
    })
    .await
}

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
    let presented = app.presented;
    app.blocking(move |store| {
        let bytes = if packed {
            body::gunzip(&bytes, limit)?
        } else {
            bytes
        };
        let started = std::time::Instant::now();
        let totals_as_int = present::search::totals_as_int(&params);
        let default_index = path.as_ref().map_or("", |Path(index)| index.as_str());
        let searches = pairs(&bytes)?;
        let mut responses = Vec::with_capacity(searches.len());
        for (header, body) in &searches {
            let one = || -> ApiResult<String> {
                let mut request = SearchRequest::parse(body)?;
                request.typed_keys = params.get("typed_keys").is_some_and(|value| value != "false");
                let expression = match header.get("index") {
                    Some(Value::Array(list)) => list.iter().map(dsl::text).collect::<Vec<_>>().join(","),
                    Some(Value::String(one)) => one.clone(),
                    _ => default_index.to_owned(),
                };
                let flag = |name: &str, default: bool| {
                    header
                        .get(name)
                        .map_or(default, |v| v != &Value::Bool(false) && v != "false")
                };
                let options = index_options(&params);
                let options = Options {
                    ignore_unavailable: flag("ignore_unavailable", options.ignore_unavailable),
                    allow_no_indices: flag("allow_no_indices", options.allow_no_indices),
                };
                run(
                    store,
                    presented,
                    &expression,
                    options,
                    &request,
                    totals_as_int,
                    Some(200),
                )
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
